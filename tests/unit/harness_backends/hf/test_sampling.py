"""Choosing the next token."""

from __future__ import annotations

from collections import Counter

import torch

from harness.types import Sampling
from harness_backends.hf.sampling import choose, draw_seed, logprobs_of, uniform


def test_greedy_takes_the_most_likely() -> None:
    assert choose(torch.tensor([0.0, 3.0, 2.0]), Sampling(), 0, 0) == 1


def test_draws_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.2])
    counts = Counter(
        choose(probabilities.log(), Sampling(temperature=1.0), 7, step) for step in range(6000)
    )
    for token, expected in enumerate(probabilities.tolist()):
        assert abs(counts[token] / 6000 - expected) < 0.025  # four standard errors


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    logits = torch.tensor([0.2, 0.5, 0.3]).log()
    kept = {choose(logits, Sampling(temperature=1.0, top_p=0.6), 7, step) for step in range(500)}
    assert kept == {1, 2}
    only = {choose(logits, Sampling(temperature=1.0, top_p=0.01), 7, step) for step in range(50)}
    assert only == {1}


def test_low_temperature_approaches_greedy() -> None:
    logits = torch.tensor([0.0, 1.0, 0.9])
    assert {choose(logits, Sampling(temperature=1e-3), 3, step) for step in range(200)} == {1}


def test_seed_depends_on_prompt_and_user_seed() -> None:
    seeds = {
        draw_seed(tokens, Sampling(seed=seed))
        for tokens in ([1, 2], [1, 3], [12])
        for seed in (0, 1)
    }
    assert len(seeds) == 6
    assert all(0 <= uniform(5, step) < 1 for step in range(100))


def test_log_probabilities_of_a_large_vocabulary_are_not_off_in_one_direction() -> None:
    """Those of ``log_softmax`` are: many tokens of one answer would add it up."""
    torch.manual_seed(0)
    logits = torch.randn(256, 49152) * 3
    tokens = logits.argmax(-1)
    exact = logits.double().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    apart = logprobs_of(logits, tokens) - exact
    assert abs(float(apart.sum())) < 1e-4
    assert float(apart.abs().max()) < 4e-6
