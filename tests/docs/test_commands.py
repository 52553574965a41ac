"""Every command that the documentation and ``--help`` show runs, or ends as the table says."""

from __future__ import annotations

import importlib.util
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support import ROOT

from .commands import PACKAGES, Command, check_names, collect, mentions
from .workplace import JUDGED, harness

COMMANDS = collect(ROOT)

NOT_HERE = {
    "--model hf:": ("the hub", "could not be fetched from the hub"),
    "--model openai:gpt": ("an API key", "OPENAI_API_KEY is not set"),
    "--model anthropic:": ("an API key", "ANTHROPIC_API_KEY is not set"),
    "paraphrase.model=openai:": ("an API key", "OPENAI_API_KEY is not set"),
    "--model openai:my-model": ("a server at that address", "server cannot be used: connection"),
    "--model vllm:": ("vLLM", "pip install 'evalign\\[vllm\\]'"),
    "gpus_per_worker=4": ("eight GPUs", "the cluster has room for"),
    "address=10.0.0.1": ("a Ray cluster at that address", "10.0.0.1"),
    "fsdp.yaml": ("eight GPUs", "FSDP wants 8 GPUs on this machine, and it has"),
}
"""What a command needs that is not here → a name for it, and what the harness must say."""

LM_EVAL = re.compile(r"lm_eval|harness lm-eval")
SLOW = re.compile(r"harness align|--executor ray|harness lm-eval")
JUDGES = re.compile(r"harness (gate|align)|--config|--baseline")
OWN_DATA = re.compile(r"my-tasks\.toml|lm_eval")
VERDICTS = {0, 1, 4}
TOO_FEW = "no interval can be trusted"


def parameters() -> list[object]:
    """Each command; slow are those that train, and those that an earlier page has shown."""
    found: list[object] = []
    seen: set[str] = set()
    for command in COMMANDS:
        if command.words[0] == "harness" and not command.is_mention:
            slow = command.line in seen or SLOW.search(command.line)
            marks = [pytest.mark.slow] if slow else []
            found.append(pytest.param(command, id=str(command), marks=marks))
            seen.add(command.line)
    return found


def of_program(*programs: str) -> list[Command]:
    return [each for each in COMMANDS if each.words[0] in programs]


def shortened(command: Command) -> list[str]:
    """The command with what makes it small: the sample sets instead of the hub, few samples.

    Training takes one step; what the model writes is short; the tutorial's plugin is loaded from
    its file, because installing it is a test of its own.
    """
    words = list(command.words)
    if words[1] in ("run", "plan", "attack"):
        if "--sample" not in words:
            words += ["--limit", JUDGED if JUDGES.search(command.line) else "4"]
        if "greeter" in words:
            words += ["--plugin", str(ROOT / "examples/harness-hello/harness_hello.py")]
        elif "sample" not in words and not OWN_DATA.search(command.line):
            words += ["--data", "sample"]
    elif words[1] == "align":
        words += ["--limit", "4", "--samples", "4", "--eval-data", "sample"]
        for setting in ("steps", "sft_steps", "reward_steps"):
            words += ["--set", f"{setting}=1"]
    elif words[1] == "annotate" and words[2] not in ("report", "export", "import"):
        words += ["--prepare"]  # and serve nothing
    elif words[1] == "view" and "--export" not in words and "--prepare" not in words:
        words += ["--prepare"]  # the same
    elif words[1] == "pairs":
        words += ["--max-tokens", "8"]
    return words


def output(words: list[str]) -> str | None:
    """The path that the command is told to write."""
    for option in ("--out", "--save", "--export"):
        if option in words:
            return words[words.index(option) + 1]
    if words[1] != "init":
        return None
    return ".github" if "--config" in words else "harness.toml"


@pytest.mark.parametrize("command", parameters())
def test_a_documented_command_runs(
    command: Command, workplace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if LM_EVAL.search(command.line) and not importlib.util.find_spec("lm_eval"):
        pytest.skip("lm_eval is not installed: pip install 'evalign[lm-eval]'")
    missing = next((said for part, said in NOT_HERE.items() if part in command.line), None)
    words = shortened(command)
    made = output(words)
    if made is not None:
        remove(workplace / made)
    if missing is None:
        code = harness(words)
        said = capfd.readouterr()
        judged = VERDICTS if JUDGES.search(command.line) else {0}
        words_said = " ".join(said.out.split())  # wherever a line ends
        too_few = bool(JUDGES.search(command.line)) and TOO_FEW in words_said  # as it is shortened
        assert code in judged or (code == 2 and too_few), said.out + said.err
        assert made is None or list(workplace.glob(f"{Path(made)}*"))
        return
    need, message = missing
    if "vllm" in command.line and importlib.util.find_spec("vllm"):
        pytest.skip("vLLM is here")
    words = [word.replace(":8000", f":{free_port()}") for word in words]
    assert harness(words) == 2, f"the command needs {need}"
    assert re.search(message, capfd.readouterr().err)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.mark.parametrize("command", of_program("make"), ids=str)
def test_a_make_target_exists_and_its_programs_are_installed(
    command: Command, workplace: Path
) -> None:
    done = subprocess.run(
        [*command.words, "--dry-run", "VENV=.venv"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    recipes = re.findall(r"^\.venv/bin/(.*)$", done.stdout, re.MULTILINE)
    for recipe in recipes:
        program = recipe.split()[0]
        assert shutil.which(program, path=Path(sys.executable).parent), recipe
        if program == "harness":
            assert harness(shortened(Command("Makefile", recipe))) == 0
    assert recipes or command.words == ["make", "lock"]  # uv is not of the environment


@pytest.mark.parametrize("command", of_program("pip"), ids=str)
def test_what_pip_installs_exists(command: Command) -> None:
    verb, what = command.words[1:3]
    assert verb == "install"
    if what.startswith("."):
        assert (ROOT / what / "pyproject.toml").is_file()
        return
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = {re.split(r"[^\w-]", each)[0] for extra in extras.values() for each in extra}
    assert what in needed | {f"{project['name']}[{each}]" for each in extras}


@pytest.mark.parametrize("command", of_program("python"), ids=str)
def test_a_script_exists_with_its_options(command: Command) -> None:
    code = (ROOT / command.words[1]).read_text("utf-8")
    for option in re.findall(r"--[\w-]+", command.line):
        assert f'"{option}"' in code


@pytest.mark.parametrize("command", of_program("accelerate"), ids=str)
def test_the_training_of_a_further_machine_is_started(command: Command) -> None:
    from accelerate.commands.launch import launch_command_parser

    found = launch_command_parser().parse_args(command.words[2:])
    assert importlib.util.find_spec(f"{found.training_script}.__main__")


@pytest.mark.parametrize("command", of_program("printf"), ids=str)
def test_a_shell_line_runs(command: Command, workplace: Path) -> None:
    assert subprocess.run(["sh", "-ec", command.line]).returncode == 0


def test_there_is_no_command_without_a_test() -> None:
    known = {"harness", "make", "pip", "python", "accelerate", "printf"}
    others = [each for each in COMMANDS if each.words[0] not in known]
    keys = {
        name for _, name in re.findall(r"(export) (\w+)", " ".join(each.line for each in others))
    }
    assert [each for each in others if each.words[0] != "export"] == []
    assert keys <= {said.split()[0] for _, said in NOT_HERE.values()}
    assert len(COMMANDS) > 100


@pytest.mark.parametrize("part", NOT_HERE)
def test_what_is_not_here_is_still_named(part: str) -> None:
    assert [each for each in COMMANDS if part in each.line]


def test_commands_named_in_sentences_and_messages_exist() -> None:
    found = [each for each in COMMANDS if each.is_mention and each.words[0] == "harness"]
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            found += mentions(str(file.relative_to(ROOT)), file.read_text("utf-8"))
    assert len(found) > 30
    for command in found:
        if command.words[0] == "harness":
            check_names(command)
