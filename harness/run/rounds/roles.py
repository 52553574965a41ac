"""The models of a run by their roles: the evaluated one, judges, whatever a plugin names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

from harness.authoring.io import secrets
from harness.config import ModelConfig, RunSpec, role_flag
from harness.errors import UsageError
from harness.plugins import Registry
from harness.protocols import (
    Deadline,
    ModelBackend,
    RoleModel,
    answers_by_sample,
    checks_deadline,
)
from harness.run import models
from harness.run.cache import ResponseStore, store_path
from harness.run.closing import Closing
from harness.run.rounds.answers import Answers
from harness.types import MODEL, RoleResult, Usage


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers for a role, and where the answers are kept."""

    config: ModelConfig
    backend: ModelBackend
    store: ResponseStore

    @property
    def description(self) -> dict[str, object]:
        """What answers, for the record."""
        described = dict(self.backend.describe())
        named = {"spec": self.config.model, "fingerprint": self.backend.fingerprint, **described}
        return secrets.redact_value(named)  # type: ignore[no-any-return]


class Roles(Mapping[str, RoleModel], Closing):
    """Role → its model, opened when it is first looked up, and closed at the end.

    A role whose model is the evaluated one is answered by that, which is not opened again.

    Args:
        spec: The run.
        registry: The loaded plugins.
        backend: The evaluated model, open; whoever opened it closes it.
        deadline: When the run ends; None: never.
    """

    def __init__(
        self,
        spec: RunSpec,
        registry: Registry,
        backend: ModelBackend,
        deadline: Deadline | None = None,
    ) -> None:
        self._registry, self.deadline = registry, deadline
        self._configs = {MODEL: spec.model_config, **spec.role_configs}
        self._closing = ExitStack()
        self._open: dict[str, Answerer] = {}
        self._own = backend

    def __getitem__(self, role: str) -> RoleModel:
        if role not in self._configs:
            raise KeyError(role)
        found = self.answerer(role)
        return RoleModel(
            found.config.model,
            found.backend.fingerprint,
            found.backend.supports,
            answers_by_sample(found.backend),
        )

    def __contains__(self, role: object) -> bool:
        return role in self._configs

    def __iter__(self) -> Iterator[str]:
        return iter(self._configs)

    def __len__(self) -> int:
        return len(self._configs)

    @property
    def opened(self) -> Mapping[str, Answerer]:
        """The roles whose model was needed so far, the evaluated model's not among them."""
        return {role: each for role, each in self._open.items() if role != MODEL}

    def results(self, answers: Answers) -> Mapping[str, RoleResult]:
        """Each of them: its model, and what that spent on the answers."""
        found: dict[str, RoleResult] = {}
        for role, answerer in self.opened.items():
            asked = answers.by_role.get(role, Usage())
            usage = replace(answers.spent[role], requests=asked.requests, cached=asked.cached)
            found[role] = RoleResult(answerer.description, usage)
        return found

    def answerer(self, role: str) -> Answerer:
        """Who answers for a role.

        Raises:
            UsageError: No model is named for it.
            HarnessError: The model cannot be opened.
        """
        if role not in self._open:
            self._open[role] = self._opened(role)
        return self._open[role]

    def _opened(self, role: str) -> Answerer:
        config = self._configs.get(role)
        if config is None:
            raise missing(role)
        same = [name for name, each in self._open.items() if self._configs[name] == config]
        if same:
            return self._open[same[0]]
        if config == self._configs[MODEL]:
            backend = self._own
        else:
            opened = models.open_backend(config, self._registry, self.deadline)
            backend = self._closing.enter_context(closing(opened))
        store = self._closing.enter_context(ResponseStore(store_path(config.cache, backend)))
        store.name_model(backend.fingerprint, secrets.redact(config.model))
        return Answerer(config, backend, store)

    def check_time(self, backend: ModelBackend) -> None:
        """Ends the run in time, where the backend that has just answered does not see to it.

        Raises:
            TimeIsUpError: The time is up.
        """
        if self.deadline is not None and not checks_deadline(backend):
            self.deadline.check()

    def close(self) -> None:
        """Closes what was opened."""
        self._closing.close()


def missing(role: str, task: str | None = None) -> UsageError:
    """The error of a run that names no model for a role."""
    asker = "a task" if task is None else task
    table = "[judge]" if role == "judge" else f"[roles.{role}]"
    return UsageError(
        f"{asker} asks the role {role!r}, and no model is named for it",
        f'Give {role_flag(role)}, or a {table} table in harness.toml with `model = "MODEL"`.',
    )
