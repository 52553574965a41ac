"""From a run's spec to its plan: the data that are read, the examples, and every request."""
