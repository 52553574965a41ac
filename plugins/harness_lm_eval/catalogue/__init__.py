"""The definitions there are: their names, their files, and how lm_eval resolves them."""
