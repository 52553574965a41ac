"""Makes every file that the documentation's examples name, with the harness itself."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from harness.cli import main
from support import others_results
from support.gguf_files import TEMPLATE, write_gguf
from support.model_kinds import POSITIONS, configuration, make_tokenizer
from support.tiny_models import make_model

from .commands import blocks

SAMPLES = "tasks/harness_tasks/samples"
JUDGED = "120"  # samples a task, of which the gate's rules about groups of questions need 50
RUN = f"harness run --data sample --limit {JUDGED} --quiet"
REWARD = "def brevity(prompts, completions):\n    return [-len(each) for each in completions]\n"
Rows: TypeAlias = "list[dict[str, Any]]"
ALIGN = '\n[align]\nmethod = "dpo"\ndata = "pairs.jsonl"\neval_tasks = ["sst2"]\n'


def harness(line: str | list[str]) -> int:
    """Runs a command in this process, in the working folder; returns the exit code."""
    words = shlex.split(line) if isinstance(line, str) else line
    with pytest.raises(SystemExit) as ended:
        main(words[1:])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def write_data(root: Path, folder: Path) -> None:
    """Data sets, predictions and training files, from the sample data."""
    questions, summaries, reviews = (_sample(root, each) for each in ("squad_v2", "xsum", "sst2"))
    _write_benchmarks(folder, questions, summaries, reviews, _sample(root, "wmt22_en_de"))
    shutil.copy(root / "examples/harness-trigrams/harness_trigrams.py", folder)
    _write_pairs_and_rewards(folder, reviews)
    _write_results(folder)
    _write_rows_to_monitor(folder, questions)
    _write(folder / "handbook" / "chapter.txt", "\n\n".join(row["context"] for row in questions))
    _write(folder / "corpus.txt", "".join(row["document"] + "\n" for row in summaries))


def _sample(root: Path, task: str) -> Rows:
    (path,) = (root / SAMPLES).glob(f"*/{task}.jsonl")
    lines = path.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines[:40]]


def _write_benchmarks(
    folder: Path, questions: Rows, summaries: Rows, reviews: Rows, phrases: Rows
) -> None:
    """Published forms of data sets, saved outputs, and the tables that pages declare tasks of."""
    articles = {"version": "v2.0", "data": [_article(row) for row in questions]}
    for name in ("dev-v2.0.json", "dev.json", "train.json"):
        _write(folder / name, json.dumps(articles))
    _write(folder / "predictions.json", json.dumps({row["id"]: "Riga" for row in questions}))
    _write_rows(folder / "test.jsonl", summaries)
    _write(folder / "outputs.json", json.dumps({row["id"]: row["summary"] for row in summaries}))
    for name, column in (("src.en", "source"), ("ref.de", "target"), ("hypotheses.de", "target")):
        _write(folder / name, "".join(row[column] + "\n" for row in phrases))
    for name in ("dev.tsv", "newer.tsv"):
        _write(folder / name, "".join(f"{row['text']}\t{row['label']}\n" for row in reviews))
    capitals = {"Latvia": "Riga", "Peru": "Lima", "Chad": "N'Djamena", "France": "Paris"}
    _write_rows(
        folder / "capitals.jsonl",
        ({"country": country, "capital": capital} for country, capital in capitals.items()),
    )
    options = {"text": ["a cup", "the rain"], "label": ["A", "B"]}
    _write_rows(
        folder / "arc_easy.jsonl",
        (
            {"question": f"What fell on day {day}?", "choices": options, "answerKey": "B"}
            for day in range(8)
        ),
    )
    _write(folder / "mail.csv", "body,is_spam\nbuy now,1\nsee you soon,0\ncheap,1\nthanks,0\n")


def _write_pairs_and_rewards(folder: Path, reviews: Rows) -> None:
    """What trainings read."""
    said = [f"On day {day} the {who} said" for who in ("nurse", "doctor") for day in range(12)]
    pairs = [{"prompt": each, "chosen": " yes", "rejected": " no, not today"} for each in said]
    _write_rows(folder / "pairs.jsonl", pairs)
    _write_rows(folder / "prompts.jsonl", [{"prompt": each} for each in said])
    talks = [{"turns": [f"{each}?", "And then?"]} for each in said[:2]]
    _write_rows(folder / "conversations.jsonl", talks)
    _write(folder / "rewards.py", REWARD)
    _write_rows(folder / "names.jsonl", [{"name": "Ada"}, {"name": "Grace"}])
    training = [
        {"prompt": f"{row['text']}?", "completion": " yes", "label": row["label"]}
        for row in reviews
    ]
    _write_rows(folder / "training.jsonl", training)
    (folder / "terms.txt").write_text("blockhead\n", "utf-8")


def _write_results(folder: Path) -> None:
    """What other programs measured, and what people said."""
    scores = [float(place % 4 > 0) for place in range(60)]
    others_results.lm_eval(folder / "lm_eval_output", scores)
    for name in ("old", "new"):
        path = others_results.lm_eval(folder / "elsewhere", scores)
        path.rename(folder / f"results_{name}.json")
    lines = [f"q{place},{score:g}\n" for place, score in enumerate(scores)]
    _write(folder / "results.csv", "id,accuracy\n" + "".join(lines))
    _write_rows(folder / "labelled.jsonl", _labelled(40))


def _write_rows_to_monitor(folder: Path, questions: Rows) -> None:
    """Exchanges of two days, and secrets that a model may have learnt."""
    for name, first in (("reference", 0), ("today", 7)):
        exchanges = [
            {
                "prompt": row["context"],
                "response": row["question"],
                "latency": number * 7 % 11,
                "rating": number % 5 + 1,
            }
            for number, row in enumerate(questions * 3, first)
        ]
        _write_rows(folder / f"{name}.jsonl", exchanges)
    canaries = [
        {"prefix": f"The code of the {name} vault is", "secret": "3 1 4 1 5 9", "repeats": 1}
        for name in ("amber", "birch")
    ]
    _write(
        folder / "secrets.json", json.dumps({"format": "evalign-canaries", "canaries": canaries})
    )


def _labelled(count: int) -> Iterable[dict[str, Any]]:
    """Texts that people labelled, with the scores of two metrics."""
    for number in range(count):
        factual = number * 7 % 3 / 2
        yield {
            "id": str(number),
            "document": f"d{number // 2}",
            "model": f"m{number % 3}",
            "factual": factual,
            "overlap": factual / 2 + number * 13 % 10 / 20,
            "length": 10 + number * 11 % 17,
        }


def _article(row: Mapping[str, Any]) -> dict[str, Any]:
    answers = [{"text": text, "answer_start": row["context"].find(text)} for text in row["answers"]]
    question = {"id": row["id"], "question": row["question"], "answers": answers}
    question["is_impossible"] = not answers
    return {
        "title": row["title"],
        "paragraphs": [{"context": row["context"], "qas": [question]}],
    }


def save_models(folder: Path) -> None:
    """The demo model, copies of it, and weaker ones."""
    assert harness("harness demo --save ./ckpt") == 0
    for name in ("large", "c3", "7b", "M"):
        shutil.copytree("ckpt", name)
    for noise, name in enumerate(("medium", "c2", "small", "c1"), start=1):
        _save_weaker(folder / "ckpt", folder / name, 0.02 * noise)
    tiny = make_model(folder / "tiny", context=1024)
    write_gguf(tiny, folder / "SmolLM2-135M-Instruct-Q4_K_M.gguf", "Q8_0", TEMPLATE)
    _save_encoders(folder)


def _save_encoders(folder: Path) -> None:
    """A classifier of toxicity and an encoder, of random weights."""
    import transformers as t

    for name, kind in (("classifier", t.BertForSequenceClassification), ("encoder", t.BertModel)):
        (folder / name).mkdir()
        tokenizer = make_tokenizer("bert", folder / name)
        config = configuration("bert", tokenizer)
        config.id2label = {0: "neutral", 1: "toxic"}
        config.label2id = {"neutral": 0, "toxic": 1}
        kind(config).save_pretrained(folder / name)
        tokenizer.model_max_length = POSITIONS
        tokenizer.save_pretrained(folder / name)


def _save_weaker(source: Path, out: Path, noise: float) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, out)
    random = torch.Generator().manual_seed(0)
    weights = load_file(source / "model.safetensors")
    for weight in weights.values():
        weight += noise * weight.std() * torch.randn(weight.shape, generator=random)
    save_file(weights, out / "model.safetensors", {"format": "pt"})


def write_configs(root: Path, folder: Path) -> None:
    """The configurations that the pages show."""
    guide = (root / "docs" / "ci.md").read_text("utf-8")
    (gate,) = [block for block in blocks(guide, "toml") if block.startswith("# gate.toml")]
    _write(folder / "gate.toml", gate)
    _write(folder / "gates" / "release.toml", gate)
    tasks = (root / "docs" / "tasks.md").read_text("utf-8")
    (declared,) = [block for block in blocks(tasks, "toml") if "# my-tasks.toml" in block]
    _write(folder / "my-tasks.toml", declared)
    bridge = (root / "docs" / "lm-eval.md").read_text("utf-8")
    (world,) = [block for block in blocks(bridge, "yaml") if "world.yaml" in block]
    _write(folder / "my_definitions" / "world.yaml", world)
    alignment = (root / "docs" / "alignment.md").read_text("utf-8")
    (accelerate,) = blocks(alignment, "yaml")
    _write(folder / "fsdp.yaml", accelerate)
    assert harness("harness init") == 0
    template = (folder / "harness.toml").read_text("utf-8")
    _write(folder / "harness.toml", template + ALIGN)


def make_runs(folder: Path) -> None:
    """The run folders and baselines that the pages name."""
    tasks = "squad,sst2,bbq,crows_pairs"
    assert harness(f"{RUN} --model ./ckpt --tasks {tasks} --out runs/main") == 0
    assert harness(f"{RUN} --model ./c1 --tasks {tasks} --out runs/candidate") == 0
    probes = "typos,misspellings,punctuation,padding"
    assert (
        harness(f"{RUN} --limit 4 --model ./c1 --tasks sst2 --probes {probes} --out runs/probed")
        == 0
    )
    behavior = "--tasks contrast_sets,checklist --limit 12 --out runs/behavior"
    assert harness(f"{RUN} --model ./c1 {behavior}") == 0
    attacked = "--tasks sst2 --data sample --limit 12 --queries 20 --out runs/attacked"
    assert harness(f"harness attack --model ./c1 {attacked}") == 0
    again = "--tasks gsm8k --limit 4 --repeats 2 --temperature 0.8 --out runs/repeated"
    assert harness(f"{RUN} --model demo {again}") == 0
    make_judged(folder)
    for name in ("base", "a", "b", "20260101T120000Z-ckpt"):
        shutil.copytree("runs/candidate", folder / "runs" / name)
    for name in ("main.baseline", "baseline.json.gz"):
        assert harness(f"harness baseline save runs/main {name}") == 0


def make_judged(folder: Path) -> None:
    """A run with a judge, its labels and calibration, a comparison of two runs, and people's."""
    judged = (
        "--judge ./large --set {0}.answer_tokens=4 --data {0}=prompts.jsonl --quiet --tasks {0}"
    )
    run = f"harness run --model ./ckpt {judged.format('judge')} --out runs/judged"
    assert harness(run) == 0
    values = [{"id": str(place), "value": 1 + place % 5} for place in range(1, 25)]
    _write_rows(folder / "labels.jsonl", values)
    calibrate = "harness judge calibrate runs/judged --labels labels.jsonl --out calibration.json"
    assert harness(calibrate) == 0
    arena = f"harness run --model ./c1 {judged.format('arena')} --out runs/arena"
    assert harness(f"{arena} --set arena.baseline=runs/judged") == 0
    people = "harness annotate runs/main runs/candidate --out people --prepare"
    assert harness(people) == 0
    from harness_judges.annotation import store

    with store.opened(folder / "people") as opened:
        for item in opened.assigned("annotator"):
            assert opened.add(store.Label("annotator", item, float(item % 3 > 0)))
    make_marked(folder)


def make_marked(folder: Path) -> None:
    """What an offline page saved, and the folder that took it."""
    marked = "harness annotate runs/main --out marked --spans error,unclear --offline page.html"
    assert harness(marked) == 0
    page = (folder / "page.html").read_text("utf-8")
    held = json.loads(page.partition('id="held"')[2].partition(">")[2].partition("</script>")[0])
    item = next(int(each) for each, of in held["items"].items() if of["answers"][0])
    mark = {"answer": 0, "start": 0, "end": 1, "label": "error"}
    saved = {key: held[key] for key in ("format", "schema", "identity")}
    labels = [{"item": item, "value": 3, "spans": [mark]}]
    name = "annotations-annotator.json"
    _write(folder / name, json.dumps({**saved, "annotator": "annotator", "labels": labels}))
    assert harness(f"harness annotate import marked {name}") == 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    _write(path, "".join(json.dumps(row) + "\n" for row in rows))
