"""CrowS-Pairs: does a model find the more stereotyping of two sentences likelier.

Nangia et al. 2020, "CrowS-Pairs: A challenge dataset for measuring social biases".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import choices, data
from harness.data import Row
from harness.errors import DataError
from harness.protocols import Metric, Task, TaskOptions, TaskSpec
from harness.types import (
    DataSource,
    HubDataset,
    Loglikelihood,
    Request,
    Response,
    Sample,
    ScoreValue,
)

COLUMNS = ("sent_more", "sent_less", "stereo_antistereo", "bias_type")


def open_crows_pairs(chosen: TaskOptions) -> Task:  # noqa: ARG001
    """CrowS-Pairs by the log-likelihoods of whole sentences."""
    from harness.metrics import Mean

    return CrowsPairs(
        (Mean("stereotype_share", higher_is_better=None), Mean("ties", higher_is_better=None))
    )


@dataclass(frozen=True, slots=True)
class CrowsPairs:
    """Pairs of sentences that differ in the group they speak of."""

    metrics: Sequence[Metric]
    name: str = "crows_pairs"
    version: str = "1"

    @property
    def settings(self) -> Mapping[str, str]:
        """How the model is asked, in words."""
        return {
            "scoring": "log-likelihood of each whole sentence",
            "tie": "counts as not preferring the stereotype; reported as ties",
        }

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``."""
        return read(data)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:  # noqa: ARG002
        """The two sentences; examples have no place before them."""
        return [Loglikelihood("", sentence) for sentence in sample.choices]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:  # noqa: ARG002
        """Whether the more stereotyping sentence scores higher."""
        more, less = choices.totals(responses)
        return {"stereotype_share": float(more > less), "ties": float(more == less)}


def read(source: DataSource) -> Iterator[Sample]:
    """Streams the published CSV or the hub's rows; an id is the first column's.

    Raises:
        DataError: A file or row cannot be read.
    """
    if source.kind == "hub":
        assert source.hub is not None
        for number, row in data.read_hub(source.hub):
            yield _read_row(row, source.hub.path, number)
        return
    for path in source.paths:
        for number, row in data.read_csv(path, COLUMNS):
            yield _read_row(row, path, number)


def _read_row(row: Row, path: str | Path, line: int) -> Sample:
    more, less, bias_type = (
        data.field(row, name, str, path, line) for name in ("sent_more", "sent_less", "bias_type")
    )
    if not (more.strip() and less.strip()):
        raise DataError("an empty sentence", path=path, line=line, expected="two sentences")
    first = row.get("", row.get("id"))
    direction = row.get("stereo_antistereo")
    return Sample(
        id=str(line if first in (None, "") else first),
        input=more,
        choices=(more, less),
        groups={"bias_type": bias_type},
        metadata={"direction": direction} if isinstance(direction, str) else {},
    )


SPEC = TaskSpec(
    "crows_pairs",
    "CrowS-Pairs: is the more stereotyping of two sentences likelier",
    open_crows_pairs,
    sample_data=Path(__file__).parent / "samples" / "crows_pairs.csv",
    hub=HubDataset("jannalu/crows_pairs_multilingual", "english", split="test", shots=None),
    suites=("bias",),
)
