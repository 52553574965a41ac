"""What a backend implements, what it may offer besides, and how it is registered."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.errors import TimeIsUpError
from harness.protocols.options import Options
from harness.types import KeyedRequest, Request, Response, Usage


@runtime_checkable
class ModelBackend(Protocol):
    """Something that answers requests.

    ``fingerprint`` identifies everything that determines its answers (weights, tokenizer,
    dtype, chat template); stored responses are keyed by it. ``supports`` holds the request
    types it can answer. A backend may also be ``AnswersBySample``, ``CanMatch``, ``CanForecast``,
    ``EstimatesForecast``, ``CanCheck``, ``HasNotes``, ``CanDoubt`` and ``SharesDoubts``.
    """

    @property
    def fingerprint(self) -> str:
        """Identifies all that determines the answers."""

    @property
    def supports(self) -> frozenset[type]:
        """The request types it answers."""

    @property
    def usage(self) -> Usage:
        """Tokens (and cost) spent so far."""

    def describe(self) -> Mapping[str, object]:
        """JSON-ready facts for reports: name, parameters, dtype, device, ….  No secrets."""

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request exactly once, as (key, response), in any order."""

    def close(self) -> None:
        """Frees what it holds."""


@runtime_checkable
class AnswersBySample(Protocol):
    """A backend whose answers belong to samples rather than to prompts, such as saved outputs.

    Equal requests of two samples are not merged, and the answers are not stored.
    """

    @property
    def by_sample(self) -> bool:
        """Whether it does."""
        ...


@runtime_checkable
class CanMatch(Protocol):
    """A backend that must know all samples before the first question."""

    def match(
        self, every: Mapping[str, Sequence[str]], requests: Sequence[KeyedRequest]
    ) -> Mapping[str, Sequence[str]]:
        """Finds whether its answers fit; called once a run, before the first question.

        Args:
            every: Task → the ids of all samples of its data, in their order.
            requests: The keyed requests of those that are asked.

        Returns:
            Task → notes for the report.

        Raises:
            HarnessError: Its answers do not fit.
        """
        ...


@runtime_checkable
class CanForecast(Protocol):
    """A backend that can say what requests would cost, without running any."""

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage | None:
        """Prompt tokens, those computed and reused, completion tokens (and cost) at most.

        None where it cannot tell.
        """
        ...


@runtime_checkable
class EstimatesForecast(Protocol):
    """A backend whose forecast is an estimate."""

    @property
    def forecast_basis(self) -> str | None:
        """In words, how it counts."""
        ...


@runtime_checkable
class CanCheck(Protocol):
    """A backend that can refuse requests of types that it supports (labels it does not have)."""

    def check(self, requests: Sequence[Request]) -> None:
        """Called with all requests of a run before anything is written.

        Raises:
            HarnessError: One of them cannot be answered.
        """
        ...


@runtime_checkable
class HasNotes(Protocol):
    """A backend that says what a reader of the results must know of how it answered."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences, once requests are answered; they are shown beside each task's numbers."""
        ...


@runtime_checkable
class CanDoubt(Protocol):
    """A backend that may find out that answers it gave earlier are wrong."""

    @property
    def doubts(self) -> int:
        """How often it has; when it grows, all is asked again, and what is stored forgotten."""
        ...


@runtime_checkable
class SharesDoubts(Protocol):
    """A backend that tells by which of its paths it found answers wrong, and leaves such paths.

    Where several copies of it answer one run (workers), what one finds holds for all: its answers
    and those that another gave by the same path are asked again.
    """

    @property
    def wrong_paths(self) -> Sequence[str]:
        """Names of ways to compute that gave wrong answers, or that ``distrust`` named."""
        ...

    def distrust(self, paths: Collection[str]) -> None:
        """Answers by none of these from now on."""
        ...


@runtime_checkable
class ShowsPrompts(Protocol):
    """A backend that knows the text that its model reads."""

    def prompt_texts(self, requests: Sequence[KeyedRequest]) -> Mapping[str, str]:
        """Key → all that the model reads for a request, with its special tokens spelled out.

        What is scored of it is in ⟦ ⟧. Requests that cannot be asked are left out.
        """
        ...


@runtime_checkable
class ChecksDeadline(Protocol):
    """A backend that answers batch by batch, and checks ``BackendOptions.deadline`` between two.

    Once the time is up, such a backend finishes its batch and all of it is kept. Of others the run
    stops after the first answer that comes then, and what else is computed is lost.
    """

    checks_deadline: bool


def answers_by_sample(backend: object) -> bool:
    """Whether the backend's answers belong to samples rather than to prompts."""
    return bool(getattr(backend, "by_sample", False))


def notes_of(backend: object) -> tuple[str, ...]:
    """What a reader must know of how the backend answered; empty where it says nothing."""
    return tuple(backend.notes) if isinstance(backend, HasNotes) else ()


def doubts_of(backend: object) -> int:
    """How often the backend has found its earlier answers to be wrong."""
    return int(backend.doubts) if isinstance(backend, CanDoubt) else 0


def wrong_paths_of(backend: object) -> frozenset[str]:
    """The ways to compute by which the backend found answers wrong, as far as it tells."""
    return frozenset(backend.wrong_paths) if isinstance(backend, SharesDoubts) else frozenset()


def distrust(backend: object, paths: Collection[str]) -> None:
    """Tells a backend which ways to compute its copies found wrong, where it listens."""
    if paths and isinstance(backend, SharesDoubts):
        backend.distrust(paths)


def checks_deadline(backend: object) -> bool:
    """Whether the backend ends a run in time by itself, between two batches."""
    return bool(getattr(backend, "checks_deadline", False))


def forecast_of(backend: object, requests: Sequence[KeyedRequest]) -> Usage | None:
    """What the backend says that the requests would cost; None where it cannot tell."""
    return backend.forecast(requests) if isinstance(backend, CanForecast) else None


def forecast_basis_of(backend: object) -> str | None:
    """How the backend's forecast counts, where that is an estimate."""
    return backend.forecast_basis if isinstance(backend, EstimatesForecast) else None


def prompt_texts_of(backend: object, requests: Sequence[KeyedRequest]) -> Mapping[str, str]:
    """Key → the text that the backend's model reads; empty where it does not tell."""
    return backend.prompt_texts(requests) if isinstance(backend, ShowsPrompts) else {}


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a run ends, with whatever is answered by then.

    Attributes:
        seconds: How long it may take (``max_seconds``).
        begun: When it began, as ``time.monotonic`` counts in this process.
        gated: Whether a gate is to judge the run.
    """

    seconds: float
    begun: float
    gated: bool = False

    @property
    def left(self) -> float:
        """Seconds until it; below 0 once it has passed."""
        return self.begun + self.seconds - time.monotonic()

    def check(self, hint: str | None = None) -> None:
        """Raises once it has passed.

        Args:
            hint: What was not done in time.

        Raises:
            TimeIsUpError: It has.
        """
        if self.left <= 0:
            told = f"the time is up (max_seconds = {self.seconds:g})"
            raise TimeIsUpError(told, hint, self.gated)


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """What the user chose for the model.

    Attributes:
        model: What follows ``SCHEME:`` in ``--model``.
        batch_size: Sequences in one forward pass; None lets the backend choose.
        dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ….
        seed: The run's seed.
        values: ``--set KEY=VALUE``.
        prices: The model's [prices] table: US dollars per million ``prompt``, ``completion``
            and ``cached_prompt`` tokens. Empty where harness.toml names none.
        deadline: When the run ends. A backend that can stop in the middle of a batch, or with
            requests open, checks it in ``open`` and ``run``; of others the run stops after an
            answer. None: never.
    """

    model: str
    batch_size: int | None = None
    dtype: str = "auto"
    device: str = "auto"
    seed: int = 0
    values: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    deadline: Deadline | None = None


@dataclass(frozen=True, slots=True)
class ModelSource:
    """All that it takes to open a model, here or in another process.

    ``harness.open_model`` does it; a source can be pickled.

    Attributes:
        scheme: The backend's.
        options: What the backend is opened with.
        plugin_files: Python files given with ``--plugin``, absolute; one may hold the backend.
    """

    scheme: str
    options: BackendOptions
    plugin_files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """Registers a backend under the ``scheme`` of ``--model SCHEME:REST``.

    Attributes:
        scheme: What ``--model`` calls it.
        description: One line for ``harness ls``.
        open: Opens the model.
        options: What ``--set KEY=VALUE`` may set, see ``Options``.
        replicable: Whether several copies may answer one run. False where one copy has to see
            all requests (it keeps a limit on cost) or where the model runs elsewhere anyway.
        by_sample: Whether its models answer by sample, so that their answers are not stored.
    """

    scheme: str
    description: str
    open: Callable[[BackendOptions], ModelBackend]
    options: Options = field(default_factory=dict)
    replicable: bool = True
    by_sample: bool = False
