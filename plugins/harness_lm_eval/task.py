"""One of lm_eval's tasks as a task of ours.

Documents become samples; the few-shot context and the requests that lm_eval constructs become our
requests; its filters and ``process_results`` become scores, its aggregations metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.errors import DataError, UsageError
from harness.protocols import Metric
from harness.types import DataSource, Request, Response, Sample, ScoreValue
from harness_lm_eval import consent, documents, installed, reporting
from harness_lm_eval.asking import Asked, Asking, Instances
from harness_lm_eval.catalogue import hub_code
from harness_lm_eval.catalogue.definitions import Definition
from harness_lm_eval.reporting import Reported
from harness_lm_eval.samples import Reader
from harness_lm_eval.settings import TaskSettings


class LmEvalTask:
    """Implements ``harness.protocols.Task`` by a task object of theirs.

    Their object is made with its documents, so it exists from ``samples`` on.

    Args:
        name: What users call it.
        definition: What it is.
        settings: The user's.
        allow_code: Whether the user agreed to what it runs.
    """

    def __init__(
        self, name: str, definition: Definition, settings: TaskSettings, allow_code: bool = False
    ) -> None:
        self.name = name
        self._allow_code = allow_code
        self.definition = definition
        self._settings = settings
        self._reported: Reported = reporting.declared(definition)
        self._asking: Asking | None = None
        self._reader: Reader | None = None

    # ---- what it is

    @property
    def version(self) -> str:
        """The YAML's own version, and a digest of all that the definition is made of."""
        metadata = self.definition.config.get("metadata")
        stated = metadata.get("version") if isinstance(metadata, Mapping) else None
        return f"{'unstated' if stated is None else stated}-{self._digest}"

    @property
    def _digest(self) -> str:
        import hashlib

        content = (installed.VERSION, self.definition.files.digest(), self.definition.overridden)
        return hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]

    @property
    def metrics(self) -> Sequence[Metric]:
        """One a metric and filter, as lm_eval reports them."""
        return self._reported.metrics

    @property
    def settings(self) -> Mapping[str, str]:
        """How it is asked."""
        chosen = self._settings
        shots = self._asking.num_fewshot if self._asking else chosen.num_fewshot
        found = {
            "lm_eval": installed.VERSION,
            "num_fewshot": "the task's own" if shots is None else str(shots),
        }
        if shots:
            found["fewshot_seed"] = str(chosen.fewshot_seed)
        if chosen.apply_chat_template:
            found["apply_chat_template"] = "true"
            found["fewshot_as_multiturn"] = str(chosen.fewshot_as_multiturn).lower()
        for key in ("system_instruction", "gen_kwargs", "shots"):
            if (value := getattr(chosen, key)) is not None:
                found[key] = value
        if self._reader is not None:
            found["input"] = self._reader.told
        return found

    @property
    def scored_by(self) -> Sequence[str]:
        """None of these settings changes what a score means; the version does."""
        return ()

    # ---- what it does

    def samples(self, data: DataSource) -> Iterator[Sample]:
        """A sample a document, numbered from 0 as lm_eval numbers them.

        Raises:
            UsageError: The task cannot be asked here, or runs code nobody agreed to.
            DataError: The documents cannot be loaded, or do not fit the definition.
        """
        installed.prepare()
        consent.check_task(self.name, self.definition, self._allow_code)
        made = documents.make(self.name, self.definition, self._settings, data)
        self._check_metrics(made)
        self._asking = Asking(self.name, made, self._settings, data)
        self._reported = reporting.made(self.definition, made)
        self._reader = Reader(self.name, made, self._settings.input)
        docs = self._asking.docs
        for place in range(len(docs)):
            yield self._reader.sample(str(place), docs, place)
        self._reader.check_gold()

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """What a reader must know of the documents."""
        del samples
        return () if self._reader is None else self._reader.remarks()

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """What lm_eval asks; it draws its solved examples itself."""
        del shots
        return self._asked(sample).requests

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """Their scores, of every filter."""
        asked = self._asked(sample)
        instances = asked.answered(responses)
        scores: dict[str, ScoreValue] = {}
        for filtered, results in _filtered(self._made, instances):
            given = self._made.process_results(asked.doc, results)
            scores |= dict(self._reported.scores(self._made, given, filtered))
        return scores

    # ---- parts

    @property
    def _made(self) -> Any:
        assert self._asking is not None, "the samples are read first"
        return self._asking.made

    def _asked(self, sample: Sample) -> Asked:
        assert self._asking is not None and self._reader is not None, "the samples are read first"
        place = int(sample.id)
        original = self._asking.docs[place]
        return self._asking.ask(place, self._reader.variant(sample, original))

    def _check_metrics(self, made: Any) -> None:
        for metric in hub_code.of(self.definition.files):
            self._load(metric)
        functions = getattr(made, "_metric_fn_list", {})
        for metric in consent.hub_metrics(self.definition):
            if functions.get(metric) is None:
                self._load(metric)
        if not reporting.made(self.definition, made).metrics:
            raise DataError(
                f"{self.name} reports no metric", expected="a definition with a metric_list"
            )

    def _load(self, metric: str) -> None:
        """Has ``evaluate`` load a metric now, so that none is missing when answers are there."""
        import evaluate

        try:
            evaluate.load(metric)
        except Exception as error:
            raise UsageError(
                f"{self.name} has the metric {metric!r}, whose code `evaluate` cannot load from "
                f"the hub: {type(error).__name__}",
                "Run it once where the hub can be reached.",
            ) from error


def _filtered(made: Any, instances: Instances) -> Iterator[tuple[str, list[Any]]]:
    """(filter's name, a result a request) as lm_eval's ``evaluate`` hands them on."""
    for each in made._filters:
        each.apply(instances)
    ordered = sorted(instances, key=lambda instance: instance.idx)
    for name in instances[0].filtered_resps:
        yield name, [instance.filtered_resps[name] for instance in ordered]
