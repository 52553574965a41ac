"""A real pretrained model says what it is known to say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.protocols import BackendOptions
from harness.types import Generate, Loglikelihood, Sampling
from harness_backends.hf import open_hf

pytestmark = pytest.mark.shared


@pytest.mark.parametrize("engine", ["plain", "auto"])
def test_greedy_text_is_the_published_one(
    stories260k: Path, answers: Callable[..., list[Any]], engine: str
) -> None:
    readme = (stories260k.parent / "README.md").read_text(encoding="utf-8")
    match = re.search(r'gives exactly\n"(.+)"\s*$', readme)
    assert match is not None
    expected = match.group(1).replace("⏎", "\n")
    backend = open_hf(BackendOptions(str(stories260k), values={"engine": engine}))
    (story,) = answers(backend, [Generate("", Sampling(max_tokens=200))])
    assert story.text.startswith(expected)
    sense, nonsense = answers(
        backend,
        [Loglikelihood("Once upon a", " time"), Loglikelihood("Once upon a", " ball")],
    )
    assert sense.is_greedy
    assert sense.total > nonsense.total
