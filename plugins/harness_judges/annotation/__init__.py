"""People's judgements of answers: what they are shown, what they said, and how far they agree."""
