"""Keys and passwords masked, wherever a run is written down or an error is shown.

A masked value keeps a short hash made slowly, so that two specs can still be distinguished and a
guess cannot be tried cheaply.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

_ROUNDS = 100_000
_MASKED = re.compile(r"\*\*\*[0-9a-f]{8}")
_SHORTEST = 8
"""Characters of a secret from the environment that is looked for in texts."""
_NAME = re.compile(
    r"(?:^|[._-])(?:api_?key|access_?key|secret_?key|private_?key|auth_?key|key|auth"
    r"|token|secret|password|passwd|passphrase|credentials?|authorization)$",
    re.I,
)
_HARMLESS = re.compile(r"(?:^|[._-])(?:pad|bos|eos|unk|sep|stop|end|start|mask|new|label|answer"
                       r"|text|sort|id|primary|foreign)[._-]?(?:token|key)$", re.I)  # fmt: skip
_PLACE = re.compile(r"_env$|_variable$|_file$", re.I)
"""Settings that say where a secret is, not what it is."""
_KEY = re.compile(
    r"\b(?:sk|pk|rk)-(?=[A-Za-z_-]*\d|[\w-]{20})[\w-]{8,}|\bsk_(?:live|test)_[A-Za-z0-9]{8,}|\bhf_(?=[A-Za-z]*\d|\w{20})[A-Za-z0-9]{8,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{12,}|\bxox[abprs]-[\w-]{8,}"
    r"|\bAKIA[A-Z0-9]{12,}|\bAIza[\w-]{20,}|\bgsk_[A-Za-z0-9]{8,}|\br8_[A-Za-z0-9]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+|%20)([A-Za-z0-9._~+/=-]{6,})")
_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)([^\s'\"<>]+)")
_QUERY = re.compile(r"([?&;#])([^=&;#]+)=([^&;#]*)")
_SEGMENT = re.compile(r"^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_-]{20,}$")
"""A part of a URL's path that looks drawn at random."""


def is_secret_name(name: str) -> bool:
    """Whether a setting of that name holds a secret, such as ``api_key`` or ``openai.token``."""
    return bool(_NAME.search(name)) and not _HARMLESS.search(name) and not _PLACE.search(name)


@functools.cache
def mask(value: str) -> str:
    """The mask of a secret: equal for equal secrets; a mask stays as it is."""
    if _MASKED.fullmatch(value):
        return value
    digest = hashlib.pbkdf2_hmac("sha256", value.encode("utf-8", "replace"), b"evalign", _ROUNDS)
    return f"***{digest.hex()[:8]}"


def redact(text: str) -> str:
    """The text with everything masked that looks like a key, or is one of the environment's."""
    for value in _of_environment():
        text = text.replace(value, mask(value))
    text = _KEY.sub(lambda match: mask(match.group()), text)
    text = _BEARER.sub(lambda match: f"{match[1]}{match[2]}{mask(match[3])}", text)
    return _URL.sub(lambda match: match[1] + _url(match[2]), text)


def redact_value(value: Any, name: str = "") -> Any:
    """A JSON value with its secrets masked: by the names of its fields, and by their look."""
    if isinstance(value, Mapping):
        return {key: redact_value(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(each, name) for each in value]
    if not isinstance(value, str):
        return value
    return mask(value) if value and is_secret_name(name) else redact(value)


def redact_command(arguments: Sequence[str]) -> str:
    """A command line for the record, as a shell reads it."""
    return shlex.join(_redact_argument(each) for each in arguments)


def _redact_argument(argument: str) -> str:
    name, equals, value = argument.partition("=")
    if equals and name.startswith("--"):  # --set=KEY=VALUE
        return f"{name}={_redact_argument(value)}"
    if equals and value and is_secret_name(name):
        return f"{name}={mask(value)}"
    return redact(argument)


def _of_environment() -> list[str]:
    return [
        value
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST and is_secret_name(name)
    ]


def _url(rest: str) -> str:
    """What follows ``scheme://``: user, password, random parts of the path, secret parameters."""
    host, slash, path = rest.partition("/")
    user, at, host_alone = host.rpartition("@")
    if at:
        host = f"{mask(user)}@{host_alone}"
    path = _QUERY.sub(
        lambda match: (
            f"{match[1]}{match[2]}={mask(match[3])}"
            if match[3] and is_secret_name(match[2])
            else match.group()
        ),
        path,
    )
    before, mark, after = re.match(r"([^?#]*)([?#]?)(.*)", path, re.S).groups()  # type: ignore[union-attr]
    parts = [mask(part) if _SEGMENT.match(part) else part for part in before.split("/")]
    return host + slash + "/".join(parts) + mark + after
