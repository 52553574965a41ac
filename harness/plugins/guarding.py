"""Hooks' functions that cannot end the others' work: what they raise is noted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any


class Guarded:
    """A hook's function that gives None, which pluggy leaves out, where it raises."""

    def __init__(self, function: Callable[..., Any], note: Callable[[Exception], None]) -> None:
        self._function, self._note = function, note

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function."""
        try:
            return self._function(*arguments)
        except Exception as error:  # a plugin's own fault must not end the others
            self._note(error)
            return None


class GuardedWrapper(Guarded):
    """Both kinds: ``wrapper`` returns another result, ``hookwrapper`` changes pluggy's own."""

    def __call__(self, *arguments: Any) -> Generator[None, Any, Any]:
        """Calls the wrapper around what the others return."""
        try:
            wrapping = self._function(*arguments)
            next(wrapping)
        except Exception as error:
            self._note(error)
            return (yield)
        result = yield
        try:
            wrapping.send(result)
        except StopIteration as stop:
            return stop.value
        except Exception as error:
            self._note(error)
            return result
        wrapping.close()
        self._note(RuntimeError("it yields twice"))
        return result
