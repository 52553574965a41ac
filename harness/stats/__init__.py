"""Pure statistics: arrays in, estimates and decisions out; no models, no files."""
