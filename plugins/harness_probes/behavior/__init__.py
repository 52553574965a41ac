"""Behavioural tests: small cases that say what a model must, and must not, react to."""
