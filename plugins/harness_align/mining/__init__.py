"""Training rows from runs: a run's failures, and pairs of answers by two models."""
