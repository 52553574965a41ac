"""The attack against models whose weakness is known."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import plugins
from harness.cli import app
from harness.config import RunSpec
from harness.errors import UsageError
from harness.protocols import BackendSpec
from harness.run.planning import planner
from harness.testing import FakeBackend
from harness.types import Completion, Generate, Loglikelihood, Logprob, Sample
from harness_probes.attack.command import side_by_side
from harness_probes.attack.run import attack
from harness_probes.attack.search import Limits, Outcome, candidates, search, similarity


def drive(sample: Sample, limits: Limits, chance, rng=None):
    """Runs a search against ``chance``: text → probability of the right option; records texts."""
    going = search(sample, limits, rng or random.Random(0))
    wanted, asked = next(going), []
    while True:
        asked.append([each.input for each in wanted])
        outcomes = [Outcome(chance(text), chance(text) > 0.5) for text in asked[-1]]
        try:
            wanted = going.send(outcomes)
        except StopIteration as end:
            return end.value, asked


SAMPLE = Sample("1", "a brilliant movie with nice songs", ("positive",))


def brittle(text: str) -> float:
    """Rests on the word movie alone, and a little on brilliant."""
    return 0.1 + 0.6 * ("movie" in text) + 0.2 * ("brilliant" in text)


def test_the_word_that_matters_most_goes_first() -> None:
    ended, asked = drive(SAMPLE, Limits(kinds=("words",)), brittle)
    assert asked[0] == [SAMPLE.input]
    assert asked[1] == [
        "brilliant movie with nice songs", "a movie with nice songs",
        "a brilliant with nice songs", "a brilliant movie nice songs",
        "a brilliant movie with songs", "a brilliant movie with nice ",
    ]  # fmt: skip
    assert asked[2] == ["a brilliant film with nice songs"]
    assert ended.succeeded
    assert (ended.text, ended.changed, ended.queries) == (asked[2][0], 1, 1 + 6 + 1)
    assert ended.chance == pytest.approx(0.3)


def test_a_wrong_answer_is_not_attacked() -> None:
    ended, asked = drive(SAMPLE, Limits(), lambda text: 0.2)
    assert (ended.right, ended.succeeded, ended.queries) == (False, False, 1)
    assert len(asked) == 1


def test_a_model_that_does_not_read_cannot_be_fooled() -> None:
    ended, _ = drive(SAMPLE, Limits(share=1, similarity=0), lambda text: 0.9)
    assert not ended.succeeded
    assert ended.text == SAMPLE.input
    assert ended.changed == 0


def test_limits_hold() -> None:
    for queries in (2, 8, 15):
        ended, asked = drive(
            SAMPLE, Limits(queries=queries, share=1, similarity=0), lambda t: 0.9 - 1e-3 * len(t)
        )
        assert ended.queries == sum(map(len, asked)) <= queries
    ended, _ = drive(SAMPLE, Limits(share=0.34), lambda text: 0.6 + 1e-9 * (text == SAMPLE.input))
    assert ended.changed <= 2


def test_a_text_too_unlike_is_not_asked() -> None:
    # By hand: "abcd" and "abxd" share the runs "ab" and "d": 2·3/8.
    assert similarity("abcd", "abxd") == 0.75
    _, loose = drive(SAMPLE, Limits(kinds=("words",), share=1, similarity=0), lambda text: 0.9)
    _, strict = drive(SAMPLE, Limits(kinds=("words",), share=1, similarity=0.95), lambda text: 0.9)
    every = [text for texts in loose[2:] for text in texts]
    asked = [text for texts in strict[2:] for text in texts]
    assert asked == [text for text in every if similarity(SAMPLE.input, text) >= 0.95]
    assert len(asked) < len(every)


def test_words_of_the_answer_stay() -> None:
    sample = Sample("1", "the Paris movie", ("Paris",), ("Paris", "Rome"))
    _, asked = drive(sample, Limits(share=1, similarity=0), lambda text: 0.9)
    assert all("Paris" in text for texts in asked for text in texts)


def test_candidates_are_one_edit_or_a_synonym_away() -> None:
    assert candidates("Movie", ("words",), random.Random(0)) == ["Film"]
    forms = candidates("songs", ("characters",), random.Random(0))
    assert forms
    assert "songs" not in forms
    assert all(abs(len(form) - 5) <= 1 for form in forms)
    assert candidates("a", ("characters",), random.Random(0)) == []


# --------------------------------------------------------------------------- a whole task


def answer(request: Loglikelihood) -> Logprob:
    """Calls a text positive where it says movie."""
    assert isinstance(request.context, str)
    positive = request.continuation == " positive"
    likely = ("movie" in request.context.split("\n")[0]) == positive
    return Logprob(-1.0 if likely else -2.0, 1, False)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.tsv"
    lines = ["a fine movie\t1", "a grand movie here\t1", "a song\t0", "another movie\t0"]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_accuracy_before_and_after(rows: Path) -> None:
    backend = FakeBackend(answer, frozenset({Loglikelihood}))
    registry = plugins.load()
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: backend)
    whole = planner.build(RunSpec("fake:", ("sst2",), {"sst2": str(rows)}), registry, backend)
    found = attack(whole.tasks[0], backend, Limits(share=0.5), 0)
    asked = len(backend.asked)
    again = attack(whole.tasks[0], backend, Limits(share=0.5), 0)
    assert again == found
    assert len(backend.asked) == asked, "the store answers the second time"
    measures = {name: estimate.value for name, estimate in found.measures.items()}
    assert measures["original_accuracy"] == 0.75
    assert measures["after_attack_accuracy"] == 0.25  # the song has no word to fall for
    assert measures["success_rate"] == pytest.approx(2 / 3)
    assert [each.succeeded for each in found.attacked] == [True, True, False, False]
    assert found.measures["success_rate"].n == found.measures["queries"].n == 3


def test_a_task_without_options_is_refused(tmp_path: Path) -> None:
    backend = FakeBackend(lambda request: Completion("x"), frozenset({Generate}))
    registry = plugins.load()
    path = tmp_path / "qa.jsonl"
    path.write_text('{"context": "c", "question": "q?", "answers": ["x"]}\n', "utf-8")
    whole = planner.build(RunSpec("fake:", ("qa",), {"qa": str(path)}), registry, backend)
    with pytest.raises(UsageError, match="no choice among options"):
        attack(whole.tasks[0], backend, Limits(), 0)


def test_saved_outputs_cannot_be_attacked(rows: Path) -> None:
    backend = FakeBackend(answer, frozenset({Loglikelihood}))
    registry = plugins.load()
    whole = planner.build(RunSpec("fake:", ("sst2",), {"sst2": str(rows)}), registry, backend)
    backend.by_sample = True
    with pytest.raises(UsageError, match="original samples alone"):
        attack(whole.tasks[0], backend, Limits(), 0)


def test_the_command_shows_texts_side_by_side(rows: Path, tmp_path: Path) -> None:
    registry = plugins.load()
    registry.backends["fake"] = BackendSpec(
        "fake", "", lambda options: FakeBackend(answer, frozenset({Loglikelihood}))
    )
    arguments = ["attack", "--model", "fake:", "--tasks", "sst2", "--data", f"sst2={rows}"]
    arguments += ["--kinds", "words", "--share", "0.5", "--out", str(tmp_path / "out")]
    registry.manager.hook.harness_commands(app=app)
    done = CliRunner().invoke(app, arguments, obj={"registry": registry})
    assert done.exit_code == 0, done.output
    assert "after attack accuracy" in done.output
    assert "- a fine movie" in done.output
    assert "+ a fine film" in done.output
    report = json.loads((tmp_path / "out" / "attack.json").read_text("utf-8"))
    assert report["tasks"]["sst2"]["measures"]["original_accuracy"]["value"] == 0.75
    first = report["tasks"]["sst2"]["samples"][0]
    assert (first["original"], first["attacked"]) == ("a fine movie", "a fine film")


@pytest.mark.slow
def test_the_demo_model_is_fooled_in_batches(tmp_path: Path) -> None:
    """A real model that is good at its task: what it rests on breaks, and texts share work."""
    registry = plugins.load()
    arguments = ["attack", "--model", "demo", "--tasks", "sst2", "--data", "sample"]
    arguments += ["--limit", "20", "--no-cache", "--out", str(tmp_path / "out")]
    registry.manager.hook.harness_commands(app=app)
    done = CliRunner().invoke(app, arguments, obj={"registry": registry})
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "out" / "attack.json").read_text("utf-8"))
    measures = {key: value["value"] for key, value in report["tasks"]["sst2"]["measures"].items()}
    assert measures["original_accuracy"] > 0.9
    assert measures["after_attack_accuracy"] < 0.7
    assert measures["success_rate"] == pytest.approx(
        1 - measures["after_attack_accuracy"] / measures["original_accuracy"]
    )
    for sample in report["tasks"]["sst2"]["samples"]:
        if sample["succeeded"]:
            assert sample["attacked"] != sample["original"]
            assert similarity(sample["original"], sample["attacked"]) >= 0.6
            assert sample["chance"] <= 0.5
    usage = report["usage"]
    assert usage["computed_tokens"] < 0.5 * usage["prompt_tokens"]


def test_changed_words_are_marked() -> None:
    ended, _ = drive(SAMPLE, Limits(kinds=("words",)), brittle)
    before, after = side_by_side(ended)
    assert before.plain.rstrip() == "  - a brilliant movie with nice songs"
    marked = [after.plain[span.start : span.end].strip() for span in after.spans if span.style]
    assert marked == ["film"]
