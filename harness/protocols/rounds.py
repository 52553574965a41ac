"""What a task may offer that asks again once the first answers are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

from harness.types import Ask, Round, Sample, ScoreValue


@runtime_checkable
class FollowUp(Protocol):
    """A task that asks in rounds: a conversation, a judge of the answer, a search for passages.

    Round 1 is ``requests``; where that is empty, the first call here has no rounds. Each further
    round is asked of all samples at once. A sample of which a request failed gets no further round.
    ``score`` gets the responses of all rounds, in the order asked; a task that is ``ScoresRounds``
    gets the rounds instead. ``follow_up`` is called again when an interrupted run goes on, so equal
    rounds must give equal requests. What the user has put around every prompt (``--system``, room
    for thinking) is put around these, too: decoding parameters are the task's own, not those of an
    earlier round.
    """

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        """What to ask next about ``sample``; empty when done.

        Args:
            sample: The sample, or a probe's variant of it.
            rounds: The rounds so far, with their responses, none of which is ``Failed``.
        """
        ...


def follows_up(task: object) -> TypeGuard[FollowUp]:
    """Whether a task is a ``FollowUp``, as ``isinstance`` says it; cheap enough for each sample."""
    return getattr(task, "follow_up", None) is not None


@runtime_checkable
class ScoresRounds(Protocol):
    """A ``FollowUp`` task whose scores depend on who was asked what in which round."""

    def score_rounds(self, sample: Sample, rounds: Sequence[Round]) -> Mapping[str, ScoreValue]:
        """As ``Task.score``, which is then never called."""
        ...


@runtime_checkable
class NeedsRoles(Protocol):
    """A task that asks others than the evaluated model."""

    @property
    def roles(self) -> Sequence[str]:
        """Who must be there (``judge``); a run that names no model for one ends before it asks."""
        ...


@runtime_checkable
class BoundsRounds(Protocol):
    """A ``FollowUp`` task whose further requests depend on what the answers say.

    ``harness plan`` bounds later rounds by following up on answers of the greatest length. A task
    that may ask more than it would about those says how much.
    """

    def most(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        """As ``FollowUp.follow_up``, but the most that any answers could lead to.

        The text of a generated answer in ``rounds`` is filler of the greatest length.
        """
        ...


@dataclass(frozen=True, slots=True)
class RoleModel:
    """The model of a role, open.

    Attributes:
        model: What the user calls it.
        fingerprint: Identifies all that determines its answers.
        supports: The request types it answers.
        by_sample: Whether its answers belong to samples rather than to prompts.
    """

    model: str
    fingerprint: str
    supports: frozenset[type]
    by_sample: bool = False
