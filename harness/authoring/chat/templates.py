"""Chat templates: rendered in a process of their own, within limits.

A chat template is a program that comes with a checkpoint. The sandbox of Jinja keeps it from the
machine, but not from running for ever or from filling the memory; a process with a limit on its
memory, which is ended when it takes too long, does.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import ModelError

SECONDS = 20.0
"""Longest that one prompt may take; the first one's includes the start of the process."""
GROWTH, LEAST = 100, 1 << 20
"""A template may write so many times the characters of its messages, or at least so many."""

Turn = Mapping[str, Any]
_OFF = "--set chat_template=off leaves plain prompts as they are"


class RefusedTurnsError(ModelError):
    """A template refused a conversation, whose other forms it may take.

    Args:
        roles: Of the turns.
        reason: The template's own words.
        hint: What to do.
    """

    def __init__(self, roles: str, reason: str, hint: str) -> None:
        super().__init__(
            f"the model's chat template refused a prompt (turns: {roles}): {reason}", hint
        )
        self.reason = reason


class ChatTemplate:
    """One template, and the process that renders it, which starts when it is first needed.

    Args:
        source: The template, in Jinja2.
        special: The tokenizer's special tokens by name (``bos_token``, …), which it may write.
    """

    def __init__(self, source: str, special: Mapping[str, str]) -> None:
        self.source = source
        self._special = dict(special)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    @classmethod
    def of(cls, tokenizer: Any) -> ChatTemplate | None:
        """The template of a ``transformers`` tokenizer; None where it has none.

        Raises:
            ModelError: It has several, and none of them is the default.
        """
        source = getattr(tokenizer, "chat_template", None)
        if isinstance(source, Mapping):
            if "default" not in source:
                raise ModelError(
                    f"the tokenizer has several chat templates ({', '.join(sorted(source))}), "
                    "and none of them is the default",
                    "Name one of them default in its files",
                )
            source = source["default"]
        if source is None:
            return None
        special = {
            name: str(token)
            for name, token in tokenizer.special_tokens_map.items()
            if not isinstance(token, list | tuple)
        }
        return cls(source, special)

    def render(self, turns: Sequence[Turn], *, answering: bool = True) -> str:
        """The text of a conversation.

        Args:
            turns: Each with ``role`` and ``content``.
            answering: Whether it ends where the model's answer begins.

        Raises:
            RefusedTurnsError: The template refuses the turns.
            ModelError: It takes too much time, memory or text.
        """
        asked = {"messages": list(turns), "add_generation_prompt": answering}
        with self._lock:
            answer = self._ask(json.dumps(asked))
        if "text" in answer:
            return str(answer["text"])
        roles = ", ".join(str(turn.get("role")) for turn in turns)
        hint = _OFF
        if len(turns) > 1:
            hint = (
                "Give turns that it takes: many templates want no system turn (put it into the "
                "first user turn), and user and assistant in alternation"
            )
        raise RefusedTurnsError(roles, answer["error"], hint)

    def _ask(self, line: str) -> Mapping[str, Any]:
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None
        reason = "its process ended, most likely for want of memory"
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._lines.get(timeout=SECONDS)
            if answer:
                found: Mapping[str, Any] = json.loads(answer)
                return found
        except queue.Empty:
            reason = f"it took more than {SECONDS:g} s"
        except (OSError, ValueError):
            pass
        _end(self._process)
        self._process = None
        raise ModelError(f"the model's chat template cannot be used: {reason}", _OFF)

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603  (our own program; the template comes by pipe)
            [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        assert process.stdin is not None
        weakref.finalize(self, _end, process)
        self._lines = queue.SimpleQueue()
        threading.Thread(target=_read, args=(process, self._lines), daemon=True).start()
        settings = {"template": self.source, "special": self._special}
        limits = {"growth": GROWTH, "least": LEAST}
        process.stdin.write(json.dumps(settings | limits) + "\n")
        return process


_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from harness.authoring.chat import process; process.main()"
)


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    """Hands on what the process writes; an empty line once it has ended."""
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):
        for line in process.stdout:
            lines.put(line)
    lines.put("")


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
