"""The child process: its death is survived, its reason is shown, its work is resumed."""

from __future__ import annotations

import os
import resource
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import DataError, RunFailedError
from harness.protocols import AlignerOptions
from harness_align import event_log
from harness_align.aligners import StagedAligner
from harness_align.event_log import EventLog
from harness_align.spec import AlignSpec
from harness_align.training import launcher

# The trainers' own deprecation warnings are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def spec(tiny_model, jsonl, pairs, tmp_path):
    return AlignSpec(
        "sft",
        str(tiny_model),
        str(jsonl(pairs)),
        str(tmp_path / "out"),
        steps=200,
        batch_size=2,
        max_length=64,
        save_every=20,
        learning_rate=1e-3,
    )


@pytest.mark.slow
def test_a_killed_child_is_explained_and_resumed_to_the_same_weights(spec, tmp_path):
    children = []

    def kill(event):
        if event["event"] == "stage":
            children.append(event["pid"])
        if event["event"] == "checkpoint" and len(children) == 1:
            os.kill(children[0], signal.SIGKILL)

    with pytest.raises(RunFailedError, match="was killed") as caught:
        launcher.train(spec, kill)
    assert "--resume" in str(caught.value)
    resumed = launcher.train(replace(spec, resume=True))
    events, _ = EventLog.of(Path(spec.out)).read()
    first, second = [each for each in events if each["event"] == "stage"]
    assert first["resumed_at"] == 0 < second["resumed_at"] < spec.steps
    whole = replace(spec, out=str(tmp_path / "whole"))
    # In a child too: with another number of threads the last bits would differ.
    uninterrupted = launcher.train(whole)
    assert (uninterrupted / "model.safetensors").read_bytes() == (
        resumed / "model.safetensors"
    ).read_bytes()


def test_a_full_disk_is_named_and_keeps_the_last_checkpoint(spec, monkeypatch):
    """A limit on the size of files fails writes as a full disk does, with an error from the OS.

    Without -B Python would cut the bytecode of what it imports first, for all later programs.
    """
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "from harness_align.training.__main__ import main; sys.exit(main(sys.argv[1]))"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20000
    monkeypatch.setattr(
        launcher, "command", lambda path, _: [sys.executable, "-B", "-c", program, str(path)]
    )
    with pytest.raises(RunFailedError, match="disk is full") as caught:
        launcher.train(spec)
    assert "--resume" in str(caught.value)


def test_a_finished_stage_is_not_trained_again_unless_something_changed(
    spec, tmp_path, monkeypatch
):
    trained = []

    def train(stage, *_):
        trained.append(stage.steps)
        EventLog.of(Path(stage.out)).finished(Path(stage.out) / "model")
        stage.save(Path(stage.out) / "spec.json")
        return Path(stage.out) / "model"

    monkeypatch.setattr(launcher, "train", train)
    settings = {"model": spec.model, "steps": 3}
    for further in ({}, {"resume": True}, {"resume": True, "steps": 5}, {}):
        StagedAligner("sft").train({**settings, **further}, Path(spec.data), tmp_path / "o")
    assert trained == [3, 5, 3]


def test_a_judges_key_reaches_the_child_process_and_no_file(spec, tmp_path, monkeypatch):
    program = """if True:
        import json, os, sys
        from pathlib import Path
        from harness_align import spec as specs
        read = specs.load(Path(sys.argv[1]), json.loads(os.environ[specs.SECRETS]))
        sys.exit(read.stop_evaluation["roles"]["judge"]["settings"]["api_key"][-4:])
    """
    judge = {"model": "openai:large", "settings": {"api_key": "sk-not-for-files-1234567"}}
    judged = replace(spec, stop_evaluation={"roles": {"judge": judge}})
    monkeypatch.setattr(
        launcher, "command", lambda path, _: [sys.executable, "-B", "-c", program, str(path)]
    )
    with pytest.raises(RunFailedError, match="4567"):
        launcher.train(judged)
    written = [path for path in Path(spec.out).rglob("*") if path.is_file()]
    assert written
    assert not any(b"not-for-files" in path.read_bytes() for path in written)


@pytest.mark.slow
def test_rlhf_trains_a_reward_model_and_then_the_policy(spec, tmp_path):
    told = []
    aligner = StagedAligner("rlhf", AlignerOptions(progress=told.append))
    out = tmp_path / "rlhf"
    settings = {"model": spec.model, "steps": 3, "max_new_tokens": 6, "max_length": 64}
    folder = aligner.train(settings, Path(spec.data), out)
    assert folder == out / "model"
    assert (out / "reward/model/model.safetensors").exists()
    logs = dict(event_log.steps(EventLog.of(out).read()[0]))
    assert "kl" in logs[3]
    stages = [(event["title"], event["steps"]) for event in told if event["event"] == "stage"]
    assert stages == [("1/2 reward", 3), ("2/2 rloo", 3)]


def test_the_command_passes_an_accelerate_config_through(tmp_path):
    config = tmp_path / "fsdp.yaml"
    config.write_text("distributed_type: FSDP\nnum_processes: 8\n")
    given = launcher.command(tmp_path / "spec.json", config)
    assert given[3:5] == ["--config_file", str(config)]
    assert "--num_processes" not in given
    assert "--multi_gpu" not in given
    assert "--num_processes" in launcher.command(tmp_path / "spec.json", None)


@pytest.mark.parametrize("content", ["distributed_type: [", "[]", "num_processes: 2", "\xff"])
def test_a_file_that_is_no_accelerate_config_is_an_error(tmp_path, content):
    config = tmp_path / "bad.yaml"
    config.write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=r"bad\.yaml: no accelerate config"):
        launcher.command(tmp_path / "spec.json", config)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_two_processes_train_one_model(spec, tmp_path, method):
    """Two processes see twice the rows a step: one process does so with twice the batch."""
    config = tmp_path / "two.yaml"
    config.write_text("distributed_type: MULTI_CPU\nuse_cpu: true\nnum_processes: 2\n")
    spec = replace(spec, method=method, steps=4, save_every=2)
    folder = launcher.train(spec, accelerate_config=config)
    alone = launcher.train(replace(spec, out=str(tmp_path / "alone"), batch_size=4))
    base, two, one = map(weights, (Path(spec.model), folder, alone))
    assert base.keys() == two.keys() == one.keys()
    moved = {name: (one[name] - base[name]).abs().max().item() for name in base}
    apart = {name: (one[name] - two[name]).abs().max().item() for name in base}
    # Adam's first steps turn rounding of near-zero gradients into steps of up to the full rate.
    assert max(moved.values()) > 5e-4
    assert sum(apart.values()) < 0.2 * sum(moved.values())
    events, _ = EventLog.of(Path(spec.out)).read()
    assert [each["step"] for each in events if each["event"] == "step"] == [1, 2, 3, 4]
    assert [each["step"] for each in events if each["event"] == "checkpoint"] == [2, 4]
    for once in ("stage", "finished"):
        assert [each["event"] for each in events].count(once) == 1
    checkpoint = Path(spec.out) / "checkpoints/checkpoint-4"
    assert {each.name for each in checkpoint.glob("rng_state*")} == {
        "rng_state_0.pth",
        "rng_state_1.pth",
    }


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("kind", ["FSDP", "DEEPSPEED", "MULTI_GPU"])
def test_more_gpus_than_there_are_is_an_error_before_the_work(tmp_path: Path, kind: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"distributed_type: {kind}\nnum_processes: 2000\nnum_machines: 2\n")
    with pytest.raises(DataError, match=f"{kind} wants 1000 GPUs on this machine"):
        launcher.check_devices(config)
    config.write_text(f"distributed_type: {kind}\nnum_processes: 2000\nuse_cpu: true\n")
    launcher.check_devices(config)
