"""What users put around every prompt: a system prompt, the answer's beginning, turns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import plugins
from harness.config import RunSpec
from harness.errors import UnknownNameError, UsageError
from harness.planned import AS_IT_IS, Prompting, TaskPlan
from harness.protocols import BackendSpec, TaskSpec
from harness.run import runner
from harness.run.planning import planner
from harness.testing import FakeBackend
from harness.types import (
    MODEL,
    Ask,
    Classify,
    Completion,
    Generate,
    Loglikelihood,
    Message,
    Prompt,
    Request,
    RollingLoglikelihood,
    Sampling,
)
from support.conversation import Graded
from support.echo import rows

USER = Message("user", "q")
SYSTEM = Message("system", "s")


@pytest.mark.parametrize(
    ("settings", "prompt", "expected"),
    [
        ({"system": "s"}, "q", (SYSTEM, USER)),
        ({"system": "s"}, (USER,), (SYSTEM, USER)),
        ({"system": "s"}, (Message("system", "old"), USER), (SYSTEM, USER)),
        ({"system": ""}, "q", (Message("system", ""), USER)),
        ({"prefill": " A"}, "q", "q A"),
        ({"prefill": "A"}, (USER,), (USER, Message("assistant", "A"))),
        ({"system": "s", "prefill": "A"}, "q", (SYSTEM, USER, Message("assistant", "A"))),
    ],
)
def test_prompts(settings: Mapping[str, Any], prompt: Prompt, expected: Prompt) -> None:
    prompting = Prompting(**settings)
    for request, asked in (
        (Generate(prompt), Generate(expected)),
        (Loglikelihood(prompt, " x"), Loglikelihood(expected, " x")),
    ):
        assert prompting.applied(request) == asked
        if not isinstance(expected, str):
            assert prompting.applied(asked) == asked
    for other in (RollingLoglikelihood("t"), Classify("t", ("a",))):
        assert prompting.applied(other) == other


def test_room_is_made_for_generated_answers_alone() -> None:
    prompting = Prompting(thinking_tokens=5)
    assert prompting.applied(Generate("q", Sampling(3))) == Generate("q", Sampling(8))
    same: Request = Loglikelihood("q", " a")
    assert prompting.applied(same) == same
    assert AS_IT_IS.applied(same) is same


def test_the_seed_of_a_run_is_that_of_drawn_answers_alone() -> None:
    """Two runs that draw by other seeds share no answer, whatever their repeats."""
    greedy = Generate("q", Sampling(3))
    drawn = Generate("q", Sampling(3, temperature=0.5))
    assert Prompting(seed=7).applied(greedy) == greedy
    assert Prompting(seed=0).applied(drawn) == drawn
    seeds = set()
    for seed in (0, 1, 2, 9_999, -1):
        for repeat in (0, 1, 99):
            asked = Prompting(temperature=0.5, seed=seed, repeat=repeat).applied(greedy)
            assert isinstance(asked, Generate)
            assert 0 <= asked.sampling.seed < 2**31 + 100
            seeds.add(asked.sampling.seed)
    assert len(seeds) == 15


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("data")
    questions = [{"question": f"{n} + 1?", "answer": f"#### {n + 1}"} for n in range(4)]
    (folder / "train.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions))
    choices = [{"question": f"q{n}", "choices": ["yes", "no"], "answer": n % 2} for n in range(4)]
    (folder / "choices.jsonl").write_text("".join(json.dumps(q) + "\n" for q in choices))
    return {
        "gsm8k": str(folder / "train.jsonl"),
        "multiple_choice": str(folder / "choices.jsonl"),
    }


def planned(data: Mapping[str, str], task: str, **options: Any) -> TaskPlan:
    settings = {"fewshot": "per_sample", "num_fewshot": 2, "shots": data[task], **options}
    spec = RunSpec("fake", (task,), {task: data[task]}, task_settings={task: settings})
    return planner.build(spec, plugins.load(), FakeBackend()).tasks[0]


def test_solved_examples_become_turns(data: Mapping[str, str]) -> None:
    text = planned(data, "gsm8k")
    turns = planned(data, "gsm8k", fewshot_style="turns", system="s")
    assert "fewshot_style" not in text.settings
    assert (turns.settings["fewshot_style"], turns.settings["system"]) == ("turns", "s")
    for before, after in zip(text.planned, turns.planned, strict=True):
        (plain,), (chat,) = before.requests, after.requests
        assert isinstance(plain, Generate)
        assert isinstance(chat, Generate)
        assert not isinstance(chat.prompt, str)
        roles = [turn.role for turn in chat.prompt]
        assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
        pairs = zip(chat.prompt[1::2], [*chat.prompt[2::2], None], strict=True)
        said = [user.content + (f" {solved.content}\n\n" if solved else "")
                for user, solved in pairs]  # fmt: skip
        assert "".join(said) == plain.prompt
        assert chat.sampling == plain.sampling


def test_options_are_scored_behind_turns(data: Mapping[str, str]) -> None:
    task = planned(data, "multiple_choice", fewshot_style="turns", num_fewshot=1)
    first, second = task.planned[0].requests
    assert isinstance(first, Loglikelihood)
    assert isinstance(second, Loglikelihood)
    assert [turn.role for turn in first.context] == ["user", "assistant", "user"]
    assert first.context == second.context
    assert first.continuation.startswith(" ")


def test_what_cannot_be_asked_so_is_refused(registry, backend, echo_rows, data, tmp_path) -> None:
    with pytest.raises(UnknownNameError, match="fewshot_style"):
        planned(data, "gsm8k", fewshot_style="chat")
    spec = RunSpec(
        "fake:",
        ("echo",),
        {"echo": str(echo_rows)},
        task_settings={"echo": {"fewshot_style": "turns"}},
    )
    with pytest.raises(UsageError, match="echo cannot show solved examples as turns"):
        planner.build(spec, registry, backend)


def test_the_system_speaks_first_in_every_round(registry, tmp_path: Path) -> None:
    seen: list[Prompt] = []

    def answer(request: Any) -> Any:
        seen.append(request.prompt)
        return Completion("1")

    class Anew(Graded):
        """Writes the second round's prompt without looking at the first's."""

        roles = ()

        def follow_up(self, sample, rounds):
            return [Ask(MODEL, Generate("again"))] if len(rounds) == 1 else []

    registry.tasks["graded"] = TaskSpec("graded", "", Anew)
    fake = FakeBackend(answer)
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: fake)
    path = rows(tmp_path / "rows.jsonl", ["a"])
    runner.run(
        RunSpec("fake:", ("graded",), {"graded": str(path)}, system="s", out=tmp_path / "o"),
        registry,
    )
    assert [prompt[0] for prompt in seen] == [SYSTEM, SYSTEM]
    assert seen[1] == (SYSTEM, Message("user", "again"))
