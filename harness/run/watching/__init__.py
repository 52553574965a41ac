"""Who watches a run hears which part of it is going on, how far it is, and how long it took."""
