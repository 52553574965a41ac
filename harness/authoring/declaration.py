"""A task in one declaration: its kind, fields, template and metrics.

``[tasks.NAME]`` of harness.toml becomes one, and a plugin may register one in place of a
``TaskSpec``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from harness.authoring import multiple_choice, options, prompts
from harness.authoring.answers import choices
from harness.authoring.grading import Grader, MetricSpec, metrics_of
from harness.errors import ConfigError, HarnessError, UnknownNameError, UsageError
from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import DataSource, HubDataset, Sample, Sampling

if TYPE_CHECKING:
    from pydantic import BaseModel

Reader = Callable[[DataSource], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What the tasks of a kind have in common.

    Attributes:
        fields: The fields of a row; the first is what the model is asked about.
        metrics: Those reported where a declaration names none.
        scorings: The ways of asking, the preferred one first.
        templates: Those of a declaration without templates of its own.
        max_tokens: The longest generated answer in tokens, where a declaration does not say.
    """

    fields: tuple[str, ...]
    metrics: tuple[str, ...]
    scorings: tuple[str, ...]
    templates: Mapping[str, str] = field(default_factory=dict)
    max_tokens: int = 64


KINDS: Mapping[str, Kind] = {
    "generation": Kind(("input", "target", "targets"), ("exact_match", "f1"), ("generate",)),
    "multiple_choice": Kind(
        ("question", "choices", "answer"),
        ("acc", "acc_norm", "ece", "brier"),
        ("loglikelihood", "generate"),
        {
            "default": "Question: {{ question }}\nAnswer:",
            "lettered": "Question: {{ question }}\n{{ options }}\n"
            "Answer with the letter of the right option.\nAnswer:",
        },
        max_tokens=32,
    ),
    "classification": Kind(
        ("text", "label"),
        ("accuracy", "f1_macro", "mcc", "ece", "brier"),
        multiple_choice.SCORINGS,
        max_tokens=16,
    ),
    "perplexity": Kind(
        ("text",), ("word_perplexity", "byte_perplexity", "bits_per_byte"), ("rolling",)
    ),
}
"""The kinds of tasks that can be declared."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A task without code of its own.

    Attributes:
        name: What ``--tasks`` calls it.
        kind: One of ``KINDS``.
        templates: Name → Jinja2 source, the first is the default; empty: the kind's.
        metrics: Names of registered metrics, or ``NAME:ARGUMENT``; empty: the kind's.
        description: One line for ``harness ls``.
        choices: The options of every sample: of a classification its labels.
        label_map: What the data's labels mean, value → label.
        columns: The kind's fields → the data's columns.
        pair: Of a classification of two texts the column of the second, which every row must have;
            ``text`` is the first.
        data: Path of the task's own data.
        stop: Where a generated answer ends; None: where the template begins again.
        version: Changes whenever a score could; empty: a digest of what decides a score.
        values: The user's options (``max_tokens``, ``scoring``) → values by default.
        defaults: See ``TaskSpec``.
        hub: See ``TaskSpec``.
        sample_data: See ``TaskSpec``.
        sample_shots: See ``TaskSpec``.
        suites: See ``TaskSpec``.
        origin: Where it stands, for error messages.
    """

    name: str
    kind: str
    templates: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    description: str = ""
    choices: tuple[str, ...] = ()
    label_map: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    pair: str = ""
    data: str | None = None
    stop: tuple[str, ...] | None = None
    version: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    hub: HubDataset | None = None
    sample_data: Path | None = None
    sample_shots: Path | None = None
    suites: tuple[str, ...] = ()
    origin: str = ""

    def spec(self, registered: Mapping[str, MetricSpec]) -> TaskSpec:
        """What registers the task; ``registered`` holds the metrics when the task is opened."""
        return TaskSpec(
            self.name,
            self.description or f"{self.kind.replace('_', ' ')} of your own data",
            lambda chosen: _open(self, chosen, registered),
            sample_data=self.sample_data,
            sample_shots=self.sample_shots,
            hub=self.hub,
            suites=self.suites,
            options=self._options,
            templates=self.all_templates,
            data=self.data,
            defaults=self.defaults,
        )

    def _options(self) -> type[BaseModel]:
        from pydantic import Field, create_model

        ways = self._kind.scorings
        fields: dict[str, Any] = {}
        if len(ways) > 1:
            way: Any = cast("Any", Literal)[ways]
            fields["scoring"] = (way | None, Field(None, description="how the model is asked"))
        if "generate" in ways:
            tokens = int(self.values.get("max_tokens", self._kind.max_tokens))
            told = "longest generated answer in tokens"
            fields["max_tokens"] = (int, Field(tokens, ge=1, description=told))
        return create_model("Declared", **fields)

    @property
    def _kind(self) -> Kind:
        if self.kind not in KINDS:
            raise UnknownNameError("kind of task", self.kind, KINDS)
        return KINDS[self.kind]

    @property
    def all_templates(self) -> Mapping[str, str]:
        """The templates that there are: its own, else the kind's."""
        return self.templates or self._kind.templates

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that change with what decides a score."""
        import hashlib
        import json

        with_argument = [name for name in self.metrics if ":" in name]
        decisive: list[Any] = [self.kind, dict(self.all_templates), self.choices, self.stop]
        decisive += [dict(self.label_map), dict(self.columns), dict(self.values), with_argument]
        decisive += [self.pair] if self.pair else []
        text = json.dumps(decisive, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def metric_specs(
        self, registered: Mapping[str, MetricSpec]
    ) -> list[tuple[str, MetricSpec, str]]:
        """(its name here, what registers it, its argument) of each metric.

        Raises:
            HarnessError: A metric is not registered, does not fit the kind, or has an argument
                that it does not take.
        """
        fitting = {name for name, spec in registered.items() if self.kind in spec.kinds}
        found = []
        with told(self.origin, "metrics"):
            for text in self.metrics or self._kind.metrics:
                name, colon, argument = text.partition(":")
                if name not in fitting:
                    raise UnknownNameError(f"metric of a {self.kind} task", name, fitting)
                spec = registered[name]
                if colon and not (spec.argument and argument):
                    expected = f"{name}:{spec.argument}" if spec.argument else name
                    raise UsageError(f"metric {text!r}", f"Expected {expected}.")
                found.append((text, spec, argument))
        return found

    def graders(
        self, registered: Mapping[str, MetricSpec], scoring: str
    ) -> tuple[list[Grader[Any]], list[str]]:
        """The graders of its metrics, and the names of metrics that ``scoring`` cannot give.

        Raises:
            HarnessError: See ``metric_specs``; or a metric cannot be made, or is given twice.
        """
        found: list[Grader[Any]] = []
        left_out = []
        for text, spec, argument in self.metric_specs(registered):
            if spec.scorings and scoring not in spec.scorings:
                left_out.append(text)
                continue
            with told(self.origin, f"metrics {text!r}"):
                found.append(spec.open(argument))
        names = [metric.name for metric in metrics_of(found)]
        if twice := {name for name in names if names.count(name) > 1}:
            with told(self.origin, "metrics"):
                raise UsageError(f"the metric {min(twice)!r} is given twice")
        return found, left_out


@contextmanager
def told(origin: str, key: str) -> Iterator[None]:
    """Adds the table and the key to an error that is raised within."""
    try:
        yield
    except HarnessError as error:
        raise ConfigError(f"{origin} {key}: {error.message}", error.hint) from error


def _open(declared: Declaration, chosen: TaskOptions, registered: Mapping[str, MetricSpec]) -> Task:
    chosen = replace(chosen, values={**declared.values, **chosen.values})
    make = {"generation": _generation, "perplexity": _perplexity}.get(declared.kind, _choice)
    return make(declared, chosen, registered)


def _words(declared: Declaration) -> tuple[str, ...]:
    """What templates may call the sample's input beside its field: its column's name."""
    column = declared.columns.get(KINDS[declared.kind].fields[0])
    return () if column is None else (column,)


def _reader(declared: Declaration, read: Reader) -> Reader:
    def reader(data: DataSource) -> Iterable[Sample]:
        columns = data.columns or tuple(declared.columns.items())
        return read(replace(data, columns=columns))

    return reader


def _generation(
    declared: Declaration, chosen: TaskOptions, registered: Mapping[str, MetricSpec]
) -> Task:
    from harness.authoring import generation
    from harness.authoring.readers.texts import read_answered

    kind = KINDS[declared.kind]
    scoring = options.scoring(chosen, kind.scorings)
    graders, _ = declared.graders(registered, scoring)
    template, source = prompts.choose(declared.all_templates, chosen)
    stop = choices.next_question(source) if declared.stop is None else declared.stop
    return generation.task(
        declared.name,
        _reader(declared, read_answered),
        prompts.Prompt(
            template,
            source,
            kind.fields[0],
            lambda sample: sample.targets[0],
            delimiter="" if source.endswith(("\n", " ")) else " ",
            also=_words(declared),
        ),
        Sampling(options.integer(chosen, "max_tokens", kind.max_tokens), stop=stop),
        graders,
        notes={},
        version=declared.version or declared.digest,
    )


def _choice(
    declared: Declaration, chosen: TaskOptions, registered: Mapping[str, MetricSpec]
) -> Task:
    kind = KINDS[declared.kind]
    scoring = options.scoring(chosen, kind.scorings)
    graders, left_out = declared.graders(registered, scoring)
    templates = declared.all_templates
    lettered = not declared.templates and scoring == "generate" and "lettered" in templates
    asking = multiple_choice.asking_for(
        chosen,
        templates,
        kind.fields[0],
        scoring=scoring,
        default="lettered" if lettered else None,
        max_tokens=kind.max_tokens,
        stop=declared.stop,
        labels=declared.choices if declared.kind == "classification" else (),
        words=_words(declared),
        pair=declared.pair,
    )
    settings = multiple_choice.settings_of(asking)
    decisive = [name for name in settings if name not in ("max_tokens", "answer")]
    if left_out:
        settings["left out"] = f"{', '.join(left_out)}: {scoring} does not give what they need"
    return multiple_choice.task(
        declared.name,
        _reader(declared, _choice_reader(declared)),
        asking,
        graders,
        settings=settings,
        version=declared.version or declared.digest,
        decisive=decisive,
    )


def _choice_reader(declared: Declaration) -> Reader:
    from harness.authoring.readers import questions, texts
    from harness.authoring.readers.labels import Labels

    if declared.kind == "classification":
        labels = Labels(declared.choices, declared.label_map)
        return lambda data: texts.read_labelled(data, labels, declared.pair)
    if declared.choices:
        return questions.with_choices(declared.choices)
    return questions.read_questions


def _perplexity(
    declared: Declaration,
    chosen: TaskOptions,  # noqa: ARG001
    registered: Mapping[str, MetricSpec],
) -> Task:
    from harness.authoring import perplexity
    from harness.authoring.readers.texts import read_plain

    graders, _ = declared.graders(registered, KINDS[declared.kind].scorings[0])
    return perplexity.task(
        declared.name,
        _reader(declared, read_plain),
        graders,
        version=declared.version or declared.digest,
    )
