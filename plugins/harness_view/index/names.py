"""Names as parts of addresses and file names: any text becomes a short, safe, unique one."""

from __future__ import annotations

import hashlib
import re

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 60


def slug(name: str) -> str:
    """The name itself where it is safe; else what is left of it, with eight digits of its hash.

    It holds letters, digits, ``.``, ``_``, ``-`` and ``~``, begins with none of ``.``, ``-`` and
    ``~``, and differs between names.
    """
    safe = _UNSAFE.sub("-", name).strip("-.")[:_LONGEST]
    if safe == name and safe:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe or 'x'}~{digest}"
