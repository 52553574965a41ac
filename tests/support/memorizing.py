"""Trains a copy of a small model on texts until it knows them by heart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def train(model: Path, texts: Sequence[str], out: Path, epochs: int, rate: float = 3e-3) -> Path:
    """Plain next-token training, one text a step, from a fixed order."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.0)
    batches = [
        tokenizer(text, return_tensors="pt", truncation=True, max_length=512).input_ids
        for text in texts
    ]
    for _ in range(epochs):
        for tokens in batches:
            network(input_ids=tokens, labels=tokens).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    network.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out
