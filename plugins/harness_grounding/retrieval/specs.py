"""The probe ``retrieval`` as it is registered; what it needs is imported when it is opened."""

from __future__ import annotations

from harness.authoring.options import lazily
from harness.protocols import Probe, ProbeOptions, ProbeSpec, Shortcut


def _open(options: ProbeOptions) -> Probe:
    from harness_grounding.retrieval import probe

    return probe.open_retrieval(options)


SPECS = (
    ProbeSpec(
        "retrieval",
        "with passages that are found in a corpus (BM25, or an encoder), and without any",
        _open,
        options=lazily("harness_grounding.retrieval.probe", "Options"),
        shortcut=Shortcut(
            "--retrieve",
            "corpus",
            "FOLDER|FILE",
            "Ask again with passages that are found there: --probes retrieval, with its corpus.",
        ),
    ),
)
