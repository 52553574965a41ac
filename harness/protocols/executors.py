"""What an executor implements, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from harness.protocols.backends import Deadline, ModelBackend, ModelSource
from harness.protocols.options import Options


@runtime_checkable
class Executor(Protocol):
    """Runs a plan's batches on one or many machines.

    It opens the model where that is to run, as often as it likes, and gives back one backend
    that spreads what it is asked. Nothing else of a run knows that there are several.
    """

    def open(self, source: ModelSource) -> ModelBackend:
        """A backend with the fingerprint and the answers of the model opened here.

        Raises:
            ModelError: The model cannot be used.
        """


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """What the user chose for the executor.

    Attributes:
        values: ``--set KEY=VALUE`` of the keys that it has.
        deadline: When the run ends; the backend that it gives back may be ``ChecksDeadline``. None:
            never.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    deadline: Deadline | None = None


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """Registers a way to spread the work.

    Attributes:
        name: What ``--executor`` calls it.
        description: One line for ``harness ls``.
        open: Checks the options and makes the executor.
        options: What ``--set KEY=VALUE`` may set, see ``Options``; where the backend has an option
            of the same name, the executor gets it.
    """

    name: str
    description: str
    open: Callable[[ExecutorOptions], Executor]
    options: Options = field(default_factory=dict)
