"""What a server says went wrong, whatever status it says it with, as a kind of failure."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

from harness.errors import RunFailedError
from harness_backends.api.bodies import BASE_URL_HINT, is_page, page_text
from harness_backends.api.failures import Kind, RequestError
from harness_backends.api.server import Server

_FILTER_CODES = {"content_filter", "content_policy_violation", "moderation_blocked"}
_NO_MONEY_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_error"}
_KINDS = {
    408: Kind.TIMEOUT,
    409: Kind.SERVER,
    425: Kind.OVERLOAD,
    429: Kind.RATE_LIMIT,
    503: Kind.OVERLOAD,
    504: Kind.TIMEOUT,
    529: Kind.OVERLOAD,
}
_STATUS_OF_WORDS = (
    (r"insufficient.?(?:credits|balance|quota)|billing", 402),
    (r"rate.?limit|too many requests|resource.?exhausted", 429),
    (r"overload|temporarily|unavailable|at capacity", 503),
    (r"time.?out|timed out", 504),
    (r"authentication|unauthori[sz]ed|invalid.?api.?key|api.?key.?(?:not|in)valid", 401),
    (r"permission|forbidden", 403),
    (r"unexpected endpoint|not.?found|no such model|does not exist", 404),
    (r"bad.?request|invalid.?request|validation", 400),
    (r"internal.?(?:server.?)?error|server.?error|api.?error", 500),
)
"""For errors inside a 200 whose body holds no number."""
_TOO_LONG = re.compile(
    r"context.?(?:length|size|window)|exceed_context|prompt is too long|too many (?:input )?tokens"
    r"|input.{0,40}too long|maximum (?:model|sequence|input|prompt) length|max_seq_len"
    r"|string_above_max_length|`inputs` (?:tokens|must have less)",
    re.IGNORECASE,
)
_OUTPUT_LIMIT = re.compile(
    r"output limit was reached|(?:higher|larger) max_|max_\w*tokens\W.{0,60}"
    r"(?:at least|minimum|>=|greater|below|too (?:small|low|few))",
    re.IGNORECASE,
)
_ABOUT_KEY = re.compile(
    r"(?:invalid|incorrect).{0,20}api.?key|api.?key.{0,20}(?:not |in)valid", re.IGNORECASE
)
_REFUSING = re.compile(
    r"support|unknown|unrecogni|unexpected|extra |not permitted|not allowed|invalid|only|must"
    r"|deprecated|cannot|can't|not available|not implemented|does not accept|use '",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What an error's body says.

    Attributes:
        message: In words.
        code: The server's name for the kind of error, or "".
        status: The status it would have sent, where the body has one.
        parameter: The parameter of the request that it names.
    """

    message: str
    code: str = ""
    status: int | None = None
    parameter: str = ""


def read_error(body: object) -> Told:
    """What the body of an error says, in the forms that servers and gateways use."""
    if isinstance(body, list) and body:
        body = body[0]
    inner = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(inner, str):
        return Told(page_text(inner) if is_page(inner) else inner)
    if not isinstance(inner, dict):
        return Told("" if inner is None else _dumped(inner))
    message = next((inner[n] for n in ("message", "detail", "msg") if inner.get(n)), None)
    parameter = inner.get("param")
    if isinstance(message, list):  # FastAPI's: one entry for each field that is wrong
        message, parameter = _of_fields(message)
    if not isinstance(message, str):
        message = _dumped(inner)
    names = [inner.get(name) for name in ("code", "type", "status")]
    code = next((name for name in names if isinstance(name, str) and not name.isdigit()), "")
    statuses = [inner.get(name) for name in ("code", "status", "status_code")]
    return Told(
        message,
        code,
        next((found for each in statuses if (found := _status(each)) is not None), None),
        parameter if isinstance(parameter, str) else "",
    )


def error_inside(answer: Mapping[str, object]) -> Told | None:
    """The error that an answer with status 200 is; None where it is an answer.

    Gateways pass the errors of the servers behind them on like that.
    """
    choices = answer.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        inner = choices[0].get("error")
        return read_error({"error": inner}) if inner else None
    if answer.get("error"):
        return read_error(answer)
    kind = answer.get("object") or answer.get("type")
    if kind == "error" or ("content" not in answer and ("detail" in answer or "message" in answer)):
        return read_error({"error": {name: answer[name] for name in answer if name != "object"}})
    return None


def failure(
    status: int | None,
    told: Told,
    server: Server,
    sent: Container[str] = (),
    retry_after: float | None = None,
) -> Exception:
    """Our exception for a server's error: of this request, or of the whole run.

    Args:
        status: The response's; None where the error came with 200.
        told: What the body says.
        server: For the message, in which its key never stands.
        sent: Names of the parameters that the request had.
        retry_after: Seconds the server asks to wait.
    """
    number = status if status is not None else told.status or _status_of_words(told)
    words = server.said(told.message) or "no reason given"
    said = f"status {number}: {words}" if status is not None else f"{words} (in a 200 answer)"
    if told.code in _FILTER_CODES:
        return RequestError(Kind.FILTERED, words)
    if number == 402 or told.code in _NO_MONEY_CODES:
        return RunFailedError(
            f"{server.shown} says that the account has no credit left: {words}",
            "Add credit, then give the same command again.",
        )
    if number is None:
        return RequestError(Kind.MALFORMED, f"an error instead of an answer: {words}")
    if number in (401, 403) or (number == 400 and _ABOUT_KEY.search(words)):
        return _denied(number, words, server)
    if number in (404, 405):
        return RequestError(
            Kind.NOT_OFFERED,
            f"{server.shown} has no model {server.model!r} at this endpoint "
            f"(status {number}): {words}",
            hint=f"Check the model's name. {BASE_URL_HINT}",
        )
    if 400 <= number < 500 and number not in _KINDS:
        return _refused(said, told, sent)
    return RequestError(_KINDS.get(number, Kind.SERVER), said, retry_after)


def _denied(status: int, words: str, server: Server) -> RequestError:
    what = "refuses access" if status == 403 else "refuses the key"
    return RequestError(
        Kind.DENIED,
        f"{server.shown} {what} (status {status}): {words}",
        hint=f"The key is read from the environment variable {server.key_variable}; check that it "
        f"is valid there and may use {server.model}.",
    )


def _refused(said: str, told: Told, sent: Container[str]) -> RequestError:
    text = f"{told.code} {told.message}"
    if _OUTPUT_LIMIT.search(text):
        return RequestError(Kind.REFUSED, said, hint=OUTPUT_LIMIT_HINT)
    if _TOO_LONG.search(text):
        return RequestError(Kind.TOO_LONG, said)
    parameter = _parameter(told, sent)
    hint = None if parameter is None else f"Leave it out by --set omit={parameter}."
    return RequestError(Kind.REFUSED, said, hint=hint, parameter=parameter)


OUTPUT_LIMIT_HINT = (
    "The model wants room for more tokens, as models that reason do: "
    'set it by --set extra_body={"max_completion_tokens":4096}.'
)


def _parameter(told: Told, sent: Container[str]) -> str | None:
    """The parameter of the request that is refused: the one named, by field or in the words."""
    named = told.parameter.rpartition(".")[2]
    if named:
        return named if named in sent else None
    if not _REFUSING.search(f"{told.code} {told.message}"):
        return None
    words: list[str] = re.findall(r"[A-Za-z_]+", told.message)
    return next((word for word in words if word in sent), None)


def _of_fields(entries: list[object]) -> tuple[str, str]:
    """FastAPI's list of {"loc": […, NAME], "msg": …}: in words, and the first field's name."""
    texts, names = [], []
    for entry in entries[:3]:
        if not isinstance(entry, dict):
            continue
        place = entry.get("loc")
        path = ".".join(map(str, place)) if isinstance(place, list) else ""
        texts.append(f"{entry.get('msg')} ({path})" if path else str(entry.get("msg")))
        names.append(path.rpartition(".")[2])
    return "; ".join(texts), names[0] if names else ""


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 400 <= value < 600 else None  # type: ignore[return-value,operator]


def _status_of_words(told: Told) -> int | None:
    text = f"{told.code} {told.message}"
    if _TOO_LONG.search(text):
        return 400
    found = (status for words, status in _STATUS_OF_WORDS if re.search(words, text, re.IGNORECASE))
    return next(found, None)


def _dumped(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "an error that is nested too deeply to show"
