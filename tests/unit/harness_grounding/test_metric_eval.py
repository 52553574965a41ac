"""``harness metric-eval``: published correlations, joins, bad input, and numbers from nothing."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from support.commands import harness

PUBLISHED = {
    "Rouge L": (0.1375, 0.1358),
    "BertScore P Art": (0.5815, 0.5921),
    "FactCC": (0.5643, 0.5517),
    "QAGS": (0.5296, 0.5200),
}
"""FRANK, split valid: Pearson and Spearman with human factuality."""


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def rows_of(n: int = 60, seed: int = 0) -> list[dict[str, object]]:
    rng = random.Random(seed)
    found = []
    for number in range(n):
        label = rng.random()
        found.append(
            {
                "id": f"s{number}",
                "label": label,
                "good": label + rng.gauss(0, 0.1),
                "noise": rng.random(),
                "system": f"m{number % 4}",
                "document": f"d{number // 2}",
            }
        )
    return found


def figures(path: Path) -> dict[tuple[str, str, str], dict[str, object]]:
    told = json.loads(path.read_text("utf-8"))
    return {(e["metric"], e["level"], e["coefficient"]): e for e in told["agreement"]}


@pytest.mark.shared
def test_frank_gives_its_published_correlations(shared: Path, tmp_path: Path) -> None:
    frank = shared / "data" / "frank"
    words = ["metric-eval", str(frank / "human_annotations.valid.json"), "--label", "Factuality"]
    words += ["--scores", str(frank / "metric_outputs.valid.json"), "--on", "hash,model_name"]
    words += ["--metrics", ",".join(PUBLISHED), "--cluster", "hash", "--system", "model_name"]
    words += ["--control", "model_name", "--resamples", "200", "--out", str(tmp_path / "a.json")]
    assert harness(words) == 0
    found = figures(tmp_path / "a.json")
    for metric, (pearson, spearman) in PUBLISHED.items():
        assert round(found[metric, "sample", "pearson"]["value"], 4) == pearson
        assert round(found[metric, "sample", "spearman"]["value"], 4) == spearman
        assert found[metric, "sample", "pearson"]["n"] == 671
    # Freed of the system, QAGS tells nothing; over systems it tells nearly all.
    assert abs(found["QAGS", "partial", "pearson"]["value"]) < 0.01
    assert found["QAGS", "system", "pearson"]["value"] > 0.99


def test_a_good_metric_is_told_from_noise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "rows.jsonl", rows_of())
    out = tmp_path / "out.json"
    line = f"metric-eval {file} --label label --system system --cluster document --control system"
    more = " --positive-from 0.5 --threshold good=0.5 --against noise"
    assert harness(f"{line}{more} --out {out}") == 0
    found = figures(out)
    good = found["good", "sample", "pearson"]
    assert good["low"] > 0.85
    assert good["difference"]["low"] > 0.3
    assert (
        found["noise", "sample", "pearson"]["low"] < 0 < found["noise", "sample", "pearson"]["high"]
    )
    assert "difference" not in found["noise", "sample", "pearson"]
    assert found["good", "sample", "auroc"]["value"] > 0.9
    assert found["good", "sample", "balanced_accuracy"]["value"] > 0.8
    assert "30 clusters" in good["method"]
    assert "these 4 systems" in found["good", "system", "kendall"]["method"]
    shown = capsys.readouterr().out
    assert "over systems' means" in shown
    assert "over samples: by how much more than noise" in shown


def test_ids_that_are_numbers_are_no_metric(tmp_path: Path) -> None:
    rows = [{**row, "id": str(place)} for place, row in enumerate(rows_of())]
    file, out = write(tmp_path / "rows.jsonl", rows), tmp_path / "out.json"
    line = f"metric-eval {file} --label label --system system --cluster document --out {out}"
    assert harness(line) == 0
    assert "id" not in {metric for metric, _, _ in figures(out)}
    assert harness(f"{line} --metrics good,id") == 0
    assert "id" in {metric for metric, _, _ in figures(out)}


def test_swapped_labels_turn_the_sign(tmp_path: Path) -> None:
    rows = rows_of()
    turned = [{**row, "label": 1 - row["label"]} for row in rows]
    values = []
    for name, each in (("a", rows), ("b", turned)):
        file = write(tmp_path / f"{name}.jsonl", each)
        line = f"metric-eval {file} --label label --metrics good --positive-from 0.5"
        assert harness(f"{line} --out {tmp_path / name}.json") == 0
        values.append(figures(tmp_path / f"{name}.json"))
    key = ("good", "sample", "pearson")
    assert values[0][key]["value"] == pytest.approx(-values[1][key]["value"])
    key = ("good", "sample", "auroc")
    assert values[0][key]["value"] == pytest.approx(1 - values[1][key]["value"])


def test_the_second_run_is_the_first(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", rows_of())
    for name in ("a", "b"):
        assert harness(f"metric-eval {file} --label label --out {tmp_path / name}") == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_scores_are_joined_by_id_and_what_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of()
    labels = write(tmp_path / "labels.jsonl", [{k: r[k] for k in ("id", "label")} for r in rows])
    scores = [{"id": r["id"], "good": r["good"], "text": "x"} for r in reversed(rows[5:])]
    scores.append({"id": "unknown", "good": 1.0})
    scores[0]["good"] = math.nan
    line = f"metric-eval {labels} --label label --scores {write(tmp_path / 's.jsonl', scores)}"
    assert harness(f"{line} --out {tmp_path / 'o.json'}") == 0
    assert figures(tmp_path / "o.json")["good", "sample", "pearson"]["n"] == 54
    shown = capsys.readouterr().out
    assert "5 labelled rows have no scores" in shown
    assert "1 rows of" in shown


def test_text_labels_need_to_be_told_which_is_positive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**r, "label": "yes" if r["label"] > 0.5 else "no"} for r in rows_of()]
    file = write(tmp_path / "rows.jsonl", rows)
    assert harness(f"metric-eval {file} --label label") == 2
    assert "--positive TEXT" in capsys.readouterr().err
    line = f"metric-eval {file} --label label --positive yes --out {tmp_path / 'o.json'}"
    assert harness(line) == 0
    assert figures(tmp_path / "o.json")["good", "sample", "auroc"]["value"] > 0.9


def test_a_runs_scores_are_joined_by_sample(tmp_path: Path) -> None:
    run = tmp_path / "run"
    asked = "run --model demo --tasks sst2 --data sample --limit 40 --quiet"
    assert harness(f"{asked} --out {run}") == 0
    samples = (run / "samples" / "sst2.jsonl").read_text("utf-8").splitlines()
    labels = []
    for line in samples:
        row = json.loads(line)
        right = row["scores"]["accuracy"]
        labels.append({"id": row["id"], "human": right, "document": row["id"]})
    file = write(tmp_path / "labels.jsonl", labels)
    out = tmp_path / "o.json"
    assert harness(f"metric-eval {file} --label human --scores {run} --out {out}") == 0
    assert figures(out)["accuracy", "sample", "pearson"]["value"] == pytest.approx(1)
    every = {metric for metric, *_ in figures(out)}
    line = f"metric-eval {file} --label human --scores {run} --metrics accuracy --out {out}"
    assert harness(line) == 0
    assert {metric for metric, *_ in figures(out)} == {"accuracy"} < every


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, "--label nothing", "unknown column"),
        ({}, "--label label --metrics nothing", "Did you mean noise"),
        ({}, "--label label --against nothing", "unknown metric 'nothing'"),
        ({}, "--label label --threshold good", "METRIC=X"),
        ({}, "--label label --threshold good=nan", "METRIC=X"),
        ({}, "--label label --cluster nothing", "unknown column"),
        ({"label": 1}, "--label label", "labels are equal"),
        ({"good": "high"}, "--label label --metrics good", "'good' holds 'high'"),
        ({"system": None}, "--label label --system system", "no value in 'system'"),
    ],
)
def test_bad_input_is_told(
    change: dict[str, object],
    options: str,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = write(tmp_path / "rows.jsonl", [{**row, **change} for row in rows_of()])
    assert harness(f"metric-eval {file} {options} --out {tmp_path / 'o.json'}") == 2
    error = capsys.readouterr().err
    assert said in error
    assert "unforeseen" not in error
    assert not (tmp_path / "o.json").exists()


def test_nothing_gives_no_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = write(tmp_path / "empty.jsonl", [])
    assert harness(f"metric-eval {empty} --label label") == 2
    assert "no rows" in capsys.readouterr().err
    flat = write(tmp_path / "flat.jsonl", [{**row, "good": 1.0} for row in rows_of()])
    out = tmp_path / "o.json"
    assert harness(f"metric-eval {flat} --label label --metrics good --out {out}") == 0
    assert figures(out)["good", "sample", "pearson"]["value"] is None
    twice = write(tmp_path / "twice.jsonl", [*rows_of(), *rows_of(5)])
    assert harness(f"metric-eval {empty} --label label --scores {twice}") == 2
    good = write(tmp_path / "rows.jsonl", rows_of())
    assert harness(f"metric-eval {good} --label label --scores {twice}") == 2
    assert "a second time" in capsys.readouterr().err
    others = write(tmp_path / "others.jsonl", [{"id": "x", "good": 1}])
    assert harness(f"metric-eval {good} --label label --scores {others}") == 2
    assert "none of its 1 rows" in capsys.readouterr().err
