"""Where a generated answer begins and ends: thinking is set aside, then stop strings cut.

The rule, for every backend:

1. Thinking is what stands between an opening and a closing mark (``<think>…</think>`` and its
   relatives, see ``MARKS``), and all that stands before a closing mark whose opening one is
   missing, because the prompt opened the block. It is no part of the answer.
2. A block that is never closed means that the tokens ran out: the answer is empty, and its
   ``finish_reason`` is ``length``.
3. The answer is cut at its first stop string. One of white space alone (``\\n``) ends nothing
   before the answer's first visible character.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.types import Completion, Response

_NAMES = (
    "think", "thinking", "thought", "thoughts", "reason", "reasoning", "analysis", "scratchpad",
    "reflection", "inner_monologue", "seed:think", "longcat_think", "mm:think",
)  # fmt: skip

MARKS: tuple[tuple[str, str], ...] = (
    *((f"<{name}>", f"</{name}>") for name in _NAMES),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|thinking|>", "<|/thinking|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>thought", "<unused95>"),
    ("<|channel>thought", "<channel|>"),
)
"""Opening and closing marks of a block of thinking; capitals are not told apart."""

_WRAPPERS = (
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<answer>", "</answer>"),
    ("<response>", "</response>"),
)
"""What some models put around the answer that follows their thinking."""

CHANNEL = "<|channel|>"
CHANNEL_MARKS = (CHANNEL, "<|message|>", "<|start|>", "<|end|>", "<|return|>")
"""The marks of a format in which every message names its channel: ``analysis`` or ``final``."""


def _either(marks: Sequence[str]) -> str:
    return "|".join(map(re.escape, sorted(marks, key=len, reverse=True)))


_BLOCK = re.compile(
    "|".join(f"{re.escape(opening)}(.*?){re.escape(closing)}" for opening, closing in MARKS),
    re.DOTALL | re.IGNORECASE,
)
_OPENING = re.compile(_either([opening for opening, _ in MARKS]), re.IGNORECASE)
_CLOSING = re.compile(_either([closing for _, closing in MARKS]), re.IGNORECASE)
_UNCLOSED = re.compile(rf"(?<![`'\"“‘])(?:{_OPENING.pattern})", re.IGNORECASE)
"""A mark that is quoted is spoken of, not set."""
_OPEN_AT_END = re.compile(rf"({_OPENING.pattern})\s*$", re.IGNORECASE)
_MESSAGE = re.compile(
    r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>(.*?)"
    r"(?P<end><\|end\|>|<\|return\|>|<\|call\|>|(?=<\|start\|>)|\Z)",
    re.DOTALL,
)
_UNMARKED = re.compile(r"^\s*analysis(?=[A-Z\W])(.*?)assistant\s*final(.*)$", re.DOTALL)
_UNMARKED_OPEN = re.compile(r"^\s*analysis(?=[A-Z])(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parts:
    """A generated text in two; ``closed`` False where it ends inside its thinking.

    ``thinking`` is None where there is none, and ``answer`` is then the text as it was.
    """

    thinking: str | None
    answer: str
    closed: bool = True


def is_mark(text: str) -> bool:
    """Whether a token's whole text is a mark that ``split`` looks for."""
    found = text.strip()
    return bool(
        _OPENING.fullmatch(found) or _CLOSING.fullmatch(found) or found.startswith("<unused9")
    ) or any(found in wrapper for wrapper in _WRAPPERS)


def opening_of(prompt: str) -> str:
    """The opening mark with which a prompt ends, so that the model starts inside; else empty."""
    found = _OPEN_AT_END.search(prompt)
    return found.group(1) if found else ""


def split(text: str) -> Parts:
    """Takes the thinking out of a text that a model generated."""
    if CHANNEL in text:
        return _by_channel(text)
    if unmarked := _UNMARKED.match(text):
        return Parts(unmarked[1].strip(), unmarked[2].lstrip())
    if unmarked := _UNMARKED_OPEN.match(text):
        return Parts(unmarked[1].strip(), "", closed=False)
    if not (_OPENING.search(text) or _CLOSING.search(text)):
        return Parts(None, text)
    thoughts: list[str] = []

    def take(found: re.Match[str]) -> str:
        thoughts.append(next(group for group in found.groups() if group is not None))
        return ""

    rest = _BLOCK.sub(take, text)
    closings = list(_CLOSING.finditer(rest))
    if closings:
        thoughts.insert(0, _CLOSING.sub("", _OPENING.sub("", rest[: closings[-1].start()])))
        rest = rest[closings[-1].end() :]
    if unclosed := _UNCLOSED.search(rest):
        return Parts(_joined([*thoughts, rest[unclosed.end() :]]), "", closed=False)
    if not thoughts:
        return Parts(None, text)
    return Parts(_joined(thoughts), _unwrapped(rest.lstrip()))


def _joined(thoughts: Sequence[str]) -> str:
    return "\n\n".join(filter(None, (thought.strip() for thought in thoughts)))


def _unwrapped(answer: str) -> str:
    """The answer without the marks around it; the closing one may be missing at the end."""
    for opening, closing in _WRAPPERS:
        if answer.startswith(opening):
            inner, closed, after = answer[len(opening) :].partition(closing)
            if not (closed and after.strip()):
                return inner.strip()
    return answer


def _by_channel(text: str) -> Parts:
    """The ``final`` channel's messages are the answer, all others' thinking."""
    messages = [(found[1].lower(), found[2]) for found in _MESSAGE.finditer(text)]
    answer = "".join(content for channel, content in messages if channel == "final")
    thoughts = [content for channel, content in messages if channel != "final"]
    is_final = any(channel == "final" for channel, _ in messages)
    return Parts(_joined(thoughts) if thoughts or not is_final else None, answer, closed=is_final)


def cut_at_stop(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """``text`` up to its first stop string, and whether there was one.

    A stop string of white space alone ends nothing before the first visible character.
    """
    visible = len(text) - len(text.lstrip())
    positions = [
        at for term in stop if term and (at := text.find(term, 0 if term.strip() else visible)) >= 0
    ]
    return (text[: min(positions)], True) if positions else (text, False)


def has_ended(text: str, stop: Sequence[str]) -> bool:
    """Whether the text generated so far holds a stop string outside its thinking."""
    parts = split(text)
    return parts.closed and cut_at_stop(parts.answer, stop)[1]


def completion(
    text: str,
    finish_reason: str = "stop",
    stop: Sequence[str] = (),
    tokens: int | None = None,
    logprob: float | None = None,
    thinking: str | None = None,
) -> Completion:
    """A generated answer, by the rule above; the one way in which backends make one.

    Args:
        text: All that was generated, the marks of thinking included.
        finish_reason: Why it ended, if not at a stop string: ``stop`` or ``length``.
        stop: The request's stop strings, whether or not the model's server has cut there.
        tokens: How many tokens were generated, thinking included.
        logprob: Their log-probability.
        thinking: What the server itself has set aside.
    """
    parts = split(text)
    if thinking and parts.thinking:
        thinking = f"{thinking}\n\n{parts.thinking}"
    elif parts.thinking is not None:
        thinking = parts.thinking
    if not parts.closed:
        return Completion("", "length", tokens, logprob, thinking)
    answer, stopped = cut_at_stop(parts.answer, stop)
    return Completion(answer, "stop" if stopped else finish_reason, tokens, logprob, thinking)


def set_aside(response: Response) -> Response:
    """The response without thinking in its text, whichever backend it comes from."""
    if not isinstance(response, Completion):
        return response
    parts = split(response.text)
    if parts.thinking is None:
        return response
    return completion(
        response.text,
        response.finish_reason,
        (),
        response.tokens,
        response.logprob,
        response.thinking,
    )


def is_outdated(stored: Mapping[str, object]) -> bool:
    """Whether a stored answer may have been cut by an older rule, and must be asked for again.

    Before answers had a field for thinking, stop strings cut inside it, and before the first
    visible character.

    Args:
        stored: The response's JSON.
    """
    if stored.get("type") != "completion" or "thinking" in stored:
        return False
    return needs_whole(str(stored["text"]), str(stored["finish_reason"]), ("\n",))


def needs_whole(text: str, finish_reason: str, stop: Sequence[str]) -> bool:
    """Whether a server that was sent the stop strings has stopped before there was an answer.

    It cut inside the thinking, or at a line end before the first visible character: the same must
    be asked without stop strings, and cut here.
    """
    if finish_reason == "length" or not any(stop):
        return False
    parts = split(text)
    return not parts.closed or not parts.answer.strip()
