"""The commands that this package adds; each imports its work when it runs."""
