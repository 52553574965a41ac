"""Backends: Hugging Face checkpoints, saved outputs, the demo model."""
