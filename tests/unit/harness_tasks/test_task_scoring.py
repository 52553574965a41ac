"""What each task asks, in which words, and what it makes of the answers."""

import math

import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from harness.errors import UnknownNameError, UsageError
from harness.protocols import Task
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    ExtractAnswer,
    Generate,
    Loglikelihood,
    Logprob,
    Response,
    RollingLoglikelihood,
    Sample,
    Sampling,
    Score,
)
from support.shipped_tasks import CHOICE, FILM, QUESTION, SPECS, open_task

ELSEWHERE = {"chat", "humaneval"}
"""Tested in files of their own."""
GENERATE = frozenset({Generate})


ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
SACREBLEU = ("bleu", "chrf", "chrf++", "ter")
CALIBRATION = ("ece", "brier")
CLASSIFICATION = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "mcc", *CALIBRATION)
CHOICES = ("acc", "acc_norm", "acc_bytes", *CALIBRATION)
CONTRACT = {
    "squad": ("exact_match", "f1"),
    "squad_v2": ("exact_match", "f1", "hasans_exact_match", "hasans_f1", "noans_exact_match"),
    "qa": ("exact_match", "f1"),
    "xsum": ROUGE,
    "cnn_dailymail": ROUGE,
    "summarization": ROUGE,
    "translation": SACREBLEU,
    "multi30k_en_de": SACREBLEU,
    "wmt22_en_de": SACREBLEU,
    "sst2": CLASSIFICATION,
    "sentiment": CLASSIFICATION,
    "multiple_choice": CHOICES,
    "hellaswag": CHOICES,
    "gsm8k": ("accuracy", "unread"),
    "entities": ("f1", "precision", "recall", "partial_f1", "unread"),
    "perplexity": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
}


def logprobs(*totals: float) -> list[Response]:
    return [Logprob(total, 1, False) for total in totals]


@pytest.mark.parametrize("name", list(CONTRACT))
def test_the_metrics_have_the_names_gates_use(name: str) -> None:
    task = open_task(name)
    assert tuple(metric.name for metric in task.metrics) == CONTRACT[name]
    assert isinstance(task, Task)
    assert (task.name, task.version) == (name, "2")
    worse_when_higher = {"ter", "ece", "brier", "unread", *CONTRACT["perplexity"]}
    for metric in task.metrics:
        assert metric.higher_is_better is (metric.name not in worse_when_higher)


def test_every_task_is_under_contract() -> None:
    assert set(CONTRACT) == set(SPECS) - ELSEWHERE


# --------------------------------------------------------------------------- what is asked


def test_generation_is_cut_where_the_task_says() -> None:
    def sampling(task: Task, sample: Sample) -> Sampling:
        (request,) = task.requests(sample, [])
        assert isinstance(request, Generate)
        return request.sampling

    article = Sample("1", "Rain.", ("Wet.",))
    assert sampling(open_task("squad"), QUESTION) == Sampling(64, ("\n",))
    assert sampling(open_task("xsum"), article) == Sampling(64, ("###",))
    assert sampling(open_task("cnn_dailymail"), article) == Sampling(128, ("###",))
    assert sampling(open_task("translation"), article) == Sampling(256, ("\n",))
    assert sampling(open_task("squad", max_tokens="9"), QUESTION).max_tokens == 9
    with pytest.raises(UsageError, match="max_tokens is 'none', expected a whole number"):
        open_task("squad", max_tokens="none")


def test_choices_are_continuations() -> None:
    assert open_task("multiple_choice").requests(CHOICE, []) == [
        Loglikelihood("Question: 2 + 2?\nAnswer:", " three"),
        Loglikelihood("Question: 2 + 2?\nAnswer:", " four"),
    ]
    lettered = open_task("multiple_choice", template="lettered").requests(CHOICE, [])
    assert [r.continuation for r in lettered if isinstance(r, Loglikelihood)] == [" A", " B"]


def test_sentiment_follows_the_backend() -> None:
    (classify,) = open_task("sst2", frozenset({Classify})).requests(FILM, [])
    assert classify == Classify("fine film", ("negative", "positive"))
    continuations = [
        request.continuation
        for request in open_task("sst2", frozenset({Loglikelihood, Classify})).requests(FILM, [])
        if isinstance(request, Loglikelihood)
    ]
    assert continuations == [" negative", " positive"]
    (generate,) = open_task("sst2", GENERATE).requests(FILM, [])
    assert isinstance(generate, Generate)


@pytest.mark.parametrize(("name", "answerable"), [("squad", True), ("squad_v2", False)])
def test_extractive_models_are_given_question_and_passage(name: str, answerable: bool) -> None:
    task = open_task(name, frozenset({ExtractAnswer}))
    context = str(QUESTION.metadata["context"])
    assert task.requests(QUESTION, [QUESTION]) == [
        ExtractAnswer(QUESTION.input, context, answerable)
    ]
    scores = task.score(QUESTION, [Completion(QUESTION.targets[0])])
    assert scores["exact_match"] == 1.0
    assert task.settings["scoring"] == "extract"
    (generate,) = open_task(name, frozenset({Generate, ExtractAnswer})).requests(QUESTION, [])
    assert isinstance(generate, Generate)


def test_perplexity_takes_the_text_alone() -> None:
    task = open_task("perplexity")
    assert task.requests(Sample("1", "some text"), [FILM]) == [RollingLoglikelihood("some text")]


# --------------------------------------------------------------------------- scores


def test_question_answering_scores() -> None:
    task = open_task("squad")
    assert task.score(QUESTION, [Completion("the Ann B")]) == {"exact_match": 1.0, "f1": 1.0}


def test_choice_scores_by_loglikelihood() -> None:
    task = open_task("multiple_choice")
    values = task.score(CHOICE, logprobs(math.log(0.2), math.log(0.6)))
    assert {name: values[name] for name in ("acc", "acc_norm", "acc_bytes")} == {
        "acc": 1.0,
        "acc_norm": 1.0,
        "acc_bytes": 1.0,
    }
    assert values["brier"] == pytest.approx(2 * 0.25**2)


def test_reordered_choices_keep_their_truth() -> None:
    task = open_task("multiple_choice")
    turned = Sample("1", "2 + 2?", ("four",), ("four", "three"))
    assert task.score(turned, logprobs(-1.0, -2.0))["acc"] == 1
    assert task.score(CHOICE, logprobs(-1.0, -2.0))["acc"] == 0


@pytest.mark.parametrize(
    ("answer", "acc"),
    [("B", 1.0), ("The answer is (A).", 0.0), ("four", 1.0), ("It is three.", 0.0)],
)
def test_choice_scores_from_text(answer: str, acc: float) -> None:
    task = open_task("multiple_choice", GENERATE)
    assert [metric.name for metric in task.metrics] == ["acc", "unread"]
    assert task.score(CHOICE, [Completion(answer)]) == {"acc": acc, "unread": 0.0}


@pytest.mark.parametrize(
    "answer",
    [
        Completion("no idea"),
        Completion("", "length", None, None, "Is it four?"),  # cut off in its thinking
    ],
)
def test_an_answer_that_names_no_choice_is_wrong(answer: Completion) -> None:
    choice = open_task("multiple_choice", GENERATE)
    assert choice.score(CHOICE, [answer]) == {"acc": 0.0, "unread": 1.0}
    sentiment = open_task("sst2", GENERATE)
    values = sentiment.score(FILM, [answer])
    assert set(values) == {metric.name for metric in sentiment.metrics}
    assert (values["accuracy"], values["unread"]) == (0.0, 1.0)


def test_unread_answers_are_a_wrong_class_of_their_own() -> None:
    task = open_task("sst2", GENERATE)
    truth = ["negative", "positive", "positive", "negative", "positive", "negative"]
    said = ["negative", "positive", "hm", "positive", "positive", "well"]
    rows: dict[str, list[Score]] = {metric.name: [] for metric in task.metrics}
    for number, (label, text) in enumerate(zip(truth, said, strict=True)):
        sample = Sample(str(number), "A film.", (label,))
        for name, value in task.score(sample, [Completion(text)]).items():
            rows[name].append(Score(sample.id, name, value))
    got = {metric.name: metric.aggregate(rows[metric.name]).value for metric in task.metrics}
    assert got["accuracy"] == pytest.approx(accuracy_score(truth, said))
    assert got["unread"] == pytest.approx(2 / 6)
    expected = f1_score(truth, said, labels=["negative", "positive"], average="macro")
    assert got["f1_macro"] == pytest.approx(expected)
    named = [text if text in truth else "unread" for text in said]
    assert got["mcc"] == pytest.approx(matthews_corrcoef(truth, named))


def test_an_answer_that_was_cut_off_is_no_unanswerable() -> None:
    task = open_task("squad_v2", GENERATE)
    sample = Sample("1", "Why?", metadata={"context": "Because.", "title": ""})
    empty = task.score(sample, [Completion("")])
    cut_off = task.score(sample, [Completion("", "length", None, None, "Let me see")])
    assert (empty["noans_exact_match"], cut_off["noans_exact_match"]) == (1.0, 0.0)
    assert cut_off["f1"] == 0.0


def test_without_letters_a_letter_is_no_answer() -> None:
    task = open_task("multiple_choice", GENERATE, template="default")
    assert task.score(CHOICE, [Completion("B")]) == {"acc": 0.0, "unread": 1.0}
    assert task.score(CHOICE, [Completion("Four!")]) == {"acc": 1.0, "unread": 0.0}


@pytest.mark.parametrize(
    ("supports", "responses", "correct"),
    [
        (Loglikelihood, logprobs(-2.0, -1.0), 1.0),
        (Loglikelihood, logprobs(-1.0, -1.0), 0.0),
        (Classify, [ClassProbs((0.1, 0.9))], 1.0),
        (Classify, [ClassProbs((0.9, 0.1))], 0.0),
        (Generate, [Completion(" Positive.")], 1.0),
        (Generate, [Completion("clearly negative")], 0.0),
    ],
)
def test_sentiment_scores(supports: type, responses: list[Response], correct: float) -> None:
    values = open_task("sst2", frozenset({supports})).score(FILM, responses)
    assert values["accuracy"] == correct
    assert values["mcc"] == (1.0, correct, 2.0)  # the true class, the chosen one, of two


@pytest.mark.parametrize(
    ("supports", "responses"),
    [
        (Loglikelihood, logprobs(math.log(0.1), math.log(0.3))),
        (Classify, [ClassProbs((0.25, 0.75))]),
    ],
)
def test_sentiment_is_calibrated_where_there_are_probabilities(
    supports: type, responses: list[Response]
) -> None:
    values = open_task("sst2", frozenset({supports})).score(FILM, responses)
    assert values["brier"] == pytest.approx(0.25**2 + 0.25**2)
    assert values["ece"] == pytest.approx((0.75, 1.0))
    generated = open_task("sst2", GENERATE)
    assert not {"ece", "brier"} & {metric.name for metric in generated.metrics}


def test_perplexity_scores() -> None:
    values = open_task("perplexity").score(Sample("1", "two words"), logprobs(-4.0))
    assert values["word_perplexity"] == (-4.0, 2.0)
    assert values["bits_per_byte"] == (-4.0, 9.0)


@pytest.mark.parametrize("labels", ["one", "a,a"])
def test_labels_must_be_two_different_ones(labels: str) -> None:
    with pytest.raises(UsageError, match=f"labels is '{labels}': "):
        open_task("sentiment", labels=labels)


def test_the_tokenizer_follows_the_target_language() -> None:
    chinese = open_task("translation", target_language="Chinese").metrics[0]
    chinese_task = open_task("translation", target_language="Chinese")
    chinese_task.score(Sample("1", "dog", ("狗",)), [Completion("狗")])
    assert "tok:zh" in getattr(chinese_task.metrics[0], "signature", "")
    assert chinese.name == "bleu"
    with pytest.raises(UnknownNameError, match=r"unknown translation\.tokenize '14a'"):
        open_task("translation", tokenize="14a")


@pytest.mark.parametrize("name", list(CONTRACT))
def test_settings_are_plain_words(name: str) -> None:
    settings = getattr(open_task(name), "settings", {})
    assert "scoring" in settings
    assert all(isinstance(value, str) for value in settings.values())


# --------------------------------------------------------------------------- word problems


def test_a_word_problem_is_asked_with_solved_ones_and_graded_by_its_last_number() -> None:
    task = open_task("gsm8k")
    sample = Sample("1", "Six dozen?", ("72",))
    shot = Sample("2", "Two pairs?", ("4",), metadata={"solution": "2 * 2 = 4\n#### 4"})
    bare = Sample("3", "A trio?", ("3",))
    (request,) = task.requests(sample, [shot, bare])
    assert isinstance(request, Generate)
    assert request.prompt == (
        "Question: Two pairs?\nAnswer: 2 * 2 = 4\n#### 4\n\n"
        "Question: A trio?\nAnswer: #### 3\n\nQuestion: Six dozen?\nAnswer:"
    )
    assert request.sampling.stop == ("\nQuestion:",)
    answers = {
        "6 * 12 = 72\n#### 72": (1, 0),
        "**$72.00**": (1, 0),
        "The answer is 73.": (0, 0),
        "Many.": (0, 1),
        "": (0, 1),
    }
    for text, (accuracy, unread) in answers.items():
        got = task.score(sample, [Completion(text)])
        assert got == {"accuracy": accuracy, "unread": unread}, text
