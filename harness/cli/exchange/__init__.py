"""Commands that bring runs in from other programs, and out to them."""
