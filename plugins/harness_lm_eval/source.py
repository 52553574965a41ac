"""The source: names for ``harness ls``, and the tasks of a name for ``--tasks``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from harness.authoring import option_models
from harness.authoring.readers import text_files
from harness.errors import UsageError
from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import HubDataset
from harness_lm_eval import consent
from harness_lm_eval.catalogue import index
from harness_lm_eval.catalogue.definitions import Definition, Found
from harness_lm_eval.catalogue.lookup import Catalogue
from harness_lm_eval.settings import SourceSettings, TaskSettings

PREFIX = "lm_eval"


def names(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Every name with a line about it."""
    chosen = option_models.read(SourceSettings, settings, PREFIX)
    return index.told(chosen.include)


def find(name: str, settings: Mapping[str, str]) -> Sequence[TaskSpec]:
    """The tasks of a name.

    Raises:
        UnknownNameError: There is no such name or setting.
        UsageError: The definition is code that nobody has agreed to run, or needs what is not
            here.
        DataError: It cannot be read.
    """
    chosen = option_models.read(SourceSettings, settings, PREFIX)
    catalogue = Catalogue(index.of(chosen.include), _metadata(chosen.metadata))
    consent.check_files(name, catalogue, chosen.allow_code)
    shared = {key: value for key, value in settings.items() if key in TaskSettings.model_fields}
    return [_spec(found, shared, chosen.allow_code) for found in catalogue.find(name)]


def _metadata(text: str | None) -> Mapping[str, object]:
    if text is None:
        return {}
    value = text_files.parse_json(text)
    if not isinstance(value, dict):
        raise UsageError(
            f"{PREFIX}.metadata = {text!r}", 'Expected a JSON object: {"max_seq_lengths": [4096]}'
        )
    return value


def _spec(found: Found, shared: Mapping[str, str], allow_code: bool) -> TaskSpec:
    name = f"{PREFIX}:{found.name}"
    return TaskSpec(
        name,
        _description(found),
        partial(_open, found, allow_code),
        hub=_hub(found),
        options=TaskSettings,
        defaults=shared,
    )


def _open(found: Found, allow_code: bool, options: TaskOptions) -> Task:
    from harness_lm_eval.group import LmEvalGroup
    from harness_lm_eval.task import LmEvalTask

    name = f"{PREFIX}:{found.name}"
    settings = option_models.read(TaskSettings, options.values, name)
    if isinstance(found, Definition):
        return LmEvalTask(name, found, settings, allow_code)
    return LmEvalGroup(name, found, settings, allow_code)


def _description(found: Found) -> str:
    if not isinstance(found, Definition):
        count = len(list(found.tasks()))
        return f"lm-evaluation-harness's group of {count:,} tasks"
    kind = str(found.config.get("output_type") or "a Python class")
    return f"lm-evaluation-harness, {kind}"


def _hub(found: Found) -> HubDataset:
    """Where the data live, for reports; lm_eval itself loads them."""
    if not isinstance(found, Definition):
        return HubDataset(f"of the {len(list(found.tasks()))} tasks", split="all")
    config = found.config
    path = "made by code" if config.get("custom_dataset") else str(config.get("dataset_path"))
    part = config.get("dataset_name")
    split = config.get("test_split") or config.get("validation_split") or "evaluated"
    return HubDataset(path, None if part is None else str(part), str(split))
