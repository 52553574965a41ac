"""A real Ray on this machine, shared by the tests that need one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.protocols import BackendOptions, Deadline, ModelSource
from harness_ray.settings import Settings

MORTAL = Path(__file__).with_name("mortal.py")


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """Ray, started once: an executor that finds it running leaves it so."""
    pytest.importorskip("ray")
    from harness_ray import cluster

    assert cluster.start(Settings(workers=2))
    yield
    cluster.stop()


@pytest.fixture
def spread(ray_here: None) -> Iterator[Callable[..., Any]]:
    """Opens a model on workers and closes it afterwards."""
    from harness_ray.backend import RayBackend

    opened = []

    def open_model(
        scheme: str,
        model: str = "",
        workers: int = 2,
        deadline: Deadline | None = None,
        **values: Any,
    ) -> RayBackend:
        settings = {name: str(value) for name, value in values.items()}
        source = ModelSource(scheme, BackendOptions(model, values=settings), (MORTAL,))
        opened.append(RayBackend(source, Settings(workers=workers), deadline))
        return opened[-1]

    yield open_model
    for backend in opened:
        backend.close()
