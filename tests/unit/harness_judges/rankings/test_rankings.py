"""Strengths from preferences, and the ranks that these can tell apart."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli import app
from harness.errors import DataError, UnknownNameError, UsageError
from harness_judges.annotation import store
from harness_judges.annotation.items import Answer, Item
from harness_judges.annotation.store import Label, Settings
from harness_judges.rankings.davidson import rank
from harness_judges.rankings.preferences import Preference, gather

pytest.importorskip("statsmodels")


def drawn(strengths: dict[str, float], prompts: int, seed: int, tie: float = 0.5):
    """Every pair of systems on every prompt, by Davidson's model."""
    rng = np.random.default_rng(seed)
    names = list(strengths)
    found = []
    for prompt in range(prompts):
        for place, first in enumerate(names):
            for second in names[place + 1 :]:
                a, b = math.exp(strengths[first]), math.exp(strengths[second])
                shares = np.array([a, tie * math.sqrt(a * b), b])
                value = rng.choice([1.0, 0.5, 0.0], p=shares / shares.sum())
                found.append(Preference(first, second, float(value), str(prompt)))
    return found


def test_two_systems_by_hand():
    # With the half added to each outcome: log(60.5/20.5), and ν = 20.5/√(60.5·20.5).
    outcomes = [1.0] * 60 + [0.5] * 20 + [0.0] * 20
    found = rank([Preference("x", "y", value, str(n)) for n, value in enumerate(outcomes)])
    first, second = found.systems
    assert first.strength - second.strength == pytest.approx(math.log(60.5 / 20.5), abs=1e-6)
    assert found.tie_parameter == pytest.approx(20.5 / math.sqrt(60.5 * 20.5), abs=1e-6)
    assert (first.wins, first.ties, first.losses) == (60, 20, 20)
    assert (first.best, first.worst, second.best, second.worst) == (1, 1, 2, 2)


def test_systems_that_always_tie_are_not_told_apart():
    """Nothing varies but the last digits of the fit."""
    found = rank([Preference("x", "y", 0.5, str(n)) for n in range(36)], resamples=100)
    assert [(each.best, each.worst, each.strength) for each in found.systems] == [(1, 2, 0.0)] * 2


def test_strengths_come_back_and_who_is_first_does_not_matter():
    truth = {"a": 0.9, "b": 0.0, "c": -0.9}
    preferences = drawn(truth, 600, seed=1)
    found = {each.system: each for each in rank(preferences, resamples=200).systems}
    for name, value in truth.items():
        assert found[name].low < value < found[name].high
        assert found[name].strength == pytest.approx(value, abs=0.15)
    turned = [Preference(p.second, p.first, 1 - p.value, p.prompt) for p in preferences]
    again = {each.system: each for each in rank(turned[::-1], resamples=200).systems}
    for name in truth:
        assert again[name].strength == pytest.approx(found[name].strength, abs=1e-9)


def test_equal_systems_share_their_ranks():
    truth = {"a": 0.0, "b": 0.0, "c": 0.0, "worse": -2.0}
    found = {each.system: each for each in rank(drawn(truth, 150, seed=2), resamples=200).systems}
    for name in "abc":
        assert (found[name].best, found[name].worst) == (1, 3)
    assert (found["worse"].best, found["worse"].worst) == (4, 4)


def test_ranks_hold_the_truth_as_often_as_they_say():
    truth = {"a": 0.25, "b": 0.0, "c": -0.25}
    right = {"a": 1, "b": 2, "c": 3}
    held = []
    for seed in range(30):
        found = rank(drawn(truth, 60, seed), resamples=100, seed=seed).systems
        held.append(all(each.best <= right[each.system] <= each.worst for each in found))
    assert np.mean(held) >= 0.85  # 95 % of 30: fewer than 26 once in a hundred times


def test_who_never_lost_is_not_infinite():
    found = rank([Preference("x", "y", 1.0, str(n)) for n in range(30)])
    assert math.isfinite(found.systems[0].strength) and found.systems[0].losses == 0


def test_judgements_of_one_prompt_count_once():
    once = drawn({"a": 0.3, "b": 0.0}, 50, seed=3)
    often = once * 8  # eight people who say the same
    narrow, wide = rank(often).systems[0], rank(once).systems[0]
    assert (narrow.high - narrow.low) > 0.8 * (wide.high - wide.low)


def test_few_prompts_tell_nothing():
    found = rank([Preference("x", "y", 1.0, str(n)) for n in range(9)])
    assert math.isnan(found.systems[0].low)
    assert {(each.best, each.worst) for each in found.systems} == {(1, 2)}


def test_systems_that_nothing_compares_are_refused():
    with pytest.raises(DataError, match="nothing compares a and b; c and d"):
        rank([Preference("a", "b", 1.0, "1"), Preference("c", "d", 1.0, "1")])
    with pytest.raises(DataError, match="no two systems"):
        rank([])


def people(folder, values, kind="preference"):
    answers = (Answer("one", "a"), Answer("two", "b"))
    items = [Item("t", f"s{n}", "do", answers[: 1 if kind == "score" else 2])
             for n in range(len(values))]  # fmt: skip
    store.create(folder, items, {"ada": range(len(items))}, Settings(kind, "?"), ["one", "two"])
    with store.opened(folder) as opened:
        for number, value in enumerate(values):
            assert value is None or opened.add(Label("ada", number, value))
    return folder


def test_a_ranking_of_people_from_the_command(tmp_path):
    folder = people(tmp_path / "people", [0.0] * 25 + [1.0] * 5)
    done = CliRunner().invoke(app, ["rank", str(folder), "--format", "json"])
    found = json.loads(done.output)
    assert [each["system"] for each in found["systems"]] == ["one", "two"]
    assert found["systems"][0]["wins"] == 25 and found["prompts"] == 30
    shown = CliRunner().invoke(app, ["rank", str(folder)]).output
    assert "one" in shown and "cannot be told apart" in shown


def test_sources_without_preferences_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no preferences"):
        gather([people(tmp_path / "scores", [3.0], "score")])
    empty = people(tmp_path / "empty", [None, None])
    with pytest.raises(DataError, match="holds no preferences"):
        gather([empty])
    with pytest.raises(UsageError, match="given twice"):
        gather([empty, empty])
    with pytest.raises(DataError, match="results"):
        gather([tmp_path])


def test_names_of_one_system_are_joined(tmp_path):
    folder = people(tmp_path / "people", [1.0, 0.0])
    joined = gather([folder], {"two": "2nd"}).preferences
    assert {(each.first, each.second) for each in joined} == {("one", "2nd")}
    with pytest.raises(UsageError, match="one and two are compared"):
        gather([folder], {"two": "one"})
    with pytest.raises(UnknownNameError, match="'tow'"):
        gather([folder], {"tow": "one"})
    words = ["rank", str(people(tmp_path / "more", [0.0] * 12)), "--same", "one=1st"]
    assert "1st" in CliRunner().invoke(app, words).output
