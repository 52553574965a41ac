"""The metrics that tasks declared in harness.toml name. Each is imported when a task is opened."""

from __future__ import annotations

from typing import Any

from harness.authoring.grading import Graded, Grader, MetricSpec, Only
from harness.authoring.metrics import Mean
from harness.authoring.multiple_choice import Choice
from harness.errors import UsageError

GENERATION, PERPLEXITY = ("generation",), ("perplexity",)
CHOICE = ("multiple_choice", "classification")
SURE = ("loglikelihood", "classify")
"""Ways of asking that give the options' probabilities."""


def _squad(name: str, description: str) -> MetricSpec:
    def make(language: str) -> Grader[str]:
        from harness_tasks.metrics.squad import AUTO, LANGUAGES, SquadV1

        _check(name, language or AUTO, LANGUAGES)
        return Only(SquadV1(language or AUTO), (name,))

    return MetricSpec(name, description, GENERATION, make, "LANGUAGE (en, de, es, …)")


def _sacrebleu(name: str, description: str, argument: str = "") -> MetricSpec:
    def make(tokenize: str) -> Grader[str]:
        from typing import get_args

        from harness_tasks.metrics.translation import Sacrebleu
        from harness_tasks.settings import Tokenizer

        _check(name, tokenize or "13a", get_args(Tokenizer))
        return Sacrebleu(tokenize or "13a", (name,))

    return MetricSpec(name, description, GENERATION, make, argument)


def _rouge(tokenizer: str) -> Grader[str]:
    from harness_tasks.metrics.rouge import SPLITS, TOKENIZERS, Rouge

    _check("rouge", tokenizer or TOKENIZERS[0], TOKENIZERS)
    return Rouge(tokenizer or TOKENIZERS[0], SPLITS[0])


def _final_number(_: str) -> Grader[str]:
    from harness_tasks.gsm8k import FINAL_NUMBER

    return FINAL_NUMBER


def _evaluate(reference: str) -> Grader[str]:
    from harness_tasks.metrics.evaluate_library import EvaluateMetric

    if not reference:
        raise UsageError("metric 'evaluate'", "Expected evaluate:NAME or evaluate:PATH.")
    return EvaluateMetric(reference)


def _correct(name: str) -> MetricSpec:
    def make(_: str) -> Grader[Choice]:
        mean = Mean(name, bounds=(0.0, 1.0))
        return Graded((mean,), lambda choice, sample: {name: choice.correct})  # noqa: ARG005

    return MetricSpec(name, "share of right choices", CHOICE, make)


def _of_choices(name: str, description: str, scorings: tuple[str, ...] = SURE) -> MetricSpec:
    def make(_: str) -> Grader[Choice]:
        from harness_tasks.metrics import choices

        calibration = name in ("ece", "brier")
        grader = choices.calibration_grader() if calibration else choices.grader()
        return Only(grader, (name,))

    return MetricSpec(name, description, CHOICE, make, scorings=scorings)


def _of_classes(name: str, description: str) -> MetricSpec:
    def make(_: str) -> Grader[Choice]:
        from harness_tasks.metrics import classification

        return Only(classification.grader(), (name,))

    return MetricSpec(name, description, ("classification",), make)


def _of_texts(name: str, description: str) -> MetricSpec:
    def make(_: str) -> Grader[float]:
        from harness_tasks.metrics import perplexity

        return Only(perplexity.grader(), (name,))

    return MetricSpec(name, description, PERPLEXITY, make)


def _check(name: str, argument: str, known: Any) -> None:
    from harness.errors import UnknownNameError

    if argument not in known:
        raise UnknownNameError(f"argument of the metric {name}", argument, known)


SPECS = (
    _squad("exact_match", "equal to a right answer, case, articles and punctuation aside"),
    _squad("f1", "overlap of words with a right answer"),
    MetricSpec("rouge", "rouge1, rouge2, rougeL, rougeLsum", GENERATION, _rouge, "TOKENIZER"),
    _sacrebleu("bleu", "BLEU in percent, by sacrebleu", "TOKENIZER (13a, zh, char, …)"),
    _sacrebleu("chrf", "chrF in percent, by sacrebleu"),
    _sacrebleu("chrf++", "chrF++ in percent, by sacrebleu"),
    _sacrebleu("ter", "translation edit rate in percent, by sacrebleu"),
    MetricSpec(
        "final_number", "accuracy of the number that an answer ends in", GENERATION, _final_number
    ),
    MetricSpec(
        "evaluate", "a metric of the evaluate library", GENERATION, _evaluate, "NAME_OR_PATH"
    ),
    _correct("accuracy"),
    _correct("acc"),
    _of_choices("acc_norm", "accuracy by log-probability per character", ("loglikelihood",)),
    _of_choices("acc_bytes", "accuracy by log-probability per byte", ("loglikelihood",)),
    _of_choices("ece", "expected calibration error"),
    _of_choices("brier", "squared error of the probabilities"),
    _of_classes("f1_macro", "mean F1 of the labels"),
    _of_classes("precision_macro", "mean precision of the labels"),
    _of_classes("recall_macro", "mean recall of the labels"),
    _of_classes("mcc", "Matthews' correlation coefficient"),
    _of_texts("word_perplexity", "perplexity per word"),
    _of_texts("byte_perplexity", "perplexity per byte"),
    _of_texts("bits_per_byte", "bits per byte"),
)
