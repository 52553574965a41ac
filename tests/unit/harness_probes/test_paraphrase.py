"""Paraphrases: from a file, and written by a model behind a real server."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness import plugins
from harness.config import RunSpec
from harness.errors import DataError, UnknownNameError, UsageError
from harness.protocols import Answers, BackendSpec, Probe, ProbeOptions, TaskOptions, TaskSpec
from harness.results import result_json, runfolder
from harness.run import runner
from harness.run.cache import default_path
from harness.run.planning import planner
from harness.testing import FakeBackend
from harness.types import Completion, Failed, Generate, Loglikelihood, Sample, Skipped
from harness_probes.robustness.paraphrase import open_paraphrase
from harness_probes.robustness.paraphrasing import unfit

TASK = TaskSpec("t", "", lambda options: None, templates={})  # type: ignore[arg-type, return-value]


def variants(probe: Probe, sample: Sample) -> list:
    return list(probe.perturb(sample, random.Random(1)))


def opened(**values: str) -> Probe:
    return open_paraphrase(ProbeOptions(values, TASK, TaskOptions(seed=5)))


# --------------------------------------------------------------------------- from a file


def test_paraphrases_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(
        '{"id": 1, "paraphrases": ["One?", "Uno?"]}\n{"text": "Two", "paraphrases": ["Deux"]}\n'
    )
    probe = opened(file=str(path), n="5")
    assert [variant.input for variant in variants(probe, Sample("1", "x"))] == ["One?", "Uno?"]
    assert [variant.input for variant in variants(probe, Sample("9", "Two"))] == ["Deux"]
    assert variants(probe, Sample("8", "x")) == [Skipped("no paraphrase given")]


@pytest.mark.parametrize("row", ['{"id": 1, "paraphrases": []}', '{"paraphrases": ["a"]}'])
def test_a_bad_paraphrase_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(row)
    with pytest.raises(DataError, match="line 1"):
        opened(file=str(path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no source"),
        ({"file": "x", "model": "demo"}, "two sources"),
        ({"model": "demo", "prompt": "Rewrite it!"}, "no place for the text"),
        ({"model": "demo", "temperature": "0"}, "above 0"),
        ({"model": "demo", "n": "0"}, "paraphrase.n is '0', expected a whole number"),
        ({"model": "demo", "model_settings": "quick"}, "KEY=VALUE"),
    ],
)
def test_what_cannot_be_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        opened(**values)


# --------------------------------------------------------------------------- what is kept


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("It cost 12.50 in 1999.", "In 1999 the price was 12.50.", None),
        ("It cost 12.50 in 1999.", "In 1999 the price was 12.5.", "paraphrase drops a number"),
        ("We saw Anna Karenina there.", "There we watched Anna Karenina.", None),
        ("We saw Anna Karenina there.", "There we watched Anna.", "paraphrase drops a name"),
        ("A film, Jaws, that I like.", "I like a film named Jaws", None),
        ("He said “Rosebud” again", "He repeated it", "paraphrase drops a name"),
        ("We like John's films", "The films of John please us", None),
        ("Good film", "  good   FILM", "paraphrase identical"),
        ("Good film", "", "paraphrase empty"),
        ("the capital rome", "the capital city", "paraphrase drops or adds an answer"),
        ("the capital city", "the capital, paris", "paraphrase drops or adds an answer"),
        ("the capital Rome", "the Italian capital, rome", None),
    ],
)
def test_a_paraphrase_keeps_numbers_names_and_answers(
    before: str, after: str, reason: str | None
) -> None:
    assert unfit(Sample("1", before, ("Rome",), ("Paris", "Rome")), after) == reason


def test_each_answer_is_kept_or_counted_by_its_reason() -> None:
    said = iter(
        [
            Completion(' "A fine movie." '),
            Completion("a FINE movie."),
            Completion("a film, fine and", "length"),
            None,
            Failed("gone"),
        ]
    )
    asked: list[tuple[str, Generate]] = []

    def ask(model, settings, requests) -> Answers:
        asked.extend(requests)
        assert (model, settings) == ("demo", {"a": "1", "b": "2=3"})
        return Answers("f", tuple(next(said) for _ in requests))

    probe = opened(model="demo", n="5", model_settings="a=1, b=2=3", temperature="0.5")
    probe = probe.prepared([Sample("1", "good film"), Sample("2", " ")], ask)  # type: ignore[attr-defined]
    assert variants(probe, Sample("1", "good film")) == [
        Sample("1", "A fine movie."),
        Skipped("paraphrase given before"),
        Skipped("paraphrase cut off"),
        Skipped("not paraphrased yet"),
        Skipped("the paraphrasing model gave no answer"),
    ]
    samplings = [request.sampling for _, request in asked]
    assert [(each.temperature, each.seed) for each in samplings] == [
        (0.0, 0), (0.5, 6), (0.5, 7), (0.5, 8), (0.5, 9),
    ]  # fmt: skip
    assert {name for name, _ in asked} == {"1"}
    assert probe.settings["fingerprint"] == "f"  # type: ignore[attr-defined]


# --------------------------------------------------------------------------- a whole run

OTHER = {"wonderful": "marvellous", "boring": "dull", "film": "movie", "book": "novel"}


class Rewriter:
    """An OpenAI-compatible server that replaces words, and never says more than one line."""

    def __init__(self) -> None:
        self.calls: list[dict] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.calls.append(body)
                text = body["messages"][-1]["content"].split("Text: ")[1].split("\nNew")[0]
                for old, new in OTHER.items():
                    text = text.replace(old, new)
                choice = {"index": 0, "finish_reason": "stop"}
                choice["message"] = {"role": "assistant", "content": text}
                reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
                reply |= {"choices": [choice]}
                content = json.dumps(reply).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def rewriter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Rewriter]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    server = Rewriter()
    yield server
    server.close()


TEXTS = ("a wonderful film", "a boring book", "a song")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.tsv"
    path.write_text("".join(f"{text}\t{int('won' in text)}\n" for text in TEXTS), "utf-8")
    return path


def spec_of(rows: Path, rewriter: Rewriter, **more: str) -> RunSpec:
    settings = {
        "model": "openai:m",
        "model_settings": f"base_url={rewriter.url},endpoint=chat",
        **more,
    }
    return RunSpec(
        "demo",
        ("sst2",),
        {"sst2": str(rows)},
        probes=("paraphrase",),
        task_settings={"paraphrase": settings},
        formats=(),
    )


def test_a_model_writes_paraphrases_once(rows: Path, rewriter: Rewriter, tmp_path: Path) -> None:
    from dataclasses import replace

    registry = plugins.load()
    spec = spec_of(rows, rewriter)
    first = runner.run(replace(spec, out=tmp_path / "one"), registry)
    assert sorted(
        call["messages"][-1]["content"].split("Text: ")[1] for call in rewriter.calls
    ) == [f"{text}\nNew text:" for text in sorted(TEXTS)]
    assert {call.get("temperature") for call in rewriter.calls} == {0.0}
    task = first.result.tasks["sst2"]
    assert task.skipped_variants["paraphrase"] == {"paraphrase identical": 1}
    assert task.probes["paraphrase"]["accuracy"]["flip_rate"].n == 2
    assert task.settings["paraphrase.model"] == "openai:m"
    assert task.settings["paraphrase.fingerprint"]
    records = list(runfolder.read_samples(first.folder, "sst2"))
    asked = [record.sample.input for record in records if record.probe == "paraphrase"]
    assert asked == ["a marvellous movie", "a dull novel"]

    again = runner.run(replace(spec, out=tmp_path / "two"), registry)
    assert len(rewriter.calls) == len(TEXTS), "the store answers the second time"
    assert (
        result_json.result_to_json(again.result)["tasks"]
        == result_json.result_to_json(first.result)["tasks"]
    )


def test_planning_asks_no_model(rows: Path, rewriter: Rewriter) -> None:
    registry, backend = plugins.load(), FakeBackend()
    spec = spec_of(rows, rewriter)
    (task,) = planner.build(spec, registry, backend, stored_only=True).tasks
    assert rewriter.calls == []
    assert task.skipped["paraphrase"] == {"not paraphrased yet": 3}
    planner.build(spec, registry, backend)
    (task,) = planner.build(spec, registry, backend, stored_only=True).tasks
    assert len(rewriter.calls) == 3
    assert task.skipped["paraphrase"] == {"paraphrase identical": 1}


def test_an_unknown_setting_of_the_model_is_named(rows: Path, rewriter: Rewriter) -> None:
    spec = spec_of(rows, rewriter, model_settings="base_ulr=x")
    with pytest.raises(UnknownNameError, match="base_ulr"):
        planner.build(spec, plugins.load(), FakeBackend())


def test_a_model_that_writes_no_text_is_refused(rows: Path) -> None:
    registry = plugins.load()
    registry.backends["judge"] = BackendSpec(
        "judge", "", lambda options: FakeBackend(supports=frozenset({Loglikelihood}))
    )
    spec = RunSpec(
        "fake:",
        ("sst2",),
        {"sst2": str(rows)},
        probes=("paraphrase",),
        task_settings={"paraphrase": {"model": "judge:x"}},
        cache=False,
    )
    with pytest.raises(UsageError, match="asks for Generate, which judge:x cannot answer"):
        planner.build(spec, registry, FakeBackend())


def test_the_runs_own_model_can_write_and_is_opened_once(rows: Path) -> None:
    registry, made = plugins.load(), []

    def open_fake(options) -> FakeBackend:
        made.append(FakeBackend(lambda request: Completion(f"other {len(made)}")))
        return made[-1]

    registry.backends["fake"] = BackendSpec("fake", "", open_fake)
    own = FakeBackend(lambda request: Completion("own words"))
    for model, opened_count in (("fake:same", 0), ("fake:other", 1)):
        spec = RunSpec(
            "fake:same",
            ("sst2",),
            {"sst2": str(rows)},
            probes=("paraphrase",),
            task_settings={"paraphrase": {"model": model, "n": "1"}},
            cache=False,
        )
        (task,) = planner.build(spec, registry, own).tasks
        assert len(made) == opened_count
        texts = {each.sample.input for each in task.planned if each.probe}
        assert texts == ({"own words"} if opened_count == 0 else {"other 1"})


def test_answers_are_kept_under_the_other_models_fingerprint(
    rows: Path, rewriter: Rewriter
) -> None:
    registry = plugins.load()
    planner.build(spec_of(rows, rewriter), registry, FakeBackend())
    with closing(sqlite3.connect(default_path())) as store:
        kept = store.execute("SELECT DISTINCT model FROM responses").fetchall()
    assert len(kept) == 1
    assert "fake" not in kept[0][0]
