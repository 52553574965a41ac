"""Dense retrieval: a real encoder's vectors as transformers gives them, and what is found."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness import ask, open_model
from harness.errors import ModelError
from harness.protocols import Answers
from harness.results import runfolder
from harness.types import Embed, Embedding, Request, Sample
from harness_grounding.retrieval import dense
from harness_grounding.retrieval.passages import Passage
from harness_grounding.retrieval.probe import Options, Retrieval
from support.commands import harness
from support.model_kinds import CORPUS, make_tokenizer

TEXTS = list(dict.fromkeys(CORPUS))


def save_encoder(folder: Path, pooling: str | None = None, normalize: bool = False) -> Path:
    """A tiny random BERT without a head, as sentence-transformers writes its folder."""
    import torch
    import transformers as t

    torch.manual_seed(4)
    tokenizer = make_tokenizer("bert", folder)
    config = t.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=48, max_position_embeddings=64, initializer_range=0.5,
    )  # fmt: skip
    t.BertModel(config).save_pretrained(folder)
    tokenizer.model_max_length = 64
    tokenizer.save_pretrained(folder)
    if pooling is not None:
        names = {"": "Transformer", "1_Pooling": "Pooling"}
        modules = [
            {"path": path, "type": f"sentence_transformers.models.{name}"}
            for path, name in names.items()
        ]
        if normalize:
            modules.append(
                {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
            )
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({pooling: True}))
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    return folder


@pytest.mark.parametrize(
    ("pooling", "normalize"),
    [
        (None, False),
        ("pooling_mode_mean_tokens", True),
        ("pooling_mode_cls_token", False),
        ("pooling_mode_max_tokens", True),
        ("pooling_mode_lasttoken", False),
    ],
)
def test_vectors_are_pooled_as_the_checkpoint_says(
    pooling: str | None, normalize: bool, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = save_encoder(tmp_path / "encoder", pooling, normalize)
    texts = [*TEXTS, "sea", " ".join(TEXTS)]  # the last is longer than the encoder reads
    found = ask(str(folder), [Embed(text) for text in texts])
    model, tokenizer = (
        AutoModel.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    for text, response in zip(texts, found, strict=True):
        length = 16 if pooling else 64
        encoded = tokenizer(text, truncation=True, max_length=length, return_tensors="pt")
        with torch.no_grad():
            states = model(**encoded).last_hidden_state[0]
        expected = {
            None: states.mean(0), "pooling_mode_mean_tokens": states.mean(0),
            "pooling_mode_cls_token": states[0], "pooling_mode_max_tokens": states.max(0).values,
            "pooling_mode_lasttoken": states[-1],
        }[pooling]  # fmt: skip
        if normalize:
            expected = expected / expected.norm()
        assert isinstance(response, Embedding)
        np.testing.assert_allclose(response.values, expected.numpy(), atol=1e-5)


def test_the_pooling_is_part_of_what_a_model_is(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "encoder", "pooling_mode_mean_tokens")
    first = open_model(str(folder)).fingerprint
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert open_model(str(folder)).fingerprint != first


def test_a_layer_that_is_not_read_is_refused(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "encoder", "pooling_mode_mean_tokens")
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="layer 'Dense' behind its encoder"):
        ask(str(folder), [Embed("a")])
    (folder / "modules.json").write_text("[{")
    with pytest.raises(ModelError, match="JSON"):
        ask(str(folder), [Embed("a")])
    other = save_encoder(tmp_path / "other", "pooling_mode_weightedmean_tokens")
    with pytest.raises(ModelError, match="no pooling that is known"):
        ask(str(other), [Embed("a")])


# --------------------------------------------------------------------------- the search

VECTORS = {
    "north": (0.0, 2.0), "east": (1.0, 0.0), "far east": (9.0, 0.1), "nowhere": (0.0, 0.0),
    "q: east": (3.0, 0.0), "q: north": (0.1, 5.0),
}  # fmt: skip


def known(
    model: str, settings: Mapping[str, str], requests: Sequence[tuple[str, Request]]
) -> Answers:
    assert model == "encoder"
    return Answers("print", tuple(Embedding(VECTORS[each.text]) for _, each in requests))


def test_the_nearest_are_found_by_angle_or_by_product() -> None:
    corpus = [Passage(name, name) for name in ("north", "east", "far east", "nowhere")]
    angle = dense.DenseIndex(corpus, dense.Encoder("encoder", {}, "q: "), known)
    assert angle.search(["east", "north", " "], 3) == [[1, 2, 0], [0, 2, 1], []]
    product = dense.DenseIndex(corpus, dense.Encoder("encoder", {}, "q: ", "", "dot"), known)
    assert product.search(["east"], 2) == [[2, 1]]
    assert angle.digest != product.digest


def test_nothing_is_asked_where_nothing_may_be() -> None:
    def nothing(model: str, settings: object, requests: Sequence[object]) -> Answers:
        return Answers("print", (None,) * len(requests))

    probe = Retrieval(Options(retriever="encoder"))
    asked = [Sample("1", "east", metadata={"context": "north"})]
    ready = probe.prepared(asked, nothing)
    assert "has not been asked" in ready.perturb(asked[0], random.Random(0))[0].reason


def test_a_run_retrieves_by_an_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_encoder(tmp_path / "encoder", "pooling_mode_mean_tokens", True)
    rows = [
        {"context": text, "question": text, "answers": [text.split()[1]]} for text in TEXTS
    ]  # each question is its passage: a search that reads anything finds it first
    data = tmp_path / "qa.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    line = f"--model demo --tasks qa --data qa={data} --probes retrieval --set retrieval.k=2"
    line += f" --set retrieval.retriever={folder}"
    assert harness(f"plan {line}") == 0
    out = tmp_path / "run"
    assert harness(f"run {line} --quiet --out {out}") == 0
    task = runfolder.read_result(out).tasks["qa"]
    measures = task.probes["retrieval"]["exact_match"]
    assert measures["mrr"].value == 1
    assert measures["recall_at_2"].n == len(TEXTS)
    assert "(cosine) over 5 passages" in task.settings["retrieval.retriever"]
    wrong = tmp_path / "wrong"
    assert harness(f"run {line} --quiet --out {wrong} --set retrieval.retriever=demo") == 2
    assert "Embed" in capsys.readouterr().err
