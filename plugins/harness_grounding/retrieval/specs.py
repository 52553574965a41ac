"""The probe ``retrieval`` as it is registered; what it needs is imported when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.protocols import Probe, ProbeOptions, ProbeSpec

if TYPE_CHECKING:
    from pydantic import BaseModel


def _open(options: ProbeOptions) -> Probe:
    from harness_grounding.retrieval import probe

    return probe.open_retrieval(options)


def _options() -> type[BaseModel]:
    from harness_grounding.retrieval import probe

    return probe.Options


SPECS = (
    ProbeSpec(
        "retrieval",
        "with passages that are found in a corpus (BM25, or an encoder), and without any",
        _open,
        options=_options,
    ),
)
