"""Evaluate a language model, compare it with the last one, and decide whether it may ship."""

from harness.hookspecs import hookimpl

__all__ = ["hookimpl"]
__version__ = "0.1.0"
