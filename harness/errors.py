"""Every error a user can cause or meet, and the exit code it ends the command with.

HarnessError                 the base; carries a message and how to mend it      exit 2
├── UsageError               a flag, name or value that does not exist           exit 2
│   └── UnknownNameError     … with the nearest names
├── ConfigError              harness.toml                                        exit 2
├── DataError                a file or row that cannot be read                   exit 2
├── ModelError               a checkpoint or endpoint that cannot be used        exit 2
├── MissingExtraError        an optional dependency, with the pip command        exit 2
├── PluginError              a plugin that fails or misuses a hook               exit 2
└── RunFailedError           the run began and could not finish                  exit 3
    ├── NothingScoredError   a task has no scored sample; the run is written     exit 3
    └── RunInterruptedError  stopped by Ctrl-C or a limit; can be resumed        exit 3
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any


class HarnessError(Exception):
    """Base of all errors shown to users without a traceback.

    Args:
        message: What is wrong, naming the value and what was expected.
        hint: What to do about it.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors travel between processes, and the subclasses' constructors take other arguments.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class UsageError(HarnessError):
    """A flag, name or value that does not exist or does not fit."""


_SHOWN, _CHARACTERS = 60, 1000
"""Most names that a message lists where none is near, and their most characters."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """What a name that is not known may have meant, whatever its case, or what there is.

    Returns:
        A sentence with the four nearest names; with as many as fit a screen where none is near.
    """
    import difflib  # most commands meet no error

    known = sorted(known)
    folded: dict[str, list[str]] = {}
    for each in known:
        folded.setdefault(each.casefold(), []).append(each)
    near = difflib.get_close_matches(name.casefold(), folded, n=4, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(each for key in near for each in folded[key])}?"
    if not known:
        return "None are available."
    ends = accumulate(len(each) + 2 for each in known[:_SHOWN])
    shown = max(1, sum(end <= _CHARACTERS for end in ends))
    more = f" and {len(known) - shown:,} more" if len(known) > shown else ""
    return f"Known: {', '.join(known[:shown])}{more}."


class UnknownNameError(UsageError):
    """A name that is not registered; lists the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str | None = None) -> None:
        suggested = suggestion(name, known)
        super().__init__(
            f"unknown {kind} {name!r}", suggested if hint is None else f"{suggested} {hint}"
        )


class ConfigError(HarnessError):
    """harness.toml is malformed or holds a key that does not exist."""


class DataError(HarnessError):
    """A data file or row cannot be used.

    Args:
        message: What is wrong.
        path: The file.
        line: The line in it, from 1.
        expected: What a good one looks like.
    """

    def __init__(
        self,
        message: str,
        *,
        path: object = None,
        line: int | None = None,
        expected: str | None = None,
    ) -> None:
        where = "" if path is None else f"{path}: " if line is None else f"{path}, line {line}: "
        super().__init__(where + message, None if expected is None else f"Expected {expected}")


class ModelError(HarnessError):
    """A checkpoint or endpoint cannot be used."""


class MissingExtraError(HarnessError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs packages that are not installed",
            f"Install them with: pip install 'evalign[{extra}]'",
        )


class PluginError(HarnessError):
    """A plugin cannot be loaded or breaks its contract."""


def _module_of(owner: object) -> str:
    """The module whose author an object's faults concern; what is made of functions names it."""
    return str(getattr(owner, "defined_in", type(owner).__module__))


def place_of(error: BaseException, owner: object = None) -> str:
    """``FILE, line N`` of where an error was raised.

    Args:
        error: An error that was caught.
        owner: A plugin's object; the innermost line of its own folder is named where there is
            one, because a library that it calls says less to its author.
    """
    import traceback

    frames = list(traceback.extract_tb(error.__traceback__))
    file = getattr(sys.modules.get(_module_of(owner)), "__file__", None)
    if owner is not None and file is not None:
        folder = Path(file).parent
        frames = [frame for frame in frames if folder in Path(frame.filename).parents] or frames
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else "an unknown place"


@contextmanager
def plugin_call(owner: object, failure: str, hint: str | None = None) -> Iterator[None]:
    """Turns whatever a plugin's method raises into an error that names it and the line.

    Args:
        owner: The plugin's object.
        failure: What failed, such as ``task 'echo' failed to score sample '3'``.
        hint: What to do about it.

    Raises:
        PluginError: The method raised anything but an error of the harness.
    """
    try:
        yield
    except HarnessError:
        raise
    except Exception as error:
        plugin = _module_of(owner).partition(".")[0]
        where = f"Raised by plugin {plugin} in {place_of(error, owner)}."
        raise PluginError(
            f"{failure}: {type(error).__name__}: {error}", f"{where}\n{hint}" if hint else where
        ) from error


class RunFailedError(HarnessError):
    """The run began but could not finish; what was computed is kept.

    ``folder`` is the run folder, where one was written.
    """

    exit_code = 3
    folder: Path | None = None


class NothingScoredError(RunFailedError):
    """No sample of a task could be scored; everything else is written.

    Args:
        failures: Task → why its samples could not be scored.
        folder: The run folder.
    """

    def __init__(self, failures: Mapping[str, str], folder: Path) -> None:
        super().__init__(
            "\n".join(
                f"no sample of {task} could be scored: {failure}"
                for task, failure in failures.items()
            ),
            f"The run is in {folder}. Failed requests are asked again by the same command.",
        )
        self.folder: Path = folder


class TimeIsUpError(RunFailedError):
    """The run came to the end of its time (``max_seconds``) and can be resumed.

    Args:
        message: What happened.
        hint: How to go on.
        gated: Whether the run was to be judged by a gate, which is then inconclusive.
    """

    def __init__(self, message: str, hint: str | None = None, gated: bool = False) -> None:
        super().__init__(message, hint)
        self.exit_code = 4 if gated else 3


class RunInterruptedError(RunFailedError):
    """The run was stopped before its end and can be resumed."""
