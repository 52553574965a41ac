"""What ``harness noise`` measured: rules must allow more than scores move on their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness import regular_files
from harness.authoring.readers import text_files
from harness.errors import ConfigError, DataError
from harness.gating.config import DROPS, GateConfig

Margins = Mapping[str, Mapping[str, float]]
"""Task → metric → the smallest drop that is more than noise."""


def read(path: Path) -> Margins:
    """The margins in a file that ``harness noise`` wrote.

    Raises:
        DataError: It is missing or malformed.
    """
    from pydantic import ValidationError

    from harness.results import schemas

    try:
        found = schemas.Noise.model_validate_json(regular_files.read_bytes(path))
    except OSError as error:
        raise text_files.missing(path, error) from error
    except ValidationError as error:
        raise DataError(
            schemas.explain(error), path=path, expected="a file that `harness noise` wrote"
        ) from error
    return {
        task: {name: each.margin for name, each in metrics.items() if each.margin is not None}
        for task, metrics in found.tasks.items()
    }


def check(config: GateConfig) -> None:
    """Refuses a gate with a rule that noise alone can break.

    Raises:
        ConfigError: A ``max_drop`` is smaller than scores move when nothing changed.
        DataError: The file of noise cannot be read.
    """
    if config.noise is None:
        return
    margins = read(Path(config.noise))
    faults = []
    for rule in config.of_tier("blocking"):
        ref = rule.ref(margins)
        if rule.kind != DROPS[0] or ref is None:
            continue
        noise = margins[ref.task].get(ref.metric or next(iter(margins[ref.task]), ""))
        if noise is not None and rule.value < noise:
            faults.append(f"  {rule.name} {rule}: it moves by {noise:.3g} when nothing changed")
    if faults:
        listed = "\n".join(faults)
        raise ConfigError(
            f"{config.noise} says that noise alone can break:\n{listed}",
            "Allow at least that much, or make the score steadier: more samples, --repeats.",
        )
