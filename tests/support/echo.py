"""A small task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.authoring.metrics import Mean
from harness.authoring.readers import text_files
from harness.protocols import Metric, TaskOptions
from harness.types import (
    Completion,
    DataSource,
    Generate,
    Response,
    Sample,
    ScoreValue,
    Unscored,
)


class Echo:
    """Asks for the target itself; right when the answer is the target."""

    name = "echo"
    version = "1"
    metrics: Sequence[Metric] = (Mean("match"),)

    def __init__(self, options: TaskOptions) -> None:
        self.options = options
        self.settings = {"template": options.values.get("template", "default")}

    def samples(self, data_source: DataSource) -> Iterator[Sample]:
        for line, row in text_files.read_jsonl(data_source.paths[0]):
            text = text_files.field(row, "text", str, data_source.paths[0], line)
            groups = {"side": row["side"]} if "side" in row else {}
            yield Sample(str(row.get("id", line)), text, (text,), groups=groups)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Generate]:
        return [Generate("".join(f"{shot.input}\n" for shot in shots) + f"say {sample.input}")]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        answer = responses[0]
        assert isinstance(answer, Completion)
        if not answer.text:
            return {"match": Unscored("empty answer")}
        return {"match": float(answer.text == sample.targets[0])}


def rows(path: Path, texts: Iterable[str]) -> Path:
    import json

    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def say(request: object) -> Completion:
    assert isinstance(request, Generate)
    assert isinstance(request.prompt, str)
    return Completion(request.prompt.rsplit("say ", 1)[1])
