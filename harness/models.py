"""From ``--model`` to an open backend."""

from __future__ import annotations

from pathlib import Path

from harness.config import RunSpec
from harness.errors import UnknownNameError
from harness.plugins import Registry
from harness.protocols import BackendOptions, BackendSpec, ModelBackend

DEFAULT_SCHEME = "hf"


def locate(model: str, registry: Registry) -> tuple[BackendSpec, str]:
    """The backend of ``--model`` and what it is to open.

    ``SCHEME:REST``, or a scheme alone (``demo``); anything else is a checkpoint for ``hf``. A
    folder with a scheme's name is reached as ``./demo``.

    Raises:
        UnknownNameError: No plugin offers that scheme.
    """
    scheme, colon, rest = model.partition(":")
    if colon and scheme in registry.backends:
        return registry.backends[scheme], rest
    if model in registry.backends:
        return registry.backends[model], ""
    if colon and scheme.isidentifier() and len(scheme) > 1 and not Path(model).exists():
        raise UnknownNameError("backend", scheme, registry.backends)
    return registry.backend(DEFAULT_SCHEME), model


def open_backend(spec: RunSpec, registry: Registry) -> ModelBackend:
    """Opens the model; this is where heavy packages are imported and weights are read.

    Raises:
        UnknownNameError: The scheme or an option does not exist.
        ModelError: The checkpoint or endpoint cannot be used.
    """
    backend, rest = locate(spec.model, registry)
    for key in spec.backend_settings:
        if key not in backend.options:
            raise UnknownNameError(
                f"option of the {backend.scheme} backend",
                key,
                backend.options,
                "Options of a task or probe are set as NAME.KEY=VALUE.",
            )
    return backend.open(
        BackendOptions(
            rest,
            spec.batch_size,
            spec.dtype,
            spec.device,
            spec.seed,
            spec.backend_settings,
            spec.prices.get(spec.model) or spec.prices.get(rest, {}),
        )
    )
