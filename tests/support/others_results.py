"""Small files of the shapes in which other programs keep their results."""

from __future__ import annotations

import functools
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import plugins
from harness.results import imported
from harness.results.imported import Import


@functools.cache
def registry() -> plugins.Registry:
    """The installed plugins, loaded once."""
    return plugins.load()


def read(path: Path, model: str | None = None) -> Import:
    """What the installed importers make of a file or folder."""
    return imported.read(path, registry(), model)


def write(path: Path, content: Any) -> Path:
    """JSON; or lines of it where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(row) + "\n" for row in content)
    else:
        text = json.dumps(content)
    path.write_text(text, "utf-8")
    return path


# --------------------------------------------------------------------------- lm-eval


def lm_eval(
    folder: Path,
    scores: Sequence[float],
    *,
    model: str = "org/model",
    date: str = "2026-01-01T00-00-00.000000",
    published: float | None = None,
    stderr: float | str = "N/A",
    metric: str = "acc",
    samples: bool = True,
    n: int | None = None,
) -> Path:
    """A run of one task, with one filter."""
    value = sum(scores) / len(scores) if published is None else published
    rows = [
        {
            "doc_id": place,
            "doc": {"question": f"question {place}"},
            "target": "1",
            "arguments": {"gen_args_0": {"arg_0": f"Q: question {place}\nA:", "arg_1": " yes"},
                          "gen_args_1": {"arg_0": f"Q: question {place}\nA:", "arg_1": " no"}},
            "resps": [[["-0.5", "True"]], [["-1.5", "False"]]],
            "filtered_resps": [["-0.5", "True"], ["-1.5", "False"]],
            "filter": "none",
            "metrics": [metric],
            "doc_hash": f"{place:064x}",
            metric: score,
        }
        for place, score in enumerate(scores)
    ]  # fmt: skip
    document = {
        "results": {"quiz": {"alias": "quiz", f"{metric},none": value,
                             f"{metric}_stderr,none": stderr}},
        "group_subtasks": {"quiz": []},
        "configs": {"quiz": {"dataset_path": "org/quiz", "test_split": "test",
                             "doc_to_text": "Q: {{question}}\nA:",
                             "output_type": "multiple_choice"}},
        "versions": {"quiz": 2.0},
        "n-shot": {"quiz": 3},
        "higher_is_better": {"quiz": {metric: True}},
        "n-samples": {"quiz": {"original": 1000, "effective": n or len(scores)}},
        "config": {"model": "hf", "model_args": f"pretrained={model},dtype=float32"},
        "date": 1768964383.8,
        "lm_eval_version": "0.4.13",
    }  # fmt: skip
    if samples:
        write(folder / f"samples_quiz_{date}.jsonl", rows)
    return write(folder / f"results_{date}.json", document)


# --------------------------------------------------------------------------- Inspect


def inspect_log(
    values: Mapping[Any, Sequence[Any]],
    *,
    accuracy: float | None = None,
    reductions: Mapping[Any, float] | None = None,
    status: str = "success",
) -> dict[str, Any]:
    """A log in JSON: sample id → its value in every epoch."""
    epochs = max(map(len, values.values()))
    grades = {"C": 1.0, "I": 0.0, "P": 0.5}
    means = [sum(grades.get(each, each) for each in of_one) / len(of_one)
             for of_one in values.values()]  # fmt: skip
    scores = {"accuracy": {"name": "accuracy",
                           "value": sum(means) / len(means) if accuracy is None else accuracy},
              "stderr": {"name": "stderr", "value": 0.1}}  # fmt: skip
    log: dict[str, Any] = {
        "version": 2,
        "status": status,
        "eval": {
            "created": "2026-01-01T00:00:00+00:00",
            "task": "evals/quiz",
            "task_version": 1,
            "dataset": {"name": "quiz", "location": "org/quiz", "samples": len(values)},
            "model": "openai/gpt",
            "config": {"epochs": epochs},
            "packages": {"inspect_ai": "0.3.160"},
            "scorers": [{"name": "match"}],
        },
        "results": {
            "total_samples": len(values) * epochs,
            "completed_samples": len(values) * epochs,
            "scores": [{"name": "match", "scorer": "match", "metrics": scores}],
        },
        "samples": [
            {
                "id": name,
                "epoch": epoch,
                "input": [{"id": f"random{epoch}", "role": "user", "content": f"say {name}"}],
                "target": "yes",
                "messages": [{"role": "system", "content": "be brief"},
                             {"role": "user", "content": f"say {name}"},
                             {"role": "assistant", "content": "yes"}],
                "output": {"completion": "yes"},
                "scores": {"match": {"value": value, "answer": "yes"}},
            }
            for name, of_one in values.items()
            for epoch, value in enumerate(of_one, 1)
        ],
    }  # fmt: skip
    if reductions is not None:
        log["reductions"] = [
            {"scorer": "match", "samples": [{"sample_id": name, "value": value}
                                            for name, value in reductions.items()]}
        ]  # fmt: skip
    return log


def zipped(path: Path, log: Mapping[str, Any], *, zstandard: bool = False) -> Path:
    """The log as Inspect writes ``.eval``; compressed by Zstandard as its newer versions do."""
    header = {key: log[key] for key in log if key not in ("samples", "reductions")}
    entries = {"header.json": header}
    for sample in log["samples"]:
        entries[f"samples/{sample['id']}_epoch_{sample['epoch']}.json"] = sample
    if "reductions" in log:
        entries["reductions.json"] = log["reductions"]
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            raw = json.dumps(content).encode()
            if zstandard:
                _write_zstandard(archive, name, raw)
            else:
                archive.writestr(name, raw)
    return path


def _write_zstandard(archive: zipfile.ZipFile, name: str, raw: bytes) -> None:
    """An entry of two frames, which zipfile itself does not write before Python 3.14."""
    import pyarrow

    entry = zipfile.ZipInfo(name)
    half = len(raw) // 2
    parts = (raw[:half], raw[half:])
    packed = b"".join(pyarrow.compress(part, codec="zstd", asbytes=True) for part in parts)
    archive.writestr(entry, packed, zipfile.ZIP_STORED)
    entry.compress_type, entry.file_size, entry.CRC = 93, len(raw), zlib.crc32(raw)


# --------------------------------------------------------------------------- HELM


def helm(folder: Path, scores: Mapping[str, Sequence[float]]) -> Path:
    """A run of one scenario: instance → its score in every trial; all of the split test."""
    adapter = {"model": "org/model", "method": "generation", "max_train_instances": 2,
               "instructions": "Answer."}  # fmt: skip
    write(
        folder / "run_spec.json",
        {"name": "quiz:subject=law,model=org_model", "adapter_spec": adapter,
         "scenario_spec": {"class_name": "helm.Quiz", "args": {}}},
    )  # fmt: skip

    def stat(name: str, values: Sequence[float], **more: Any) -> dict[str, Any]:
        return {"name": {"name": name, "split": "test", **more}, "count": len(values),
                "sum": sum(values), "mean": sum(values) / len(values)}  # fmt: skip

    mean = sum(sum(each) / len(each) for each in scores.values()) / len(scores)
    write(
        folder / "stats.json",
        [stat("exact_match", [mean]), stat("num_instances", [float(len(scores))]),
         stat("exact_match", [0.0], perturbation={"name": "typos", "computed_on": "worst"})],
    )  # fmt: skip
    write(
        folder / "per_instance_stats.json",
        [
            {"instance_id": name, "train_trial_index": trial,
             "stats": [stat("exact_match", [value]), stat("num_output_tokens", [3.0])]}
            for name, of_one in scores.items()
            for trial, value in enumerate(of_one)
        ],
    )  # fmt: skip
    write(
        folder / "scenario_state.json",
        {"request_states": [
            {"instance": {"id": name, "input": {"text": f"ask {name}"},
                          "references": [{"output": {"text": "yes"}, "tags": ["correct"]}]},
             "request": {"prompt": f"Answer. ask {name}"},
             "result": {"success": True, "completions": [{"text": " yes"}]}}
            for name in scores
        ]},
    )  # fmt: skip
    return folder


# --------------------------------------------------------------------------- Every Eval Ever


def every_eval_ever(
    folder: Path, scores: Sequence[float], *, score: float | None = None, **uncertainty: Any
) -> Path:
    """A record, with its instances where there are scores."""
    mean = sum(scores) / len(scores) if score is None else score
    config = {"metric_name": "accuracy", "lower_is_better": False, "score_type": "continuous",
              "min_score": 0.0, "max_score": 1.0}  # fmt: skip
    record = {
        "schema_version": "0.3.0",
        "evaluation_id": "quiz/org/model/1",
        "retrieved_timestamp": "1",
        "source_metadata": {"source_type": "evaluation_run", "source_organization_name": "us",
                            "evaluator_relationship": "first_party"},
        "eval_library": {"name": "mine", "version": "1"},
        "model_info": {"name": "model", "id": "org/model", "additional_details": {}},
        "evaluation_results": [
            {
                "evaluation_result_id": "quiz/accuracy",
                "evaluation_name": "quiz",
                "source_data": {"dataset_name": "quiz", "source_type": "hf_dataset",
                                "hf_repo": "org/quiz", "hf_split": "test"},
                "metric_config": config,
                "score_details": {"score": mean, "uncertainty": uncertainty},
            }
        ],
        "detailed_evaluation_results": {"format": "jsonl",
                                        "file_path": "data/quiz/../../run_samples.jsonl"},
    }  # fmt: skip
    if scores:
        write(
            folder / "run_samples.jsonl",
            [
                {"evaluation_id": "quiz/org/model/1", "model_id": "org/model",
                 "evaluation_name": "quiz", "evaluation_result_id": "quiz/accuracy",
                 "sample_id": f"q{place}", "interaction_type": "single_turn",
                 "input": {"raw": f"ask {place}", "reference": ["yes"]},
                 "output": {"raw": ["yes"]}, "answer_attribution": [],
                 "evaluation": {"score": each, "is_correct": each > 0.5}}
                for place, each in enumerate(scores)
            ],
        )  # fmt: skip
    return write(folder / "record.json", record)


# --------------------------------------------------------------------------- promptfoo, deepeval


def promptfoo(path: Path, passed: Mapping[str, Sequence[bool | None]]) -> Path:
    """Provider → whether each test passed; None: it could not be run."""
    prompts, rows = [], []
    for index, (provider, tests) in enumerate(passed.items()):
        metrics = {"testPassCount": sum(each is True for each in tests),
                   "testFailCount": sum(each is False for each in tests),
                   "testErrorCount": sum(each is None for each in tests)}  # fmt: skip
        prompts.append({"provider": provider, "label": "short", "raw": "{{q}}",
                        "metrics": metrics})  # fmt: skip
        for test, each in enumerate(tests):
            rows.append({
                "promptIdx": index, "testIdx": test, "provider": {"id": provider},
                "vars": {"q": f"question {test}"}, "prompt": {"raw": f"question {test}"},
                "testCase": {"assert": [{"type": "equals", "value": "yes"}]},
                "success": each is True, "score": float(each is True),
                "namedScores": {} if each is None else {"tone": 0.5},
                "failureReason": {True: 0, False: 1, None: 2}[each],
                **({"error": "timeout"} if each is None else {"response": {"output": "yes"}}),
            })  # fmt: skip
    results = {"version": 3, "timestamp": "2026-01-01", "prompts": prompts, "results": rows}
    return write(path, {"evalId": "e", "results": results, "config": {"description": "quiz"}})


def deepeval(path: Path, scores: Sequence[float | None]) -> Path:
    """A test run with one metric of which more is better, and one of which less is."""
    cases = [
        {
            "name": f"test_{place}", "input": f"ask {place}", "actualOutput": "yes",
            "expectedOutput": "yes", "success": score is not None and score >= 0.5, "order": place,
            "metricsData": [
                {"name": "Relevancy", "threshold": 0.5, "score": score,
                 "success": score is not None and score >= 0.5,
                 **({"error": "judge failed"} if score is None else {})},
                {"name": "Bias", "threshold": 0.5, "score": 0.1, "success": True},
            ],
        }
        for place, score in enumerate(scores)
    ]  # fmt: skip
    known = [each for each in scores if each is not None]
    document = {"testRunData": {
        "testFile": "test_quiz.py", "testCases": cases, "conversationalTestCases": [],
        "metricsScores": [{"metric": "Relevancy", "scores": known, "passes": 1, "fails": 0,
                           "errors": 0}],
        "hyperparameters": {"model": "gpt"},
    }}  # fmt: skip
    return write(path, document)
