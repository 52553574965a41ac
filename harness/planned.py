"""What a run will ask: tasks, samples, variants and their requests, each with a stable key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice, repeat
from typing import TYPE_CHECKING, overload

from harness.protocols import Probe, Task, TaskSpec, follows_up
from harness.types import (
    DataSource,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Message,
    Prompt,
    Request,
    Sample,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_SEEDS_OF_A_RUN = 1_000_000
"""Between the seeds of two runs lie those of their repeats."""
_MOST_SEEDS = 2**31
"""Servers take seeds of 32 bits."""


@dataclass(frozen=True, slots=True)
class Prompting:
    """How the evaluated model is asked, whatever the task.

    Attributes:
        thinking_tokens: How many more each generated text may have than the task says.
        system: What the system says first; None for what the task says. A prompt that is plain text
            becomes what the user says then.
        prefill: What the assistant's answer begins with; the model goes on from there. Behind plain
            text it stands as it is.
        turns: Whether solved examples are turns of a conversation.
        temperature: Of generated answers; None for what the task says.
        top_p: Likewise.
        repeat: Which of the answers to the same question, from 0: each has a seed of its own.
        seed: The run's: with another one, other answers are drawn. Where nothing is drawn it says
            nothing, and is left out, so that such answers are found in the store.
    """

    thinking_tokens: int = 0
    system: str | None = None
    prefill: str | None = None
    turns: bool = False
    temperature: float | None = None
    top_p: float | None = None
    repeat: int = 0
    seed: int = 0

    @property
    def settings(self) -> Mapping[str, str]:
        """What is set, in words."""
        thinking = str(self.thinking_tokens) if self.thinking_tokens else None
        named = {
            "thinking_tokens": thinking,
            "system": self.system,
            "prefill": self.prefill,
            "fewshot_style": "turns" if self.turns else None,
            "temperature": None if self.temperature is None else f"{self.temperature:g}",
            "top_p": None if self.top_p is None else f"{self.top_p:g}",
        }
        return {name: value for name, value in named.items() if value is not None}

    def applied(self, request: Request) -> Request:
        """The request as it is asked; only prompts that are generated from or scored change."""
        if self == AS_IT_IS:
            return request
        if isinstance(request, Loglikelihood):
            return replace(request, context=self._prompt(request.context))
        if not isinstance(request, Generate):
            return request
        sampling = request.sampling
        temperature = sampling.temperature if self.temperature is None else self.temperature
        of_run = self.seed * _SEEDS_OF_A_RUN % _MOST_SEEDS if temperature > 0 else 0
        changed = replace(
            sampling,
            max_tokens=sampling.max_tokens + self.thinking_tokens,
            temperature=temperature,
            top_p=sampling.top_p if self.top_p is None else self.top_p,
            seed=sampling.seed + self.repeat + of_run,
        )
        return Generate(self._prompt(request.prompt), changed)

    def _prompt(self, prompt: Prompt) -> Prompt:
        if self.system is not None:
            turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
            if turns and turns[0].role == "system":
                turns = turns[1:]
            prompt = (Message("system", self.system), *turns)
        if self.prefill is None:
            return prompt
        if isinstance(prompt, str):
            return prompt + self.prefill
        if prompt and prompt[-1].role == "assistant":
            return prompt
        return (*prompt, Message("assistant", self.prefill))


AS_IT_IS = Prompting()
"""Prompts as the tasks make them."""


@dataclass(frozen=True, slots=True)
class PlannedSample:
    """A sample, or a probe's variant of one, with what ``task`` asks about it after ``shots``.

    ``requests`` are the first round; those that follow are made from the answers. ``prompting`` is
    applied to all that the evaluated model is asked.
    """

    task: Task = field(compare=False, repr=False)
    sample: Sample
    requests: tuple[Request, ...]
    keys: tuple[str, ...]
    probe: str | None = None
    variant: int = 0
    shots: tuple[Sample, ...] = field(default=(), compare=False, repr=False)
    prompting: Prompting = field(default=AS_IT_IS, compare=False, repr=False)

    @property
    def repeat(self) -> int:
        """Which of the answers to the same question, from 0."""
        return self.prompting.repeat

    @property
    def is_sample(self) -> bool:
        """Whether it stands for the sample itself: no variant, and no further repeat."""
        return self.probe is None and self.repeat == 0

    @property
    def keyed(self) -> Iterator[KeyedRequest]:
        """The requests of the first round."""
        more = follows_up(self.task)
        first = self.repeat * len(self.keys)
        places = count(first) if more or self.repeat else repeat(None)
        for key, request, place in zip(self.keys, self.requests, places, strict=False):
            yield KeyedRequest(key, request, self.task.name, self.sample.id, place, more)


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One task's part of a plan.

    ``planned`` may be read from a file as it is gone through. ``sample_count`` counts the samples
    of the data set in it, without probes' variants and further repeats; ``key_hashes`` holds a hash
    of each request's key, in order. ``skipped`` counts variants not asked, probe → reason → count;
    ``every`` holds the ids of all of the data's samples, ``planned`` those that were chosen;
    ``scored_by`` names the settings that decide what a score means; ``repeats`` is how often each
    sample is asked, and ``reducers`` what is computed of the answers together;
    ``metric_reducers`` are those of them that are metrics of the task.
    """

    task: Task
    spec: TaskSpec
    source: DataSource
    data_sha256: str
    planned: Sequence[PlannedSample]
    sample_count: int
    key_hashes: Sequence[int]
    probes: Mapping[str, Probe]
    skipped: Mapping[str, Mapping[str, int]]
    settings: Mapping[str, str]
    scored_by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    every: Sequence[str] = ()
    repeats: int = 1
    reducers: tuple[str, ...] = ()
    metric_reducers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run will ask, before the first answer."""

    tasks: tuple[TaskPlan, ...]

    def requests(self) -> Iterator[KeyedRequest]:
        """Every request, equal ones included, in the order of tasks and samples."""
        for task in self.tasks:
            for planned in task.planned:
                yield from planned.keyed

    @property
    def distinct(self) -> int:
        """How many requests there are, equal ones counted once."""
        import numpy as np

        return len(np.unique(self._hashes()))

    def shared_keys(self) -> frozenset[int]:
        """The hashes of the keys that several requests have."""
        import numpy as np

        values, counts = np.unique(self._hashes(), return_counts=True)
        return frozenset(values[counts > 1].tolist())

    def _hashes(self) -> NDArray[np.int64]:
        import numpy as np

        every = [np.asarray(task.key_hashes, dtype=np.int64) for task in self.tasks]
        return np.concatenate(every) if every else np.empty(0, dtype=np.int64)


class EveryRequest(Sequence[KeyedRequest]):
    """A plan's requests, equal ones included, as a sequence that is made as it is gone through."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __len__(self) -> int:
        return sum(len(task.key_hashes) for task in self._plan.tasks)

    @overload
    def __getitem__(self, place: int) -> KeyedRequest: ...
    @overload
    def __getitem__(self, place: slice) -> list[KeyedRequest]: ...
    def __getitem__(self, place: int | slice) -> KeyedRequest | list[KeyedRequest]:
        if isinstance(place, slice):
            return list(self)[place]
        place = range(len(self))[place]
        return next(islice(self, place, None))

    def __iter__(self) -> Iterator[KeyedRequest]:
        return self._plan.requests()
