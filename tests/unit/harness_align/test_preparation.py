"""What is checked, counted and refused before any training."""

from __future__ import annotations

import pytest

from harness import plugins
from harness.errors import DataError, UnknownNameError, UsageError
from harness_align import loop
from harness_align.job import AlignJob
from harness_align.preparation import preparing
from support.alignment import QUESTIONS, InProcess, small

# The trainers' own deprecation warnings are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")


# --------------------------------------------------------------------------- before any training

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turn') }}"
    "{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def asked_with(tiny_model, rows, out, method="sft", **further):
    settings = small(**further.pop("settings", {}))
    further.setdefault("development", 0.4)
    return AlignJob(method, str(tiny_model), str(rows), out, settings=settings, **further)


def prepared(asked):
    return preparing.prepare(asked, plugins.load(), [])


def turns(n, system=False):
    said = [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "a"}]
    return {"messages": [*([{"role": "system", "content": "be kind"}] * system), *said]}


def test_turns_that_the_template_refuses_are_dropped_and_named(model_with, jsonl, tmp_path):
    model = model_with()
    (model / "chat_template.jinja").write_text(TEMPLATE)
    rows = jsonl([turns(n, system=n == 3) for n in range(12)])
    found = prepared(asked_with(model, rows, tmp_path / "out")).findings
    assert "refuses: no system turn (line 4)" in found.describe()[0]
    rows = jsonl([turns(n, system=True) for n in range(12)], "all.jsonl")
    with pytest.raises(DataError, match=r"no row is left.*no system turn"):
        prepared(asked_with(model, rows, tmp_path / "out"))


def test_the_template_is_counted_and_the_models_context_bounds_a_row(model_with, jsonl, tmp_path):
    model = model_with(context=70)
    rows = jsonl([{"prompt": "p" * n, "completion": " a"} for n in range(1, 90)])
    found = prepared(asked_with(model, rows, tmp_path / "out", settings={"max_length": 512}))
    assert "longer than 70 tokens, the model's context" in found.findings.describe()[0]
    longest = max(len(row.prompt) for row in found.findings.kept.rows)
    (model / "chat_template.jinja").write_text("t" * 20 + TEMPLATE)
    wrapped = prepared(asked_with(model, rows, tmp_path / "out", settings={"max_length": 512}))
    assert max(len(row.prompt[0].content if isinstance(row.prompt, tuple) else row.prompt)
               for row in wrapped.findings.kept.rows) < longest - 19  # fmt: skip


def test_sampled_answers_must_fit_the_models_context(model_with, jsonl, tmp_path):
    rows = jsonl([{"prompt": f"p{n}", "completion": " a"} for n in range(12)])
    asked = asked_with(
        model_with(context=40), rows, tmp_path / "out", settings={"max_new_tokens": 40}
    )
    with pytest.raises(UsageError, match="max_new_tokens=40 leaves no room"):
        prepared(asked)


def test_kto_needs_both_labels(tiny_model, jsonl, tmp_path):
    rows = jsonl([{"prompt": f"p{n}", "completion": " a", "label": 1} for n in range(20)])
    with pytest.raises(DataError, match="are labelled good"):
        prepared(asked_with(tiny_model, rows, tmp_path / "out", "kto"))


def test_a_step_of_reinforcement_needs_enough_prompts(tiny_model, jsonl, tmp_path):
    reward = tmp_path / "own.py"
    reward.write_text("def length(prompts, completions):\n    return [len(c) for c in completions]")
    rows = jsonl([{"prompt": f"p{n}"} for n in range(12)])
    asked = asked_with(
        tiny_model, rows, tmp_path / "out", "rlhf",
        reward=f"plugin:{reward}:length", settings={"batch_size": 64, "generations": 4},
    )  # fmt: skip
    with pytest.raises(DataError, match=r"a step takes 16 prompts .*batch_size=64"):
        prepared(asked)


def test_a_reward_that_is_the_same_for_every_answer_is_noted(tiny_model, jsonl, tmp_path):
    reward = tmp_path / "own.py"
    reward.write_text("def one(prompts, completions):\n    return [1.0] * len(completions)")
    rows = jsonl([{"prompt": f"p{n}"} for n in range(12)])
    asked = asked_with(
        tiny_model, rows, tmp_path / "out", "rlhf", reward=f"plugin:{reward}:one",
        settings={"generations": 2},
    )  # fmt: skip
    assert "the same value to every answer tried" in prepared(asked).notes[0]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"targets": ("sst2.accurracy",)}, UnknownNameError, "accuracy"),
        ({"guards": ("sst2.f2",)}, UnknownNameError, "f2"),
        ({"settings": {"stop_tasks": "sst2", "stop_metric": "sst2.acc"}}, UnknownNameError, "acc"),
        (
            {"evaluation": {"gate": {"rule": [{"metric": "sst2.acc", "max_drop": 0.1}]}}},
            UnknownNameError,
            "acc",
        ),
        ({"judge": "hf:absent"}, Exception, "absent"),
    ],
)
def test_names_are_checked_before_the_first_request(
    tiny_model, pairs_file, tmp_path, monkeypatch, given, error, says
):
    monkeypatch.setattr(loop, "measure", lambda *_: pytest.fail("a model was asked"))
    with pytest.raises(error, match=says):
        loop.run(
            asked_with(tiny_model, pairs_file, tmp_path / "out", "dpo", **given), plugins.load()
        )


@pytest.mark.parametrize(
    "given", [{"targets": ("sst2",)}, {"guards": ("sst2",)}, {"settings": {"stop_tasks": "sst2"}}]
)
def test_a_reward_model_is_asked_no_task(tiny_model, pairs_file, tmp_path, given):
    with pytest.raises(UsageError, match="a reward model answers no task"):
        loop.run(
            asked_with(tiny_model, pairs_file, tmp_path / "out", "reward", **given), plugins.load()
        )


def test_a_folder_that_cannot_be_made_is_told_first(tiny_model, pairs_file, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        loop.run(asked_with(tiny_model, pairs_file, tmp_path / "file/out", "dpo"), plugins.load())


def test_a_result_without_scored_samples_is_an_error_that_says_what_is_kept(
    tiny_model, pairs_file, jsonl, tmp_path, monkeypatch
):
    from harness.errors import NothingScoredError

    measured = loop.measure

    def measure(job, registry, model, names, place, quiet=True):
        if place == "after":
            raise NothingScoredError({"sst2": "not a number"}, tmp_path)
        return measured(job, registry, model, names, place)

    monkeypatch.setattr(loop, "measure", measure)
    asked = asked_with(
        tiny_model, pairs_file, tmp_path / "out", "dpo", targets=("sst2",), settings={"steps": 1},
        evaluation={"data": {"sst2": str(jsonl(QUESTIONS, "questions.jsonl"))}}, development=0.3,
    )  # fmt: skip
    with pytest.raises(Exception, match=r"cannot be judged.*not a number") as caught:
        loop.run(asked, plugins.load(), InProcess("dpo"))
    assert "--resume" in str(caught.value)
    assert (tmp_path / "out/train/model/model.safetensors").exists()
