"""Does a model give back its training data: planted canaries, and personal data of a file."""
