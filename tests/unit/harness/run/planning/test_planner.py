from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.comparison.comparability import TaskIdentity, incomparable
from harness.config import RunSpec
from harness.errors import DataError, HarnessError, UsageError
from harness.planned import Plan
from harness.plugins import Registry
from harness.protocols import ProbeOptions, ProbeSpec
from harness.run.planning import fewshot, planner
from harness.testing import FakeBackend
from harness.types import Generate, Loglikelihood, Sample, Skipped


def build(registry: Registry, backend: FakeBackend, path: Path, **settings: Any) -> Plan:
    spec = RunSpec("fake:", ("echo",), {"echo": str(path)}, **settings)
    return planner.build(spec, registry, backend)


def test_limit_takes_the_first(registry, backend, echo_rows) -> None:
    task = build(registry, backend, echo_rows, limit=3).tasks[0]
    assert [each.sample.input for each in task.planned] == ["text 0", "text 1", "text 2"]
    assert task.sample_count == 3


def test_a_sample_is_drawn_of_all_rows_and_said(registry, backend, echo_rows) -> None:
    task = build(registry, backend, echo_rows, sample=3).tasks[0]
    assert task.sample_count == 3
    assert len(task.every) > 3
    how = f"sample of 3 of {len(task.every)} rows, seed 0"
    assert task.settings["samples"] == how
    assert f"scored: {how}" in task.notes
    other = build(registry, backend, echo_rows, sample=3, seed=1).tasks[0]
    one, two = (TaskIdentity("1", each.data_sha256, each.settings) for each in (task, other))
    assert "samples" in str(incomparable(one, two))
    whole = build(registry, backend, echo_rows).tasks[0]
    assert incomparable(one, TaskIdentity("1", whole.data_sha256, whole.settings)) is None


@pytest.mark.parametrize(
    ("declared", "kept"), [(None, ("template", "mark")), (("mark", "absent"), ("mark",))]
)
def test_a_tasks_settings_decide_what_a_score_means_unless_it_names_those_that_do(
    registry, backend, echo_rows, declared, kept
) -> None:
    echo = registry.tasks["echo"]

    def open_with(mark):
        def open_task(options):
            task = echo.open(options)
            task.settings = {**task.settings, "mark": mark}
            if declared is not None:
                task.scored_by = declared
            return task

        return open_task

    found = []
    for mark in ("words", "letters"):
        spec = replace(echo, open=open_with(mark))
        other = replace(registry, tasks={**registry.tasks, "echo": spec})
        found.append(build(other, backend, echo_rows).tasks[0])
    assert found[0].scored_by == kept
    one, two = (
        TaskIdentity("1", each.data_sha256, each.settings, each.scored_by) for each in found
    )
    assert incomparable(one, two) == "mark words in the baseline, letters in the candidate"
    # One that was written before tasks declared it is judged by the other's.
    assert incomparable(replace(one, scored_by=()), two) is not None
    assert incomparable(replace(one, scored_by=()), replace(two, scored_by=())) is None


def test_the_first_rows_and_a_sample_are_not_both_taken() -> None:
    with pytest.raises(UsageError, match="limit=2 and sample=3 are both given"):
        RunSpec("fake:", ("echo",), limit=2, sample=3)


@pytest.mark.parametrize("copy", ["other.jsonl", "link.jsonl"])
def test_the_scored_file_is_known_under_any_name(
    registry, backend, echo_rows, tmp_path, copy
) -> None:
    path = tmp_path / copy
    if copy.startswith("link"):
        path.symlink_to(echo_rows)
    else:
        path.write_bytes(Path(echo_rows).read_bytes())
    settings = {"echo": {"shots": str(path)}}
    with pytest.raises(UsageError, match="would come from the scored samples"):
        build(registry, backend, echo_rows, num_fewshot=2, task_settings=settings)


def test_scored_samples_among_the_examples_are_said(registry, backend, echo_rows, tmp_path) -> None:
    path = tmp_path / "shots.jsonl"
    path.write_text("".join(json.dumps({"text": f" TEXT {i}"}) + "\n" for i in range(4)), "utf-8")
    settings = {"echo": {"shots": str(path)}}
    task = build(registry, backend, echo_rows, num_fewshot=3, task_settings=settings).tasks[0]
    assert any(note.startswith("4 of the few-shot examples") for note in task.notes)
    for each in task.planned:
        assert f"{each.sample.input}\n".upper() not in str(each.requests[0].prompt).upper()


def test_a_suite_stands_for_its_tasks(registry, backend, echo_rows) -> None:
    spec = RunSpec("fake:", ("small", "echo"), {"echo": str(echo_rows)})
    assert len(planner.build(spec, registry, backend).tasks) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tasks": ("ehco",)}, "Did you mean echo"),
        ({"data": {"ecko": "x"}}, "Did you mean echo"),
        ({"task_settings": {"echo": {"tempalte": "x"}}}, "Did you mean template"),
        ({"task_settings": {"echo": {"fewshot": "some"}}}, "fixed"),
        ({"task_settings": {"echo": {"num_fewshot": "two"}}}, "whole number"),
        ({"task_settings": {"echo": {"thinking_tokens": "-1"}}}, "echo.thinking_tokens is '-1'"),
    ],
)
def test_unknown_names_list_the_nearest(registry, backend, echo_rows, settings, message) -> None:
    values = {"tasks": ("echo",), "data": {"echo": str(echo_rows)}, **settings}
    with pytest.raises(UsageError) as caught:
        planner.build(RunSpec("fake:", **values), registry, backend)
    assert message in str(caught.value)


def test_a_model_that_thinks_may_get_more_tokens(registry, backend, echo_rows) -> None:
    def lengths(**options: str) -> tuple[set[int], str | None]:
        spec = RunSpec(
            "fake:", ("echo",), {"echo": str(echo_rows)}, task_settings={"echo": options}
        )
        (task,) = planner.build(spec, registry, backend).tasks
        requests = [request for planned in task.planned for request in planned.requests]
        return {each.sampling.max_tokens for each in requests}, task.settings.get("thinking_tokens")

    ((usual,), nothing) = lengths()
    assert nothing is None
    assert lengths(thinking_tokens="1000") == ({usual + 1000}, "1000")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b'{"text": "a", "id": "1"}\n{"text": "b", "id": "1"}\n', "'1' occurs twice"),
        (b'{"text": "a"}\n{"txet": "b"}\n', "line 2: field 'text' is missing"),
        (b'{"text": "a"}\n{"text": \n', "line 2: not valid JSON"),
        (b'{"text": 5}\n', "line 1: field 'text' is int"),
        (b'{"text": "\xff"}\n', "line 1: byte 0xff is not UTF-8"),
        (b"[1]\n", "one JSON object a line"),
    ],
)
def test_bad_data_is_named(registry, backend, tmp_path, content, message) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        build(registry, backend, path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_data_says_what_to_give(registry, backend, tmp_path) -> None:
    with pytest.raises(DataError, match=r"absent\.jsonl"):
        build(registry, backend, tmp_path / "absent.jsonl")
    with pytest.raises(DataError, match="--data echo=PATH"):
        planner.build(RunSpec("fake:", ("echo",)), registry, backend)
    with pytest.raises(UsageError, match="ships no sample data"):
        planner.build(RunSpec("fake:", ("echo",), {"": "sample"}), registry, backend)


def test_a_model_that_cannot_answer_is_refused(registry, echo_rows) -> None:
    backend = FakeBackend(supports=frozenset({Loglikelihood}))
    with pytest.raises(UsageError, match="asks for Generate"):
        build(registry, backend, echo_rows)


def test_equal_requests_share_a_key_unless_answers_belong_to_samples(registry, tmp_path) -> None:
    path = tmp_path / "same.jsonl"
    path.write_text('{"text": "a"}\n{"text": "a"}\n', encoding="utf-8")
    backend = FakeBackend()
    assert len({each.key for each in build(registry, backend, path).requests()}) == 1
    backend.by_sample = True  # type: ignore[attr-defined]
    assert len({each.key for each in build(registry, backend, path).requests()}) == 2


class Shout:
    name = "shout"

    def __init__(self, options: ProbeOptions) -> None:
        self.options = options

    def perturb(self, sample, rng):
        yield replace(sample, input=sample.input.upper())
        yield sample
        yield None
        yield replace(sample, metadata={"never": "shown"})
        yield Skipped("too loud")
        yield replace(sample, input=sample.input + "!" * rng.randint(1, 9))

    def aggregate(self, metric, original, perturbed):
        return {}


@pytest.fixture
def shout(registry) -> ProbeSpec:
    registry.probes["shout"] = ProbeSpec("shout", "louder", Shout, options={"volume": "how loud"})
    return registry.probes["shout"]


def test_probes_add_variants_and_count_those_skipped(registry, backend, echo_rows, shout) -> None:
    whole = build(registry, backend, echo_rows, probes=("shout",)).tasks[0]
    assert whole.sample_count == 12
    # The sample itself, and a change that no prompt shows, ask nothing new.
    assert whole.skipped == {"shout": {"unchanged": 24, "too loud": 12}}
    variants = [(p.sample.id, p.variant, p.sample.input) for p in whole.planned if p.probe]
    assert [variant for _, variant, _ in variants] == [0, 5] * 12
    part = build(registry, backend, echo_rows, probes=("shout",), limit=4).tasks[0]
    assert [(p.sample.id, p.variant, p.sample.input) for p in part.planned if p.probe] == variants[
        :8
    ]


def test_a_probe_gets_its_options_and_its_task(registry, backend, echo_rows, shout) -> None:
    settings = {"shout": {"volume": "11"}, "echo": {"template": "mine"}}
    task = build(registry, backend, echo_rows, probes=("shout",), task_settings=settings).tasks[0]
    opened = task.probes["shout"].options  # type: ignore[attr-defined]
    assert opened.values == {"volume": "11"}
    assert opened.task is registry.tasks["echo"]
    assert opened.task_options.values == {"template": "mine"}


def test_options_of_probes_are_checked(registry, backend, echo_rows, shout) -> None:
    settings = {"shout": {"volumne": "11"}}
    with pytest.raises(UsageError, match="Did you mean volume"):
        build(registry, backend, echo_rows, probes=("shout",), task_settings=settings)
    with pytest.raises(UsageError, match="one of this run's tasks or probes"):
        build(registry, backend, echo_rows, task_settings=settings)


def test_a_probe_may_ask_in_other_ways(registry, backend, echo_rows, shout) -> None:
    class Politely:
        """Asks through a task of its own, which also scores the answers."""

        name, version = "polite", "1"

        def requests(self, sample, shots):
            return [Generate(f"please say {sample.input}")]

    polite = Politely()

    class Formats(Shout):
        tasks = (polite,)

        def perturb(self, sample, rng):
            yield replace(sample, input="x")

    registry.probes["shout"] = ProbeSpec("shout", "louder", Formats)
    planned = build(registry, backend, echo_rows, probes=("shout",), limit=1).tasks[0].planned
    assert [(each.probe, each.variant, each.requests[0].prompt) for each in planned] == [
        (None, 0, "say text 0"),
        ("shout", 0, "please say text 0"),
        ("shout", 1, "say x"),
    ]
    assert planned[1].task is polite  # type: ignore[comparison-overlap]


def test_saved_outputs_cannot_be_probed(registry, backend, echo_rows, shout) -> None:
    backend.by_sample = True
    with pytest.raises(UsageError, match="saved outputs"):
        build(registry, backend, echo_rows, probes=("shout",))


def pool(count: int) -> list[Sample]:
    return [Sample(str(i), f"x{i}", cluster=str(i // 2)) for i in range(count)]


def test_fixed_shots_are_the_same_for_all() -> None:
    draws = [
        fewshot.Pool(pool(20)).draw(Sample(f"q{i}", "q"), 3, fewshot.FIXED, 0, "t")
        for i in range(9)
    ]
    assert all(drawn == draws[0] for drawn in draws)
    assert draws[0] != fewshot.Pool(pool(20)).draw(Sample("q", "q"), 3, fewshot.FIXED, 1, "t")


def test_shots_of_a_sample_leave_out_itself_and_its_cluster() -> None:
    for sample in pool(10):
        drawn = fewshot.Pool(pool(10)).draw(sample, 8, fewshot.PER_SAMPLE, 0, "t")
        assert sample.cluster not in {shot.cluster for shot in drawn}
    with pytest.raises(UsageError, match="8 to draw from"):
        fewshot.Pool(pool(10)).draw(pool(10)[0], 9, fewshot.PER_SAMPLE, 0, "t")


@pytest.mark.parametrize("mode", [fewshot.FIXED, fewshot.PER_SAMPLE])
def test_no_shot_has_the_content_of_the_sample(mode: str) -> None:
    examples = [Sample(f"s{i}", f"What is  X{i}?") for i in range(4)]
    asked = [Sample(str(i), f"what is x{i}? ") for i in range(4)]
    drawn = [fewshot.Pool(examples).draw(sample, 3, mode, 0, "t") for sample in asked]
    for number, shots in enumerate(drawn):
        assert {shot.id for shot in shots} == {f"s{i}" for i in range(4)} - {f"s{number}"}
    with pytest.raises(UsageError, match="3 to draw from for sample '0'"):
        fewshot.Pool(examples).draw(asked[0], 4, mode, 0, "t")
    assert fewshot.Pool(examples).shared_with(asked[:3]) == 3


def test_a_sample_s_place_in_a_fixed_draw_goes_to_one_that_is_not_in_it() -> None:
    whole = fewshot.Pool(pool(9))
    usual = whole.draw(Sample("q", "q"), 4, fewshot.FIXED, 0, "t")
    for number, shot in enumerate(usual):
        drawn = whole.draw(Sample("other", shot.input), 4, fewshot.FIXED, 0, "t")
        assert drawn[:3] == usual[:number] + usual[number + 1 :]
        assert drawn[3] not in usual


def test_shots_do_not_depend_on_the_limit(registry, backend, echo_rows, tmp_path) -> None:
    shots = tmp_path / "shots.jsonl"
    shots.write_text("".join(json.dumps({"text": f"s{i}"}) + "\n" for i in range(9)), "utf-8")
    for mode in ("fixed", "per_sample"):
        settings = {"echo": {"shots": str(shots), "fewshot": mode}}
        whole = build(registry, backend, echo_rows, num_fewshot=2, task_settings=settings)
        part = build(registry, backend, echo_rows, num_fewshot=2, task_settings=settings, limit=5)
        assert list(part.tasks[0].planned) == whole.tasks[0].planned[:5]
        prompts = {each.requests[0].prompt.rsplit("say", 1)[0] for each in whole.tasks[0].planned}
        assert (len(prompts) == 1) == (mode == "fixed")


def test_shots_from_the_scored_samples_are_refused(registry, backend, echo_rows) -> None:
    settings = {"echo": {"shots": str(echo_rows)}}
    with pytest.raises(HarnessError, match="per_sample"):
        build(registry, backend, echo_rows, num_fewshot=2, task_settings=settings)
    settings["echo"]["fewshot"] = "per_sample"
    planned = build(registry, backend, echo_rows, num_fewshot=2, task_settings=settings)
    for each in planned.tasks[0].planned:
        assert isinstance(each.requests[0], Generate)
        assert f"{each.sample.input}\n" not in each.requests[0].prompt
