"""One definition through lm-evaluation-harness and through this project, and how they differ."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from harness import evaluate, read_samples
from harness.types import Completion, Generate, Loglikelihood, Logprob, RollingLoglikelihood
from harness_lm_eval.catalogue import index
from harness_lm_eval.prompts import cut
from parity.exact import Exact
from parity.official import Case

TOLERANCE, FLOAT32 = 1e-4, 5e-7
"""Absolute, or relative: what float32 leaves of a sum of hundreds."""
METRIC = 1e-6
"""Relative, of a metric; that of perplexities is ``TOLERANCE`` where float32 leaves no more."""


def close(one: float, other: float) -> bool:
    """Whether two log-likelihoods are equal as far as float32 can tell."""
    return abs(one - other) <= max(TOLERANCE, FLOAT32 * abs(one))


@dataclass(frozen=True, slots=True)
class Difference:
    """What one definition gave on both sides.

    Attributes:
        name: The definition.
        metrics: Metric → (theirs, ours).
        loglikelihoods: How many were compared; ``worst`` is the largest difference, and
            ``unequal`` counts those beyond the tolerance.
        texts: How many generations were compared; ``texts_differ`` holds pairs that differ.
        prompts_differ: Pairs of prompts that are not equal byte for byte.
        errors: Of log-likelihoods beyond the tolerance, where a model in float64 was given: how
            far theirs and ours are from its, at most. Then ``unequal`` counts where ours are
            further from it than twice theirs at their worst.
        ties: Pairs of texts that part at two tokens which are one to float32; not among
            ``texts_differ``.
        tolerance: Of metrics, relative.
    """

    name: str
    metrics: Mapping[str, tuple[float, float]]
    loglikelihoods: int
    worst: float
    unequal: int
    texts: int
    texts_differ: list[tuple[str, str]] = field(default_factory=list)
    prompts_differ: list[tuple[str, str]] = field(default_factory=list)
    errors: tuple[float, float] = (0.0, 0.0)
    ties: list[tuple[str, str]] = field(default_factory=list)
    tolerance: float = METRIC

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        differ = self.unequal or self.texts_differ or self.prompts_differ
        return bool(self.metrics) and self.worst_metric <= self.tolerance and not differ

    @property
    def worst_metric(self) -> float:
        """The largest relative difference between two values of a metric."""
        gaps = [
            0.0 if math.isnan(one) and math.isnan(other)
            else abs(one - other) / max(1.0, abs(one))
            for one, other in self.metrics.values()
        ]  # fmt: skip
        return max(gaps, default=math.inf)


def write_rows(case: Case, folder: Path, most: int = 200) -> tuple[Path, Path | None]:
    """The rows of a case as JSONL: those that are scored, and those of its examples."""
    scored = folder / f"{case.name}.jsonl"
    rows = list(case.rows())[:most]
    scored.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    if case.shots is None:
        return scored, None
    shots = folder / f"{case.name}_shots.jsonl"
    examples = list(case.shots())[-40:]
    shots.write_text("".join(json.dumps(row) + "\n" for row in examples), "utf-8")
    return scored, shots


def local_definition(case: Case, scored: Path, shots: Path | None, folder: Path) -> Path:
    """A YAML file that is the official definition with a local data set."""
    named = index.of([])[case.name]
    from lm_eval.tasks._yaml_loader import load_yaml

    table = load_yaml(named.path, resolve_func=False)
    evaluated = table.get("test_split") or table.get("validation_split")
    parts = {
        str(table[key]): str(shots or scored)
        for key in ("training_split", "validation_split", "test_split", "fewshot_split")
        if table.get(key)
    }
    parts[str(evaluated)] = str(scored)
    content = {
        "include": named.path,
        "task": case.name,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": parts},
    }
    path = folder / f"{case.name}.yaml"
    path.write_text(json.dumps(content), "utf-8")  # JSON is YAML
    return path


@contextlib.contextmanager
def local_class(case: Case, scored: Path, shots: Path | None) -> Iterator[None]:
    """Lets a definition that is a class, which takes no configuration, find local rows."""
    import datasets

    parts = {"train": str(shots or scored), "validation": str(scored), "test": str(scored)}
    found = datasets.load_dataset("json", data_files=parts)
    with mock.patch("datasets.load_dataset", lambda *_, **__: found):
        yield


class SquadV2:
    """Stands for ``evaluate``'s squad_v2, which lives on the hub: both programs call it."""

    def compute(self, predictions: Any, references: Any) -> dict[str, float]:
        """Sums that depend on every answer and every reference."""
        facts = {"exact": 0.0, "f1": 0.0, "HasAns_exact": 0.0, "HasAns_f1": 0.0, "NoAns_exact": 0.0,
                 "NoAns_f1": 0.0, "best_exact": 0.0, "best_f1": 0.0}  # fmt: skip
        for one, other in zip(predictions, references, strict=True):
            gold = other["answers"]["text"]
            hit = float(one["prediction_text"].strip() in gold)
            for place, key in enumerate(facts):
                said = len(one["prediction_text"]) + one["no_answer_probability"] * place
                facts[key] += hit + said
        return {key: total / len(predictions) for key, total in facts.items()}


def theirs(case: Case, scored: Path, shots: Path | None, folder: Path, model: Any) -> Any:
    """lm_eval's results with its samples."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.CRITICAL)
    is_class = index.of([])[case.name].kind == "class"
    gen_kwargs = case.settings.get("gen_kwargs")
    chat = case.settings.get("apply_chat_template") == "true"
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        if is_class:
            stack.enter_context(local_class(case, scored, shots))
            asked = index.of([])[case.name].path
        else:
            asked = str(local_definition(case, scored, shots, folder))
        return lm_eval.simple_evaluate(
            model=model,
            tasks=[asked],
            num_fewshot=case.num_fewshot,
            limit=case.limit,
            bootstrap_iters=0,
            gen_kwargs=gen_kwargs,
            task_manager=TaskManager(include_defaults=False),
            apply_chat_template=chat,
            fewshot_as_multiturn=chat and case.settings.get("fewshot_as_multiturn") != "false",
            system_instruction=case.settings.get("system_instruction"),
        )


def ours(case: Case, scored: Path, shots: Path | None, out: Path, checkpoint: Path) -> Any:
    """Our result; its samples are in ``out``."""
    name = f"lm_eval:{case.name}"
    settings = dict(case.settings)
    if case.num_fewshot is not None:
        settings["num_fewshot"] = str(case.num_fewshot)
        settings.setdefault("shots", str(shots or scored))
    chat = {} if case.settings.get("apply_chat_template") else {"chat_template": "off"}
    return evaluate(
        checkpoint,
        [name],
        {name: scored},
        limit=case.limit,
        task_settings={"lm_eval": {"allow_code": "true"}, name: settings},
        backend_settings=chat,
        dtype="float32",
        device="cpu",
        formats=(),
        out=out,
    ).tasks[name]


def compare(
    case: Case, folder: Path, checkpoint: Path, model: Any, exact: Exact | None = None
) -> Difference:
    """Runs a case on both sides; ``exact`` judges what differs by more than a small model does."""
    scored, shots = write_rows(case, folder)
    metric = SquadV2()
    with mock.patch("evaluate.load", lambda *_, **__: metric):
        there = theirs(case, scored, shots, folder, model)
        out = folder / f"run-{case.name}"
        here = ours(case, scored, shots, out, checkpoint)
    results = there["results"][case.name]
    metrics: dict[str, tuple[float, float]] = {}
    for key, value in results.items():
        name, comma, filtered = key.partition(",")
        if not comma or name.endswith("_stderr") or not isinstance(value, int | float):
            continue
        mine = here.metrics[name if filtered == "none" else key].estimate.value
        metrics[key] = (float(value), mine)
    return _sample_by_sample(case, metrics, there["samples"][case.name], out, exact)


def _sample_by_sample(
    case: Case, metrics: Any, theirs: list[Any], out: Path, exact: Exact | None
) -> Difference:
    pairs = [*_pairs(case, theirs, out)]
    numbers = [each for each in pairs if isinstance(each.ours, float)]
    apart = [each for each in numbers if not close(each.theirs, each.ours)]
    unequal, errors = len(apart), (0.0, 0.0)
    if exact is not None and apart:
        true = [exact.loglikelihood(each.kind, each.arguments) for each in apart]
        far = [abs(each.theirs - value) for each, value in zip(apart, true, strict=True)]
        ours = [abs(each.ours - value) for each, value in zip(apart, true, strict=True)]
        errors = max(far), max(ours)
        unequal = sum(error > 2 * max(TOLERANCE, *far) for error in ours)
    texts_differ, ties = [], []
    for each in pairs:
        if isinstance(each.ours, str) and each.ours != each.theirs:
            pair = (each.theirs, each.ours)
            tie = exact is not None and exact.parting(each.arguments[0], *pair).is_tie
            (ties if tie else texts_differ).append(pair)
    return Difference(
        case.name,
        metrics,
        len(numbers),
        max((abs(each.theirs - each.ours) for each in numbers), default=0.0),
        unequal,
        len(pairs) - len(numbers),
        texts_differ,
        [prompts for each in pairs for prompts in each.prompts_differ],
        errors,
        ties,
        METRIC if exact is None else TOLERANCE,
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """An answer of both sides to one request."""

    kind: str
    arguments: tuple[Any, ...]
    theirs: Any
    ours: Any
    prompts_differ: list[tuple[str, str]]


def _pairs(case: Case, theirs: list[Any], out: Path) -> Iterator[_Pair]:
    records = {each.sample.id: each for each in read_samples(out, f"lm_eval:{case.name}")}
    first = theirs[0]["filter"]
    for sample in theirs:
        if sample["filter"] != first:
            continue
        record = records[str(sample["doc_id"])]
        asked = [
            (tuple(arguments), answer)
            for arguments, answers in zip(sample["arguments"], sample["resps"], strict=True)
            for answer in answers
        ]
        for (arguments, answer), request, response in zip(
            asked, record.requests, record.responses, strict=True
        ):
            yield _pair(arguments, answer, request, response)


def _pair(arguments: tuple[Any, ...], answer: Any, request: Any, response: Any) -> _Pair:
    differ: list[tuple[str, str]] = []
    match request, response:
        case Generate(prompt=prompt), Completion(text=text):
            found = ("generate_until", answer, cut(text, request.sampling.stop))
        case Loglikelihood(context=prompt, continuation=end), Logprob(total=total):
            found = ("loglikelihood", answer[0], total)
            if end != arguments[1]:
                differ.append((arguments[1], end))
        case RollingLoglikelihood(text=prompt), Logprob(total=total):
            found = ("loglikelihood_rolling", answer, total)
        case _:
            raise AssertionError((request, response))
    if isinstance(prompt, str) and prompt != arguments[0]:
        differ.append((arguments[0], prompt))
    kind, theirs, ours = found
    return _Pair(kind, arguments, theirs, ours, differ)
