"""Conversations as a model's tokenizer writes them, and prompts as token ids."""
