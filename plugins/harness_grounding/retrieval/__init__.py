"""Passages for questions, by BM25 or an encoder, compared with going without."""
