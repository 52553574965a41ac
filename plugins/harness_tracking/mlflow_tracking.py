"""MLflow: a run with its metrics and their intervals, by MLflow's client."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from harness.authoring import option_models
from harness.errors import HarnessError, MissingExtraError
from harness.protocols import ExportedRun, ExportOptions
from harness_tracking import flat
from harness_tracking.settings import MlflowSettings

_BATCH = 100
"""MLflow takes as many settings at once, and ten times as many metrics."""


def open_exporter(options: ExportOptions) -> Mlflow:
    """The exporter and tracker.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow.tracking  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the exporter mlflow", "tracking") from error
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # that it makes its tables is no news
    return Mlflow(option_models.read(MlflowSettings, options.values, "mlflow"))


class Mlflow:
    """See ``harness.protocols.Exporter`` and ``Tracker``."""

    def __init__(self, settings: MlflowSettings) -> None:
        from mlflow.tracking import MlflowClient

        self._experiment = settings.experiment
        try:
            self._client: Any = MlflowClient(tracking_uri=settings.uri)
        except Exception as error:  # its own exceptions, and those of its stores
            raise _refused(error) from error
        self._run: str | None = None

    def export(self, run: ExportedRun) -> str:
        """A finished run, with its settings and every metric."""
        try:
            self.started(run.result.run_id, run.spec)
            return self.finished(run)
        except HarnessError:
            raise
        except Exception as error:
            raise _refused(error) from error

    def started(self, name: str, settings: Mapping[str, object]) -> None:
        """Makes the run, and the experiment where there is none of that name."""
        from mlflow.entities import Param

        try:
            found = self._client.get_experiment_by_name(self._experiment)
            experiment = (
                self._client.create_experiment(self._experiment)
                if found is None
                else found.experiment_id
            )
            self._run = self._client.create_run(experiment, run_name=name).info.run_id
            params = [Param(key, value) for key, value in flat.settings(settings).items()]
            for start in range(0, len(params), _BATCH):
                self._client.log_batch(self._run, params=params[start : start + _BATCH])
        except Exception as error:
            raise _refused(error) from error

    def progress(self, done: int, means: Mapping[str, float]) -> None:
        """The means so far, at the step of as many samples; under ``progress/``."""
        self._log({f"progress/{flat.safe(name)}": mean for name, mean in means.items()}, done)

    def finished(self, run: ExportedRun | None) -> str:
        """Every metric with its interval; how that was made stands in the tags."""
        from mlflow.entities import RunTag

        assert self._run is not None
        if run is None:
            self._client.set_terminated(self._run, "FAILED")
            return f"run {self._run} failed"
        self._log(flat.values(run.result), 0)
        known = {"evalign.run_id": run.result.run_id, "evalign.status": run.result.status}
        known |= {f"evalign.{name}": method for name, method in flat.methods(run.result).items()}
        if run.result.gate is not None:
            known["evalign.gate"] = str(_verdict(run.result.gate))
        tags = [RunTag(name, value) for name, value in known.items()]
        for start in range(0, len(tags), _BATCH):
            self._client.log_batch(self._run, tags=tags[start : start + _BATCH])
        whole = run.result.status == "complete"
        self._client.set_terminated(self._run, "FINISHED" if whole else "FAILED")
        return f"run {self._run} of the experiment {self._experiment}"

    def _log(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(self._run, metrics=metrics[start : start + _BATCH])


def _verdict(gate: Any) -> object:
    return gate.get("verdict") if isinstance(gate, Mapping) else getattr(gate, "verdict", gate)


def _refused(error: Exception) -> HarnessError:
    if isinstance(error, HarnessError):
        return error
    said = str(error).partition("\n")[0][:300]
    return HarnessError(
        f"MLflow cannot be used: {type(error).__name__}: {said}",
        "Say which server or store: --set mlflow.uri=http://HOST:5000 or sqlite:///FILE.db",
    )
