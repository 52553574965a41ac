"""The options of the tasks, as pydantic models.

They are imported when a task is opened or listed: pydantic is slow to import, and tasks are
registered at each start.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field


def _length(default: int, what: str = "longest generated answer in tokens") -> Any:
    return Field(default, ge=1, description=what)


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("one of them is there twice")
    return names


def _several(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) < 2:
        raise ValueError("there must be at least two")
    return names


Names = Annotated[tuple[str, ...], AfterValidator(_different)]
Labels = Annotated[Names, AfterValidator(_several)]


class _Texts(BaseModel):
    """What every task takes whose answers are texts."""

    metrics: str = Field(
        "", description="further metrics: evaluate:NAME_OR_PATH, separated by commas"
    )


class Gsm8k(_Texts):
    """Word problems."""

    max_tokens: int = _length(512, "longest solution in tokens")


class Questions(_Texts):
    """Questions about passages."""

    scoring: Literal["generate", "extract"] | None = Field(
        None,
        description="generate, or extract (a span of the passage, by a question-answering head)",
    )
    max_tokens: int = _length(64)
    language: Literal["auto", "en", "es", "de", "vi", "ar", "zh", "hi", "other"] = Field(
        "auto",
        description="whose articles are dropped and how words are split; auto goes by the script "
        "of each question (Latin letters: en)",
    )


class MultipleChoice(_Texts):
    """Questions with options."""

    scoring: Literal["loglikelihood", "generate"] | None = Field(
        None,
        description="loglikelihood of the choices, or generate and read the choice from the text",
    )
    max_tokens: int = _length(32)


class Hellaswag(MultipleChoice):
    """HellaSwag."""

    split: Literal["dev", "test"] = Field("dev", description="part of the file with both")


class Sst2(_Texts):
    """SST-2."""

    scoring: Literal["loglikelihood", "classify", "generate"] | None = Field(
        None,
        description="loglikelihood of the labels, classify (a classification head) or generate",
    )
    label_map: str | None = Field(
        None, description="what the data's labels mean: VALUE:LABEL, separated by commas"
    )
    max_tokens: int = _length(16)


class Sentiment(Sst2):
    """Texts with labels of one's own."""

    labels: Labels = Field(("negative", "positive"), description="the labels")


class Summary(_Texts):
    """Summaries of a sentence."""

    max_tokens: int = _length(64, "longest summary in tokens")
    tokenizer: Literal["auto", "unicode", "rouge-score"] = Field(
        "auto",
        description="ROUGE's words: rouge-score (a to z alone), unicode (any script), or auto "
        "(rouge-score for references in Latin letters, else unicode)",
    )
    split: Literal["lines", "sentences"] = Field(
        "lines", description="rougeLsum's sentences: lines, or sentences (full stops end one too)"
    )


class LongSummary(Summary):
    """Summaries of several sentences."""

    max_tokens: int = _length(128, "longest summary in tokens")


Tokenizer = Literal[
    "13a", "char", "flores101", "flores200", "intl", "ja-mecab", "ko-mecab", "none", "spm", "zh"
]


class Translation(_Texts):
    """Translations."""

    source_language: str = Field("English", description="language to translate from")
    target_language: str = Field("German", description="language to translate into")
    tokenize: Tokenizer | None = Field(
        None,
        description="BLEU's tokenizer; without it that of the language: zh, ja-mecab, ko-mecab, "
        "char for others without blanks, else 13a",
    )
    max_tokens: int = _length(256, "longest translation in tokens")


class Entities(BaseModel):
    """Named entities."""

    types: Names = Field(
        (),
        description="the types of entities, each of which then has an F1 of its own; without it "
        "those of the data",
    )
    tag_names: Names = Field(
        (),
        description="the tags that numbers in the data stand for, from 0: O,B-person,I-person,…",
    )
    max_tokens: int = _length(512, "longest answer in tokens")
    scoring: Literal["generate", "tag"] | None = Field(
        None,
        description="generate (a text that lists the entities) or tag (a token-classification "
        "head); without it what the model does",
    )


class Conversations(BaseModel):
    """Conversations of several turns."""

    max_tokens: int = _length(256, "longest answer of a turn in tokens")
    style: Literal["messages", "text"] = Field(
        "messages",
        description="messages, by the model's chat template, or text (User: … Assistant: …)",
    )


class Programs(BaseModel):
    """Functions to complete."""

    max_tokens: int = _length(512, "longest program in tokens")
    seconds: int = Field(5, ge=1, description="how long a program may run")
