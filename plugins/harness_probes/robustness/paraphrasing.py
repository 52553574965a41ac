"""Having a model paraphrase samples, and keeping what still asks the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.protocols import AskModel
from harness.types import Completion, Generate, Response, Sample, Sampling, Skipped
from harness_probes.text import mention

PROMPT = (
    "Rewrite the text in other words. Keep its meaning and tone, and every name and number. "
    "Answer with the new text alone.\n\nText: {text}\nNew text:"
)

_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_NAME = re.compile(r"(?<=[\w,;:)’'\"”] )[\"'“‘(]?(?!I\b)([A-Z]\w*(?:-\w+)*)")
"""A capital inside a sentence."""

_QUOTES = ('""', "''", "“”", "‘’", "``")


@dataclass(frozen=True, slots=True)
class Writer:
    """A model that paraphrases.

    Attributes:
        model: As for ``--model``.
        settings: As for ``--set KEY=VALUE``.
        prompt: What it is asked, ``{text}`` being the text.
        count: Paraphrases of each sample; the first is greedy, the others are drawn.
        temperature: Of the drawn ones, above 0.
        max_tokens: Of one paraphrase.
        seed: Of the drawn ones.
    """

    model: str
    settings: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    count: int = 1
    temperature: float = 0.8
    max_tokens: int = 256
    seed: int = 0

    def write(
        self, samples: Sequence[Sample], ask: AskModel
    ) -> tuple[dict[str, tuple[str | Skipped, ...]], str]:
        """Sample id → paraphrases, or why there is none; and the model's fingerprint."""
        texts = [sample for sample in samples if sample.input.strip()]
        requests = [(sample.id, each) for sample in texts for each in self._requests(sample)]
        answers = ask(self.model, self.settings, requests)
        found = {}
        for place, sample in enumerate(texts):
            first = place * self.count
            found[sample.id] = _kept(sample, answers.responses[first : first + self.count])
        return found, answers.fingerprint

    def _requests(self, sample: Sample) -> list[Generate]:
        prompt = self.prompt.replace("{text}", sample.input)
        # A text of one line ends with it; models go on to explain themselves.
        stop = () if "\n" in sample.input.strip() else ("\n",)
        greedy = Sampling(self.max_tokens, stop)
        drawn = [
            Sampling(self.max_tokens, stop, self.temperature, seed=self.seed + number)
            for number in range(1, self.count)
        ]
        return [Generate(prompt, sampling) for sampling in (greedy, *drawn)]


def _kept(sample: Sample, responses: Sequence[Response | None]) -> tuple[str | Skipped, ...]:
    kept: list[str | Skipped] = []
    for response in responses:
        if response is None:
            kept.append(Skipped("not paraphrased yet"))
            continue
        if not isinstance(response, Completion):
            kept.append(Skipped("the paraphrasing model gave no answer"))
            continue
        text = _bare(response.text)
        reason = unfit(sample, text)
        if reason is None and response.finish_reason == "length":
            reason = "paraphrase cut off"
        if reason is None and any(_folded(text) == _folded(str(other)) for other in kept):
            reason = "paraphrase given before"
        kept.append(text if reason is None else Skipped(reason))
    return tuple(kept)


def _bare(text: str) -> str:
    """The text without blanks and one pair of quotation marks around it."""
    text = text.strip()
    if len(text) > 1 and text[0] + text[-1] in _QUOTES:
        return text[1:-1].strip()
    return text


def unfit(sample: Sample, text: str) -> str | None:
    """Why a paraphrase may not stand for the sample's input; None where it may.

    It must differ in more than case and white space, keep every number and every name (a capital
    inside a sentence), and mention the same answers and options as the input does.
    """
    if not text:
        return "paraphrase empty"
    if _folded(text) == _folded(sample.input):
        return "paraphrase identical"
    if set(_NUMBER.findall(sample.input)) - set(_NUMBER.findall(text)):
        return "paraphrase drops a number"
    if any(not mention(name).search(text) for name in _NAME.findall(sample.input)):
        return "paraphrase drops a name"
    answers = [answer.strip() for answer in (*sample.targets, *sample.choices) if answer.strip()]
    if any(
        bool(mention(each).search(text)) != bool(mention(each).search(sample.input))
        for each in answers
    ):
        return "paraphrase drops or adds an answer"
    return None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
