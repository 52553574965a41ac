"""What pages show of sample records: the browser of samples, flips, reliability, marked words."""
