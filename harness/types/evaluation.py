"""The values of a run: samples, requests, responses, scores, estimates, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.types.estimate import Estimate
from harness.types.gate import GateVerdict

# --------------------------------------------------------------------------- prompts


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


Prompt: TypeAlias = str | tuple[Message, ...]
"""Plain text, or chat messages to which the backend applies the model's chat template."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Decoding parameters; ``temperature`` 0 is greedy, ``stop`` cuts the decoded text."""

    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    n: int = 1


# --------------------------------------------------------------------------- samples


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a data set.

    Attributes:
        id: The data set's own identifier, unique within a task.
        input: The text that a probe may perturb: question, document, source or sentence.
        targets: Accepted answers; for multiple choice the text of the right choice.
        choices: The options in their order, where the task has any.
        cluster: Samples with one source (a SQuAD passage) share it; error bars respect it.
        groups: Attribute → group, for fairness metrics (``{"category": "Age"}``).
        metadata: Further template variables (``context``, ``title``) and facts for scoring.
    """

    id: str
    input: str
    targets: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    cluster: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A variant that a probe does not make of a sample, and why; counted by ``reason``."""

    reason: str


# --------------------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True)
class Loglikelihood:
    """The log-probability of ``continuation`` after ``context``."""

    context: Prompt
    continuation: str


@dataclass(frozen=True, slots=True)
class RollingLoglikelihood:
    """The log-probability of a whole text, every token scored once."""

    text: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Text that continues ``prompt``."""

    prompt: Prompt
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Classify:
    """The probability of each label for ``text``, from a classification head."""

    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PseudoLoglikelihood:
    """The pseudo-log-likelihood of what ``text`` shares with ``counterpart``.

    The tokens that both have, in order, are masked one at a time in ``text``, and the
    log-probabilities of the true tokens there are summed. Which tokens are shared depends on the
    model's tokenizer, so the other text travels along.
    """

    text: str
    counterpart: str


@dataclass(frozen=True, slots=True)
class ExtractAnswer:
    """The span of ``context`` that answers ``question``, from an extractive head.

    ``answerable``: the context is known to hold an answer. Where it is not, the answer may be
    the empty text.
    """

    question: str
    context: str
    answerable: bool = True


Request: TypeAlias = (
    Loglikelihood | RollingLoglikelihood | Generate | Classify | PseudoLoglikelihood | ExtractAnswer
)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with the key its response is stored and returned under.

    ``task`` and ``sample_id`` say where it comes from (the first of them, when samples
    share a request); backends that answer by sample, such as replay, read them. ``place`` counts
    the sample's requests to this model from 0, over all rounds; None where they stand in the order
    of the call. ``more``: later rounds may ask it about the sample again.
    """

    key: str
    request: Request
    task: str
    sample_id: str
    place: int | None = None
    more: bool = False


# --------------------------------------------------------------------------- responses


@dataclass(frozen=True, slots=True)
class Logprob:
    """Sum of the tokens' natural-log probabilities; ``is_greedy``: each was the argmax."""

    total: float
    token_count: int
    is_greedy: bool


@dataclass(frozen=True, slots=True)
class Completion:
    """Generated or extracted text.

    Attributes:
        text: The answer alone: free of thinking, cut at its first stop string.
        finish_reason: ``stop``, or ``length`` where the tokens ran out.
        tokens: How many were generated, thinking included, where the backend knows.
        logprob: Their log-probability, where the backend knows.
        thinking: What the model said to itself before the answer; None where it said nothing so.
    """

    text: str
    finish_reason: str = "stop"
    tokens: int | None = None
    logprob: float | None = None
    thinking: str | None = None

    @property
    def cut_off(self) -> bool:
        """Whether the text ended before the answer began, which is not the same as saying nothing.

        The tokens ran out, or all that was written is thinking.
        """
        ended_early = self.finish_reason == "length" or self.thinking is not None
        return ended_early and not self.text.strip()


@dataclass(frozen=True, slots=True)
class ClassProbs:
    """Probabilities in the order of the request's labels, summing to 1."""

    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The request could not be answered; counted beside n, never scored as 0, never stored."""

    reason: str


Response: TypeAlias = Logprob | Completion | ClassProbs | Failed

# --------------------------------------------------------------------------- scores


@dataclass(frozen=True, slots=True)
class Unscored:
    """A score that could not be given, with the reason (a failed request).

    An answer that names none of the options is no such case: it is wrong, and ``unread``.
    """

    reason: str


ScoreValue: TypeAlias = float | tuple[float | str, ...] | Unscored
"""A number; or, for a corpus metric, the sample's sufficient statistics; or neither."""


@dataclass(frozen=True, slots=True)
class Score:
    """One sample's value of one metric.

    Attributes:
        sample_id: The sample it belongs to.
        metric: The metric's name.
        value: See ``ScoreValue``; ``Unscored`` is never counted as 0.
        probe: The probe whose variant was scored; None for the original sample.
        variant: Which of the probe's variants of this sample, from 0.
        cluster: The sample's cluster; None means a cluster of its own.
        prediction: The option that the model chose, where ``value`` says whether it is right.
    """

    sample_id: str
    metric: str
    value: ScoreValue
    probe: str | None = None
    variant: int = 0
    cluster: str | None = None
    prediction: str | None = None


# --------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A data set on the Hugging Face hub; ``shots`` is the split few-shot examples come from."""

    path: str
    name: str | None = None
    split: str = "validation"
    shots: str | None = "train"


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where a task's samples come from.

    ``paths`` is empty for the hub; two paths are line-aligned source and reference;
    ``hub.split`` is the split to read. ``label`` is what reports show. ``columns`` holds
    (field, column) pairs: the field of a row that the task reads, and the data's name for it.
    """

    kind: Literal["path", "sample", "hub"]
    label: str
    paths: tuple[str, ...] = ()
    hub: HubDataset | None = None
    columns: tuple[tuple[str, str], ...] = ()


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Usage:
    """What the answers cost. Tokens asked for = computed + reused; ``cost`` in US dollars."""

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    computed_tokens: int = 0
    reused_tokens: int = 0
    cost: float | None = None


MetricKind: TypeAlias = Literal["mean", "corpus", "aggregate"]


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A metric's estimate, and what it takes to judge it again.

    Attributes:
        estimate: The value with its uncertainty.
        higher_is_better: None where neither direction is better.
        signature: sacrebleu's.
        ideal: The best value, where neither direction is better and one is known.
        kind: How samples become the value: ``mean`` of their scores, ``corpus`` (a function of
            summed statistics) or ``aggregate`` (the metric's own code). None in results of
            versions that did not say it.
        bounds: The least and the greatest that a sample's score can be, where declared.
    """

    estimate: Estimate
    higher_is_better: bool | None = True
    signature: str | None = None
    ideal: float | None = None
    kind: MetricKind | None = None
    bounds: tuple[float, float] | None = None


MetricResults: TypeAlias = Mapping[str, MetricResult]

Comparisons: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Estimate]]]
"""What is compared (a probe, an attribute) → metric name → measure → estimate."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task's part of a run.

    Attributes:
        name: The task's name.
        version: The task's version.
        n: Samples evaluated (probes' variants not counted).
        errors: Samples with a failed request or without a possible score.
        data: Where the samples came from; ``data_sha256`` is the hash of the files read.
        metrics: Metric name → result over all samples.
        groups: Attribute → group → metric name → result.
        probes: Probe → metric name → measure (``mean_change``, …) → estimate.
        settings: How it was asked, in words: template, shots, scoring method, ….
        scored_by: Those of the settings that decide what a score means; runs that differ in one
            are not compared.
        notes: What a reader must know, such as that sample data was used.
        fairness: Attribute → metric name → measure between groups (``gap``, …) → estimate.
        skipped_variants: Probe → reason → variants that were not asked.
        failure: The commonest reason where samples were evaluated and none could be scored.
    """

    name: str
    version: str
    n: int
    errors: int
    data: DataSource
    data_sha256: str
    metrics: MetricResults
    groups: Mapping[str, Mapping[str, MetricResults]] = field(default_factory=dict)
    probes: Comparisons = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fairness: Comparisons = field(default_factory=dict)
    skipped_variants: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    failure: str | None = None
    scored_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleResult:
    """A model that took part in a run beside the evaluated one: what it is, and what it cost."""

    model: Mapping[str, object]
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class RunResult:
    """What ``results.json`` holds; see ARCHITECTURE for the schema.

    ``model`` and ``usage`` are those of the evaluated model; ``roles`` has the others, by role.
    """

    run_id: str
    status: Literal["complete", "incomplete"]
    model: Mapping[str, object]
    tasks: Mapping[str, TaskResult]
    timing: Mapping[str, float | str] = field(default_factory=dict)
    usage: Usage = Usage()
    gate: GateVerdict | None = None
    roles: Mapping[str, RoleResult] = field(default_factory=dict)
