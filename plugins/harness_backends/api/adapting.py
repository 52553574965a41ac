"""What a server does not take, found out once and then sent as it likes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness_backends.api.failures import RequestError

_OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_LEAST_TEMPERATURE = 0.01
_CAN_BE_LEFT_OUT = {
    "temperature": "its answers follow the server's own sampling and are not greedy",
    "top_p": "its answers follow the server's own nucleus",
    "seed": "its answers cannot be repeated",
    "stop": "texts are cut here, after all of their tokens are paid for",
    "stop_sequences": "texts are cut here, after all of their tokens are paid for",
}
_NO_SUCH_NAME = re.compile(
    r"unsupported|not support|unknown|unrecogni|unexpected|extra |not permitted|not allowed"
    r"|deprecated|use \W?max_",
    re.IGNORECASE,
)
"""A limit that is too large is refused, too, and no other name helps then."""
_WANTS_POSITIVE = re.compile(r"positive|greater than 0|> ?0(?!\.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter of requests that is sent under another name or with another value, or not.

    Attributes:
        parameter: Its usual name.
        name: The name that the server takes; None where it takes none.
        value: The value instead of 0; None keeps the request's.
        reason: The server's words.
    """

    parameter: str
    name: str | None
    value: float | None
    reason: str

    @property
    def keeps_answers(self) -> bool:
        """Whether the request means the same as before."""
        return self.name is not None and self.value is None

    def apply(self, body: dict[str, Any]) -> dict[str, Any]:
        """The request with the change."""
        if self.parameter not in body:
            return body
        changed = dict(body)
        value = changed.pop(self.parameter)
        if self.name is not None:
            changed[self.name] = value if self.value is None or value != 0 else self.value
        return changed

    @property
    def note(self) -> str:
        """For readers of a report."""
        if self.value is not None:
            done = f"{self.parameter} = {self.value:g} was sent for 0, nearly greedy"
        elif self.name is not None:
            done = f"it was sent as {self.name}"
        else:
            done = f"it was left out, so {_CAN_BE_LEFT_OUT[self.parameter]}"
        return f"the server does not take {self.parameter}: {done} ({self.reason})"


class Adaptations:
    """The changes that a server's refusals have taught.

    Those that change what is asked are learned while the server is opened, since they are part
    of the identity of the answers; later ones are left to the user.
    """

    def __init__(self) -> None:
        self._changes: dict[str, Change] = {}
        self.opening = True

    @property
    def identity(self) -> dict[str, object]:
        """What of this can change an answer: nothing where nothing does."""
        found = {
            change.parameter: [change.name, change.value]
            for change in self._changes.values()
            if not change.keeps_answers
        }
        return {"adapted": found} if found else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of it."""
        return tuple(change.note for change in self._changes.values())

    def apply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A request as the server takes it."""
        changed = dict(body)
        for change in tuple(self._changes.values()):
            changed = change.apply(changed)
        return changed

    def learn(self, error: RequestError, sent: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
        """Whether a refused request can be asked again in another form.

        Args:
            error: The refusal.
            sent: The request as it was sent.
            given: Parameters that are the user's own and never changed.
        """
        if error.parameter is None or error.parameter in given:
            return False
        if self.apply(sent) != sent:  # another request has taught it meanwhile
            return True
        change = self._change(error.parameter, sent, error.reason)
        if change is None or not (self.opening or change.keeps_answers):
            return False
        known = self._changes.get(change.parameter)
        if known is not None and known.value is None:
            return False
        self._changes[change.parameter] = change
        return True

    def _change(self, parameter: str, sent: Mapping[str, Any], reason: str) -> Change | None:
        other = _OTHER_LIMIT.get(parameter)
        if other is not None and other not in self._changes and _NO_SUCH_NAME.search(reason):
            return Change(parameter, other, None, reason)
        is_greedy = parameter == "temperature" and sent.get(parameter) == 0
        if is_greedy and _WANTS_POSITIVE.search(reason):
            return Change(parameter, parameter, _LEAST_TEMPERATURE, reason)
        if parameter in _CAN_BE_LEFT_OUT:
            return Change(parameter, None, None, reason)
        return None
