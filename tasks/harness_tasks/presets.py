"""Benchmarks that need no code: their fields, templates, labels and metrics, and where they are.

Rows of the data sets' own files and of the hub are read alike (``authoring.readers``).
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.authoring.declaration import Declaration
from harness.types import HubDataset

CHOICES = ("acc", "acc_norm", "ece", "brier")
CLASSES = ("accuracy", "f1_macro", "mcc", "ece", "brier")
LETTERED = {
    "default": "Question: {{ question }}\n{{ options }}\nAnswer:",
    "plain": "Question: {{ question }}\nAnswer:",
}
"""Options shown with their letters, as MMLU asks; or each option's text after the question."""
LETTERED_METRICS = ("acc", "ece", "brier")


def _arc(part: str, description: str) -> Declaration:
    return Declaration(
        f"arc_{part.lower()}",
        "multiple_choice",
        metrics=CHOICES,
        description=description,
        hub=HubDataset("allenai/ai2_arc", f"ARC-{part}", split="test"),
        version="1",
    )


def _tweets(
    name: str, labels: tuple[str, ...], asked: str, description: str, metrics: tuple[str, ...]
) -> Declaration:
    """One of TweetEval's data sets; the metric of its leaderboard first."""
    return Declaration(
        f"tweet_{name}",
        "classification",
        {
            "default": f"Tweet: {{{{ text }}}}\n{asked}\nAnswer:",
            "label": "Tweet: {{ text }}\nLabel:",
        },
        metrics,
        description,
        choices=labels,
        hub=HubDataset("cardiffnlp/tweet_eval", name, split="test"),
        suites=("tweet_eval",),
        version="1",
    )


def _pair(
    name: str,
    description: str,
    columns: tuple[str, str],
    labels: tuple[str, ...],
    templates: Mapping[str, str],
    hub: HubDataset | None = None,
    label: str = "label",
) -> Declaration:
    """Two texts and what they are to each other; a classification head reads both together."""
    first, second = columns
    return Declaration(
        name,
        "classification",
        templates,
        CLASSES,
        description,
        choices=labels,
        columns={"text": first} | ({} if label == "label" else {"label": label}),
        pair=second,
        hub=hub,
        suites=("text_pairs",),
        version="1",
    )


NLI = ("entailment", "neutral", "contradiction")
NLI_TEMPLATES = {
    "default": "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nIs the hypothesis an "
    "entailment of the premise, a contradiction of it, or neutral?\nAnswer:"
}
RTE_TEMPLATES = {
    "default": "Premise: {{ sentence1 }}\nHypothesis: {{ sentence2 }}\nDoes the premise entail the "
    "hypothesis: entailment or not_entailment?\nAnswer:"
}
NO_YES = ("no", "yes")


def _same(first: str, second: str, what: str) -> dict[str, str]:
    return {
        "default": f"{what} 1: {{{{ {first} }}}}\n{what} 2: {{{{ {second} }}}}\n"
        "Do both mean the same: yes or no?\nAnswer:"
    }


SPECS = (
    _arc("Easy", "ARC-Easy: science questions of school, the easier ones"),
    _arc("Challenge", "ARC-Challenge: science questions of school, the harder ones"),
    Declaration(
        "mmlu",
        "multiple_choice",
        LETTERED,
        LETTERED_METRICS,
        "MMLU: questions of 57 subjects (--group-by subject)",
        hub=HubDataset("cais/mmlu", "all", split="test", shots="dev"),
        version="1",
    ),
    Declaration(
        "commonsense_qa",
        "multiple_choice",
        LETTERED,
        LETTERED_METRICS,
        "CommonsenseQA: questions of everyday knowledge with five options",
        hub=HubDataset("tau/commonsense_qa", split="validation"),
        version="1",
    ),
    _tweets(
        "sentiment",
        ("negative", "neutral", "positive"),
        "Is the sentiment of this tweet negative, neutral or positive?",
        "TweetEval: sentiment of a tweet, of three",
        ("recall_macro", "accuracy", "f1_macro", "ece", "brier"),
    ),
    _tweets(
        "emotion",
        ("anger", "joy", "optimism", "sadness"),
        "Which emotion does this tweet show: anger, joy, optimism or sadness?",
        "TweetEval: emotion of a tweet, of four",
        ("f1_macro", "accuracy", "mcc", "ece", "brier"),
    ),
    _tweets(
        "hate",
        NO_YES,
        "Is this tweet hateful towards women or immigrants: yes or no?",
        "TweetEval: is a tweet hateful",
        ("f1_macro", "accuracy", "mcc", "ece", "brier"),
    ),
    _tweets(
        "irony",
        NO_YES,
        "Is this tweet ironic: yes or no?",
        "TweetEval: is a tweet ironic",
        ("f1_macro", "accuracy", "mcc", "ece", "brier"),
    ),
    _tweets(
        "offensive",
        NO_YES,
        "Is this tweet offensive: yes or no?",
        "TweetEval: is a tweet offensive",
        ("f1_macro", "accuracy", "mcc", "ece", "brier"),
    ),
    _pair(
        "nli",
        "entailment between your own texts: premise, hypothesis, label",
        ("premise", "hypothesis"),
        NLI,
        NLI_TEMPLATES,
    ),
    _pair(
        "mnli",
        "MNLI, matched: does a premise entail a hypothesis",
        ("premise", "hypothesis"),
        NLI,
        NLI_TEMPLATES,
        HubDataset("nyu-mll/glue", "mnli", split="validation_matched"),
    ),
    _pair(
        "rte",
        "RTE: does a text entail a sentence",
        ("sentence1", "sentence2"),
        ("entailment", "not_entailment"),
        RTE_TEMPLATES,
        HubDataset("nyu-mll/glue", "rte"),
    ),
    _pair(
        "paraphrase",
        "do two of your own sentences mean the same: sentence1, sentence2, label (0 or 1)",
        ("sentence1", "sentence2"),
        NO_YES,
        _same("sentence1", "sentence2", "Sentence"),
    ),
    _pair(
        "mrpc",
        "MRPC: do two sentences of the news mean the same",
        ("sentence1", "sentence2"),
        NO_YES,
        _same("sentence1", "sentence2", "Sentence"),
        HubDataset("nyu-mll/glue", "mrpc"),
    ),
    _pair(
        "qqp",
        "QQP: do two questions ask the same",
        ("question1", "question2"),
        NO_YES,
        _same("question1", "question2", "Question"),
        HubDataset("nyu-mll/glue", "qqp"),
    ),
    _pair(
        "boolq",
        "BoolQ: a yes-or-no question about a passage",
        ("question", "passage"),
        NO_YES,
        {"default": "Passage: {{ passage }}\nQuestion: {{ question }}?\nAnswer (yes or no):"},
        HubDataset("google/boolq"),
        label="answer",
    ),
)
