"""Writes runs for other programs and services: Every Eval Ever, CSV, Hugging Face, MLflow, W&B."""
