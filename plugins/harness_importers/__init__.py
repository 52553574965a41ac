"""Reads results that other programs wrote: lm-eval, Inspect, HELM, promptfoo, deepeval, tables."""
