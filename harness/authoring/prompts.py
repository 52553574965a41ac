"""A task's prompt: a template, solved examples before it, or a row's own prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.authoring.chat import prompt_templates as templates
from harness.errors import DataError
from harness.protocols import TaskOptions
from harness.types import Message, Sample


@dataclass(frozen=True, slots=True)
class Prompt:
    """How a sample becomes the text that the model is given.

    Attributes:
        name: The template's name, as reports show it.
        source: Its Jinja2 source.
        input_name: The task's word for ``Sample.input`` in the template.
        answer: The answer that a solved example shows.
        more: Further variables of a sample.
        delimiter: Between a solved example and its answer.
        separator: After each solved example.
        also: Further words for ``Sample.input``: the names of the column that it comes from.
    """

    name: str
    source: str
    input_name: str
    answer: Callable[[Sample], str]
    more: Callable[[Sample], Mapping[str, object]] | None = None
    delimiter: str = " "
    separator: str = "\n\n"
    also: tuple[str, ...] = ()

    def __call__(self, sample: Sample, shots: Sequence[Sample] = ()) -> str:
        """The prompt; a row's own ``prompt`` is taken as it is, without examples.

        Raises:
            ConfigError: The template cannot be filled.
            DataError: A probe changed the input, and the row's own prompt does not contain it.
        """
        if "prompt" in sample.metadata:
            return _own_prompt(sample)
        solved = self._solved(sample, shots)
        return templates.with_shots(self._render(sample), solved, self.delimiter, self.separator)

    def turns(self, sample: Sample, shots: Sequence[Sample] = ()) -> tuple[Message, ...]:
        """The prompt as a conversation: each solved example a question and an answer of its own.

        Raises:
            ConfigError: The template cannot be filled.
            DataError: A probe changed the input, and the row's own prompt does not contain it.
        """
        if "prompt" in sample.metadata:
            return (Message("user", _own_prompt(sample)),)
        solved = self._solved(sample, shots)
        pairs = [(Message("user", text), Message("assistant", answer)) for text, answer in solved]
        shown = (message for pair in pairs for message in pair)
        return (*shown, Message("user", self._render(sample)))

    def alike(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Sample]:  # noqa: ARG002
        """The solved examples as they are shown before ``sample``."""
        return shots

    def _solved(self, sample: Sample, shots: Sequence[Sample]) -> list[tuple[str, str]]:
        return [(self._render(shot), self.answer(shot)) for shot in self.alike(sample, shots)]

    def _render(self, sample: Sample) -> str:
        variables = templates.variables(sample, self.input_name)
        variables.update(dict.fromkeys(self.also, sample.input))
        if self.more is not None:
            variables.update(self.more(sample))
        return templates.render(self.source, variables)


def choose(
    known: Mapping[str, str], options: TaskOptions, default: str | None = None
) -> tuple[str, str]:
    """The (name, source) of the template the user asked for, else ``default``, else the first."""
    return templates.choose(known, options.templates, options.values.get("template", default))


def _own_prompt(sample: Sample) -> str:
    """The row's prompt, with the input that a probe may have changed put in its place."""
    prompt, original = str(sample.metadata["prompt"]), str(sample.metadata["prompt_input"])
    if sample.input == original:
        return prompt
    if original not in prompt:
        raise DataError(
            f"the prompt of sample {sample.id!r} does not contain its input {original[:60]!r}, "
            "so a probe cannot change it",
            expected="a prompt with the input in it, or no 'prompt' field",
        )
    before, after = prompt.rsplit(original, 1)
    return before + sample.input + after
