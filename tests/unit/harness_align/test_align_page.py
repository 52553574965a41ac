"""The page of an alignment and what the terminal says, from values that a training would leave."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.authoring.io import terminal
from harness.types import (
    Estimate,
    Evidence,
    GateVerdict,
    MetricComparison,
    RuleVerdict,
    RunComparison,
    TaskComparison,
)
from harness_align import report
from harness_align.commands.showing import show
from support.browser import CONTRAST, SCREENS, launched, violations

HOSTILE = "</script><img src=x onerror=alert(1)>"


def estimate(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value, half / 2, value - half, value + half, 100, "paired")


def verdict() -> GateVerdict:
    target = Evidence(0.12, 0.05, 0.19, 0.95, 100, "paired", 0.62, 0.5, False)
    guard = Evidence(0.01, -0.02, 0.04, 0.95, 100, "paired", 0.8, 0.79)
    rules = (
        RuleVerdict("crows_pairs.share@0.5", "min_gain = 0", "blocking", "pass", "closer", target),
        RuleVerdict("squad.f1", "max_drop = 0", "blocking", "pass", f"no loss {HOSTILE}", guard),
    )
    note = f"crows_pairs.share as a whole hides {HOSTILE}"
    return GateVerdict("pass", "all 2 rules passed", 0, rules=rules, notes=(note,))


def result(folder: Path) -> Any:
    metric = MetricComparison(
        "f1", True, estimate(0.8), estimate(0.79), estimate(-0.01), 0.4, "paired", 0.03
    )
    compared = RunComparison(
        "before", "after", {}, {}, (TaskComparison("squad", 100, 0, 0, 0, 0, (metric,)),)
    )
    found = SimpleNamespace(kept=SimpleNamespace(source="pairs.jsonl"), describe=lambda: [HOSTILE])
    return SimpleNamespace(
        job=SimpleNamespace(method="dpo", model="ckpt", out=folder),
        prepared=SimpleNamespace(
            statistics={"rows": 90}, development=[1, 2], overlap=0, findings=found
        ),
        checkpoint=folder / "train/model",
        verdict=verdict(),
        aims=verdict(),
        gate=None,
        effects=SimpleNamespace(
            estimates=[SimpleNamespace(name="reward margin", estimate=estimate(0.3), note="")],
            shares={"right": (0.4, 0.6)},
            examples=[(HOSTILE, "a", "b")],
        ),
        comparison=compared,
        curves={"training": {step: {"loss": 1 / step} for step in range(1, 30)}},
        metrics=tuple((step, "crows_pairs.share", 0.62 - step / 300) for step in range(0, 30, 10)),
        kept_step=20,
        search=None,
        spent=None,
    )


def page(folder: Path) -> Path:
    for name in ("before", "after"):
        (folder / name).mkdir()
        for file in ("results.json", "report.html"):
            (folder / name / file).write_text("{}")
    path = folder / "report.html"
    path.write_text(report.html(result(folder)), encoding="utf-8")
    return path


def test_the_page_has_axes_a_marker_an_ideal_and_links_to_both_runs(tmp_path: Path) -> None:
    text = page(tmp_path).read_text(encoding="utf-8")
    assert 'href="before/report.html"' in text and 'href="after/report.html"' in text
    assert text.count('class="marker"') == 2, "on each chart that reaches step 20"
    assert "ideal 0.5" in text
    assert "Gain of targets and guards" in text
    assert "0.620 → 0.500" in text and "+0.120" in text
    assert "−0.010" in text
    assert "Note: crows_pairs.share as a whole hides &lt;/script" in text
    assert "<img" not in text


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_is_readable_on_every_screen(tmp_path: Path, width: int, scheme: Any) -> None:
    path = page(tmp_path)
    with launched() as browser:
        opened = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        complaints: list[str] = []
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto(path.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.evaluate(CONTRAST) == []
        assert violations(opened) == []
        assert complaints == []


@pytest.mark.parametrize("columns", [80, 40])
def test_the_terminal_answers_first_and_cuts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for full in (False, True):
        file = io.StringIO()
        show(result(tmp_path), terminal.console(file), full)
        text = file.getvalue()
        assert text.startswith("✓ Better: all 2 rules passed")
        assert max(map(len, text.splitlines())) <= columns
        flat = " ".join(text.split())
        note = "Note: crows_pairs.share as a whole hides"
        for part in ("0.620 → 0.500", "+0.120", "0.800 → 0.790", "−0.010", note):
            assert part in flat
        assert ("reward margin" in flat) == full
        assert len(text.splitlines()) <= 24 or full


def test_a_rule_without_evidence_has_a_row_without_a_mark() -> None:
    bare = dataclasses.replace(verdict().rules[0], evidence=None, verdict="block")
    plots = report.gain_plots([bare])
    assert plots[0].rows[0].mark is None
    assert plots[0].rows[0].item.state == "worse"
