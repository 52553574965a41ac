"""Their documents as our samples, and a probe's variant back as a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from harness.errors import DataError, UnknownNameError
from harness.types import Sample
from harness_lm_eval.asking import Variant

_LIKELY = (
    "question", "query", "input", "sentence", "text", "premise", "prompt", "problem", "goal",
    "passage", "context", "document", "article", "story", "source",
)  # fmt: skip
"""Fields that hold what is asked, the likelier ones first."""
_LOOKED_AT = 8


class Reader:
    """Makes samples of the documents of one task object.

    Args:
        name: What users call the task.
        made: Theirs.
        field: The field that probes may change; None finds one.

    Raises:
        UnknownNameError: The documents have no such field.
    """

    def __init__(self, name: str, made: Any, field: str | None) -> None:
        self._name = name
        self._made = made
        self._field = field
        self._looked = False
        self._without_gold = 0
        self._count = 0

    @property
    def told(self) -> str:
        """What ``Sample.input`` is, in words."""
        return f"field {self._field!r}" if self._field else "the question as the template puts it"

    def sample(self, identifier: str, docs: Sequence[Any], place: int) -> Sample:
        """The sample of a document.

        Args:
            identifier: Its id.
            docs: All documents.
            place: Which of them.
        """
        if not self._looked:
            self._look(docs[:_LOOKED_AT])
        doc = docs[place]
        choices = self._choices(doc)
        self._count += 1
        fields = doc if isinstance(doc, Mapping) else {}
        return Sample(
            identifier,
            self._input(doc),
            self._targets(doc, choices),
            choices,
            metadata={
                key: value
                for key, value in fields.items()
                if isinstance(key, str) and _is_json(value)
            },
        )

    def variant(self, sample: Sample, doc: Any) -> Variant | None:
        """What a probe made of the document; None where it changed nothing."""
        if sample.input == self._input(doc):
            return None
        if self._field is not None and isinstance(doc, Mapping):
            return Variant(sample.input, {**doc, self._field: sample.input}, None)
        changed = dict(doc) if isinstance(doc, Mapping) else doc
        return Variant(sample.input, changed, sample.input)

    def check_gold(self) -> None:
        """Refuses a data set none of whose documents has an answer.

        Raises:
            DataError: It is one.
        """
        if self._count and self._without_gold == self._count:
            raise DataError(
                f"{self._name}: none of its {self._count:,} documents has an answer among its "
                "choices, as in a test part whose labels are kept secret",
                expected="labelled documents, such as those of another part: "
                f"--data {self._name}=FILE",
            )

    def remarks(self) -> Iterable[str]:
        """A note on documents without an answer, which lm_eval counts as wrong."""
        if self._without_gold:
            yield (
                f"{self._without_gold:,} of {self._count:,} documents have no answer among their "
                "choices; lm_eval counts them as wrong"
            )

    # ---- parts

    def _look(self, docs: Sequence[Any]) -> None:
        """Finds the field whose text stands in every prompt looked at."""
        self._looked = True
        rows = [doc for doc in docs if isinstance(doc, Mapping)]
        if self._field is not None:
            if not all(isinstance(row.get(self._field), str) for row in rows) or not rows:
                known = [key for row in rows for key, text in row.items() if isinstance(text, str)]
                raise UnknownNameError(
                    f"text field of the documents of {self._name}", self._field, {*known}
                )
            return
        texts = [self._text(doc) for doc in docs]
        fields = list(dict.fromkeys(key for row in rows for key in row))
        found = [
            field
            for field in fields
            if len(rows) == len(docs)
            and all(
                isinstance(text := row.get(field), str) and text.strip() and text in whole
                for row, whole in zip(rows, texts, strict=True)
            )
        ]
        likely = [field for field in _LIKELY if field in found]
        self._field = next(iter([*likely, *found]), None)

    def _input(self, doc: Any) -> str:
        if self._field is not None and isinstance(doc, Mapping):
            text = doc.get(self._field)
            if isinstance(text, str):
                return text
        return self._text(doc)

    def _text(self, doc: Any) -> str:
        """The question as the template puts it; of a text that is scored whole, that text."""
        text = self._made.doc_to_text(doc)
        if self._made.OUTPUT_TYPE == "loglikelihood_rolling" or text == "":
            target = self._made.doc_to_target(doc)
            return target if isinstance(target, str) else str(text)
        if isinstance(text, str):
            return text
        return "\n".join(self._choices(doc))  # the choices are contexts, and the text is a number

    def _choices(self, doc: Any) -> tuple[str, ...]:
        if getattr(self._made.config, "doc_to_choice", None) is None:
            return ()
        return tuple(map(str, self._made.doc_to_choice(doc)))

    def _targets(self, doc: Any, choices: Sequence[str]) -> tuple[str, ...]:
        gold: Any = None
        with suppress(Exception):  # a definition that only scores by code may have none
            inverted = getattr(self._made, "multiple_input", 0)
            gold = self._made.doc_to_text(doc) if inverted else self._made.doc_to_target(doc)
        listed = gold if isinstance(gold, list | tuple) else [gold]
        if not choices:
            return tuple(str(each) for each in listed if each is not None)
        right = [choices[each] for each in listed
                 if isinstance(each, int) and 0 <= each < len(choices)]  # fmt: skip
        right += [each for each in listed if isinstance(each, str) and each in choices]
        if not right and not callable(self._made.config.process_results):
            self._without_gold += 1
        return tuple(right)


def _is_json(value: Any) -> bool:
    if value is None or isinstance(value, str | bool | int | float):
        return True
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return isinstance(value, dict) and all(
        isinstance(key, str) and _is_json(each) for key, each in value.items()
    )
