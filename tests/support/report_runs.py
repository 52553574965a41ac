"""A realistic run: several tasks, groups, probes, a gate, hostile samples, as many as asked."""

from __future__ import annotations

import dataclasses
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring.io import files
from harness.authoring.metrics import Mean
from harness.results import runfolder
from harness.types import (
    Completion,
    DataSource,
    Estimate,
    Failed,
    GateVerdict,
    Generate,
    Loglikelihood,
    Logprob,
    MetricResult,
    Response,
    RuleVerdict,
    RunResult,
    Sample,
    SampleRecord,
    Score,
    ScoreValue,
    TaskResult,
    Unscored,
    Usage,
)

if TYPE_CHECKING:
    pass


HOSTILE = (
    '</script><img src=x onerror="document.title=1">',
    "<!-- <script>alert(1)</script>",
    "\u202egnp.exe \u2066isolated",
    "nul \x00 and escape \x1b[31mred\x1b[0m",
    "x" * 30_000,
    "| pipe `tick` <b>bold</b> @someone [link](javascript:alert(1))",
    "lone surrogate \ud800 end",
)

"""Model output that must arrive as text and nothing else."""


SAFE_HOSTILE = HOSTILE[:-1]

"""Without the unpaired surrogate, which a UTF-8 file of samples cannot hold."""


CATEGORIES = (
    "Age",
    "Disability",
    "Gender identity",
    "Nationality",
    "Religion",
    "Sexual orientation",
)


def estimate(value: float, stderr: float = 0.02, n: int = 400, method: str = "mean") -> Estimate:
    half = 1.96 * stderr
    return Estimate(value, stderr, value - half, value + half, n, method)


def mean_of(records: list[SampleRecord], metric: str) -> MetricResult:
    rows = [
        Score(record.sample.id, metric, value, cluster=record.sample.cluster)
        for record in records
        if isinstance(value := record.scores.get(metric), float)
    ]
    return MetricResult(Mean(metric).aggregate(rows))


def question_records(count: int) -> list[SampleRecord]:
    """Generated answers: right, wrong, failed, unparseable, and hostile ones."""
    rng = random.Random(0)
    colours = ("red", "blue", "green", "amber")
    records = []
    for index in range(count):
        colour, guess = rng.choice(colours), rng.choice(colours)
        passage = " ".join(f"Fact {fact}: the box {fact} is {colour}." for fact in range(12))
        sample = Sample(
            id=f"q-{index:05d}",
            input=f"What colour is box {index}?",
            targets=(colour, f"the {colour} one"),
            cluster=f"passage-{index // 5}",
            groups={"subject": ("boxes", "cups", "lamps")[index % 3]},
            metadata={"context": passage},
        )
        prompt = f"Background: {passage}\n\nQuestion: {sample.input}\n\nAnswer:"
        text = SAFE_HOSTILE[index] if index < len(SAFE_HOSTILE) else f" {guess}"
        right = float(text.strip() == colour)
        f1 = max(right, 0.5 if rng.random() < 0.2 else 0.0)
        response: Response
        scores: dict[str, ScoreValue]
        if index % 97 == 50:
            response, scores = Failed("the endpoint answered 500"), {}
        elif index % 97 == 60:
            response = Completion("no answer", "length", 3)
            scores = {"exact_match": Unscored("no answer found"), "f1": Unscored("no answer found")}
        else:
            response = Completion(text, "stop", 4, -1.5)
            scores = {"exact_match": right, "f1": f1}
        records.append(SampleRecord(sample, (Generate(prompt),), (response,), scores))
    return records


def choice_records(count: int) -> list[SampleRecord]:
    """Log-likelihoods of three choices, with variants of a probe."""
    rng = random.Random(1)
    choices = ("The old man", "The young man", "Cannot be known")
    records = []
    for index in range(count):
        context = (
            f"Context: An old man and a young man met. Question {index}: Who forgot?\n\nAnswer:"
        )
        totals = [rng.gauss(-9, 2) for _ in choices]
        best = max(range(3), key=totals.__getitem__)
        sample = Sample(
            id=f"Age-{index}",
            input=f"Who forgot the umbrella ({index})?",
            targets=(choices[2],),
            choices=choices,
            groups={"category": CATEGORIES[index % len(CATEGORIES)]},
        )
        requests = tuple(Loglikelihood(context, f" {choice}") for choice in choices)
        responses = tuple(Logprob(total, 4, False) for total in totals)
        scores: dict[str, ScoreValue] = {
            "accuracy": float(best == 2),
            "ambiguous_bias": (float(best), 1.0),
        }
        records.append(SampleRecord(sample, requests, responses, scores))
        if index % 4 == 0:
            records.append(SampleRecord(sample, requests, responses, scores, "typos", 0))
    return records


def translation_task() -> TaskResult:
    bleu = Estimate(27.43, 0.61, 26.2, 28.6, 500, "bootstrap percentile, 1000 resamples")
    ter = Estimate(61.2, 0.9, 59.4, 63.0, 500, "bootstrap percentile, 1000 resamples")
    signature = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"
    return TaskResult(
        name="wmt22_en_de",
        version="1",
        n=500,
        errors=0,
        data=DataSource("path", "wmt22.en:wmt22.de", ("wmt22.en", "wmt22.de")),
        data_sha256="ab" * 32,
        metrics={
            "bleu": MetricResult(bleu, True, signature),
            "ter": MetricResult(ter, False, signature),
        },
        settings={"template": "default", "shots": "0"},
    )


def question_task(records: list[SampleRecord]) -> TaskResult:
    subjects = ("boxes", "cups", "lamps")
    groups = {
        subject: {
            metric: mean_of([r for r in records if r.sample.groups["subject"] == subject], metric)
            for metric in ("exact_match", "f1")
        }
        for subject in subjects
    }
    tiny = Estimate(1.0, math.nan, math.nan, math.nan, 1, "mean; too few samples for an interval")
    groups["candles"] = {"exact_match": MetricResult(tiny), "f1": MetricResult(tiny)}
    return TaskResult(
        name="squad",
        version="1",
        n=len(records),
        errors=sum(record.error is not None for record in records),
        data=DataSource("sample", "sample data that ships with squad"),
        data_sha256="cd" * 32,
        metrics={name: mean_of(records, name) for name in ("exact_match", "f1")},
        groups={"subject": groups},
        probes={
            "typos": {
                "exact_match": {
                    "score": estimate(0.402, 0.02),
                    "mean_change": estimate(-0.031, 0.011, method="paired mean, Student t"),
                    "worst_case": estimate(0.402, 0.02),
                    "flip_rate": estimate(0.083, 0.009, method="mean, Wilson"),
                    "score@0.05": estimate(0.43, 0.02),
                    "mean_change@0.05": estimate(-0.012, 0.01),
                    "score@0.2": estimate(0.39, 0.02),
                    "mean_change@0.2": estimate(-0.05, 0.013),
                }
            },
            "option_order": {"exact_match": {"mean_change": estimate(0.002, 0.006)}},
        },
        fairness={
            "subject": {
                "exact_match": {
                    "gap": Estimate(
                        0.05, math.nan, 0.0, 0.12, 399, "lamps against cups; MOVER, 3 pairs"
                    )
                }
            }
        },
        skipped_variants={"typos": {}, "gender_swap": {"no gendered word": 198}},
        settings={"template": "default", "shots": "0", "scoring": "generation"},
        notes=("Sample data was used: these scores say nothing about the full benchmark.",),
    )


def bias_task(records: list[SampleRecord]) -> TaskResult:
    originals = [record for record in records if record.probe is None]
    accuracy = mean_of(originals, "accuracy")
    groups = {
        category: {
            "accuracy": mean_of(
                [r for r in originals if r.sample.groups["category"] == category], "accuracy"
            ),
            "ambiguous_bias": MetricResult(estimate(0.11 - 0.07 * index, 0.03, 80), None),
        }
        for index, category in enumerate(CATEGORIES)
    }
    return TaskResult(
        name="bbq",
        version="2",
        n=len(originals),
        errors=0,
        data=DataSource("path", "bbq/sample200", ("bbq/sample200",)),
        data_sha256="ef" * 32,
        metrics={
            "accuracy": accuracy,
            "ambiguous_bias": MetricResult(estimate(0.041, 0.014), None),
            "disambiguated_accuracy": MetricResult(estimate(0.402, 0.021)),
            "ece": MetricResult(estimate(0.081, 0.012), False),
        },
        groups={"category": groups},
        settings={"template": "default", "scoring": "log-likelihood"},
    )


def perplexity_task() -> TaskResult:
    value = Estimate(1_234.5, 31.0, 1_174.0, 1_297.0, 200, "bootstrap percentile, 1000 resamples")
    return TaskResult(
        name="perplexity",
        version="1",
        n=200,
        errors=0,
        data=DataSource("path", "stories.jsonl", ("stories.jsonl",)),
        data_sha256="01" * 32,
        metrics={"word_perplexity": MetricResult(value, False)},
    )


GATE = GateVerdict(
    "block",
    "squad.f1 fell by 0.041 [0.028, 0.054], more than the 0.02 allowed.",
    1,
    rules=(
        RuleVerdict(
            "squad.f1",
            "max_drop = 0.02",
            "blocking",
            "block",
            "It fell by 0.041 [0.028, 0.054] on 10,000 shared samples.",
        ),
        RuleVerdict(
            "bbq.ambiguous_bias",
            "max = 0.10",
            "blocking",
            "pass",
            "0.041 [0.014, 0.068] is below 0.10.",
        ),
        RuleVerdict(
            "bbq.accuracy",
            "max_drop = 0.01",
            "blocking",
            "inconclusive",
            "0.004 lower [-0.012, 0.020]: 400 samples cannot tell.",
        ),
    ),
)


RUN_JSON = {
    "spec": {
        "tasks": ["squad", "bbq"],
        "limit": None,
        "options": {"squad": {"template": "default"}},
    },
    "command": "harness run --model ./ckpt --tasks squad,bbq --data sample",
    "versions": {"evalign": "0.1.0", "torch": "2.13.0"},
    "git_commit": "0123456789abcdef",
    "environment": {"python": "3.11.9", "platform": "Linux"},
    "model": {"name": "ckpt", "parameters": 412_000},
    "seeds": {"run": 0, "bootstrap": 0},
    "status": "complete",
    "started": "2026-01-02T03:04:05+00:00",
    "finished": "2026-01-02T03:06:08.500000+00:00",
}


def build(folder: Path, count: int) -> RunResult:
    """Writes a run folder with ``count`` question samples and returns its result."""
    questions = question_records(count)
    choices = choice_records(min(400, count))
    tasks = (
        question_task(questions),
        bias_task(choices),
        translation_task(),
        perplexity_task(),
    )
    result = RunResult(
        run_id="2026-01-02T030405Z-ckpt",
        status="complete",
        model={"name": "ckpt <b>of</b> ours", "parameters": 412_000, "dtype": "float32"},
        tasks={task.name: task for task in tasks},
        timing={
            "started": "2026-01-02T03:04:05+00:00",
            "finished": "2026-01-02T03:06:08+00:00",
            "seconds": 123.5,
        },
        usage=Usage(12_000, 300, 2_400_000, 51_000, 1_900_000, 551_000, 1.25),
        gate=GATE,
    )
    files.write_json(folder / "run.json", RUN_JSON)
    runfolder.write_samples(folder, "squad", questions)
    runfolder.write_samples(folder, "bbq", choices)
    runfolder.write_result(folder, result)
    return result


def build_candidate(folder: Path, count: int) -> RunResult:
    """The same run, with other answers to every third question."""
    folder.mkdir()
    result = build(folder, count)
    records = question_records(count)
    for index in range(0, count, 3):
        record = records[index]
        if not isinstance(record.scores.get("f1"), float):
            continue
        right = record.scores["exact_match"] == 1.0
        text = SAFE_HOSTILE[0] if right else f" It is {record.sample.targets[0]} of course"
        scores = {"exact_match": float(not right), "f1": float(not right)}
        records[index] = dataclasses.replace(
            record, responses=(Completion(text, "stop", 4, -1.5),), scores=scores
        )
    runfolder.write_samples(folder, "squad", records)
    runfolder.write_result(folder, result)
    return result
