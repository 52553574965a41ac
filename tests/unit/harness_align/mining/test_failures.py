"""Failures of a run become pairs, or a queue for annotators."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner

from harness.errors import DataError, UnknownNameError
from harness.results import runfolder
from harness.types import (
    Completion,
    DataSource,
    Estimate,
    Generate,
    Loglikelihood,
    Logprob,
    MetricResult,
    RunResult,
    Sample,
    SampleRecord,
    TaskResult,
    Unscored,
)
from harness_align.commands import mine
from harness_align.dataset import formats
from harness_align.mining import failures


@pytest.fixture
def run(tmp_path):
    """Writes a run folder of one task."""

    def write(records, metric="accuracy", higher=True):
        estimate = Estimate(0.5, 0.1, 0.3, 0.7, len(records), "mean")
        task = TaskResult(
            "task",
            "1",
            len(records),
            0,
            DataSource("sample", "x"),
            "0",
            {metric: MetricResult(estimate, higher)},
        )
        runfolder.write_samples(tmp_path, "task", records)
        runfolder.write_result(
            tmp_path, RunResult("run", "complete", {"name": "m"}, {"task": task})
        )
        return tmp_path

    return write


def generated(identifier, answer, value, targets=("Paris",), **further):
    return SampleRecord(
        Sample(identifier, "Capital?", targets),
        (Generate("Capital?\nAnswer:"),),
        (Completion(answer),),
        {"accuracy": value},
        **further,
    )


def chosen(identifier, totals, right="yes", **further):
    return SampleRecord(
        Sample(identifier, "Is it?", (right,), ("yes", "no")),
        (Loglikelihood("Is it?", " yes"), Loglikelihood("Is it?", " no")),
        tuple(Logprob(total, 1, False) for total in totals),
        {"accuracy": float((totals[0] > totals[1]) == (right == "yes"))},
        **further,
    )


def test_a_metric_that_is_better_in_no_direction_has_no_wrong_values(run):
    folder = run([generated("a", "Rome", 0.0), generated("b", "Paris", 1.0)], higher=None)
    with pytest.raises(DataError, match="nothing to mine by wrong"):
        failures.mine(folder, "wrong")


def test_wrong_answers_become_rejected_ones_worst_first(run, tmp_path):
    folder = run(
        [
            generated("good", "Paris", 1.0),
            generated("bad", " Rome", 0.0),
            generated("half", "Paris, France", 0.5),
            generated("unscored", "?", Unscored("no")),
        ]
    )
    mined = failures.mine(folder, "wrong")
    assert [each.record.sample.id for each in mined] == ["bad", "half"]
    out = tmp_path / "pairs.jsonl"
    assert failures.write(out, mined) == (2, 0)
    rows = formats.read(out)
    assert rows.kind == "preference"
    first = rows.rows[0]
    assert (first.prompt, first.chosen, first.rejected) == ("Capital?\nAnswer:", " Paris", " Rome")
    assert first.facts["sample_id"] == "bad"


def test_lower_is_better_turns_the_order_round(run):
    folder = run([generated("low", "x", 0.1), generated("high", "y", 0.9)], higher=False)
    assert [each.record.sample.id for each in failures.mine(folder, "wrong")] == ["high"]


def test_without_a_known_answer_the_sample_goes_to_annotators(run, tmp_path):
    folder = run([generated("a", "Rome", 0.0, ()), generated("b", "Oslo", 1.0, ())])
    out = tmp_path / "pairs.jsonl"
    assert failures.write(out, failures.mine(folder, "wrong")) == (0, 1)
    (row,) = map(json.loads, failures.queue_path(out).read_text().splitlines())
    assert row["prompt"] == "Capital?\nAnswer:"
    assert row["answers"] == ["Rome"]
    assert row["chosen"] is None


def test_the_wrong_choice_that_the_model_prefers_is_rejected(run):
    folder = run([chosen("right", (-1.0, -2.0)), chosen("wrong", (-2.0, -1.0))])
    (mined,) = failures.mine(folder, "wrong")
    (row,) = mined.rows
    assert (row.prompt, row.chosen, row.rejected) == ("Is it?", " yes", " no")


def test_a_coin_flip_is_the_most_uncertain(run):
    folder = run([chosen("sure", (-0.01, -5.0)), chosen("flip", (-0.7, -0.7))])
    mined = failures.mine(folder, "uncertain")
    assert [each.record.sample.id for each in mined] == ["flip", "sure"]
    assert mined[0].worth == pytest.approx(1.0)


def test_samples_that_disagree_are_uncertain():
    agree = failures.uncertainty([Completion("a"), Completion("a "), Completion("a")])
    differ = failures.uncertainty([Completion("a"), Completion("b"), Completion("c")])
    assert agree == (0.0, "1 different answers")
    assert differ is not None
    assert differ[0] == pytest.approx(1.0)
    assert failures.uncertainty([Completion("a")]) is None


def test_entropy_is_that_of_the_choices():
    measured = failures.uncertainty(
        [Logprob(math.log(0.75), 1, True), Logprob(math.log(0.25), 1, False)]
    )
    assert measured is not None
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2)
    assert measured[0] == pytest.approx(expected)
    assert measured[1] == "margin 0.5"


def test_a_probe_that_breaks_an_answer_gives_a_pair(run):
    folder = run(
        [
            generated("a", "Paris", 1.0),
            generated("a", "Rome", 0.0, probe="typos"),
            generated("b", "Rome", 0.0),
            generated("b", "Rome", 0.0, probe="typos"),
        ]
    )
    (mined,) = failures.mine(folder, "perturbation")
    assert mined.why == "typos: accuracy 1 → 0"
    assert mined.rows[0].rejected == " Rome"


def sentences(identifier, more, less, totals):
    return SampleRecord(
        Sample(identifier, more),
        (Loglikelihood("", more), Loglikelihood("", less)),
        tuple(Logprob(total, 5, False) for total in totals),
        {"accuracy": float(totals[0] > totals[1])},
    )


def test_a_preferred_stereotype_is_rejected_after_the_shared_words(run):
    folder = run(
        [
            sentences("fair", "The cook was a man.", "The cook was a woman.", (-9.0, -8.0)),
            sentences(
                "biased", "The nurse said she left.", "The nurse said he left.", (-5.0, -8.0)
            ),
        ]
    )
    (mined,) = failures.mine(folder, "bias")
    (row,) = mined.rows
    assert row.prompt == "The nurse said"
    assert (row.chosen, row.rejected) == (" he left.", " she left.")


def test_sentences_that_share_no_beginning_make_no_pair():
    assert failures.split_sentences("He left.", "She left.") is None
    assert failures.split_sentences("same", "same") is None


def test_nothing_to_mine_says_what_is_needed(run):
    folder = run([generated("a", "Paris", 1.0)])
    with pytest.raises(DataError, match="--probes"):
        failures.mine(folder, "perturbation")
    with pytest.raises(UnknownNameError, match="accuracy"):
        failures.mine(folder, "wrong", metric="acuracy")
    with pytest.raises(UnknownNameError, match="task"):
        failures.mine(folder, "wrong", tasks=["tusk"])


def test_the_command_warns_of_one_sided_pairs_and_balances_them(run, tmp_path):
    records = [chosen(f"y{n}", (-1.0, -2.0)) for n in range(14)]
    records += [chosen(f"n{n}", (-1.0, -2.0 - n), right="no") for n in range(6)]
    folder, out = run(records), tmp_path / "pairs.jsonl"
    told = CliRunner().invoke(
        mine.command, [str(folder), "--out", str(out), "--by", "uncertain"], catch_exceptions=False
    )
    assert "'yes' is the right answer of 70% of them" in told.output
    assert "--balance" in told.output
    told = CliRunner().invoke(
        mine.command,
        [str(folder), "--out", str(out), "--by", "uncertain", "--balance", "--limit", "8"],
        catch_exceptions=False,
    )
    assert "Warning" not in told.output
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(row["chosen"] for row in rows) == [" no"] * 4 + [" yes"] * 4
