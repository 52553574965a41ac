"""The commands compare, gate and baseline, as a user calls them."""

import json
from pathlib import Path

import pluggy
import pytest

from harness.cli.compare import show
from harness.comparison.run_comparison import compare
from harness.errors import UsageError
from harness.plugins import Registry
from harness.protocols import ReporterSpec
from support.scored_runs import binary

PLUGIN = """
from harness import hookimpl
from harness.authoring.metrics import Mean
from harness.protocols import TaskSpec

class Quiz:
    name, version = "quiz", "1"
    metrics = (Mean("accuracy"), Mean("brier", higher_is_better=False))

@hookimpl
def harness_register_tasks():
    return [TaskSpec("quiz", "a quiz", lambda options: Quiz())]
"""
GATE = """
[gate]
inconclusive = "fail"
[[gate.rule]]
metric = "quiz.accuracy"
max_drop = 0.02
"""


@pytest.fixture
def harness(command, tmp_path: Path):
    """The command with the quiz plugin, in a folder with a gate."""
    (tmp_path / "quiz_plugin.py").write_text(PLUGIN)
    (tmp_path / "harness.toml").write_text(GATE)
    return lambda *arguments: command("--plugin", "quiz_plugin.py", *arguments)


@pytest.fixture
def runs(make_run) -> tuple[Path, Path, Path]:
    """A baseline, a run as good, and one that is much worse."""
    return (
        make_run("main", binary(1000, range(800))),
        make_run("same", binary(1000, range(1, 801))),
        make_run("worse", binary(1000, range(700))),
    )


def test_gate_exits_with_the_verdict_and_records_it(harness, runs) -> None:
    main_run, same, worse = runs
    code, out, _ = harness("gate", same, "--baseline", main_run)
    assert code == 0
    assert out.startswith("Pass: quiz.accuracy")
    assert "Baseline: main" in out
    assert "quiz.accuracy max_drop = 0.02 ✓ pass 0.800 → 0.800" in out
    code, out, _ = harness("gate", worse, "--baseline", main_run)
    assert code == 1
    assert "fell by 10.0 points" in out
    recorded = json.loads((worse / "results.json").read_text())["gate"]
    assert recorded["verdict"] == "block"
    assert recorded["rules"][0]["metric"] == "quiz.accuracy"
    assert recorded["seed"] == 0 and recorded["mode"] == "fixed"


def test_gate_quiet_prints_one_sentence(harness, runs) -> None:
    main_run, _, worse = runs
    code, out, _ = harness("gate", worse, "--baseline", main_run, "--quiet")
    assert code == 1
    (line,) = out.splitlines()
    assert line.endswith("more than the 2 allowed: blocked")


def test_gate_in_sequential_mode_says_what_was_saved(harness, runs, tmp_path: Path) -> None:
    main_run, _, worse = runs
    text = GATE.replace("[gate]", f'[gate]\nmode = "sequential"\nbaseline = "{main_run}"')
    (tmp_path / "sequential.toml").write_text(text)
    code, out, _ = harness("gate", worse, "--config", "sequential.toml")
    assert code == 1
    assert "of 1000 samples were needed" in out
    recorded = json.loads((worse / "results.json").read_text())["gate"]
    assert recorded["seed"] == 3  # the run's own
    assert recorded["samples_used"]["quiz"] < recorded["samples_planned"]["quiz"] == 1000


def test_gate_reads_a_baseline_file(harness, runs) -> None:
    main_run, same, worse = runs
    code, out, _ = harness("baseline", "save", main_run, "main.baseline")
    assert code == 0
    assert "1000 samples of 1 tasks" in out
    assert harness("gate", same, "--baseline", "main.baseline")[0] == 0
    assert harness("gate", worse, "--baseline", "main.baseline")[0] == 1
    code, out, _ = harness("baseline", "show", "main.baseline")
    assert code == 0
    assert "quiz version 1" in out and "accuracy" in out and "0.8" in out


def test_an_inconclusive_gate_is_mapped(harness, make_run, tmp_path: Path) -> None:
    before, after = (make_run(n, binary(100, range(r))) for n, r in (("a", 80), ("b", 78)))
    assert harness("gate", after, "--baseline", before)[0] == 1
    (tmp_path / "plain.toml").write_text(GATE.replace('inconclusive = "fail"', ""))
    assert harness("gate", after, "--baseline", before, "--config", "plain.toml")[0] == 4
    (tmp_path / "lax.toml").write_text(GATE.replace('"fail"', '"pass"'))
    assert harness("gate", after, "--baseline", before, "--config", "lax.toml")[0] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GATE.replace("accuracy", "acuracy"), "Did you mean quiz.accuracy"),
        (GATE.replace("[gate]", "[gate]\nalpha = 2"), "alpha = 2 is outside (0, 1)"),
        ("[run]\nmodel = 'x'\n", "no [gate] table"),
        ("[gate", "not valid TOML"),
    ],
)
def test_mistakes_exit_with_2(harness, runs, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    code, _, err = harness("gate", runs[1], "--baseline", runs[0], "--config", "bad.toml")
    assert code == 2
    assert words in err


def test_a_missing_baseline_exits_with_2(harness, runs) -> None:
    code, _, err = harness("gate", runs[1])
    assert code == 2
    assert "needs a baseline" in err
    code, _, err = harness("gate", runs[1], "--baseline", "nowhere")
    assert code == 2
    assert "nowhere" in err


def test_compare_on_the_console(harness, runs) -> None:
    main_run, same, worse = runs
    code, out, _ = harness("compare", main_run, same, worse)
    assert code == 0
    assert out.startswith("No difference shown: quiz.accuracy")
    assert "Worse on 1 of 1 metric; largest: quiz.accuracy −" in out
    code, out, _ = harness("compare", main_run, same, worse, "--full")
    assert code == 0
    assert "same against main" in out and "worse against main" in out
    assert "100 worse, 0 better" in " ".join(out.split())


def test_compare_in_files(harness, runs, tmp_path: Path) -> None:
    main_run, same, worse = runs
    code, out, _ = harness(
        "compare", main_run, same, worse, "--format", "json,markdown,console,html", "--out", "diff"
    )
    assert code == 0
    assert "diff.json" in out
    documents = json.loads((tmp_path / "diff.json").read_text())
    assert [each["candidate_id"] for each in documents] == ["same", "worse"]
    assert "# worse against main" in (tmp_path / "diff.md").read_text()
    assert "worse against main" in (tmp_path / "diff.txt").read_text()
    assert "same, worse against main" in (tmp_path / "diff.html").read_text("utf-8")


def test_compare_refuses_and_is_forced(harness, make_run, runs) -> None:
    other = make_run("other", binary(1000, range(800)), version="2")
    code, _, err = harness("compare", runs[0], other)
    assert code == 2
    assert "task version" in err
    code, out, _ = harness("compare", runs[0], other, "--force")
    assert code == 0
    assert "NOT COMPARABLE" in out


@pytest.mark.parametrize(
    ("formats", "words"),
    [("yaml", "unknown format 'yaml'"), ("html", "Add --out"), (",", "names nothing")],
)
def test_compare_names_a_wrong_format(harness, runs, formats: str, words: str) -> None:
    code, _, err = harness("compare", runs[0], runs[1], "--format", formats)
    assert code == 2
    assert words in err


class Plain:
    """A reporter that shows results only."""

    def render(self, result, out):
        return None


class Pages(Plain):
    """One that shows comparisons too."""

    def render_comparison(self, comparisons, out):
        out.write_text(", ".join(each.candidate_id for each in comparisons))


def test_html_is_the_reporters(scored, tmp_path: Path) -> None:
    run = scored("main", binary(20, range(10)))
    registry = Registry(pluggy.PluginManager("harness"))
    registry.reporters["html"] = ReporterSpec("html", "pages", Pages)
    show("html", [compare(run, run)], tmp_path / "page.html", registry)
    assert (tmp_path / "page.html").read_text() == "main"
    registry.reporters["html"] = ReporterSpec("html", "plain", Plain)
    with pytest.raises(UsageError, match="does not show comparisons"):
        show("html", [compare(run, run)], tmp_path / "page.html", registry)


def test_gate_says_beforehand_what_it_will_do(harness, runs) -> None:
    code, out, _ = harness("gate", runs[0], "--power", "--discordance", "0.1")
    assert code == 0
    assert "where 10 % of the samples differ (given):" in out
    assert "over 20 harmless builds" in out
    assert "from about 1,546 samples on" in out
    code, out, _ = harness("gate", runs[1], "--power", "--baseline", runs[0])
    assert "where 0.2 % of the samples differ (seen in 1,000 pairs of two runs)" in out
    recorded = json.loads((runs[1] / "results.json").read_text())
    assert recorded["gate"] is None  # nothing was judged


def test_a_warning_is_an_annotation_on_github(
    harness, make_run, tmp_path: Path, monkeypatch
) -> None:
    before, after = (make_run(n, binary(100, range(r))) for n, r in (("a", 80), ("b", 78)))
    (tmp_path / "warn.toml").write_text(GATE.replace('"fail"', '"warn"'))
    command = ("gate", after, "--baseline", before, "--config", "warn.toml")
    code, out, err = harness(*command)
    assert code == 0
    assert out.startswith("Inconclusive: quiz.accuracy fell by 2.0 points")
    assert "Warning: The gate is inconclusive" in err
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "::warning title=harness gate::The gate is inconclusive" in harness(*command)[1]


def test_a_limited_candidate_does_not_pass(harness, make_run) -> None:
    scores = binary(160, range(150))
    few = {name: scores[name] for name in sorted(scores)[:20]}
    code, out, _ = harness("gate", make_run("b", few), "--baseline", make_run("a", scores))
    assert code == 1  # inconclusive = "fail"
    assert "because the candidate did not run 140 of the baseline's 160 samples" in out


def test_a_series_is_kept_beside_the_gate(harness, runs, tmp_path: Path) -> None:
    (tmp_path / "series.toml").write_text(GATE.replace("[gate]", '[gate]\nseries = "main"'))
    for run, number in ((runs[1], 1), (runs[2], 2), (runs[2], 2)):
        _, out, _ = harness("gate", run, "--baseline", runs[0], "--config", "series.toml")
        assert f"series main: build {number} may block at alpha" in out
    entries = json.loads((tmp_path / "gate-series" / "main.json").read_text())["entries"]
    assert [entry["verdict"] for entry in entries] == ["pass", "block"]


def test_init_says_what_so_many_samples_can_show(harness, tmp_path: Path) -> None:
    code, out, _ = harness("init", "here", "--samples", "200")
    assert code == 0
    assert "With 200 samples, a margin of 0.02 and 10% of the samples changing:" in out
    assert "Warning: this gate will mostly be inconclusive" in out
    assert "series" in (tmp_path / "here" / "harness.toml").read_text()


def test_a_configuration_with_rules_makes_its_own_first_baseline(command, tmp_path: Path) -> None:
    rows = [{"input": f"what is {i}?", "target": str(i), "id": f"s{i}"} for i in range(60)]
    said = [{"id": row["id"], "output": row["target"]} for row in rows]
    for name, lines in (("data.jsonl", rows), ("said.jsonl", said)):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "harness.toml").write_text(
        '[run]\nmodel = "replay:said.jsonl"\ntasks = ["sums"]\n'
        '[tasks.sums]\nkind = "generation"\ndata = "data.jsonl"\ntemplate = "{input}"\n'
        'metrics = ["exact_match"]\n'
        '[gate]\nbaseline = "first.json.gz"\n'
        '[[gate.rule]]\nmetric = "sums.exact_match"\nmax_drop = 0.1\n'
    )
    asked = ("run", "--config", "harness.toml", "--out")
    code, _, err = command(*asked, "runs/one")
    assert code == 2
    assert "--no-gate --out RUN, then harness baseline save RUN first.json.gz" in err
    assert command(*asked, "runs/main", "--no-gate", "--baseline", "x")[0] == 2
    assert command(*asked, "runs/main", "--no-gate")[0] == 0
    assert command("baseline", "save", "runs/main", "first.json.gz")[0] == 0
    code, out, _ = command(*asked, "runs/two")
    assert code == 0
    assert "sums.exact_match did not change" in out
