"""What ``--set`` may say of ``judge``, ``arena`` and ``llmbar``; pydantic is slow to import."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Literal

from harness.errors import UnknownNameError, UsageError
from harness_judges.judging.rubrics import RUBRICS, Criterion, Rubric

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness.protocols import TaskOptions

TEMPLATES = {name: each.template for name, each in RUBRICS.items()}
_BINARY = "yes-no"
_SCALE = f"Expected LOW-HIGH, two whole numbers, such as 1-5; or {_BINARY}."


@cache
def judge_options() -> type[BaseModel]:
    """Of the task ``judge``."""
    from pydantic import BaseModel, Field

    class JudgeOptions(BaseModel):
        """Of the task."""

        rubric: str = Field(
            "general", description=f"what is judged: {', '.join(RUBRICS)}; or a template's name"
        )
        criteria: str = Field(
            "", description="own criteria, `NAME: what it asks; NAME2: …`, instead of the rubric's"
        )
        scale: str = Field(
            "", description=f"of scores, LOW-HIGH, or {_BINARY}, instead of the rubric's"
        )
        prompt: str = Field(
            "{{ input }}", description="Jinja2 template of what the judged model is asked"
        )
        answer_tokens: int = Field(512, ge=1, description="longest answer of the judged model")
        max_tokens: int = Field(256, ge=1, description="room for the judge's answer")
        reading: Literal["auto", "logprobs", "text"] = Field(
            "auto", description="log-probabilities of the labels, or what the judge writes"
        )
        repeats: int = Field(
            1, ge=1, le=100, description="how often each judgement is asked for in words"
        )
        judge_temperature: float = Field(
            0.0, ge=0, le=100, description="at which the judge answers in words"
        )
        calibration: str = Field("", description="file of `harness judge calibrate`")
        labels: str = Field(
            "", description="labels of people on some of these samples: a file or folder"
        )

    return JudgeOptions


@cache
def arena_options() -> type[BaseModel]:
    """Of the task ``arena``."""
    from pydantic import BaseModel, Field

    class ArenaOptions(BaseModel):
        """Of the task."""

        baseline: str = Field("", description="run folder whose answers are compared with")
        baseline_task: str = Field("", description="the task of that run (default: its only one)")
        prompt: str = Field(
            "{{ input }}", description="Jinja2 template of what the judged model is asked"
        )
        answer_tokens: int = Field(512, ge=1, description="longest answer of the judged model")
        max_tokens: int = Field(256, ge=1, description="room for the judge's answer")
        reading: Literal["auto", "logprobs", "text"] = Field(
            "auto", description="log-probabilities of the letters, or what the judge writes"
        )
        calibration: str = Field("", description="file of `harness judge calibrate`")
        labels: str = Field("", description="people's preferences on some of these samples")

    return ArenaOptions


@cache
def llmbar_options() -> type[BaseModel]:
    """Of the task ``llmbar``."""
    from pydantic import BaseModel, Field

    class LLMBarOptions(BaseModel):
        """Of the task."""

        verdict: Literal["last", "published"] = Field(
            "last",
            description="how an answer is read: its last verdict, or as LLMBar's own scripts do",
        )
        max_tokens: int = Field(256, ge=1, description="room for the judge's answer")

    return LLMBarOptions


def rubric(chosen: TaskOptions, set_by_user: dict[str, object]) -> Rubric:
    """The rubric that the options describe.

    Raises:
        UnknownNameError: There is no such rubric or template.
        UsageError: A template of one's own has no criteria, or they cannot be read.
    """
    name = str(set_by_user["rubric"])
    own = {**TEMPLATES, **chosen.templates}
    if name not in own:
        raise UnknownNameError("rubric", name, own)
    found = RUBRICS.get(name)
    if found is None:
        if not set_by_user["criteria"]:
            raise UsageError(
                f"the rubric {name!r} has no criteria",
                f"Give them: --set 'judge.criteria=NAME: what it asks' beside judge.rubric={name}.",
            )
        found = replace(RUBRICS["general"], name=name, template=own[name])
    template = chosen.values.get("template", name)
    if template not in own:
        raise UnknownNameError("template", template, own)
    found = replace(found, template=own[template])
    if set_by_user["criteria"]:
        found = replace(found, criteria=_criteria(str(set_by_user["criteria"])))
    if set_by_user["scale"] == _BINARY:
        found = replace(found, kind="binary")
    elif set_by_user["scale"]:
        low, high = _scale(str(set_by_user["scale"]))
        found = replace(found, kind="score", low=low, high=high)
    return found


def _criteria(text: str) -> tuple[Criterion, ...]:
    found = []
    for part in filter(str.strip, text.split(";")):
        name, colon, description = part.partition(":")
        name = name.strip()
        if not colon or not description.strip() or not name.isidentifier():
            raise UsageError(
                f"judge.criteria: {part.strip()[:60]!r} is no criterion",
                "Expected `NAME: what it asks; NAME2: …`, each name one word.",
            )
        found.append(Criterion(name, description.strip()))
    names = [each.name for each in found]
    if len(set(names)) < len(names) or set(names) & RESERVED:
        raise UsageError(
            f"judge.criteria: the names {', '.join(names)}",
            f"Expected each once, and none of {', '.join(sorted(RESERVED))}.",
        )
    return tuple(found)


RESERVED = frozenset({"overall", "met", "unread", "panel_alpha", "judge_noise"})
"""Names of metrics that no criterion may have."""


def _scale(text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    if not (dash and low.isdecimal() and high.isdecimal() and int(low) < int(high) <= 100):
        raise UsageError(f"judge.scale is {text!r}", _SCALE)
    return int(low), int(high)
