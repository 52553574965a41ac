"""Models and people as judges: how far they agree, how far they err, what their word is worth."""
