"""Tasks that harness.toml declares, through the command, from data to verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import evaluate, plugins
from harness.cli import main
from harness.protocols import TaskOptions
from harness.testing import check_task
from harness.types import Classify, DataSource, Generate, Loglikelihood

MODEL = """
from harness import hookimpl
from harness.protocols import BackendSpec
from harness.testing import FakeBackend
from harness.types import Completion, Generate, Logprob, Loglikelihood, RollingLoglikelihood

def answer(request):
    if isinstance(request, Generate):
        return Completion("Paris" if "France" in request.prompt else "who knows")
    if isinstance(request, RollingLoglikelihood):
        return Logprob(-0.5 * len(request.text.encode()), 3, False)
    said = request.continuation.strip()
    return Logprob(-1.0 if said in ("spam", "stone") else -3.0, 1, False)

@hookimpl
def harness_register_backends():
    asked = frozenset({Generate, Loglikelihood, RollingLoglikelihood})
    return [
        BackendSpec("fake", "", lambda options: FakeBackend(answer, asked)),
        BackendSpec("writer", "", lambda options: FakeBackend(answer, frozenset({Generate}))),
    ]
"""
TRIVIA = """
[tasks.trivia]
kind = "generation"
data = "trivia.jsonl"
columns = { input = "q", target = "gold" }
template = "Question: {{ q }} ({{ topic }})\\nAnswer:"
metrics = ["exact_match", "f1"]
"""
EXAM = """
[tasks.exam]
kind = "multiple_choice"
data = "exam.csv"
metrics = ["acc", "brier"]
"""
SPAM = """
[tasks.spam]
kind = "classification"
data = "mail.jsonl"
columns = { text = "body", label = "flag" }
choices = ["ham", "spam"]
label_map = { 10 = "ham", 20 = "spam" }
template = "{{ body }}\\nIs this {{ labels | join(' or ') }}?"
metrics = ["accuracy", "f1_macro", "ece"]
"""
PROSE = """
[tasks.prose]
kind = "perplexity"
data = "prose.jsonl"
metrics = ["byte_perplexity"]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, the data of four tasks, and their declarations."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    Path("model.py").write_text(MODEL)
    Path("harness.toml").write_text(TRIVIA + EXAM + SPAM + PROSE)
    countries = ("France", "Peru", "Chad", "France")
    rows(
        "trivia.jsonl",
        [
            {"q": f"Capital of {country}, {number}?", "gold": "Paris", "topic": "geography"}
            for number, country in enumerate(countries)
        ],
    )
    Path("exam.csv").write_text(
        "question,A,B,C,answer\nWhat is hard?,stone,milk,air,A\nWhat is soft?,stone,milk,rock,B\n"
    )
    rows("mail.jsonl", [{"body": "buy", "flag": 20}, {"body": "hi", "flag": 10}])
    rows("prose.jsonl", [{"text": "One day."}, {"text": "A night."}])
    return tmp_path


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command in that folder: exit code, standard output, standard error."""

    def called(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--plugin", "model.py", *words])
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return called


def rows(path: str, found: list[dict[str, Any]]) -> None:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in found))


def results(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(folder) / "results.json").read_text())["tasks"]
    return found


def value(folder: str, task: str, metric: str) -> float:
    return float(results(folder)[task]["metrics"][metric]["value"])


def evaluated(run: Run, out: str, *words: str, model: str = "fake:x") -> dict[str, Any]:
    arguments = ("--model", model, "--config", "harness.toml", "--out", out, "--format", "console")
    code, _, error = run("run", *arguments, *words)
    assert code == 0, error
    return results(out)


def test_every_kind_is_scored(run: Run) -> None:
    found = evaluated(run, "r", "--tasks", "trivia,exam,spam,prose")
    assert value("r", "trivia", "exact_match") == 0.5  # France twice of four
    assert value("r", "exam", "acc") == 0.5  # "stone" is taken twice, and right once
    assert value("r", "spam", "accuracy") == 0.5  # 20 is spam by the map, 10 is ham
    assert value("r", "prose", "byte_perplexity") == pytest.approx(2.718281828**0.5)
    assert list(found["trivia"]["metrics"]) == ["exact_match", "f1"]
    record = (Path("r") / "samples" / "trivia.jsonl").read_text().splitlines()[0]
    assert "Question: Capital of France, 0? (geography)\\nAnswer:" in record


def test_a_model_that_writes_is_asked_for_letters_and_told_what_is_left_out(run: Run) -> None:
    found = evaluated(run, "r", "--tasks", "exam,spam", model="writer:x")
    assert found["exam"]["metrics"].keys() == {"acc", "unread"}
    assert value("r", "exam", "unread") == 1.0
    assert "brier" in found["exam"]["settings"]["left out"]
    assert "ece" in found["spam"]["settings"]["left out"]


def test_it_is_listed_with_its_data_and_options(run: Run) -> None:
    code, out, _ = run("ls", "trivia", "--config", "harness.toml")
    assert code == 0
    for said in ("exact_match", "trivia.jsonl", "trivia.max_tokens", "Question: {{ q }}"):
        assert said in out
    code, out, _ = run("ls", "--config", "harness.toml")
    assert code == 0 and "prose" in out and "exact_match" in out
    code, _, error = run("ls", "trivia")
    assert code == 2 and "unknown name 'trivia'" in error


def test_other_data_examples_and_a_random_part(run: Run) -> None:
    rows("more.jsonl", [{"q": f"France {n}?", "gold": "Paris", "topic": "x"} for n in range(9)])
    evaluated(run, "r", "--tasks", "trivia", "--data", "trivia=more.jsonl", "--sample", "5")
    assert value("r", "trivia", "exact_match") == 1.0
    assert results("r")["trivia"]["n"] == 5
    text = Path("harness.toml").read_text()
    Path("harness.toml").write_text(
        text.replace("[tasks.trivia]", '[tasks.trivia]\nshots = "more.jsonl"\nnum_fewshot = 2')
    )
    found = evaluated(run, "shots", "--tasks", "trivia")
    assert found["trivia"]["settings"]["num_fewshot"] == "2"
    first = (Path("shots") / "samples" / "trivia.jsonl").read_text().splitlines()[0]
    assert first.count("Answer: Paris\\n\\nQuestion: ") == 2


def test_columns_of_the_command_line_win(run: Run) -> None:
    rows("other.jsonl", [{"ask": "Capital of France?", "right": "Paris", "topic": "x"}])
    evaluated(
        run,
        "r",
        *("--tasks", "trivia", "--data", "trivia=other.jsonl"),
        *("--set", "trivia.columns=input:ask,target:right"),
    )
    assert value("r", "trivia", "exact_match") == 1.0


def test_probes_gate_and_comparison_need_no_more_than_the_run(run: Run) -> None:
    many = [{"q": f"Of France, {n}?", "gold": "Paris", "topic": "x"} for n in range(80)]
    rows("trivia.jsonl", many)
    found = evaluated(run, "good", "--tasks", "trivia,spam", "--probes", "padding")
    assert "padding" in found["trivia"]["probes"]
    rows("trivia.jsonl", many[:60] + [{**row, "gold": "Rome"} for row in many[60:]])
    worse = many[:60] + [{**row, "q": "Of Peru?"} for row in many[60:]]
    rows("trivia.jsonl", many)
    evaluated(run, "same", "--tasks", "trivia,spam")
    rows("trivia.jsonl", worse)
    Path("gate.toml").write_text(
        '[gate]\nbaseline = "good"\n[[gate.rule]]\nmetric = "trivia.f1"\nmax_drop = 0.05\n'
    )
    code, out, error = run("gate", "same", "--config", "gate.toml")
    assert code == 0, out + error
    Path("harness.toml").unlink()  # the run folder holds what judging it needs
    code, out, error = run("compare", "good", "same")
    assert code == 0, error
    assert "f1_macro" in out
    assert json.loads(Path("good/run.json").read_text())["spec"]["declared"]["spam"]["choices"]


def test_a_gate_blocks_a_worse_run(run: Run) -> None:
    rows("trivia.jsonl", [{"q": f"France {n}?", "gold": "Paris", "topic": "x"} for n in range(80)])
    evaluated(run, "good", "--tasks", "trivia")
    text = Path("model.py").read_text()
    Path("model.py").write_text(
        text.replace('"France" in request.prompt', '"0?" in request.prompt')
    )
    evaluated(run, "bad", "--tasks", "trivia", "--no-cache")
    gate = (
        '[gate]\nbaseline = "good"\n[[gate.rule]]\nmetric = "trivia.exact_match"\nmax_drop = 0.05\n'
    )
    Path("gate.toml").write_text(gate)
    code, out, _ = run("gate", "bad", "--config", "gate.toml")
    assert code == 1 and "Blocked" in out


def test_another_template_is_another_version(run: Run) -> None:
    evaluated(run, "one", "--tasks", "trivia")
    text = Path("harness.toml").read_text()
    Path("harness.toml").write_text(text.replace("Question:", "Q:"))
    evaluated(run, "two", "--tasks", "trivia")
    code, _, error = run("compare", "one", "two")
    assert code == 2 and "version" in error
    assert results("one")["trivia"]["version"] != results("two")["trivia"]["version"]
    for name in ("one", "two"):  # the user may say when a score changes
        Path("harness.toml").write_text(text.replace("[tasks.trivia]", "[tasks.trivia]\nversion=3"))
        evaluated(run, f"{name}-of-mine", "--tasks", "trivia")
    code, _, error = run("compare", "one-of-mine", "two-of-mine")
    assert code == 0, error


def test_python_uses_the_file_as_a_plugin(folder: Path) -> None:
    found = evaluate(
        "fake:x", "trivia", plugin_files=["model.py", "harness.toml"], formats=(), out="r"
    )
    assert found.tasks["trivia"].metrics["exact_match"].estimate.value == 0.5
    registry = plugins.load([folder / "harness.toml"])
    assert registry.tables == (folder / "harness.toml",)


def test_a_plugin_may_register_a_declaration(run: Run) -> None:
    Path("mine.py").write_text(
        "from harness import hookimpl\n"
        "from harness.authoring.declaration import Declaration\n"
        "from harness.authoring.grading import Graded, MetricSpec\n"
        "from harness.authoring.metrics import Mean\n"
        "def grade(answer, sample):\n"
        "    return {'length': len(answer)}\n"
        "@hookimpl\n"
        "def harness_register_tasks():\n"
        "    return [Declaration('mine', 'generation', {'default': '{{ input }}'},"
        " metrics=('length', 'f1'), columns={'input': 'q', 'target': 'gold'})]\n"
        "@hookimpl\n"
        "def harness_register_metrics():\n"
        "    return [MetricSpec('length', 'characters', ('generation',),"
        " lambda _: Graded((Mean('length'),), grade))]\n"
    )
    evaluated(run, "r", "--plugin", "mine.py", "--tasks", "mine", "--data", "mine=trivia.jsonl")
    assert value("r", "mine", "length") == (5 + 9 + 9 + 5) / 4
    text = Path("harness.toml").read_text().replace('"f1"]', '"length"]', 1)
    Path("harness.toml").write_text(text)
    evaluated(run, "toml", "--plugin", "mine.py", "--tasks", "trivia")
    assert value("toml", "trivia", "length") == (5 + 9 + 9 + 5) / 4
    code, _, error = run("compare", "toml", "toml")  # without the plugin that has the metric
    assert code == 0, error


@pytest.mark.parametrize("name", ["trivia", "exam", "spam", "prose"])
def test_the_tasks_keep_the_contract(folder: Path, name: str) -> None:
    spec = plugins.load([folder / "harness.toml"]).tasks[name]
    assert spec.data is not None
    for supports in (frozenset(), {Generate}, {Loglikelihood}, {Classify}):
        task = spec.open(TaskOptions(supports=frozenset(supports)))
        check_task(task, DataSource("path", spec.data, (spec.data,)))


NONSENSE = [
    ("kind", 'kind = "generation"', 'kind = "genration"', "Did you mean generation"),
    ("kind", 'kind = "generation"', "kind = 3", "generation, multiple_choice"),
    ("metrics", '"f1"]', '"exact_mach"]', "Did you mean exact_match"),
    ("metrics", '"f1"]', '"accuracy"]', "generation task 'accuracy'"),
    ("metrics", '"f1"]', '"f1", "f1"]', "'f1' is given twice"),
    ("metrics", '"f1"]', '"bleu:zz"]', "zz"),
    ("metrics", '"f1"]', '"chrf:zz"]', "Expected chrf"),
    ("metrics", '"f1"]', '"rouge:"]', "Expected rouge:"),
    ("metrics", '["exact_match", "f1"]', "[1]", "list of texts"),
    ("columns", "input =", "inptu =", "Did you mean input"),
    ("columns", "input =", "q =", "The fields are input, target, targets"),
    ("columns", '{ input = "q", target = "gold" }', '"q"', "pairs"),
    ("template", "{{ q }}", "{{ q }", "Jinja2"),
    ("template", 'template = "', 'tmplate = "', "Did you mean template"),
    ("template", 'template = "Question', 'description = "Question', "needs a template"),
    ("choices", "kind =", 'choices = ["a", "b"]\nkind =', "has none"),
    ("label_map", "kind =", 'label_map = { a = "b" }\nkind =', "no labels"),
    ("max_tokens", "kind =", "max_tokens = 0\nkind =", "whole number from 1"),
    ("max_tokens", "kind =", 'max_tokens = "5"\nkind =', "whole number from 1"),
    ("stop", "kind =", "stop = 5\nkind =", "list of texts"),
    ("scoring", "kind =", 'scoring = "guess"\nkind =', "generate"),
    ("squad", "[tasks.trivia]", "[tasks.squad]", "taken"),
    ("bias", "[tasks.trivia]", "[tasks.bias]", "taken"),
    ("typos", "[tasks.trivia]", "[tasks.typos]", "taken"),
    ("a/b", "[tasks.trivia]", '[tasks."a/b"]', "A name is"),
    ("trivia", 'kind = "generation"', "", "no kind"),
]


@pytest.mark.parametrize(("key", "old", "new", "said"), NONSENSE)
def test_nonsense_is_one_screen_with_file_table_and_key(
    run: Run, key: str, old: str, new: str, said: str
) -> None:
    text = TRIVIA.replace(old, new, 1)
    assert text != TRIVIA
    Path("harness.toml").write_text(text)
    words = ("--model", "fake:x", "--tasks", "trivia", "--config", "harness.toml", "--out", "r")
    code, _, error = run("run", *words)
    assert code == 2
    assert "harness.toml: [tasks." in error and key in error and said in error
    assert "Traceback" not in error and len(error.splitlines()) < 12
    assert not Path("r").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gold": ""}, "no right answer, or an empty one"),
        ({"gold": ["a"]}, "field 'target' is list"),
        ({"q": " "}, "'input' is empty"),
        ({"topic": None}, "'topic' is undefined"),
    ],
)
def test_a_bad_row_is_named(run: Run, changed: dict[str, Any], said: str) -> None:
    row = {"q": "Capital of France?", "gold": "Paris", "topic": "x", **changed}
    rows("trivia.jsonl", [{key: value for key, value in row.items() if value is not None}])
    words = ("--model", "fake:x", "--tasks", "trivia", "--config", "harness.toml")
    code, _, error = run("run", *words)
    assert code == 2
    assert said in error


def test_without_a_column_the_row_says_which_there_are(run: Run) -> None:
    rows("trivia.jsonl", [{"question": "?", "gold": "Paris"}])
    words = ("--model", "fake:x", "--tasks", "trivia", "--config", "harness.toml")
    code, _, error = run("run", *words)
    assert code == 2 and "there is no column 'q'" in error and "'question', 'gold'" in error


def test_options_of_other_tasks_stay_options(run: Run) -> None:
    Path("harness.toml").write_text(TRIVIA + '[tasks.sst2]\nmax_tokens = 3\nscoring = "generate"\n')
    found = evaluated(run, "r", "--tasks", "trivia,sst2", "--data", "sst2=mail.jsonl", *SST2)
    assert found["sst2"]["settings"]["max_tokens"] == "3"


SST2 = (
    "--set",
    "sst2.columns=text:body,label:flag",
    "--set",
    "sst2.label_map=10:negative,20:positive",
)
