"""The requests about a document, as lm_eval constructs them.

Its draw of solved examples goes on from document to document. So draws are made in the order of
the documents, whichever are asked about, and a document has the same ones in every run.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.authoring.readers import text_files
from harness.errors import DataError, UsageError
from harness.types import DataSource, Request, Response
from harness_lm_eval.prompts import ChatText, requests_of, result_of
from harness_lm_eval.settings import TaskSettings

Instances: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class Variant:
    """A document as a probe changed it.

    Attributes:
        text: What it changed it to; tells it from other variants.
        doc: The document with it.
        prompt: What stands for ``doc_to_text`` where no field of the document holds the text.
    """

    text: str
    doc: Any
    prompt: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about a document.

    Attributes:
        doc: The document.
        construct: Makes their instances, which hold responses, anew.
        requests: Ours, in the order of the instances and their repeats.
    """

    doc: Any
    construct: Callable[[], Instances]
    requests: tuple[Request, ...]

    def answered(self, responses: Sequence[Response]) -> Instances:
        """Their instances, each with its responses."""
        instances = self.construct()
        rest = zip(self.requests, responses, strict=True)
        for instance in instances:
            for _ in range(int(instance.repeats or 1)):
                result = result_of(*next(rest))
                rolling = instance.request_type == "loglikelihood_rolling"
                instance.resps.append(result[0] if rolling else result)
        return instances


class Asking:
    """Asks about the documents of one task object of theirs.

    Args:
        name: What users call the task.
        made: Theirs.
        settings: The user's.
        data: Where the documents come from.

    Raises:
        DataError: Solved examples are asked for, and there are none.
    """

    def __init__(self, name: str, made: Any, settings: TaskSettings, data: DataSource) -> None:
        self.name = name
        self.made = made
        self._settings = settings
        _configure(name, made, settings)
        self.num_fewshot = int(made.config.num_fewshot or 0)
        if self.num_fewshot and data.kind != "hub" and settings.shots is None:
            _check_shots(name, made, self.num_fewshot)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.docs: list[Any] = list(made.eval_docs)
        self._draws = _Draws(made)
        self._next = 0
        self._asked: dict[tuple[int, str | None], Asked] = {}

    def ask(self, place: int, variant: Variant | None) -> Asked:
        """What is asked about the document at a place, or about a variant of it."""
        key = (place, None if variant is None else variant.text)
        if key not in self._asked:
            self._asked[key] = self._new(place, variant)
        return self._asked[key]

    def _new(self, place: int, variant: Variant | None) -> Asked:
        if self.num_fewshot:
            while self._next < place:
                self._context(self._next, self.docs[self._next])
                self._next += 1
            self._next = max(self._next, place + 1)
        doc = self.docs[place] if variant is None else variant.doc
        with _prompted(self.made, doc, None if variant is None else variant.prompt):
            context = self._context(place, doc)

        def construct() -> Instances:
            return self._instances(place, doc, context)

        requests = [each for one in construct() for each in requests_of(self.name, one)]
        return Asked(doc, construct, tuple(requests))

    def _context(self, place: int, doc: Any) -> Any:
        """As ``Task.build_all_requests`` makes it."""
        chat = self._settings.apply_chat_template
        self._draws.place = place
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.made.fewshot_context(
                doc,
                num_fewshot=self.num_fewshot,
                system_instruction=self._settings.system_instruction,
                apply_chat_template=chat,
                fewshot_as_multiturn=chat and self._settings.fewshot_as_multiturn,
                chat_template=ChatText.of if chat else None,
                gen_prefix=self.made.doc_to_prefix(doc),
            )

    def _instances(self, place: int, doc: Any, context: Any) -> Instances:
        chat = self._settings.apply_chat_template
        config = self.made.config
        made = self.made.construct_requests(
            doc=doc,
            ctx=context,
            metadata=(config["task"], place, config.repeats),
            apply_chat_template=chat,
            chat_template=ChatText.of if chat else None,
        )
        return made if isinstance(made, list) else [made]


# --------------------------------------------------------------------------- settings


def _configure(name: str, made: Any, settings: TaskSettings) -> None:
    """As ``simple_evaluate`` does it: a task that says 0 examples keeps its 0."""
    if settings.gen_kwargs is not None and made.get_config("output_type") == "generate_until":
        given = _gen_kwargs(name, settings.gen_kwargs)
        made.set_config(key="generation_kwargs", value=given, update=True)
    stated = made.get_config("num_fewshot")
    if stated is None or (settings.num_fewshot is not None and stated != 0):
        made.set_config(key="num_fewshot", value=settings.num_fewshot or 0)
    made.set_fewshot_seed(seed=settings.fewshot_seed)


def _gen_kwargs(name: str, text: str) -> dict[str, Any]:
    """``KEY=VALUE,…`` or a JSON object."""
    if text.lstrip().startswith("{"):
        value = text_files.parse_json(text)
        assert isinstance(value, dict)
        return value
    found: dict[str, Any] = {}
    for pair in text.split(","):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"{name}.gen_kwargs = {text!r}",
                'Expected KEY=VALUE,KEY=VALUE, or a JSON object: {"until": ["\\n"]}',
            )
        try:
            found[key.strip()] = text_files.parse_json(value.strip().lower())
        except DataError:
            found[key.strip()] = value
    return found


def _check_shots(name: str, made: Any, count: int) -> None:
    """Refuses solved examples out of the scored rows where another part is meant."""
    config = made.config
    of_shots = getattr(getattr(made, "fewshot_cfg", None), "split", None)
    given = getattr(getattr(made, "fewshot_cfg", None), "samples", None)
    scored = config.test_split or config.validation_split
    drawn = of_shots or config.training_split or config.validation_split or config.test_split
    if given is None and (scored is None or drawn != scored):
        raise DataError(
            f"{name} shows {count} solved examples of its part {drawn!r}, and --data has one part",
            expected=f"--set {name}.shots=FILE with such examples, or --set {name}.num_fewshot=0",
        )


# --------------------------------------------------------------------------- draws and prompts


class _Draws:
    """Stands before what draws their examples, and repeats a document's draw when asked again."""

    def __init__(self, made: Any) -> None:
        self.place = 0
        self._drawn: dict[int, Any] = {}
        self._sampler = getattr(made, "sampler", None)
        if self._sampler is not None:
            made.sampler = self
        elif made.fewshot_rnd is not None:
            made.fewshot_rnd = _Recorded(made.fewshot_rnd, self)

    def sample(self, *arguments: Any, **named: Any) -> Any:
        """The examples of the document that is asked about now."""
        if self.place not in self._drawn:
            assert self._sampler is not None
            self._drawn[self.place] = self._sampler.sample(*arguments, **named)
        return self._drawn[self.place]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)


class _Recorded(random.Random):
    """A generator whose draw of examples is repeated for a document that is asked again."""

    def __init__(self, theirs: random.Random, draws: _Draws) -> None:
        super().__init__()
        self.setstate(theirs.getstate())
        self._draws = draws

    def sample(self, population: Any, k: int, **named: Any) -> Any:
        """As the original, once a document."""
        kept = self._draws._drawn
        if self._draws.place not in kept:
            kept[self._draws.place] = super().sample(population, k, **named)
        return kept[self._draws.place]


class _prompted:  # noqa: N801  (a context manager)
    """For a while, one document's prompt is another text."""

    def __init__(self, made: Any, doc: Any, prompt: str | None) -> None:
        self._made, self._doc, self._prompt = made, doc, prompt

    def __enter__(self) -> None:
        if self._prompt is None:
            return
        theirs = self._made.doc_to_text

        def doc_to_text(doc: Any, *arguments: Any) -> Any:
            return self._prompt if doc is self._doc else theirs(doc, *arguments)

        self._made.doc_to_text = doc_to_text

    def __exit__(self, *_: object) -> None:
        if self._prompt is not None:
            del self._made.doc_to_text
