"""Two runs, sample by sample: what differs, and whether that can be told."""
