"""Shared beginnings for models whose cache takes no tree: run once, then forked."""
