"""Workers that live and die on a real Ray."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MissingExtraError, ModelError, RunFailedError, TimeIsUpError
from harness.plugins import load
from harness.protocols import BackendOptions, Deadline
from harness.run import scheduler
from harness.run.cache import ResponseStore
from harness.testing import check_backend, keyed
from harness.types import Completion, Generate, Loglikelihood, Logprob, Sampling, Usage

Spread = Callable[..., Any]
PROMPTS = [f"say {number}" for number in range(60)]


def test_the_contract(spread: Spread, tmp_path: Path) -> None:
    backend = spread("mortal", flag=tmp_path / "flag")
    check_backend(backend, [Generate(prompt) for prompt in PROMPTS])
    assert backend.fingerprint == "mortal"
    assert backend.usage == Usage(requests=120, completion_tokens=240)
    described = backend.describe()
    assert described["name"] == "mortal"
    assert len(set(described["process"])) == 2, "both workers had a part"
    assert os.getpid() not in described["process"], "the driver opened the model"
    assert described["executor"]["workers"] == 2
    assert list(backend.run([])) == []
    assert backend.forecast(keyed([Generate("a")])) is None


def test_the_work_of_a_dead_worker_is_done_by_another(spread: Spread, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    backend = spread("mortal", flag=flag)
    work = keyed([Generate(prompt) for prompt in [*PROMPTS, "say 33, and die once"]])
    answers = list(backend.run(work))
    assert flag.exists(), "none died"
    assert sorted(key for key, _ in answers) == sorted(each.key for each in work)
    said = dict(answers)
    assert all(said[each.key] == Completion(each.request.prompt.upper()) for each in work)
    assert backend.usage.requests == len(work)
    assert backend.describe()["executor"]["workers_replaced"] == 1


@pytest.mark.slow
def test_workers_that_die_over_the_same_work_end_the_run(spread: Spread, tmp_path: Path) -> None:
    backend = spread("mortal", flag=tmp_path / "flag")
    work = keyed([Generate(prompt) for prompt in [*PROMPTS, "die always"]])
    with ResponseStore(None) as store:
        with pytest.raises(RunFailedError, match="4 workers in a row died over the same") as caught:
            list(scheduler.answers(work, backend, store))
        kept = store.get_many("mortal", [each.key for each in work])
    assert caught.value.exit_code == 3
    assert kept, "what the others answered is kept"
    ((_, answer),) = backend.run(keyed([Generate("still there")]))
    assert answer == Completion("STILL THERE")


def test_a_shard_is_kept_whole_when_the_time_is_up(spread: Spread, tmp_path: Path) -> None:
    backend = spread("mortal", flag=tmp_path / "flag", deadline=Deadline(0.0, time.monotonic()))
    work = keyed([Generate(prompt) for prompt in PROMPTS])
    kept = []
    with pytest.raises(TimeIsUpError):
        kept.extend(backend.run(work))
    assert 1 < len(kept) < len(work)
    assert len(kept) == backend.usage.requests
    assert list(backend.run(work[:1])), "what is one shard is answered in any case"


def test_errors_of_the_model_come_as_they_are(spread: Spread, tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match="the mortal backend needs packages") as caught:
        spread("mortal", "unusable", flag=tmp_path)
    assert "evalign[mortal]" in str(caught.value.hint)
    backend = spread("mortal", flag=tmp_path / "flag")
    backend.check([Generate("allowed")])
    with pytest.raises(ModelError, match="forbidden"):
        backend.check([Generate("forbidden")])
    with pytest.raises(ModelError, match="no model for this") as caught:
        list(backend.run(keyed([Generate("fail")])))
    assert caught.value.hint == "Take another."
    with pytest.raises(RunFailedError, match="ValueError: stumbled"):
        list(backend.run(keyed([Generate("stumble")])))


@pytest.mark.parametrize("place", [0, 30, 60])
def test_what_one_worker_doubts_is_asked_again_of_all(
    spread: Spread, tmp_path: Path, place: int
) -> None:
    """Whenever it is seen: the other worker's answers by that path went before or come after."""
    backend = spread("mortal", "unsure", flag=tmp_path / "flag")
    prompts = [*PROMPTS[:place], "say 29, and look", *PROMPTS[place:]]
    work = keyed([Generate(prompt) for prompt in prompts])
    with ResponseStore(None) as store:
        said = {each.key: each.response for each in scheduler.answers(work, backend, store)}
        kept = store.get_many("mortal", list(said))
    assert len(set(backend.describe()["process"])) == 2
    assert said == kept == {each.key: Completion(each.request.prompt.upper()) for each in work}


def test_workers_with_different_models_are_found_out(spread: Spread, tmp_path: Path) -> None:
    backend = spread("mortal", "differs", flag=tmp_path / "flag")
    with pytest.raises(ModelError, match="different models under 'differs'"):
        list(backend.run(keyed([Generate(prompt) for prompt in PROMPTS])))


def test_more_workers_than_there_is_room_for(spread: Spread, tmp_path: Path) -> None:
    from harness.errors import UsageError

    with pytest.raises(UsageError, match="64 workers with 1 CPU cores each"):
        spread("mortal", workers=64, flag=tmp_path / "flag")


@pytest.mark.slow
def test_a_real_model_answers_as_it_does_here_though_a_worker_is_killed(spread: Spread) -> None:
    import ray

    work = keyed(
        [
            *(
                Loglikelihood(f"Ada has {n} apples.", f" Ben eats {m}")
                for n in range(40)
                for m in "ab"
            ),
            *(Generate(f"Tell of {n} apples:", Sampling(max_tokens=8)) for n in range(20)),
        ]
    )
    here = load().backend("demo").open(BackendOptions(""))
    expected = dict(here.run(work))
    backend = spread("demo")
    assert backend.fingerprint == here.fingerprint
    assert backend.supports == here.supports
    assert backend.forecast(work) == here.forecast(work)
    answers = []
    running = backend.run(work)
    answers.append(next(running))
    os.kill(ray.get(backend._crew.workers[0].process.remote()), signal.SIGKILL)
    answers += running
    assert sorted(key for key, _ in answers) == sorted(expected)
    assert backend.describe()["executor"]["workers_replaced"] == 1
    for key, response in answers:
        if isinstance(response, Logprob):
            assert response.total == pytest.approx(expected[key].total, abs=1e-4)
            assert response.is_greedy == expected[key].is_greedy
        else:
            assert response.text == expected[key].text
