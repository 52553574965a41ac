"""Their definitions in our engine against the same definitions in lm_eval, on one model.

lm_eval asks the same backend through ``EvalignLM``, so both directions of the bridge are run, and
what differs is what a bridge gets wrong: prompts, order, filters, aggregation.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="lm_eval is not installed: pip install 'evalign[lm-eval]'")

from harness import evaluate, load_plugins, read_samples
from harness.config import RunSpec
from harness.errors import DataError
from harness.types import Generate, Loglikelihood, TaskResult
from support import lm_eval_definitions as small
from support.lm_eval_definitions import run as ours


def theirs(
    folder: Path, rows: Path, name: str, model: str = "demo", **settings: Any
) -> dict[str, Any]:
    """lm_eval's results of a task or group, its data sets replaced by the rows."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    from harness_lm_eval.model import EvalignLM

    local = folder.parent / "local"
    parts = {part: str(rows) for part in ("train", "validation", "test")}
    at = {"dataset_path": "json", "dataset_kwargs": {"data_files": parts}}
    tables = [*small.DEFINITIONS, settings.pop("changed", {})]
    small.write(
        local, tuple(each if "group" in each else {**each, **at} for each in tables if each)
    )
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found: dict[str, Any] = lm_eval.simple_evaluate(
            model=EvalignLM(model),
            tasks=[name],
            bootstrap_iters=0,
            task_manager=TaskManager(include_defaults=False, include_path=str(local)),
            **settings,
        )
    return found


def same(found: dict[str, Any], result: TaskResult) -> None:
    """Every metric that lm_eval reports is reported here with the same value, and no other."""
    expected = {}
    for key, value in found.items():
        metric, comma, filtered = key.partition(",")
        if comma and not metric.endswith("_stderr"):
            expected[metric if filtered == "none" else key] = value
    values = {metric: each.estimate.value for metric, each in result.metrics.items()}
    assert values == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert expected


@pytest.mark.parametrize("name", ["capitals", "words", "next_word", "sentences"])
def test_gives_the_numbers_of_lm_eval(
    name: str, definitions: Path, rows: Path, tmp_path: Path
) -> None:
    result = ours(name, rows, tmp_path / "run")
    same(theirs(definitions, rows, name)["results"][name], result)
    assert result.n == 8
    assert result.errors == 0


def test_asks_the_prompts_of_lm_eval_with_drawn_examples(
    definitions: Path, rows: Path, tmp_path: Path
) -> None:
    result = ours("capitals", rows, tmp_path / "run", num_fewshot="2", shots=str(rows))
    found = theirs(definitions, rows, "capitals", num_fewshot=2)
    same(found["results"]["capitals"], result)
    records = {each.sample.id: each for each in read_samples(tmp_path / "run", "lm_eval:capitals")}
    contexts = set()
    for sample in found["samples"]["capitals"]:
        requests = records[str(sample["doc_id"])].requests
        assert [(each.context, each.continuation) for each in requests] == sample["arguments"]
        contexts.add(sample["arguments"][0][0])
    assert len(contexts) == 8
    assert all(text.startswith("Capitals of the world.\n\nQuestion") for text in contexts)


def test_the_draw_does_not_depend_on_which_documents_are_asked(
    definitions: Path, rows: Path, tmp_path: Path
) -> None:
    name = "lm_eval:capitals"
    prompts: dict[str, set[str]] = {}
    for number, chosen in enumerate(({}, {"limit": 3}, {"sample": 4})):
        out = tmp_path / f"run{number}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            evaluate(
                "demo", [name], {name: rows}, formats=(), out=out,
                task_settings={name: {"num_fewshot": "2", "shots": str(rows)}}, **chosen,
            )  # fmt: skip
        for record in read_samples(out, name):
            prompts.setdefault(record.sample.id, set()).add(record.requests[0].context)
    assert len(prompts) == 8
    assert all(len(each) == 1 for each in prompts.values())


@pytest.mark.parametrize("name", ["atlas", "globe"])
def test_a_group_aggregates_as_lm_eval_does(name: str, definitions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    small.write_rows(folder / "capitals.jsonl")
    small.write_rows(folder / "other_capitals.jsonl", small.rows(3, 2))
    result = ours(name, folder, tmp_path / "run")
    values = {}
    for member in ("capitals", "other_capitals"):
        file = folder / f"{member}.jsonl"
        values[member] = theirs(definitions, file, member)["results"][member]
    weights = (8, 3) if name == "atlas" else (1, 1)
    for metric in ("acc", "brier_score"):
        one, other = (values[member][f"{metric},none"] for member in values)
        expected = (weights[0] * one + weights[1] * other) / sum(weights)
        estimate = result.metrics[metric].estimate
        assert estimate.value == pytest.approx(expected, rel=1e-9)
        assert estimate.low <= estimate.value <= estimate.high
        by_task = result.groups["task"]
        assert by_task["capitals"][metric].estimate.value == pytest.approx(one, rel=1e-9)
        assert by_task["other_capitals"][metric].estimate.value == pytest.approx(other, rel=1e-9)


def test_a_group_names_the_members_without_rows(definitions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    small.write_rows(folder / "capitals.jsonl")
    with pytest.raises(DataError, match="1 of them: other_capitals"):
        ours("atlas", folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_tag_stands_for_its_tasks(definitions: Path) -> None:
    specs = load_plugins().select_tasks(["lm_eval:geography_tag"])
    assert [spec.name for spec in specs] == ["lm_eval:capitals", "lm_eval:words"]


def test_a_probe_changes_the_field_and_keeps_the_examples(
    definitions: Path, rows: Path, tmp_path: Path
) -> None:
    name = "lm_eval:capitals"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = evaluate(
            "demo", [name], {name: rows}, probes=["case"], formats=(), out=tmp_path / "run",
            task_settings={name: {"num_fewshot": "1", "shots": str(rows), "input": "country"}},
        )  # fmt: skip
    assert "acc" in next(iter(result.tasks[name].probes.values()))
    records = list(read_samples(tmp_path / "run", name))
    originals = {each.sample.id: each.requests[0].context for each in records if not each.probe}
    variants = [each for each in records if each.probe]
    assert variants
    for each in variants:
        country = json.loads(rows.read_text().splitlines()[int(each.sample.id)])["country"]
        before = originals[each.sample.id]
        head, _, tail = before.rpartition(country)
        assert each.requests[0].context == f"{head}{each.sample.input}{tail}"


def test_is_compared_with_itself_metric_by_metric(
    definitions: Path, rows: Path, tmp_path: Path
) -> None:
    from harness import compare

    for out in ("one", "two"):
        ours("words", rows, tmp_path / out)
    found = compare(tmp_path / "one", tmp_path / "two")
    (task,) = found.tasks
    names = {each.metric for each in task.metrics}
    assert "bleu,whole" in names
    assert "exact_match,first-word" in names


def test_a_second_run_asks_nothing(definitions: Path, rows: Path, tmp_path: Path) -> None:
    name = "lm_eval:words"
    for out in ("one", "two"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = evaluate("demo", [name], {name: rows}, formats=(), out=tmp_path / out)
    assert result.usage.computed_tokens == 0


def test_chat_messages_and_system_prompt_reach_the_backend(
    definitions: Path, rows: Path, tmp_path: Path
) -> None:
    from harness.plugins import load
    from harness.run.planning import planner
    from harness.types import Message
    from support.lm_eval_definitions import CAPITALS

    class Recorder:
        fingerprint, supports, usage = "recorder", frozenset({Generate, Loglikelihood}), None

    settings = {
        "apply_chat_template": "true", "system_instruction": "Be brief.", "num_fewshot": "1",
        "shots": str(rows),
    }  # fmt: skip
    name = "lm_eval:capitals"
    spec = RunSpec("demo", (name,), {name: str(rows)}, task_settings={name: settings})
    plan = planner.build(spec, load(), Recorder())
    first = next(plan.requests()).request
    system, shot, answer, question = first.context
    assert system == Message("system", "Be brief.\n\nCapitals of the world.\n\n")
    assert (shot.role, answer.role, question.role) == ("user", "assistant", "user")
    assert question.content == f"Question: What is the capital of {CAPITALS[0][0]}?\nAnswer:"
    assert first.continuation == small.rows()[0]["options"][0]


CHAT = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


@pytest.mark.parametrize("prefix", [None, "The answer is"])
@pytest.mark.parametrize("name", ["capitals", "words"])
@pytest.mark.parametrize("as_turns", [True, False])
def test_a_chat_template_gives_the_numbers_of_lm_eval(
    name: str, prefix: str | None, as_turns: bool, definitions: Path, rows: Path, tmp_path: Path
) -> None:
    from harness_backends import demo

    demo.save(tmp_path / "chat")
    (tmp_path / "chat/chat_template.jinja").write_text(CHAT)
    (table,) = (each for each in small.DEFINITIONS if each.get("task") == name)
    changed = {**table, "gen_prefix": prefix} if prefix else table
    small.write(definitions, (changed,))
    settings = {"num_fewshot": "2", "shots": str(rows), "system_instruction": "Be brief."}
    settings |= {"apply_chat_template": "true", "fewshot_as_multiturn": str(as_turns).lower()}
    model = str(tmp_path / "chat")
    result = ours(name, rows, tmp_path / "run", model, **settings)
    found = theirs(
        definitions, rows, name, model, changed=changed, num_fewshot=2, apply_chat_template=True,
        fewshot_as_multiturn=as_turns, system_instruction="Be brief.",
    )  # fmt: skip
    same(found["results"][name], result)
    record = next(read_samples(tmp_path / "run", f"lm_eval:{name}"))
    request = record.requests[0]
    prompt = request.context if isinstance(request, Loglikelihood) else request.prompt
    roles = [turn.role for turn in prompt]
    assert roles[0] == "system"
    assert roles[-1] == ("assistant" if prefix else "user")
    assert roles.count("user") == (3 if as_turns else 1)


@pytest.mark.parametrize(
    ("text", "scored"), [("\n\nOslo", ""), (" Oslo\n\nand", " Oslo"), ("Oslo. It", "Oslo")]
)
def test_an_answer_ends_at_its_first_stop_string_even_where_it_begins(
    text: str, scored: str
) -> None:
    from harness.types import Completion, Sampling
    from harness_lm_eval.prompts import result_of

    asked = Generate("The capital of Norway is", Sampling(stop=("\n\n", ".")))
    assert result_of(asked, Completion(text)) == scored


def test_the_version_follows_the_files(definitions: Path) -> None:
    def version() -> str:
        from harness.protocols import TaskOptions

        (spec,) = load_plugins().select_tasks(["lm_eval:capitals"])
        return str(spec.open(TaskOptions()).version)

    first = version()
    assert first.startswith("2.0-")
    assert version() == first
    path = definitions / "capitals.yaml"
    path.write_text(path.read_text().replace("Question:", "Q:"))
    assert version() != first


def test_metrics_have_intervals(definitions: Path, tmp_path: Path) -> None:
    data = small.write_rows(tmp_path / "many.jsonl", small.rows() * 6)
    result = ours("capitals", data, tmp_path / "run")
    for name in ("acc", "brier_score"):
        estimate = result.metrics[name].estimate
        assert not math.isnan(estimate.low)
        assert estimate.low < estimate.value < estimate.high
    assert result.metrics["brier_score"].kind == "aggregate"
    assert result.metrics["acc"].kind == "mean"
