"""What a definition would run, and whether the user has agreed to it."""

from __future__ import annotations

from harness.errors import UsageError
from harness_lm_eval import installed
from harness_lm_eval.catalogue import definition_files, hub_code
from harness_lm_eval.catalogue.definitions import Definition
from harness_lm_eval.catalogue.lookup import Catalogue

_AGREE = "--set lm_eval.allow_code=true"


def check_files(name: str, catalogue: Catalogue, allow_code: bool) -> None:
    """Refuses Python in folders of the user's own, which is run as soon as it is looked at.

    Definitions that come with lm_eval are as trusted as the installed package that they are, but
    for those that load metrics from the hub, code and all.

    Raises:
        UsageError: There is such code, and nobody has agreed to it.
    """
    if allow_code:
        return
    packaged = installed.task_folder()
    for path in dict.fromkeys(catalogue.paths(name)):
        made_of = definition_files.read(path)
        for metric in hub_code.of(made_of):
            raise _from_hub(name, metric)
        if made_of.functions and packaged not in path.parents:
            files = sorted({str(each.file or each.name) for each in made_of.functions})
            raise UsageError(
                f"the definition of {name} runs Python code: {', '.join(files)}",
                f"Read it, and if you trust it, agree with {_AGREE}",
            )


def check_task(name: str, definition: Definition, allow_code: bool) -> None:
    """Refuses a task that cannot be asked here, and one that runs code nobody agreed to.

    Raises:
        UsageError: It is one of these.
    """
    config = definition.config
    for key, what in (("doc_to_image", "images"), ("doc_to_audio", "audio")):
        if config.get(key):
            raise UsageError(
                f"{name} shows {what} to the model, and models are asked by text alone here",
                "Run it with `lm-eval run` and a model that takes them.",
            )
    if allow_code:
        return
    if config.get("unsafe_code"):
        raise UsageError(
            f"{name} runs the code that the model writes, on this machine",
            f"Do so in a container that may break, and agree with {_AGREE}",
        )
    if config.get("custom_dataset"):
        made = config["custom_dataset"]
        where = getattr(made, "__module__", "").replace(".", "/")
        raise UsageError(
            f"{name} makes its data by running {getattr(made, '__name__', made)} of {where}.py, "
            "which may load from the network",
            f"Agree with {_AGREE}",
        )
    kwargs = config.get("dataset_kwargs") or {}
    if isinstance(kwargs, dict) and kwargs.get("trust_remote_code"):
        return  # datasets has no such code any more; what it cannot load it names
    for metric in hub_metrics(definition):
        raise _from_hub(name, metric)


def _from_hub(name: str, metric: str) -> UsageError:
    return UsageError(
        f"{name} has the metric {metric!r}, whose code `evaluate` loads from the hub",
        f"Agree with {_AGREE}",
    )


def hub_metrics(definition: Definition) -> list[str]:
    """Metrics that ``evaluate`` loads from the hub, code and all."""
    from lm_eval.api.registry import metric_registry

    config = definition.config
    if config.get("process_results") is not None:
        return []
    found = []
    for each in config.get("metric_list") or ():
        metric = each.get("metric")
        if isinstance(metric, str) and (each.get("hf_evaluate") or metric not in metric_registry):
            found.append(metric)
    return found
