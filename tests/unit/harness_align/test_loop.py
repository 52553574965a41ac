"""The loop and its commands, end to end on a tiny model; jobs from flags and harness.toml."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness import plugins
from harness.errors import DataError, UsageError
from harness_align import event_log, loop, report
from harness_align.dataset import formats
from harness_align.event_log import EventLog
from harness_align.job import AlignJob
from harness_align.preparation import preparing
from harness_align.spec import AlignSpec
from harness_align.training import run
from support.alignment import QUESTIONS, InProcess, small

# The trainers' own deprecation warnings are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_loop_measures_trains_measures_and_decides(tiny_model, pairs_file, jsonl, tmp_path):
    questions = jsonl(QUESTIONS, "questions.jsonl")
    asked = AlignJob(
        "dpo",
        str(tiny_model),
        str(pairs_file),
        tmp_path / "out",
        guards=("sst2.accuracy",),
        evaluation={"data": {"sst2": str(questions)}},
        settings=small(learning_rate=3e-3),
        development=0.3,
        samples=6,
    )
    result = loop.run(asked, plugins.load(), InProcess("dpo"))
    likelier, learned, guard = result.aims.rules
    assert likelier.metric == "preference for the chosen answer on held-out pairs"
    assert guard.metric == "sst2.accuracy"
    # One rule ranks all of these pairs rightly, so nothing is left that training could be for.
    assert learned.metric == "reward accuracy on held-out pairs"
    assert learned.evidence.baseline == learned.evidence.candidate == 1
    assert "the best simple rule" in learned.sentence
    assert "pass" not in (learned.verdict, result.verdict.verdict)
    effects = {each.name: each.estimate for each in result.effects.estimates}
    assert effects["reward margin"].low > 0
    assert effects["reward accuracy"].value == 1
    assert effects["KL per token"].n == 6
    assert result.comparison is not None
    assert list(result.curves["training"]) == list(range(1, 13))
    path = report.write(result)
    page = path.read_text()
    assert "<polyline" in page
    assert "sst2.accuracy" in page
    content = json.loads((tmp_path / "out/align.json").read_text())
    assert content["verdict"]["decision"] == result.verdict.verdict
    assert len(content["curves"]["training"]) == 12
    assert (tmp_path / "out/after/results.json").exists()


def test_a_base_without_a_template_is_asked_in_the_one_it_learns(tiny_model, jsonl, tmp_path):
    template = tmp_path / "chat.jinja"
    template.write_text(
        "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant: {% endif %}"
    )
    turns = [[{"role": "user", "content": f"number {n}"}] for n in range(12)]
    rows = [{"prompt": turn, "chosen": "yes", "rejected": "no"} for turn in turns]
    asked = AlignJob(
        "dpo",
        str(tiny_model),
        str(jsonl(rows)),
        tmp_path / "out",
        settings=small(steps=2, chat_template=str(template)),
        development=0.4,
        samples=4,
    )
    for _ in range(2):  # an existing folder is used again
        result = loop.run(asked, plugins.load(), InProcess("dpo"))
    assert result.effects.estimates
    assert not (tiny_model / "chat_template.jinja").exists()


def test_texts_in_the_report_are_escaped(tiny_model, jsonl, tmp_path):
    rows = [{"prompt": f"<script>{n}", "completion": " <b>yes"} for n in range(12)]
    asked = AlignJob(
        "sft",
        str(tiny_model),
        str(jsonl(rows)),
        tmp_path / "out",
        settings=small(steps=2),
        development=0.4,
        samples=4,
    )
    page = report.html(loop.run(asked, plugins.load(), InProcess("sft")))
    assert "<script>0" not in page and "<b>yes" not in page
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page


def preferences(prefer, n=60):
    """Pairs whose better answer ``prefer`` picks, of lengths and words that say nothing of it."""
    import random

    rng = random.Random(3)
    rows = []
    for count in range(n):
        answers = [f" {word}{rng.choice(['', ' indeed', ' of course'])}" for word in ("yes", "no")]
        chosen, rejected = answers if prefer(count, rng) else answers[::-1]
        rows.append({"prompt": f"the nurse {count} said", "chosen": chosen, "rejected": rejected})
    return rows


def reward_job(model, rows, out, **settings):
    return AlignJob(
        "reward", str(model), str(rows), out, settings=small(**settings), development=0.5
    )


def test_a_reward_model_is_judged_by_held_out_pairs(tiny_model, jsonl, tmp_path):
    # "yes" is chosen after a prompt with an even number: no rule of the answers' form knows it.
    rows = [
        {
            "prompt": f"the {('nurse', 'doctor')[n % 2]} {n} said",
            "chosen": answer,
            "rejected": other,
        }
        for n in range(120)
        for answer, other in [((" yes", " no"), (" no", " yes"))[n % 2]]
    ]
    asked = reward_job(tiny_model, jsonl(rows), tmp_path / "out", steps=60, learning_rate=1e-2)
    result = loop.run(asked, plugins.load(), InProcess("reward"))
    effects = {each.name: each.estimate for each in result.effects.estimates}
    assert effects["pairwise accuracy"].value > 0.95
    assert 0.3 < effects["accuracy of choosing the longer answer"].value < 0.7
    assert result.verdict.verdict == "pass"


def test_a_reward_that_a_simple_rule_equals_does_not_pass(tiny_model, pairs_file, tmp_path):
    asked = reward_job(tiny_model, pairs_file, tmp_path / "out", steps=20, learning_rate=3e-3)
    result = loop.run(asked, plugins.load(), InProcess("reward"))
    effects = {each.name: each.estimate for each in result.effects.estimates}
    assert effects["pairwise accuracy"].value == 1
    assert effects["accuracy of choosing the longer answer"].value == 1
    assert result.verdict.verdict == "inconclusive"
    said = "equals that of choosing the longer answer (the best simple rule)"
    assert said in result.verdict.sentence


@pytest.mark.parametrize("adapter", ["full", "lora"])
@pytest.mark.parametrize("seed", range(2))
def test_an_untrained_head_never_passes(tiny_model, jsonl, tmp_path, seed, adapter):
    rows = jsonl(preferences(lambda count, rng: True))
    asked = replace(
        reward_job(tiny_model, rows, tmp_path, steps=1, learning_rate=0.0, adapter=adapter),
        seed=seed,
    )
    result = loop.run(asked, plugins.load(), InProcess("reward"))
    effects = {each.name: each.estimate for each in result.effects.estimates}
    # The very head that the training began with: at rate 0 it ranks every pair as the result does.
    assert effects["pairwise accuracy"] == effects["accuracy before training"]
    untrained, _ = result.effects.default_targets
    assert untrained.before == untrained.after
    assert result.verdict.verdict != "pass"


def test_labels_that_say_nothing_never_pass(tiny_model, jsonl, tmp_path):
    rows = jsonl(preferences(lambda count, rng: rng.random() < 0.5))
    asked = reward_job(tiny_model, rows, tmp_path / "out", steps=20, learning_rate=3e-3)
    result = loop.run(asked, plugins.load(), InProcess("reward"))
    assert result.verdict.verdict != "pass"


def test_a_task_is_data_and_reward(tiny_model, jsonl, tmp_path):
    questions = jsonl(QUESTIONS, "questions.jsonl")
    asked = AlignJob(
        "rlhf",
        str(tiny_model),
        f"sst2={questions}",
        tmp_path / "out",
        settings=small(),
        reward="task:sst2",
        development=0.3,
    )
    prepared = preparing.prepare(asked, plugins.load(), [])
    row = formats.read(prepared.train).rows[0]
    assert "Is this sentence positive or negative?" in str(row.prompt)
    from harness_align.rewards import TaskReward

    reward = TaskReward("sst2", plugins.load())
    sample = json.loads(row.facts["sample"])
    right, wrong = sample["targets"][0], {"positive": "negative", "negative": "positive"}
    scores = reward([row.prompt] * 3, [right, wrong[right], "perhaps"], [row.facts] * 3)
    assert scores == [1.0, 0.0, 0.0]  # what names no label is wrong


def test_a_task_that_compares_gives_pairs(jsonl):
    questions = jsonl(QUESTIONS, "questions.jsonl")
    rows = preparing.read(f"sst2={questions}", "preference", plugins.load(), 0)
    assert rows.kind == "preference"
    assert {(row.chosen, row.rejected) for row in rows.rows} == {
        (" positive", " negative"),
        (" negative", " positive"),
    }


def test_training_on_the_evaluation_suite_is_refused_unless_forced(tiny_model, jsonl, tmp_path):
    questions = jsonl(QUESTIONS, "questions.jsonl")
    given = {
        "evaluation": {"data": {"sst2": str(questions)}},
        "settings": small(max_length=128),
        "development": 0.3,
    }
    asked = AlignJob("dpo", str(tiny_model), f"sst2={questions}", tmp_path / "out", **given)
    with pytest.raises(DataError, match="20 of 20 rows are in the evaluation suite"):
        preparing.prepare(asked, plugins.load(), ["sst2"])
    forced = AlignJob(
        "dpo", str(tiny_model), f"sst2={questions}", tmp_path / "out", allow_overlap=True, **given
    )
    prepared = preparing.prepare(forced, plugins.load(), ["sst2"])
    assert prepared.overlap == 20


def test_stopping_by_what_decides_at_the_end_is_refused(tiny_model, pairs_file, jsonl, tmp_path):
    asked = AlignJob(
        "dpo",
        str(tiny_model),
        str(pairs_file),
        tmp_path / "out",
        evaluation={"data": {"sst2": str(jsonl(QUESTIONS, "questions.jsonl"))}},
        settings=small(
            stop_tasks=("sst2",), stop_data={"sst2": str(jsonl(QUESTIONS[:5], "dev.jsonl"))}
        ),
        development=0.3,
    )
    with pytest.raises(DataError, match="5 samples of the development data are in the evaluation"):
        preparing.prepare(asked, plugins.load(), ["sst2"])
    preparing.prepare(replace(asked, allow_overlap=True), plugins.load(), ["sst2"])
    others = [{**each, "text": f"{each['text']} nothing"} for each in QUESTIONS]
    apart = {**asked.settings, "stop_data": {"sst2": str(jsonl(others, "dev.jsonl"))}}
    preparing.prepare(replace(asked, settings=apart), plugins.load(), ["sst2"])


def test_a_task_reward_needs_that_tasks_samples(tiny_model, jsonl, tmp_path):
    asked = AlignJob(
        "rlhf",
        str(tiny_model),
        str(jsonl([{"prompt": f"p{n}"} for n in range(9)])),
        tmp_path,
        reward="task:sst2",
    )
    with pytest.raises(UsageError, match="made of sst2's samples"):
        preparing.prepare(asked, plugins.load(), [])


def test_too_few_prompts_to_measure_with_is_an_error(tiny_model, jsonl, tmp_path):
    asked = AlignJob(
        "sft", str(tiny_model), str(jsonl([{"prompt": "p", "completion": "a"}])), tmp_path / "out"
    )
    with pytest.raises(DataError, match="too few"):
        preparing.prepare(asked, plugins.load(), [])


def test_early_stopping_keeps_the_best_weights(tiny_model, jsonl, pairs_file, tmp_path):
    questions = jsonl(QUESTIONS, "questions.jsonl")
    out = tmp_path / "out"
    spec = AlignSpec(
        "dpo",
        str(tiny_model),
        str(pairs_file),
        str(out),
        steps=40,
        batch_size=2,
        max_length=64,
        stop_tasks=("sst2",),
        stop_data={"sst2": str(questions)},
        stop_every=2,
        stop_patience=2,
    )
    folder = run.train(spec, EventLog.of(out))
    events, _ = EventLog.of(out).read()
    looks = [each for each in events if each["event"] == "metric"]
    # A rate this low changes no answer, so the base stays the best and two more looks end it.
    assert [(each["step"], each["best"]) for each in looks] == [(0, True), (2, False), (4, False)]
    assert "stopped" in [each["event"] for each in events]
    assert max(step for step, _ in event_log.steps(events)) == 4
    assert weights(folder) == weights(tiny_model)


def test_early_stopping_goes_on_where_it_was_interrupted(tiny_model, jsonl, pairs_file, tmp_path):
    """Its best value, its count and its weights: else a resumed run would end elsewhere."""
    questions = jsonl(QUESTIONS, "questions.jsonl")
    spec = AlignSpec(
        "dpo",
        str(tiny_model),
        str(pairs_file),
        str(tmp_path / "whole"),
        steps=40,
        batch_size=2,
        max_length=64,
        save_every=3,
        stop_tasks=("sst2",),
        stop_data={"sst2": str(questions)},
        stop_every=2,
        stop_patience=3,
    )
    whole = run.train(spec, EventLog.of(Path(spec.out)))

    class Interrupted(EventLog):
        def step(self, step, logs):
            if step == 5:
                raise KeyboardInterrupt
            super().step(step, logs)

    resumed = replace(spec, out=str(tmp_path / "resumed"))
    with pytest.raises(KeyboardInterrupt):
        run.train(resumed, Interrupted(EventLog.of(Path(resumed.out)).path))
    folder = run.train(replace(resumed, resume=True), EventLog.of(Path(resumed.out)))
    ends = [
        [each["step"] for each in EventLog.of(Path(out)).read()[0] if each["event"] == "stopped"]
        for out in (spec.out, resumed.out)
    ]
    assert ends == [[6], [6]]
    assert weights(folder) == weights(whole)
    _, metrics, kept = loop.training_curves(Path(resumed.out))
    assert [step for step, _, _ in metrics] == [0, 2, 4, 6]
    assert kept == 0
    assert "of the base" in report.kept_weights(kept)


def weights(folder):
    from safetensors.torch import load_file

    return {name: each.tolist() for name, each in load_file(folder / "model.safetensors").items()}
