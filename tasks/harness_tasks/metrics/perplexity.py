"""Perplexity per word and per byte, and bits per byte, of whole texts."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from harness.authoring.grading import Graded, Grader
from harness.authoring.metrics import Corpus, ratio
from harness.protocols import Metric
from harness.types import ScoreValue
from harness_tasks.languages import script_without_blanks

Array = NDArray[np.float64]

_WHITE_SPACE = re.compile(r"\s+")


def metrics() -> tuple[Metric, ...]:
    """The metrics, in the order they are shown; lower is better in all of them."""
    return (
        Corpus("word_perplexity", perplexity, higher_is_better=False, bounds=(1.0, math.inf)),
        Corpus("byte_perplexity", perplexity, higher_is_better=False, bounds=(1.0, math.inf)),
        Corpus("bits_per_byte", bits, higher_is_better=False, bounds=(0.0, math.inf)),
    )


def values(total: float, text: str) -> dict[str, ScoreValue]:
    """A text's values of ``metrics``.

    Args:
        total: Log-probability of the whole text, in nats.
        text: The raw text; its words are the pieces between runs of white space. A text in a
            script without blanks between words has no ``word_perplexity``.
    """
    size = float(len(text.encode()))
    per_byte: dict[str, ScoreValue] = {
        "byte_perplexity": (total, size),
        "bits_per_byte": (total, size),
    }
    if script_without_blanks(text) is not None:
        return per_byte
    return {"word_perplexity": (total, float(len(_WHITE_SPACE.split(text)))), **per_byte}


def grader() -> Grader[float]:
    """Computes ``metrics`` of a text's log-probability."""
    return Graded(metrics(), lambda total, sample: values(total, sample.input))


def perplexity(sums: Array) -> Array:
    """exp(−log-probability per unit), at least 1.

    Args:
        sums: Shape (r, 2): log-probability in nats, number of words or bytes.

    Returns:
        Shape (r,); infinite where the text is impossible for the model.
    """
    with np.errstate(over="ignore"):
        return np.exp(-_per_unit(sums))


def bits(sums: Array) -> Array:
    """−log-probability per byte in bits, at least 0; arguments as in ``perplexity``."""
    return -_per_unit(sums) / math.log(2)


def _per_unit(sums: Array) -> Array:
    return ratio(sums[:, 0], sums[:, 1])
