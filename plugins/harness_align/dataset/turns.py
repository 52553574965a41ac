"""The turns of a conversation in the ways people write them down, and where an answer begins.

OpenAI's messages (``role``, ``content`` as a text or in parts, tool calls), ShareGPT's
(``from``, ``value``), and whole texts with ``\\n\\nHuman:`` and ``\\n\\nAssistant:``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from harness.authoring.io import serialization
from harness.authoring.readers import text_files
from harness.errors import DataError
from harness.types import Message, Prompt

ASSISTANT = "\n\nAssistant:"
"""What comes before an answer in a dialogue that is one text (hh-rlhf)."""
_SPEAKER = ("role", "from", "speaker")
_SAID = ("content", "value", "text")
_ROLES: Mapping[str, str] = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot", "function_call"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation", "function_response"), "tool"),
}


class Unusable(Exception):  # noqa: N818 — an outcome that the reader counts
    """A row that nothing can be learned from; the text goes on from "2 rows dropped, "."""


def conversation(value: Any) -> tuple[Message, ...]:
    """The turns of a list of messages, or of one message; empty system turns are left out.

    A tool call becomes a text as Hermes and Qwen write it, so that it is trained and requested
    in one way whatever the template knows.

    Raises:
        Unusable: It is no list of messages, or one of them has an unknown role or no text.
    """
    given = [value] if isinstance(value, Mapping) else value
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise Unusable("whose turns are no list of messages")
    turns = [_turn(each) for each in given]
    return tuple(turn for turn in turns if turn.role != "system" or turn.content.strip())


def _turn(value: Any) -> Message:
    if not isinstance(value, Mapping):
        raise Unusable("whose turns are no list of messages")
    speaker = next((value[name] for name in _SPEAKER if value.get(name) is not None), None)
    if speaker is None:
        raise Unusable(f"with a turn without {' or '.join(map(repr, _SPEAKER[:2]))}")
    role = _ROLES.get(str(speaker).strip().lower())
    if role is None:
        raise Unusable(f"with the unknown role {str(speaker)[:40]!r}")
    calls = value.get("tool_calls") or value.get("function_call")
    said = next((value[name] for name in _SAID if value.get(name) is not None), None)
    if said is None and not calls:
        raise Unusable(f"with a turn of the {role} that has no content")
    parts = [_content(said)] if said is not None else []
    if calls:
        parts += map(_call, _listed(calls))
    elif speaker == "function_call":
        parts = [_as_call(parts[0])]
    return Message(role, "\n".join(part for part in parts if part))


def _content(value: Any) -> str:
    """A turn's text, from a text or a list of parts."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Sequence):
        raise Unusable(f"with content that is {type(value).__name__}, not a text")
    texts = []
    for part in value:
        text = part.get("text") if isinstance(part, Mapping) else part
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise Unusable(f"with content that is no text ({kind})")
        texts.append(text)
    return "".join(texts)


def _listed(calls: Any) -> Sequence[Any]:
    if isinstance(calls, Mapping):
        return [calls]
    if not isinstance(calls, Sequence):
        raise Unusable(f"with tool calls that are {type(calls).__name__}, not a list")
    return calls


def _call(value: Any) -> str:
    function = value.get("function", value) if isinstance(value, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise Unusable("with a tool call that names no function")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        with contextlib.suppress(DataError):  # else as the model wrote it
            arguments = text_files.parse_json(arguments)
    return _as_call(serialization.dumps({"name": function["name"], "arguments": arguments or {}}))


def _as_call(text: str) -> str:
    return f"<tool_call>\n{text}\n</tool_call>"


# --------------------------------------------------------------------------- where answers begin


def last_answer(turns: tuple[Message, ...]) -> tuple[Prompt, Prompt]:
    """(the turns before, the last turn) of a conversation that ends with the assistant's.

    Raises:
        Unusable: It does not.
    """
    if not any(turn.role == "assistant" for turn in turns):
        raise Unusable("without an answer")
    if turns[-1].role != "assistant":
        raise Unusable(f"that end with the turn of the {turns[-1].role}")
    return turns[:-1], turns[-1:]


def split_pair(
    prompt: Prompt | None, chosen: Prompt, rejected: Prompt
) -> tuple[Prompt, Prompt, Prompt]:
    """(prompt, chosen, rejected) of a pair whose sides may be answers or whole dialogues.

    A side that holds a user's turn, or that begins with the prompt, is a whole dialogue.

    Raises:
        Unusable: The dialogues share no beginning before an answer.
    """
    if isinstance(chosen, str) and isinstance(rejected, str):
        if isinstance(prompt, tuple):
            return prompt, _answer(chosen), _answer(rejected)
        whole = prompt is None or all(
            ASSISTANT in prompt and side.startswith(prompt) for side in (chosen, rejected)
        )
        return _split_texts(chosen, rejected) if whole else (prompt or "", chosen, rejected)
    sides = tuple(_dialogue(prompt, side) for side in (chosen, rejected))
    shared = _common(*sides)
    shared = min(shared, *(len(side) - 1 for side in sides))  # an identical pair keeps a turn
    # Some part at a user's turn: what came before it is not compared.
    while shared > 0 and any(side[shared].role != "assistant" for side in sides):
        shared -= 1
    if shared < 1:
        raise Unusable("whose dialogues share no beginning before an answer")
    for side in sides:
        last_answer(side)
    return sides[0][:shared], sides[0][shared:], sides[1][shared:]


def _answer(side: Prompt) -> tuple[Message, ...]:
    return (Message("assistant", side),) if isinstance(side, str) else side


def _dialogue(prompt: Prompt | None, side: Prompt) -> tuple[Message, ...]:
    """The whole dialogue of one side of a pair."""
    turns = _answer(side)
    if not turns:
        raise Unusable("without an answer")
    if prompt is None or any(turn.role == "user" for turn in turns):
        return turns
    before = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    return turns if turns[: len(before)] == before else (*before, *turns)


def _split_texts(chosen: str, rejected: str) -> tuple[str, str, str]:
    """The shared beginning must end with ``Assistant:``; the longest such part is taken."""
    shared = _common(chosen, rejected)
    cut = chosen.rfind(ASSISTANT, 0, shared)
    if cut < 0:
        raise Unusable("without a prompt, and whose dialogues share none up to `Assistant:`")
    cut += len(ASSISTANT)
    return chosen[:cut], chosen[cut:], rejected[cut:]


def _common(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Length of the common beginning."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
