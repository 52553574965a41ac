"""A model that was opened before is opened again at its first request.

What a run needs to know before its first question (fingerprint, what may be asked, facts for the
report) is kept from the first opening, under the hashes of all files and everything else that it
follows from. So a run whose answers are all stored reads no weights, and imports neither torch nor
transformers.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import glob
from importlib import metadata
from pathlib import Path
from typing import Any

import harness
from harness import types
from harness.authoring.chat import encoding
from harness.authoring.io import files
from harness.authoring.io.serialization import canonical_hash, request_key
from harness.authoring.readers.text_files import parse_json
from harness.errors import HarnessError, ModelError
from harness.protocols import (
    BackendOptions,
    ModelBackend,
    distrust,
    doubts_of,
    prompt_texts_of,
    wrong_paths_of,
)
from harness.types import KeyedRequest, Request, Response, Usage
from harness_backends.hf.fingerprint import hashes

_PACKAGES = ("torch", "transformers", "tokenizers", "peft", "gguf", "bitsandbytes")
_DEVICES = ("/dev/nvidia[0-9]*", "/dev/kfd")
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_MOST_CHECKED = 200
"""Sets of requests that are remembered as checked."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model that is not open.

    Attributes:
        fingerprint: See ``harness.protocols.ModelBackend``.
        supports: Names of the types of requests that it answers.
        described: Facts for reports, as they were when nothing had been asked.
        checked: Hashes of sets of requests that it was found to take.
    """

    fingerprint: str
    supports: tuple[str, ...]
    described: Mapping[str, Any]
    checked: tuple[str, ...] = ()


@dataclass(slots=True)
class ReopenedBackend:
    """Implements ``harness.protocols.ModelBackend``; the model behind it may not be open yet.

    Args:
        known: What was found when it was opened first.
        open_model: Opens it.
        place: The file that keeps what is known; None where nothing is kept.
        model: The model, where it is open.
    """

    known: Known
    open_model: Callable[[], ModelBackend]
    place: Path | None
    model: ModelBackend | None = None

    @property
    def opened(self) -> Any:
        """The model itself.

        Raises:
            ModelError: It cannot be opened any more, or is another than it was.
        """
        if self.model is None:
            model = self.open_model()
            if model.fingerprint != self.known.fingerprint:
                if self.place is not None:
                    self.place.unlink(missing_ok=True)
                raise ModelError(
                    f"{self.known.described.get('name')} changed while it was read, or is read "
                    "in another way on this machine now",
                    "Give the command again: it is opened anew",
                )
            self.model = model
        return self.model

    @property
    def checkpoint(self) -> Any:
        """The loaded checkpoint."""
        return self.opened.checkpoint

    @property
    def fingerprint(self) -> str:
        """Identifies all that determines its answers."""
        return self.known.fingerprint

    @property
    def supports(self) -> frozenset[type]:
        """The types of requests that it answers."""
        return frozenset(getattr(types, name) for name in self.known.supports)

    @property
    def doubts(self) -> int:
        """How often answers that were given earlier turned out to be wrong."""
        return 0 if self.model is None else doubts_of(self.model)

    @property
    def wrong_paths(self) -> Sequence[str]:
        """The ways to compute that gave wrong answers."""
        return () if self.model is None else tuple(wrong_paths_of(self.model))

    def distrust(self, paths: Collection[str]) -> None:
        """Leaves ways to compute that another worker saw to be wrong."""
        distrust(self.opened, paths)

    @property
    def usage(self) -> Usage:
        """Tokens so far."""
        return Usage() if self.model is None else self.model.usage

    def describe(self) -> Mapping[str, object]:
        """Facts for reports."""
        return self.known.described if self.model is None else self.model.describe()

    def check(self, requests: Sequence[Request]) -> None:
        """Finds before the first answer what the model cannot be asked.

        Raises:
            HarnessError: One of them cannot be answered.
        """
        digest = hashlib.sha256()
        for request in requests:
            digest.update(request_key(request).encode())
        name = digest.hexdigest()
        if name in self.known.checked:
            return
        self.opened.check(requests)
        checked = (*self.known.checked, name)[-_MOST_CHECKED:]
        self.known = replace(self.known, checked=checked)
        _keep(self.place, self.known)

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request once."""
        return self.opened.run(requests)  # type: ignore[no-any-return]

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
        """The tokens of these requests; nothing is run."""
        return self.opened.forecast(requests)  # type: ignore[no-any-return]

    def prompt_texts(self, requests: Sequence[KeyedRequest]) -> Mapping[str, str]:
        """See ``ShowsPrompts``."""
        return prompt_texts_of(self.opened, requests)

    def close(self) -> None:
        """Frees the model."""
        if self.model is not None:
            self.model.close()


def reopened(options: BackendOptions, open_model: Callable[[], ModelBackend]) -> ModelBackend:
    """The model of ``options``: opened when needed where it is known, at once where it is not.

    Args:
        options: What the user chose.
        open_model: Opens it.
    """
    place = _place(options)
    known = None if place is None else _read(place)
    if known is not None:
        return ReopenedBackend(known, open_model, place)
    model = open_model()
    if place is None:
        return model
    supports = tuple(sorted(kind.__name__ for kind in model.supports))
    known = Known(model.fingerprint, supports, dict(model.describe()))
    _keep(place, known)
    return ReopenedBackend(known, open_model, place, model)


def _place(options: BackendOptions) -> Path | None:
    """The file that keeps what is known; its name is a hash of all that it follows from.

    None for what files do not determine: models of the hub, adapters with a base
    elsewhere, and code that a checkpoint brings.
    """
    path = Path(options.model).expanduser()
    values = dict(options.values)
    if "base" in values or values.get("trust_remote_code", "false") != "false":
        return None
    if not path.exists() or (path / "adapter_config.json").exists():
        return None
    try:
        gguf = [path] if path.is_file() else sorted(path.glob("*.gguf"))
        if path.is_dir() and any(path.glob("*.safetensors")):
            gguf = []  # it is not read then
        name = canonical_hash(
            {
                "files": {} if path.is_file() else hashes(path),
                "gguf": {each.name: hashes(each) for each in gguf},
                "name": options.model,
                "options": [options.batch_size, options.dtype, options.device, values],
                "encoding": encoding.VERSION,
                "versions": {"evalign": harness.__version__, **_versions()},
                "devices": [
                    sys.platform,
                    [sorted(glob(pattern)) for pattern in _DEVICES],
                    [os.environ.get(name) for name in _VISIBLE],
                ],
            }
        )
        return files.cache_folder() / "opened" / f"{name}.json"
    except (OSError, HarnessError):
        return None


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def _read(place: Path) -> Known | None:
    """What is kept; None where that is nothing, or damaged."""
    try:
        found = parse_json(place.read_text("utf-8"))
        known = Known(
            found["fingerprint"],
            tuple(found["supports"]),
            dict(found["described"]),
            tuple(found["checked"]),
        )
        usable = isinstance(known.fingerprint, str) and all(
            isinstance(getattr(types, name), type) for name in known.supports
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError, HarnessError):
        return None
    return known if usable else None


def _keep(place: Path | None, known: Known) -> None:
    """Keeps what is known; where that is not possible the model is opened at once next time."""
    if place is None:
        return
    content = {
        "fingerprint": known.fingerprint,
        "supports": list(known.supports),
        "described": dict(known.described),
        "checked": list(known.checked),
    }
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_json(place, content)
    except (OSError, TypeError, ValueError):
        return
