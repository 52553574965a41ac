"""Does the model know the test set? Overlap with a corpus, order, likelihood against variants."""
