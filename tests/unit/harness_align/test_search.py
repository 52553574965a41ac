"""The [align.search] table, pruning, and going on with a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ConfigError, RunFailedError, UnknownNameError
from harness_align import plugin, search
from harness_align.dataset import formats, training_rows
from harness_align.dataset.training_rows import Row, Rows
from harness_align.job import AlignJob
from harness_align.search import SearchSpec

DPO = next(each for each in plugin.harness_register_aligners() if each.name == "dpo")
RATE = {"learning_rate": {"low": 1e-6, "high": 1e-2, "log": True}}


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        ({}, ConfigError, "no parameters"),
        ({"parameters": RATE, "trails": 3}, UnknownNameError, "trials"),
        (
            {"parameters": {"learning_rat": {"low": 1, "high": 2}}},
            UnknownNameError,
            "learning_rate",
        ),
        ({"parameters": {"steps": {"low": 1}}}, ConfigError, "steps"),
        ({"parameters": {"steps": {"low": 9, "high": 2}}}, ConfigError, "low is not below"),
        ({"parameters": {"adapter": {"choices": ["lorra"]}}}, ConfigError, "lora"),
        ({"parameters": RATE, "trials": 0}, ConfigError, "trials"),
        ({"parameters": RATE, "metric": "sst2.accuracy"}, ConfigError, "development data"),
        ({"parameters": {"seed": {"low": 1, "high": 2}}}, UnknownNameError, "seed"),
    ],
)
def test_a_wrong_table_is_named(table, error, says):
    with pytest.raises(error, match=says):
        SearchSpec.parse(table).check_parameters(DPO)


@pytest.fixture
def job(tmp_path):
    rows = tuple(Row(i, f"prompt {i}", "good", "bad") for i in range(30))
    training_rows.write(tmp_path / "train.jsonl", Rows("preference", rows, "x"))
    return AlignJob(
        "dpo",
        "model",
        "data",
        tmp_path,
        development=0.3,
        search={"trials": 6, "parameters": RATE},
    )


class Instant:
    """Trains nothing: what is tested here is the study, not a trainer."""

    trained: list[dict[str, object]] = []  # noqa: RUF012
    events: list[dict[str, object]] = []  # noqa: RUF012

    def __init__(self, watch):
        self._watch = watch

    def train(self, spec, rows, out):
        self.trained.append(spec)
        for event in self.events:
            self._watch(event)
        return Path(out)


@pytest.fixture
def instant(monkeypatch):
    monkeypatch.setattr(Instant, "trained", [])
    monkeypatch.setattr(Instant, "events", [])
    return Instant


def run(job, value, kind=Instant):
    def opened(mine, watch):
        return kind(watch)

    return search.search(job, job.out / "train.jsonl", opened, value, lambda _: None)


def test_the_best_settings_are_those_of_the_highest_value(job, instant):
    found = run(job, lambda mine, *_: -abs(mine.training["learning_rate"] - 1e-4))
    values = {each.settings["learning_rate"]: each.value for each in found.trials}
    assert len(values) == 6
    best = found.best["learning_rate"]
    assert values[best] == max(values.values())
    assert abs(best - 1e-4) < abs(sum(values) / 6 - 1e-4)


def test_trials_see_neither_all_rows_nor_what_they_are_judged_by(job, instant):
    seen = []
    run(
        job,
        lambda mine, checkpoint, held_out: seen.append(set(training_rows.prompts(held_out))) or 0.0,
    )
    trained = set(training_rows.prompts(formats.read(job.out / "search/train.jsonl")))
    assert all(held_out and not held_out & trained for held_out in seen)


def test_a_study_goes_on_where_it_was_stopped(job, instant):
    count = []

    def stops(mine, *_):
        count.append(mine)
        if len(count) == 3:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        run(job, stops)
    found = run(job, stops)
    assert sum(each.value is not None for each in found.trials) == 6


def test_a_failed_trial_is_kept_and_all_failed_is_an_error(job, instant):
    def fails_at_times(mine, *_):
        if len(instant.trained) % 2:
            raise RunFailedError("diverged")
        return 1.0

    found = run(job, fails_at_times)
    assert any(each.value is None for each in found.trials)

    def fails(*_):
        raise RunFailedError("diverged")

    (job.out / "search/study.db").unlink()
    with pytest.raises(RunFailedError, match="every trial"):
        run(job, fails)


def test_a_hopeless_trial_is_ended_early(job, instant):
    table = {
        "trials": 6,
        "parameters": RATE,
        "metric": "sst2.accuracy",
        "data": {"sst2": "dev.tsv"},
        "every": 5,
    }
    watched = AlignJob("dpo", "model", "data", job.out, development=0.3, search=table)

    def value():
        return 0.9 if len(instant.trained) < 4 else 0.1

    class Falling(Instant):
        def train(self, spec, rows, out):
            self.trained.append(spec)
            for step in (5, 10):
                self._watch({"event": "metric", "step": step, "standing": value()})
            return Path(out)

    found = run(watched, lambda *_: value(), Falling)
    assert [each.pruned for each in found.trials] == [False, False, False, True, True, True]
    watching = search.watching(watched)
    assert watching["stop_tasks"] == ("sst2",)
    assert watching["stop_every"] == 5
