"""Which kind a configuration speaks of, and what happens where the user says another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ModelError, UsageError
from harness.protocols import BackendOptions
from harness_backends.hf import open_hf
from harness_backends.hf.checkpoint.kind_detection import OPTIONS_OF, detect_kind, possible_kinds
from harness_backends.hf.fingerprint import of_checkpoint
from harness_backends.hf.settings import KINDS, Settings

Folders = Callable[..., Path]


def open_kind(folder: Path, **values: str) -> Any:
    return open_hf(BackendOptions(str(folder), values=values))


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "causal"),
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "causal"),
        ({"model_type": "gpt2", "architectures": ["GPT2ForSequenceClassification"]}, "classifier"),
        ({"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]}, "causal"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "seq2seq"),
        ({"model_type": "marian", "architectures": ["MarianMTModel"]}, "seq2seq"),
        ({"model_type": "bart", "architectures": ["BartForSequenceClassification"]}, "classifier"),
        ({"model_type": "bart", "architectures": ["BartForCausalLM"]}, "causal"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "masked"),
        ({"model_type": "bert", "architectures": ["BertForPreTraining"]}, "masked"),
        ({"model_type": "bert", "architectures": ["BertLMHeadModel"]}, "causal"),
        ({"model_type": "flaubert", "architectures": ["FlaubertWithLMHeadModel"]}, "masked"),
        (
            {"model_type": "xlm", "architectures": ["XLMForQuestionAnsweringSimple"]},
            "extractive_qa",
        ),
        ({"model_type": "bert", "architectures": ["BertForQuestionAnswering"]}, "extractive_qa"),
        (
            {"model_type": "bert", "architectures": ["BertForTokenClassification"]},
            "token_classifier",
        ),
        ({"model_type": "t5", "is_encoder_decoder": True}, "seq2seq"),
        ({"model_type": "roberta"}, "masked"),
        ({"model_type": "mamba"}, "causal"),
        ({"model_type": "unheard-of"}, "causal"),
        (
            {"model_type": "own", "auto_map": {"AutoModelForMaskedLM": "own.OwnForMasks"}},
            "masked",
        ),
        ({"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}}, "causal"),
    ],
)
def test_configurations(config: dict[str, Any], kind: str) -> None:
    assert detect_kind(config) == kind


def test_an_encoder_is_no_causal_model_unless_it_says_so() -> None:
    assert "causal" not in possible_kinds({"model_type": "bert"})
    assert "causal" in possible_kinds({"model_type": "bert", "is_decoder": True})
    assert set(possible_kinds({"model_type": "bart"})) == {*KINDS} - {"token_classifier"}


def test_a_kind_that_the_type_lacks(kind_folder: Folders) -> None:
    with pytest.raises(ModelError, match="cannot be loaded as kind=masked") as raised:
        open_kind(kind_folder("t5", "seq2seq"), kind="masked")
    assert "kind=seq2seq or kind=classifier or kind=extractive_qa" in str(raised.value)
    with pytest.raises(UsageError, match="unknown kind 'oracle'"):
        open_kind(kind_folder("t5", "seq2seq"), kind="oracle")


@pytest.mark.parametrize("kind", ["classifier", "extractive_qa"])
def test_weights_that_are_not_there_are_never_made_up(kind: str, kind_folder: Folders) -> None:
    with pytest.raises(ModelError, match="they would be random") as raised:
        open_kind(kind_folder("bert", "masked"), kind=kind)
    assert "--set kind=" in str(raised.value)


def test_options_of_other_kinds_are_refused(kind_folder: Folders) -> None:
    masked = kind_folder("bert", "masked")
    for option, kinds in OPTIONS_OF.items():
        value = {
            "doc_stride": "4",
            "max_answer_length": "4",
            "engine": "plain",
            "pooling": "cls",
        }.get(option, "off")
        with pytest.raises(UsageError, match=f"{option} is an option of {kinds[0]}"):
            open_kind(masked, **{option: value})
    assert set(OPTIONS_OF) < set(Settings.model_fields)


def test_a_checkpoint_has_a_fingerprint_for_each_kind(kind_folder: Folders, tmp_path: Path) -> None:
    """BART's weights serve as an encoder-decoder and, as published, as a masked model."""
    folder = Path(shutil.copytree(kind_folder("bart", "seq2seq"), tmp_path / "bart"))
    seq2seq, masked = open_kind(folder), open_kind(folder, kind="masked")
    assert seq2seq.supports.isdisjoint(masked.supports)
    assert seq2seq.fingerprint != masked.fingerprint
    prints = {
        of_checkpoint(replace(masked.checkpoint, kind=kind), chat_template=False) for kind in KINDS
    }
    assert len(prints) == len(KINDS)
    (folder / "config.json").write_text(
        json.dumps(json.loads((folder / "config.json").read_text()) | {"architectures": None})
    )
    assert open_kind(folder).describe()["kind"] == "seq2seq"
