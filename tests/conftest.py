"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support import ROOT
from support.shared_data import REASON, SHARED, unchecked

# How long an example takes depends on what else the machine does; no test may fail for that. In
# `make test` examples are the same every time, so that a change fails for what it changed; `make
# slow` draws new ones.
settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("new", settings.get_profile("tests"), derandomize=False)
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A response store of the test's own, and no hub."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HARNESS_CACHE", str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    return cache


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and models; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(REASON)
    return SHARED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs the shared data, and skips it where they are absent."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)
        if item.get_closest_marker("shared") and not SHARED.is_dir():
            item.add_marker(pytest.mark.skip(reason=REASON))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was not checked because the shared data are absent."""
    skipped = terminalreporter.stats.get("skipped", [])
    line = unchecked(
        report.nodeid for report in skipped if "shared" in getattr(report, "keywords", ())
    )
    if line:
        terminalreporter.section("shared data")
        terminalreporter.write_line(line)
