"""Tasks that ask whether a claim is supported by a text."""
