"""Weights & Biases: a run with its metrics and their intervals; offline unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.authoring import option_models
from harness.errors import HarnessError, MissingExtraError
from harness.protocols import ExportedRun, ExportOptions
from harness_tracking import flat
from harness_tracking.settings import WandbSettings


def open_exporter(options: ExportOptions) -> Wandb:
    """The exporter and tracker.

    Raises:
        MissingExtraError: wandb is not installed.
        UnknownNameError: ``mode`` is neither of the two.
    """
    try:
        import wandb  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the exporter wandb", "tracking") from error
    return Wandb(option_models.read(WandbSettings, options.values, "wandb"))


class Wandb:
    """See ``harness.protocols.Exporter`` and ``Tracker``."""

    def __init__(self, settings: WandbSettings) -> None:
        self._settings = settings
        self._run: Any = None

    def export(self, run: ExportedRun) -> str:
        """A finished run, with its settings and every metric."""
        self.started(run.result.run_id, run.spec)
        return self.finished(run)

    def started(self, name: str, settings: Mapping[str, object]) -> None:
        """Makes the run; nothing of this machine is sent with it."""
        import wandb

        quiet = wandb.Settings(
            silent=True, disable_git=True, disable_code=True, x_disable_stats=True,
            x_disable_meta=True, console="off",
        )  # fmt: skip
        try:
            self._run = wandb.init(
                project=self._settings.project,
                entity=self._settings.entity,
                name=name,
                dir=self._settings.dir,
                mode=self._settings.mode,
                config=flat.settings(settings),
                settings=quiet,
            )
        except Exception as error:  # a missing key, no network, its service's own
            raise HarnessError(
                f"wandb cannot be used: {str(error).partition(chr(10))[0][:300]}",
                "Log in with `wandb login`, or leave --set wandb.mode=online out.",
            ) from error

    def progress(self, done: int, means: Mapping[str, float]) -> None:
        """The means so far, at the step of as many samples; under ``progress/``."""
        self._run.log({f"progress/{name}": mean for name, mean in means.items()}, step=done)

    def finished(self, run: ExportedRun | None) -> str:
        """Every metric with its interval, and how that was made, in the run's summary."""
        kept = str(self._run.dir).removesuffix("/files")
        if run is None:
            self._run.finish(exit_code=1)
            return f"failed; {kept}"
        self._run.summary.update(
            {**flat.values(run.result), **flat.methods(run.result), "status": run.result.status}
        )
        whole = run.result.status == "complete"
        url = self._run.url if self._settings.mode == "online" else None
        self._run.finish(exit_code=0 if whole else 1)
        return str(url) if url else f"{kept} (`wandb sync` uploads it)"
