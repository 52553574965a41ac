"""Tasks whose answer is one of some options: by log-likelihood, by a classifier, or in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.authoring.answers import choices
from harness.authoring.generation import completion
from harness.authoring.grading import Grader, grade_all, metrics_of
from harness.authoring.metrics import UNREAD
from harness.authoring.prompts import Prompt
from harness.authoring.tasks import ComposedTask
from harness.protocols import TaskAnswers, TaskOptions
from harness.types import (
    Classify,
    ClassProbs,
    DataSource,
    Generate,
    Request,
    Response,
    Sample,
    Sampling,
    ScoreValue,
)
from harness.types import Prompt as PromptValue

SCORINGS = ("loglikelihood", "classify", "generate")
"""The ways in which such a task may ask."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a model chose.

    Attributes:
        index: The place of the option from 0, the first of equally likely ones; None where a
            generated answer names none, which is wrong.
        options: The options' texts.
        right: The place of the right one.
        names: What stands for each option in an answer: its letter or its text.
        totals: Log-probability of each name in nats; empty where none was asked for.
        probabilities: Of each option, summing to 1; empty where the answer is generated text.
        answer: The generated text; empty where there is none.
    """

    index: int | None
    options: Sequence[str]
    right: int
    names: Sequence[str] = ()
    totals: Sequence[float] = ()
    probabilities: Sequence[float] = ()
    answer: str = ""

    @property
    def correct(self) -> float:
        """1 where the right option was chosen, else 0."""
        return float(self.index == self.right)

    @property
    def text(self) -> str:
        """The option that was chosen; where none was, the generated text."""
        return self.answer if self.index is None else self.options[self.index]


@dataclass(frozen=True, slots=True)
class Asking:
    """How options are asked about, and how answers are read.

    Attributes:
        scoring: One of ``SCORINGS``.
        prompt: The prompt; its template may show the options with their letters.
        sampling: How a generated answer is decoded.
        labels: The options of every sample; empty where each sample has ``choices`` of its own.
        lettered: Whether the letter of an option stands for it in an answer.
        also: Option → further texts that name it in a generated answer.
        pair: The name, in a sample's metadata, of the second text that a classification head reads
            with its input; empty where there is one text.
    """

    scoring: str
    prompt: Prompt
    sampling: Sampling
    labels: tuple[str, ...] = ()
    lettered: bool = False
    also: Callable[[Sample], Mapping[str, Sequence[str]]] = lambda _: {}
    pair: str = ""

    def options(self, sample: Sample) -> Sequence[str]:
        """The options of a sample."""
        return self.labels or sample.choices

    def names(self, sample: Sample) -> Sequence[str]:
        """What stands for each of them in an answer."""
        options = self.options(sample)
        return choices.LETTERS[: len(options)] if self.lettered else options

    def requests(self, sample: Sample, shots: Sequence[Sample] = ()) -> Sequence[Request]:
        """One request an option, or one classification, or one text to generate."""
        if self.scoring == "classify":
            second = str(sample.metadata[self.pair]) if self.pair else None
            return [Classify(sample.input, tuple(self.options(sample)), second)]
        return self._requests(sample, self.prompt(sample, shots))

    def requests_in_turns(self, sample: Sample, shots: Sequence[Sample] = ()) -> Sequence[Request]:
        """As ``requests``, with the solved examples as turns of a conversation."""
        if self.scoring == "classify":
            return self.requests(sample, shots)
        return self._requests(sample, self.prompt.turns(sample, shots))

    def _requests(self, sample: Sample, prompt: PromptValue) -> Sequence[Request]:
        if self.scoring == "loglikelihood":
            return choices.loglikelihoods(prompt, self.names(sample))
        return [Generate(prompt, self.sampling)]

    def choice(self, sample: Sample, responses: Sequence[Response]) -> Choice:
        """What the responses to ``requests`` choose."""
        options, names = self.options(sample), self.names(sample)
        right = options.index(sample.targets[0])
        if self.scoring == "generate":
            answer, also = completion(responses), self.also(sample)
            known = [[option, *also.get(option, ())] for option in options]
            index = choices.read(answer, known, self.lettered)
            return Choice(index, options, right, names, answer=answer)
        if isinstance(responses[0], ClassProbs):
            chances = responses[0].probabilities
            return Choice(choices.best(chances), options, right, names, probabilities=chances)
        totals = choices.totals(responses)
        return Choice(choices.best(totals), options, right, names, totals, choices.softmax(totals))


def asking_for(
    chosen: TaskOptions,
    known: Mapping[str, str],
    input_name: str,
    *,
    scoring: str,
    default: str | None = None,
    max_tokens: int = 32,
    stop: Sequence[str] | None = None,
    labels: tuple[str, ...] = (),
    also: Callable[[Sample], Mapping[str, Sequence[str]]] = lambda _: {},
    words: tuple[str, ...] = (),
    pair: str = "",
) -> Asking:
    """How the user wants a task asked.

    A template that shows the ``options`` is answered by letter, any other by the option's text.

    Args:
        chosen: The user's options: ``template`` and ``max_tokens``.
        known: The task's templates, name → Jinja2 source. A template sees ``labels``, and the
            ``options`` a line each after their letters.
        input_name: The task's word for ``Sample.input`` in a template.
        scoring: One of ``SCORINGS``.
        default: The template to use where the user names none; None: the first.
        max_tokens: Of a generated answer, where the user does not say.
        stop: Where a generated answer ends; None: where the template begins again.
        labels: See ``Asking``.
        also: See ``Asking``.
        words: Further words for ``Sample.input`` in a template.
        pair: See ``Asking``.

    Raises:
        HarnessError: An option is malformed.
    """
    from harness.authoring import options, prompts

    template, source = prompts.choose(known, chosen, default)
    lettered = choices.shows_options(source)

    def variables(sample: Sample) -> Mapping[str, object]:
        listed = labels or sample.choices
        fixed = {"labels": labels} if labels else {}
        return {**fixed, "options": choices.lettered(listed)}

    def solved(sample: Sample) -> str:
        listed = labels or sample.choices
        right = listed.index(sample.targets[0])
        return choices.LETTERS[right] if lettered else listed[right]

    sampling = Sampling(
        max_tokens=options.integer(chosen, "max_tokens", max_tokens),
        stop=choices.next_question(source) if stop is None else tuple(stop),
    )
    prompt = Prompt(template, source, input_name, solved, variables, also=words)
    return Asking(scoring, prompt, sampling, labels, lettered, also, pair)


def task(
    name: str,
    reader: Callable[[DataSource], Iterable[Sample]],
    asking: Asking,
    graders: Sequence[Grader[Choice]],
    texts: Sequence[Grader[str]] = (),
    *,
    settings: Mapping[str, str],
    version: str = "1",
    decisive: Collection[str] | None = None,
    without_hub: str = "",
) -> ComposedTask:
    """A task that has a model choose among options.

    A generated answer that names none of them is wrong, and ``unread`` counts it.

    Args:
        name: What users call it.
        reader: Streams the samples of a data source, each with the right option as target.
        asking: How they are asked about.
        graders: What is computed of the choice.
        texts: What is computed of the text of the chosen option.
        settings: How the model is asked, in words; ``settings_of`` gives the usual ones.
        version: Changes whenever a score could.
        decisive: Settings that decide what a score means; None: all of them.
        without_hub: See ``ComposedTask``.
    """
    generated = asking.scoring == "generate"

    def grade(sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        choice = asking.choice(sample, responses)
        unread = {UNREAD.name: float(choice.index is None)} if generated else {}
        texts_of = grade_all(texts, choice.text, sample)
        return {**grade_all(graders, choice, sample), **unread, **texts_of}

    return ComposedTask(
        name=name,
        metrics=(*metrics_of(graders), *([UNREAD] if generated else []), *metrics_of(texts)),
        settings=settings,
        reader=reader,
        ask=asking.requests,
        ask_in_turns=asking.requests_in_turns,
        grade=grade,
        version=version,
        decisive=decisive,
        without_hub=without_hub,
        answers=TaskAnswers(
            "classification" if asking.labels else "multiple_choice",
            asking.choice,
            asking.scoring,
            lambda sample, responses: asking.choice(sample, responses).text,
        ),
    )


def settings_of(
    asking: Asking, given_by: str = "choice given by", read: str = "the option that the text names"
) -> dict[str, str]:
    """How the model is asked, in words.

    Args:
        asking: How it is.
        given_by: The key that says whether the letter or the text of an option is the answer.
        read: What a generated answer is taken for.
    """
    how = {"scoring": asking.scoring}
    if asking.labels:
        how["labels"] = ", ".join(asking.labels)
    if asking.scoring == "classify":
        return how
    how["template"] = asking.prompt.name
    if not asking.labels or asking.lettered:
        how[given_by] = "its letter" if asking.lettered else "its text"
    if asking.scoring == "generate":
        how["max_tokens"] = str(asking.sampling.max_tokens)
        how["answer"] = f"{read}, by docs/tasks.md; else unread, wrong"
    return how
