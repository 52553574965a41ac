"""Production watched: have prompts or answers changed, as confidence sequences may say any day?"""
