"""Conversations of several turns, with the model's own answers in between."""
