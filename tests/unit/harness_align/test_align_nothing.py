"""A training that does nothing never passes, whatever the method and the kind of metric."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import plugins
from harness_align import loop
from harness_align.aligners import StagedAligner
from harness_align.event_log import EventLog
from harness_align.job import AlignJob
from harness_align.training import run

# The trainers' own deprecation warnings are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")

TARGETS = (
    *("sst2.accuracy", "sst2.f1_macro", "squad.f1", "squad.exact_match", "translation.bleu"),
    *("translation.chrf", "xsum.rouge1", "xsum.rougeL", "perplexity.word_perplexity"),
    *("perplexity.bits_per_byte", "crows_pairs.stereotype_share@0.5"),
)
"""Means, ratios of sums, statistics of whole corpora, unbounded ones, and one with an ideal."""
REWARD = "def length(prompts, completions):\n    return [float(len(c)) for c in completions]\n"
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class InProcess(StagedAligner):
    """Trains every stage like the child does, without its start."""

    def _stage(self, stage, place):
        return run.train(stage, EventLog.of(Path(stage.out)))


def pair(n):
    answers = (" yes she was", " no he was not")
    return {
        "prompt": f"the nurse {n} said",
        "chosen": answers[n % 2],
        "rejected": answers[1 - n % 2],
    }


DATA = {
    "sst2": [{"id": f"{n}", "text": f"the {n} said", "label": ("positive", "negative")[n % 2]}
             for n in range(12)],
    "squad": [{"id": f"{n}", "title": "", "context": f"she was {n}.", "question": "who?",
               "answers": ["she"]} for n in range(12)],
    "translation": [{"id": f"{n}", "source": f"yes {n}", "target": f"ja {n}"} for n in range(12)],
    "xsum": [{"id": f"{n}", "document": f"the nurse {n} was tired.", "summary": "she was tired"}
             for n in range(12)],
    "perplexity": [{"id": f"{n}", "text": f"the doctor {n} said that she was glad"}
                   for n in range(12)],
}  # fmt: skip


@pytest.fixture
def data(jsonl):
    made = {task: str(jsonl(rows, f"{task}.jsonl")) for task, rows in DATA.items()}
    return {**made, "crows_pairs": "sample"}


def aligned(model, rows, out, method, targets, data, seed=0, reward="", **settings):
    tasks = {target.partition(".")[0] for target in targets}
    asked = AlignJob(
        method,
        str(model),
        str(rows),
        out,
        targets=targets,
        evaluation={
            "data": {task: data[task] for task in tasks},
            "limit": 12,
            "task_settings": {task: {"max_tokens": 16} for task in tasks & {"translation", "xsum"}},
        },
        settings={
            "steps": 1,
            "batch_size": 4,
            "max_length": 64,
            "max_new_tokens": 6,
            "generations": 2,
            "virtual_tokens": 4,
            **settings,
        },
        reward=reward,
        development=0.3,
        samples=6,
        seed=seed,
    )
    return loop.run(asked, plugins.load(), InProcess(method))


def check(result):
    judged = result.aims.rules
    assert judged
    assert result.verdict.verdict != "pass"
    return [each.sentence for each in judged if each.verdict == "pass"]


@pytest.fixture
def model(model_with):
    return model_with(context=2048)


@pytest.fixture
def rows(jsonl):
    return jsonl([pair(n) for n in range(24)])


@pytest.fixture
def length(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(REWARD)
    return f"plugin:{path}:length"


SLOW = pytest.mark.slow
METHODS = [
    pytest.param("sft", {}, id="sft"),
    pytest.param("dpo", {}, id="dpo", marks=SLOW),
    pytest.param("kto", {}, id="kto", marks=SLOW),
    pytest.param("rlhf", {"policy_optimizer": "grpo"}, id="grpo", marks=SLOW),
    pytest.param("rlhf", {"policy_optimizer": "rloo"}, id="rloo", marks=SLOW),
    pytest.param("contrastive", {}, id="contrastive", marks=SLOW),
    pytest.param("slic", {}, id="slic", marks=SLOW),
    pytest.param("orpo", {}, id="orpo", marks=SLOW),
    pytest.param("simpo", {}, id="simpo", marks=SLOW),
    pytest.param("sft", {"adapter": "lora"}, id="lora", marks=SLOW),
]


@pytest.mark.parametrize("rate", [0.0, pytest.param(1e-9, marks=SLOW)])
@pytest.mark.parametrize(("method", "settings"), METHODS)
def test_no_metric_of_the_suite_gains(model, rows, data, length, tmp_path, method, settings, rate):
    reward = length if method == "rlhf" else ""
    result = aligned(
        model, rows, tmp_path / "out", method, TARGETS, data, reward=reward,
        learning_rate=rate, **settings,
    )  # fmt: skip
    assert not check(result)


@pytest.mark.parametrize(
    ("adapter", "targets"),
    [
        ("prompt", ("sst2.accuracy", "perplexity")),
        pytest.param("prompt", (), marks=SLOW),
        pytest.param("prefix", ("sst2.accuracy", "perplexity"), marks=SLOW),
        pytest.param("prefix", (), marks=SLOW),
    ],
)
def test_new_virtual_tokens_are_no_training(model, rows, data, tmp_path, adapter, targets):
    result = aligned(
        model, rows, tmp_path / "out", "sft", targets, data, learning_rate=1e-9, adapter=adapter
    )
    assert not check(result)
    # As they stand they change the answers, by luck for the better: they are compared with.
    beyond = [each.evidence for each in result.aims.rules if "before training" in each.sentence]
    assert len(beyond) == (len(targets) or 1)
    assert all(abs(each.value) < 1e-6 * abs(each.candidate) for each in beyond)
    others = [each.evidence for each in result.aims.rules if each.evidence not in beyond]
    assert not targets or any(abs(each.value) > 1e-5 * abs(each.candidate) for each in others)
