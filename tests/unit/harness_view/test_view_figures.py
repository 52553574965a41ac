"""Ranks, fronts, histories: right where the truth is known, and silent where it is chance."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.stats import change_points, ranks
from harness.types import Estimate
from harness_view.figures import boards, fronts, ranking
from harness_view.figures.boards import Board
from harness_view.figures.histories import histories
from harness_view.figures.ranking import Ranking
from harness_view.index import refresh, store
from harness_view.index.entries import Entry, Measured
from support import viewed_runs


def measured(run: str, value: float, stderr: float = 0.01, kind: str = "corpus") -> Measured:
    estimate = Estimate(value, stderr, value - 2 * stderr, value + 2 * stderr, 400, "test")
    return Measured(run, "t", "m", "g", estimate, True, None, kind, True)


def test_who_is_better_is_ranked_and_who_is_the_same_is_not(index):
    entries = {each.key: each for each in index.entries()}
    (board,) = [each for each in boards.boards(index) if each.name == "arithmetic.accuracy"]
    found = boards.known_ranking(index, board, entries)
    assert "200 samples in 100 clusters" in found.method
    early = [found.of_run[f"build-{number:03d}"] for number in range(4)]
    late = [found.of_run[f"build-{number:03d}"] for number in range(4, 8)]
    assert max(worst for _, worst in early) <= 4 < min(best for best, _ in late)
    assert (1, 4) in early  # builds of equal quality share their ranks


def test_copies_of_a_run_are_never_told_apart(tmp_path):
    first = viewed_runs.write(tmp_path, viewed_runs.Build(0, {"arithmetic": 0.6}), 60)
    for number in range(1, 4):
        shutil.copytree(first, tmp_path / f"copy-{number}")
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        entries = {each.key: each for each in index.entries()}
        found = ranking.rank(index, entries, boards.boards(index)[0].measured)
    assert set(map(tuple, found.ranges)) == {(1, 4)}


def test_all_right_and_all_wrong_are_told_apart_though_nothing_varies(tmp_path):
    for number, right in ((0, 2.0), (1, -1.0)):
        viewed_runs.write(tmp_path, viewed_runs.Build(number, {"arithmetic": right}), 60)
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        entries = {each.key: each for each in index.entries()}
        found = ranking.rank(index, entries, boards.boards(index)[0].measured)
    assert found.of_run == {"build-000": (1, 1), "build-001": (2, 2)}


def test_few_samples_rank_nobody(tmp_path):
    for number, right in ((0, 2.0), (1, -1.0)):
        viewed_runs.write(tmp_path, viewed_runs.Build(number, {"arithmetic": right}), 8)
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        entries = {each.key: each for each in index.entries()}
        found = ranking.rank(index, entries, boards.boards(index)[0].measured)
    assert found.ranges == () and "no ranks below" in found.method


def test_runs_on_other_data_are_on_another_board(tmp_path):
    from harness import read_result, write_result

    folders = viewed_runs.series(tmp_path, count=2, samples=20)
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        assert {len(each.measured) for each in boards.boards(index)} == {2}
        result = read_result(folders[0])
        from dataclasses import replace

        tasks = {name: replace(task, data_sha256="e" * 64) for name, task in result.tasks.items()}
        write_result(folders[0], replace(result, tasks=tasks))
        refresh.refresh(index)
        assert {len(each.measured) for each in boards.boards(index)} == {1}


def test_metrics_of_no_mean_are_ranked_by_their_standard_errors(index):
    known = [measured("a", 0.9), measured("b", 0.5), measured("c", 0.495)]
    found = ranking.rank(index, {}, known)
    assert found.of_run == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}
    assert "unpaired" in found.method
    unknown = [measured("a", 0.9, math.nan), measured("b", math.nan)]
    assert ranking.rank(index, {}, unknown).ranges == ()


def test_false_ranks_are_rare():
    """Of ten equal systems, some pair is told apart in at most 5 % of data sets."""
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(200):
        means = rng.normal(size=10)
        better = ranks.told_apart(means, means + rng.normal(size=(400, 10)))
        false += bool(better.any())
    assert 1 <= false <= 20  # 10 expected; at most 20 with a probability of 0.998


def test_chunks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(1)
    values, drawn = rng.normal(size=12) * 6, rng.normal(size=(300, 12))
    whole = ranks.told_apart(values, values + drawn)
    monkeypatch.setattr(ranks, "_CHUNK", 150)
    assert np.array_equal(ranks.told_apart(values, values + drawn), whole)
    assert whole.any() and ranks.ranges(whole)[int(np.argmax(values))][0] == 1


# --------------------------------------------------------------------------- fronts


def entry(run: str, **resources: float) -> Entry:
    return Entry(run, run, "complete", run_id=run, resources=resources)


def test_the_front_holds_whom_no_other_beats_in_both():
    values = {"a": (0.9, 5.0), "b": (0.8, 1.0), "c": (0.7, 3.0), "d": (0.8, 2.0)}
    entries = {run: entry(run, cost=price) for run, (_, price) in values.items()}
    found = tuple(
        sorted((measured(run, value) for run, (value, _) in values.items()),
               key=lambda each: -each.estimate.value)
    )  # fmt: skip
    board = Board("t", "m", "g", True, found)
    shown = Ranking(["a", "b", "c", "d"], [[1, 1], [2, 3], [4, 4], [2, 3]], [[], [], [0, 1], []])
    (front,) = fronts.fronts(board, entries, shown)
    assert [each.measured.run for each in front.points] == ["b", "d", "c", "a"]
    assert [each.measured.run for each in front.points if each.is_best] == ["b", "a"]
    beaten = {each.measured.run: each.beaten_by for each in front.points}
    assert beaten == {"a": "", "b": "", "c": "b", "d": ""}  # d is dearer, and not shown to be worse


def test_runs_with_stored_answers_have_no_price():
    entries = {"a": entry("a", cost=1.0), "b": entry("b", cost=0.1, cached=3.0)}
    board = Board("t", "m", "g", True, (measured("a", 0.5), measured("b", 0.4)))
    assert fronts.fronts(board, entries, None) == []
    entries["c"] = entry("c", cost=2.0, energy_kwh=5.0)
    entries["a"] = entry("a", cost=1.0, energy_kwh=9.0)
    board = Board("t", "m", "g", True, (*board.measured, measured("c", 0.3)))
    found = fronts.fronts(board, entries, None)
    assert [each.title for each in found] == ["cost, US$", "energy, kWh"]
    assert {each.left_out for each in found} == {1}


# --------------------------------------------------------------------------- change points


def test_a_series_that_never_changed_shows_a_change_in_one_of_twenty_at_most():
    rng = np.random.default_rng(7)
    draws = {"normal": rng.standard_normal, "skewed": lambda n: rng.exponential(size=n) ** 2}
    for draw in draws.values():
        false = sum(
            bool(change_points.change_points(draw(20), permutations=199, seed=each))
            for each in range(400)
        )
        assert 1 <= false <= 33  # 20 expected, fewer where orders tie; more than 33 in 1 of 500


def test_changes_are_found_where_they_are():
    rng = np.random.default_rng(3)
    series = np.concatenate([rng.normal(level, 0.01, 12) for level in (0.7, 0.5, 0.65)])
    found = change_points.change_points(series)
    assert [each.place for each in found] == [12, 24]
    assert found[0].before == pytest.approx(0.7, abs=0.01)
    assert found[0].after == found[1].before == pytest.approx(0.5, abs=0.01)
    assert all(each.p_value <= 0.05 for each in found)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 1.0, 2.0], [0.5] * 40])
def test_nothing_is_found_in_nothing(values):
    assert change_points.change_points(np.array(values)) == []


def test_a_history_names_the_first_run_after_the_change(index):
    entries = {each.key: each for each in index.entries()}
    by_name = {each.name: each for each in boards.boards(index)}
    (found,) = histories(by_name["arithmetic.accuracy"], entries)
    assert [found.measured[each.place].run for each in found.changes] == ["build-004"]
    (other,) = histories(by_name["spelling.accuracy"], entries)
    assert other.changes == ()


def test_models_have_histories_of_their_own(tmp_path: Path):
    viewed_runs.series(tmp_path, count=3, samples=20)
    build = viewed_runs.Build(9, {"arithmetic": 0.1, "spelling": 0.1}, model="./other")
    viewed_runs.write(tmp_path, build, 20)
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        entries = {each.key: each for each in index.entries()}
        (found,) = histories(boards.boards(index)[0], entries)
    assert found.model == "./ckpt" and len(found.measured) == 3
