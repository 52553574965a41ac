"""What a command's end says: exit codes, streams, signals, the system's errors, secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.authoring.io import secrets
from harness.authoring.literal import html, markdown, visible

PLUGIN = """
import os, signal, sys, time
import click
from harness import hookimpl
from harness.authoring.literal import echo

class PanicException(BaseException):
    pass

@hookimpl
def harness_commands(app):
    @app.command()
    @click.argument("how")
    def end(how):
        if how == "panic": raise PanicException("a regex")
        if how == "exit": raise SystemExit(1)
        if how == "folder": open(".")
        if how == "wait":
            print("ready", flush=True)
            time.sleep(60)
        if how == "talk":
            for _ in range(20000): click.echo("a line of the evidence")
            return 4
        if how == "odd": echo("caf\u00e9 \u2713 \x1b[31mred")
        if how == "key": raise RuntimeError("denied for sk-abcdef1234567890")
        return 0
"""


@pytest.fixture
def end(tmp_path: Path):
    plugin = tmp_path / "ends.py"
    plugin.write_text(PLUGIN, "utf-8")

    def start(how: str, **settings) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "harness", "--plugin", str(plugin), "end", how]
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
        return subprocess.Popen(command, **settings)

    return start


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("panic", 3, b"PanicException: a regex"),
        ("exit", 3, b"SystemExit"),
        ("folder", 2, b".: Is a directory"),
        ("key", 3, b"denied for ***"),
    ],
)
def test_no_error_reads_as_blocked(end, how, code, words) -> None:
    process = end(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert words in errors
    assert b"Traceback" not in errors
    assert b"sk-abcdef" not in errors


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGXCPU"])
def test_a_request_to_end_is_an_interruption(end, name) -> None:
    process = end("wait")
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.strip()) == (3, b"Interrupted.")


def test_a_reader_that_goes_away_keeps_the_exit_code(end) -> None:
    process = end("talk")
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), errors) == (4, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_the_output_is_told(end) -> None:
    with open("/dev/full", "wb") as full:
        process = end("talk", stdout=full)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"No space left" in errors
    with open("/dev/full", "wb") as full:
        process = end("panic", stderr=full)
        process.communicate(timeout=60)
    assert process.returncode == 3


def test_characters_that_a_terminal_lacks_are_replaced(end) -> None:
    process = end("odd", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out == b"caf? ? ?U+001B?[31mred\n"


def test_a_working_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import os, sys; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); "
    script += "from harness.cli import main; main(['init'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://ann:pw@host/v1", "ann:pw"),
        ("https://host/v1/0123456789abcdef0123/chat", "0123456789abcdef0123"),
        ("https://host/v1?api_key=opensesame&n=1", "opensesame"),
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("hf_abcDEF123456", "hf_abcDEF123456"),
        ("key sk-proj-abcdefgh12345678 was refused", "sk-proj"),
    ],
)
def test_secrets_are_masked_wherever_they_stand(text, hidden) -> None:
    shown = secrets.redact(text)
    assert hidden not in shown
    assert "***" in shown
    assert secrets.redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    ["hf-internal-testing/tiny", "./ckpt/step-20000", "https://host:8000/v1", "max_tokens=20"],
)
def test_what_is_no_secret_stays(text) -> None:
    assert secrets.redact(text) == text


def test_settings_are_masked_by_their_names() -> None:
    arguments = ["harness", "--set", "api_key=hunter2", "--set=x.token=hunter2", "--set", "n=3"]
    shown = secrets.redact_command(
        [*arguments, "--set", "t.max_tokens=5", "--set", "api_key_env=V"]
    )
    assert "hunter2" not in shown
    assert "n=3" in shown
    assert "max_tokens=5" in shown
    assert "api_key_env=V" in shown
    masked = secrets.redact_value({"a": {"password": "x"}, "pad_token": "<pad>", "seed": 3})
    assert masked == {"a": {"password": secrets.mask("x")}, "pad_token": "<pad>", "seed": 3}
    assert secrets.mask("x") != secrets.mask("y")


def test_a_secret_of_the_environment_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "correct horse battery")
    assert "horse" not in secrets.redact("401: correct horse battery is no key")


def test_hidden_characters_are_shown_by_name() -> None:
    assert visible("a\x1b]0;t\x07\u202eb\u200b\n") == "a⟨U+001B⟩]0;t⟨U+0007⟩⟨U+202E⟩b⟨U+200B⟩\n"


@pytest.mark.parametrize(
    "hostile",
    ["@org/team", "#12", "https://evil.example/x", "www.evil.example", "GH-7", "![x](y)", "<img>"],
)
def test_markdown_neither_links_nor_mentions(hostile) -> None:
    assert hostile not in markdown(hostile)
    assert hostile not in html(hostile) or hostile == "![x](y)"
