"""Rounds after the first: what is asked in them, of whom, and at what price."""
