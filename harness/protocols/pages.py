"""Pages that a plugin adds to ``harness view``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class FolderPages:
    """Pages of a kind of folder, which ``harness view`` serves where it finds one.

    Attributes:
        name: Their place in addresses: small letters, digits and hyphens.
        title: What readers see in the navigation.
        description: A sentence on what they are for, and the command that makes such a folder.
        recognises: Whether a folder is of the kind, by the names in it alone; it must not raise.
        state: Where a folder stands, in a few words, such as ``12 of 50 judged``; raises a
            ``HarnessError`` where the folder is damaged.
        open: Gives an ASGI application that answers below the folder's address, as long as the
            context is open. Its links are relative; token and host have been looked at. Raises a
            ``HarnessError`` where the folder cannot be opened.
    """

    name: str
    title: str
    description: str
    recognises: Callable[[Path], bool]
    state: Callable[[Path], str]
    open: Callable[[Path], AbstractContextManager[Any]]
