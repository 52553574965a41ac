"""Makes the demo model: corpus, tokenizer, training. Not part of the wheel."""
