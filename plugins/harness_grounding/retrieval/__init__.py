"""Passages for questions: BM25 over a corpus, in the prompt, compared with going without."""
