"""Whom we talk to, and how its name and words are shown: never with a secret in them."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from harness.errors import ModelError

_LONGEST_MESSAGE = 300
_SHORTEST_SECRET = 6
"""Characters. Servers on one's own machine are given keys such as "none" or "x", which stand in
ordinary words."""
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_KEY_LIKE = re.compile(
    r"(?:sk|pk|rk|key|token|api|hf|gsk|xai)[-_][\w-]{8,}"
    r"|(?=[\w.~-]*\d)(?=[\w.~-]*[A-Za-z])[\w.~-]{20,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Server:
    """Whom we talk to.

    Attributes:
        address: Its URL; a gateway may want a key in its path, so that it is not shown.
        model: The model's name there.
        key_variable: The environment variable the key came from.
        key: The key; never shown.
    """

    address: str = field(repr=False)
    model: str
    key_variable: str
    key: str | None = field(repr=False)

    @property
    def shown(self) -> str:
        """The address with whatever looks like a key in its path blotted out."""
        parts = urlsplit(self.address)
        return self.without_keys(f"{parts.scheme}://{parts.netloc}{parts.path}")

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        host = urlsplit(self.address).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def without_keys(self, text: str) -> str:
        """``text`` with the key, and whatever looks like one in the address, blotted out."""
        path = urlsplit(self.address).path.split("/")
        secrets = [segment for segment in path if _KEY_LIKE.fullmatch(segment)]
        if self.key is not None and len(self.key) >= _SHORTEST_SECRET:
            secrets.append(self.key)
        for secret in sorted(secrets, key=len, reverse=True):  # one may hold another
            text = text.replace(secret, "***")
        return text

    def said(self, text: str) -> str:
        """A server's words for a message: one short line, without keys and hidden characters."""
        text = " ".join(_HIDDEN.sub(" ", self.without_keys(text)).split())
        text = text.encode("utf-8", "replace").decode("utf-8")
        return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def read_key(variable: str, needed: bool, what: str) -> str | None:
    """The key from the environment; None where there is none and none is needed.

    Raises:
        ModelError: The variable is not set, or its value cannot be sent.
    """
    key = os.environ.get(variable, "").strip() or None
    if key is None and needed:
        raise ModelError(
            f"{what} needs a key, and the environment variable {variable} is not set",
            f"Set it (export {variable}=…), or name another by --set api_key_env=NAME.",
        )
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ModelError(
            f"the key in the environment variable {variable} holds characters that no key has",
            "A line break or a typographic character may have been copied with it.",
        )
    return key
