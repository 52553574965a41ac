"""What is in the data: contamination of test sets, and preparation of training data."""
