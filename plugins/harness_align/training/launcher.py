"""Training in a child process: started by ``accelerate launch``, watched through its event log.

The harness outlives whatever happens there: out of memory, a killed process, a full disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.authoring.io import files
from harness.errors import DataError, HarnessError, MissingExtraError, RunFailedError
from harness_align.event_log import Event, EventLog
from harness_align.spec import SECRETS, AlignSpec

LOG = "training.log"
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 10.0
_SHOWN_LINES = 6

OnEvent = Callable[[Event], None]


def train(
    spec: AlignSpec, on_event: OnEvent = lambda _: None, accelerate_config: Path | None = None
) -> Path:
    """Trains in a child process, and returns the folder of the new checkpoint.

    Args:
        spec: What to train; written to ``spec.json`` in its folder.
        on_event: Called with each event of the log.
        accelerate_config: A file of ``accelerate config``, for several GPUs or machines.

    Raises:
        MissingExtraError: TRL or accelerate is not installed.
        RunFailedError: Training failed; the message says why.
        KeyboardInterrupt: Passed on, after the child was ended.
    """
    need_packages()
    out = Path(spec.out)
    event_log = EventLog.of(out)
    if not spec.resume and event_log.path.exists():
        # An earlier run's checkpoints must not be taken for this one's by a later resume.
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        event_log.path.unlink()
    _, position = event_log.read()  # a resumed run goes on in the same file
    path = spec.save(out / "spec.json")
    with (out / LOG).open("ab") as log:
        # A pipe that is never written to: when this process goes, it closes, and the child ends.
        child = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            command(path, accelerate_config),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_environment(spec.secret_texts, leash=accelerate_config is None),
        )
        last: Event | None = None
        try:
            while True:
                ended = child.poll() is not None
                events, position = event_log.read(position)
                for event in events:
                    last = event
                    on_event(event)
                if ended:
                    break
                time.sleep(_POLL_SECONDS)
        finally:
            _end(child)
    if last is not None and last["event"] == "finished" and child.returncode == 0:
        return Path(last["model"])
    raise _reason(child.returncode, last, out)


def command(spec: Path, accelerate_config: Path | None) -> list[str]:
    """The command line of the child process."""
    if accelerate_config is not None:
        settings: Iterable[str] = ("--config_file", str(accelerate_config))
        if _is_several_cpus(read_config(accelerate_config)):
            settings = (*settings, "--multi_gpu")
    else:
        # Said out loud, or accelerate takes them from a file in the user's home.
        settings = (
            *("--num_processes", "1", "--num_machines", "1"),
            *("--mixed_precision", "no", "--dynamo_backend", "no"),
        )
    launch = [sys.executable, "-m", "accelerate.commands.launch", *settings]
    return [*launch, "-m", "harness_align.training", str(spec)]


def read_config(path: Path) -> Mapping[str, Any]:
    """A file of ``accelerate config``.

    Raises:
        DataError: It is none.
    """
    import yaml  # type: ignore[import-untyped]

    try:
        content = yaml.safe_load(files.read_text(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(
            f"no accelerate config: {error}", path=path, expected=_CONFIG_FORM
        ) from error
    if not isinstance(content, dict) or "distributed_type" not in content:
        raise DataError("no accelerate config", path=path, expected=_CONFIG_FORM)
    return content


def check_devices(path: Path) -> None:
    """Finds that a file of ``accelerate config`` asks for more GPUs than this machine has.

    Without one, accelerate starts a single process on the processor and says nothing.

    Raises:
        DataError: It does, or the file is no accelerate config.
    """
    import torch

    config = read_config(path)
    kind = str(config["distributed_type"])
    if config.get("use_cpu") or kind not in ("FSDP", "DEEPSPEED", "MULTI_GPU", "MEGATRON_LM"):
        return
    wanted = int(config.get("num_processes", 1)) // max(1, int(config.get("num_machines", 1)))
    here = torch.accelerator.device_count()
    if here < wanted:
        raise DataError(
            f"{kind} wants {wanted} GPUs on this machine, and it has {here}",
            path=path,
            expected="as many processes a machine as it has GPUs; or use_cpu: true",
        )


def _is_several_cpus(config: Mapping[str, Any]) -> bool:
    """Whether several processes on one machine's processor are requested.

    Without MPI accelerate starts only one; its launcher for GPUs starts them all, and they
    still see that no GPU is to be used.
    """
    return (
        config.get("distributed_type") == "MULTI_CPU"
        and config.get("num_processes", 1) > 1
        and not (config.get("mpirun_config") or {}).get("mpirun_hostfile")
    )


_CONFIG_FORM = "a YAML file as `accelerate config` writes it"


def _environment(secret_texts: Mapping[str, str], leash: bool) -> dict[str, str]:
    environment = {
        **os.environ,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }
    if secret_texts:
        environment[SECRETS] = json.dumps(secret_texts)
    if leash:
        environment["HARNESS_ALIGN_LEASH"] = "1"
    return environment


def processes(path: Path | None) -> int:
    """How many processes train together.

    Raises:
        DataError: The file is no accelerate config.
    """
    return 1 if path is None else max(1, int(read_config(path).get("num_processes") or 1))


def need_packages() -> None:
    """Raises where training is impossible.

    Raises:
        MissingExtraError: A package is not installed.
    """
    import importlib.util

    for name in ("accelerate", "trl", "peft", "datasets", "torch"):
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError("training", "align")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends the child and all that it started; a child that has ended is only waited for."""
    if child.poll() is None:
        _signal(child, signal.SIGTERM)
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal(child, signal.SIGKILL)
    child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def _reason(code: int, last: Event | None, out: Path) -> HarnessError:
    """Why there is no checkpoint, from the child's own words or from how it ended."""
    kept = f"All it wrote is in {out / LOG}."
    if last is not None and last["event"] == "failed":
        hint = f"{last['hint']}\n{kept}" if last["hint"] else kept
        return RunFailedError(last["message"], hint)
    lines = (out / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN_LINES:]
    # accelerate reports a killed child by its own exit code 1, and names the signal in the log.
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL) or "SIGKILL" in "".join(lines):
        return RunFailedError(
            "the training process was killed, most likely because memory ran out",
            "Take a smaller batch_size, gradient_checkpointing=true or adapter=lora, then go on "
            f"from the last checkpoint with --resume. {kept}",
        )
    tail = "\n".join(line[:200] for line in lines)
    return RunFailedError(f"the training process ended with exit code {code}", f"{tail}\n{kept}")
