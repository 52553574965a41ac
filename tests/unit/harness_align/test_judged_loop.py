"""The models that harness.toml names for roles answer in every evaluation of the loop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import plugins
from harness.errors import UsageError
from harness_align import loop
from harness_align.event_log import EventLog
from harness_align.job import make_job
from support.alignment import InProcess
from support.commands import harness
from support.servers import Loopback, chat_reply

pytestmark = pytest.mark.filterwarnings("ignore")  # the training libraries' own

ASKED = [{"input": f"say {word}"} for word in ("yes", "no", "more")]
OTHERS = [{"input": f"tell me {word}"} for word in ("why", "when")]


@pytest.fixture
def judge():
    """A judge on a real server, who gives every answer a 4."""
    server = Loopback(lambda _: chat_reply('{"rating": 4}'))
    yield server
    server.close()


@pytest.fixture
def config(judge, tiny_model, jsonl, tmp_path) -> Path:
    """A harness.toml with a judge, and with a rubric that only its tables know."""
    rows = jsonl([{"prompt": f"the nurse {n} said", "completion": " yes"} for n in range(12)])
    file = tmp_path / "harness.toml"
    file.write_text(
        f'[data]\njudge = "{jsonl(ASKED, "asked.jsonl")}"\n'
        '[judge]\nmodel = "openai:grader"\n'
        f'[judge.set]\nbase_url = "{judge.url}"\nendpoint = "chat"\nlogprobs = "none"\n'
        '[gate]\nallow_uncalibrated = true\n[[gate.rule]]\nmetric = "judge.warmth"\nmax_drop = 1\n'
        '[tasks.judge]\nrubric = "kind"\nscale = "1-5"\ncriteria = "warmth: Is it warm?"\n'
        'answer_tokens = 4\n[tasks.judge.templates]\nkind = "{{ answer }} {{ description }}"\n'
        f'[align]\nmodel = "{tiny_model}"\ndata = "{rows}"\nsteps = 2\nsamples = 2\n'
        f'out = "{tmp_path / "out"}"\ndevelopment = 0.3\neval_tasks = ["judge.warmth"]\n'
    )
    return file


def judged(folder: Path) -> tuple[float, int]:
    """The criterion's mean, and how many requests the judge answered."""
    found = json.loads((folder / "results.json").read_text())
    assert found["roles"]["judge"]["model"]["spec"] == "openai:grader"
    requests = found["roles"]["judge"]["usage"]["requests"]
    return found["tasks"]["judge"]["metrics"]["warmth"]["value"], requests


def test_base_result_and_candidates_of_a_search_are_judged(
    root, config, judge, jsonl, tmp_path
) -> None:
    config.write_text(
        config.read_text() + 'method = "nudge"\n[align.search]\ntrials = 1\n'
        f'metric = "judge.warmth"\ndata = {{ judge = "{jsonl(OTHERS, "others.jsonl")}" }}\n'
        "[align.search.parameters]\nlearning_rate = { low = 1e-3, high = 1e-2 }\n"
    )
    example = root / "examples" / "harness-nudge" / "harness_nudge.py"
    ended = harness(["align", "--plugin", str(example), "--config", str(config), "--quiet"])
    assert ended == 4  # the judge gives everyone a 4
    out = tmp_path / "out"
    assert judged(out / "before") == judged(out / "after") == (4.0, 3)
    assert judged(out / "search" / "trial-0" / "development" / "run") == (4.0, 2)
    bodies = [json.dumps(call.body) for call in judge.calls]
    assert len(bodies) >= 5  # base and result; equal answers of both are asked about once
    assert all("Is it warm?" in each for each in bodies)


def test_early_stopping_asks_the_judge_too(config, judge, jsonl, tmp_path) -> None:
    text = config.read_text()
    config.write_text(
        f'{text}method = "sft"\nmax_length = 64\nmax_new_tokens = 4\nstop_tasks = ["judge"]\n'
        f'stop_every = 1\n[align.stop_data]\njudge = "{jsonl(OTHERS, "others.jsonl")}"\n'
    )
    registry = plugins.load()
    loop.run(make_job(config, {}, registry), registry, InProcess("sft"))
    events, _ = EventLog.of(tmp_path / "out" / "train").read()
    looks = [each for each in events if each["event"] == "metric"]
    assert [(each["step"], each["name"], each["value"]) for each in looks] == [
        (step, "judge.warmth", 4.0) for step in (0, 1, 2)
    ]


def test_a_task_whose_role_has_no_model_is_refused_before_anything_is_asked(config, judge) -> None:
    head, _, tail = config.read_text().partition("[judge]")
    config.write_text(f'{head}[tasks.judge]{tail.partition("[tasks.judge]")[2]}method = "sft"\n')
    registry = plugins.load()
    with pytest.raises(UsageError, match="judge asks the role 'judge'") as caught:
        loop.run(make_job(config, {}, registry), registry, InProcess("sft"))
    assert "[judge] table" in str(caught.value)
    assert judge.calls == []


def test_a_target_on_an_uncalibrated_judge_is_refused_before_the_training(config, judge) -> None:
    text = config.read_text().replace("allow_uncalibrated = true", "")
    config.write_text(f'{text}method = "sft"\n')
    registry = plugins.load()
    with pytest.raises(UsageError, match=r"judge\.warmth: it rests on an uncalibrated judge"):
        loop.run(make_job(config, {}, registry), registry, InProcess("sft"))
    assert judge.calls == []
