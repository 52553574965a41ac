from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.authoring import option_models
from harness.errors import UsageError
from harness_ray.settings import Settings

pytest.importorskip("ray")

from harness_ray.cluster import Division, share


def test_values() -> None:
    values = {"workers": "4", "gpus_per_worker": "0.5", "cpus_per_worker": "2", "address": "auto"}
    assert set(values) == set(Settings.model_fields)
    assert option_models.read(Settings, values) == Settings(
        workers=4, gpus_per_worker=0.5, cpus_per_worker=2, address="auto"
    )


def test_every_option_is_documented(root: Path) -> None:
    text = (root / "docs" / "executors.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", "0"),
        ("workers", "two"),
        ("workers", "²"),
        ("cpus_per_worker", "1.5"),
        ("gpus_per_worker", "-1"),
        ("gpus_per_worker", "1.5"),
        ("gpus_per_worker", "inf"),
        ("gpus_per_worker", "nan"),
        ("gpus_per_worker", "all"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is {value!r}"):
        option_models.read(Settings, {name: value})


CPU = {"CPU": 8.0}
GPU = {"CPU": 16.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("settings", "machines", "expected"),
    [
        (Settings(), [CPU], Division(1, 8, 0)),
        (Settings(), [CPU, CPU], Division(2, 8, 0)),
        (Settings(workers=3), [CPU, CPU], Division(3, 4, 0)),
        (Settings(workers=8), [CPU], Division(8, 1, 0)),
        (Settings(), [GPU], Division(4, 4, 1)),
        (Settings(), [GPU, CPU], Division(4, 4, 1)),
        (Settings(workers=2), [GPU], Division(2, 8, 1)),
        (Settings(workers=8), [GPU], Division(8, 2, 0.5)),
        (Settings(workers=6), [GPU], Division(6, 2, 0.5)),
        (Settings(gpus_per_worker=2), [GPU, GPU], Division(4, 8, 2)),
        (Settings(gpus_per_worker=0, workers=2), [GPU], Division(2, 8, 0)),
        (Settings(workers=2, cpus_per_worker=3), [CPU], Division(2, 3, 0)),
    ],
)
def test_cores_and_gpus_are_divided(settings, machines, expected) -> None:
    assert share(settings, machines) == expected


@pytest.mark.parametrize(
    ("settings", "machines", "message"),
    [
        (Settings(workers=2, gpus_per_worker=1), [CPU], "room for 0"),
        (Settings(workers=9, gpus_per_worker=0.5), [GPU], "room for 8"),
        (Settings(workers=3, gpus_per_worker=2), [GPU], "room for 2"),
        (Settings(workers=5, gpus_per_worker=0.7), [GPU], "room for 4"),
        (Settings(workers=3, cpus_per_worker=4), [CPU], "8 cores"),
        (Settings(workers=9), [CPU], "8 cores"),
    ],
)
def test_what_the_cluster_does_not_have_is_an_error(settings, machines, message) -> None:
    with pytest.raises(UsageError, match=message):
        share(settings, machines)
