"""What is done before any step of training: names checked, data read, model fitted."""
