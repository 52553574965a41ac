"""GGUF files: the answers of the checkpoint they were made of, and what is refused unread."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import MissingExtraError, ModelError, UsageError
from harness.protocols import BackendOptions
from harness.types import Generate, Loglikelihood, Message, Sampling
from harness_backends.hf import open_hf
from harness_backends.hf.checkpoint import gguf_file, gguf_header
from support.gguf_files import TEMPLATE, write_gguf

pytest.importorskip("gguf")
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
Folders = Callable[[str], Path]
REQUESTS = [
    Loglikelihood("the nurse said that", " he was tired"),
    Loglikelihood("the doctor", " said"),
    Generate("the nurse said", Sampling(max_tokens=12)),
]


@pytest.fixture(scope="module")
def made(checkpoint_folder: Folders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF file of the tiny Llama, its weights as they are."""
    return write_gguf(checkpoint_folder("llama"), tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def open_file(path: Path | str, **values: str) -> Any:
    return open_hf(BackendOptions(str(path), values=values))


def test_a_file_answers_as_the_checkpoint_it_was_made_of(
    made: Path, checkpoint_folder: Folders, answers: Callable[..., list[Any]]
) -> None:
    found = answers(open_file(made), REQUESTS)
    expected = answers(open_file(checkpoint_folder("llama")), REQUESTS)
    for ours, theirs in zip(found[:2], expected[:2], strict=True):
        assert ours.total == pytest.approx(theirs.total, abs=1e-5)
        assert ours.is_greedy == theirs.is_greedy
    assert found[2].text == expected[2].text


def test_quantised_weights_are_dequantised(
    made: Path, checkpoint_folder: Folders, tmp_path: Path, answers: Callable[..., list[Any]]
) -> None:
    rounded = open_file(write_gguf(checkpoint_folder("llama"), tmp_path / "small.gguf", "Q8_0"))
    assert rounded.describe()["dtype"] == "float32"
    near = answers(rounded, REQUESTS[:1])[0].total
    exact = answers(open_file(made), REQUESTS[:1])[0].total
    assert near != exact
    assert near == pytest.approx(exact, abs=0.3)


def test_the_chat_template_is_the_files_own(
    checkpoint_folder: Folders, tmp_path: Path, answers: Callable[..., list[Any]]
) -> None:
    path = write_gguf(checkpoint_folder("llama"), tmp_path / "chat.gguf", template=TEMPLATE)
    # What lies beside it is another model's.
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "wrong", "bos_token": "x"}')
    (tmp_path / "tokenizer.json").write_text("{}")
    backend = open_file(path)
    assert backend.describe()["chat_template"] is True
    assert backend.checkpoint.tokenizer.chat_template == TEMPLATE
    said = answers(backend, [Generate((Message("user", "the sea"),), Sampling(max_tokens=5))])
    plain = answers(
        open_file(path, chat_template="off"), [Generate("<user>the sea", Sampling(max_tokens=5))]
    )
    assert said[0].text == plain[0].text


def test_the_fingerprint_is_that_of_the_content(
    made: Path, tmp_path: Path, checkpoint_folder: Folders
) -> None:
    renamed = Path(shutil.copy(made, tmp_path / "other-name.gguf"))
    first = open_file(made).fingerprint
    assert open_file(renamed).fingerprint == first
    assert open_file(checkpoint_folder("llama")).fingerprint != first
    data = bytearray(renamed.read_bytes())
    data[-2] ^= 1
    renamed.write_bytes(data)
    assert open_file(renamed).fingerprint != first


def test_a_folder_with_nothing_but_one_file(made: Path, tmp_path: Path) -> None:
    shutil.copy(made, tmp_path / "model.gguf")
    (tmp_path / "README.md").write_text("a model")
    assert open_file(tmp_path).fingerprint == open_file(made).fingerprint
    shutil.copy(made, tmp_path / "second.gguf")
    with pytest.raises(ModelError, match=r"2 GGUF files: model\.gguf, second\.gguf"):
        open_file(tmp_path)


def test_a_relative_path(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a file of that name in the working folder taken for the one in another."""
    (tmp_path / "models").mkdir()
    shutil.copy(made, tmp_path / "models" / "model.gguf")
    (tmp_path / "model.gguf").write_bytes(b"another")
    monkeypatch.chdir(tmp_path)
    assert open_file("models/model.gguf").describe()["name"] == "models/model.gguf"
    assert open_file("models").fingerprint == open_file(made).fingerprint


def test_safetensors_come_before_a_file_beside_them(
    made: Path, checkpoint_folder: Folders, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoint_folder("llama"), tmp_path / "both"))
    shutil.copy(made, folder / "model.gguf")
    assert "gguf" not in open_file(folder).describe()


def test_an_adapter_may_have_a_file_as_its_base(
    made: Path, checkpoint_folder: Folders, tmp_path: Path, answers: Callable[..., list[Any]]
) -> None:
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(str(checkpoint_folder("llama")))
    lora = peft.LoraConfig(
        task_type="CAUSAL_LM", target_modules=["q_proj"], init_lora_weights=False
    )
    peft.get_peft_model(base, lora).save_pretrained(str(tmp_path))
    found = answers(open_file(tmp_path, base=str(made)), REQUESTS)
    expected = answers(open_file(tmp_path, base=str(checkpoint_folder("llama"))), REQUESTS)
    assert found[0].total == pytest.approx(expected[0].total, abs=1e-5)
    assert found[0].total != pytest.approx(
        answers(open_file(made), REQUESTS[:1])[0].total, abs=1e-3
    )


@pytest.mark.parametrize("option", ["quantization", "base", "revision"])
def test_options_that_mean_nothing_here(made: Path, option: str) -> None:
    with pytest.raises(UsageError, match=option):
        open_file(made, **{option: "8bit" if option == "quantization" else "x"})


@pytest.mark.parametrize("package", ["gguf", "accelerate"])
def test_a_missing_package_is_named_with_its_extra(
    made: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_file, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(MissingExtraError, match=r"evalign\[gguf\]"):
        open_file(made)


# --------------------------------------------------------------------------- what is refused


def test_names_that_are_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no file"):
        open_file(tmp_path / "nothing.gguf")
    (tmp_path / "pointer.gguf").write_text("version https://git-lfs.github.com/spec/v1\n" * 3)
    with pytest.raises(ModelError, match="no GGUF file") as raised:
        open_file(tmp_path / "pointer.gguf")
    assert "git lfs pull" in str(raised.value)
    (tmp_path / "empty.gguf").write_bytes(b"")
    with pytest.raises(ModelError, match="no GGUF file"):
        open_file(tmp_path / "empty.gguf")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelError, match="is a file"):
        open_file(tmp_path / "pipe.gguf")


def _refused(path: Path) -> ModelError:
    """The error over a file's header; nothing but it is looked at."""
    with pytest.raises(ModelError) as raised:
        gguf_file.check(path)
    assert raised.value.hint
    return raised.value


def test_a_file_that_is_cut_off_anywhere(made: Path, tmp_path: Path) -> None:
    data = made.read_bytes()
    path = tmp_path / "cut.gguf"
    for length in [4, 23, 24, 40, 200, 1000, len(data) // 2, len(data) - 1]:
        path.write_bytes(data[:length])
        assert "cut off" in str(_refused(path)) or length < 24


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"llama.block_count": 2**31}, "block_count"),
        ({"llama.embedding_length": 2**31}, "embedding_length"),
        ({"llama.feed_forward_length": 2**31}, "feed_forward_length"),
        ({"llama.vocab_size": 2**31}, "vocab_size"),
        ({"llama.attention.head_count": 2**31}, "head_count"),
        ({"llama.attention.key_length": 2**31}, "key_length"),
        ({"split.count": 3}, "--merge"),
        ({"general.alignment": 7}, "general.alignment"),
        ({"general.type": "adapter"}, "'adapter', not a model"),
    ],
)
def test_a_configuration_that_the_weights_cannot_bear(
    keys: dict[str, int], told: str, checkpoint_folder: Folders, tmp_path: Path
) -> None:
    path = write_gguf(checkpoint_folder("llama"), tmp_path / "hostile.gguf", keys=keys)
    assert told in str(_refused(path))


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (4, struct.pack("<I", 1), "version 1"),
        (4, struct.pack(">I", 3), "bytes in another order"),
        (8, struct.pack("<Q", 2**60), "tensors"),
        (16, struct.pack("<Q", 2**60), "keys"),
        (24, struct.pack("<Q", 2**62), "a name of"),
    ],
)
def test_counts_and_lengths_are_bounded_by_the_file(
    place: int, value: bytes, told: str, made: Path, tmp_path: Path
) -> None:
    data = bytearray(made.read_bytes())
    data[place : place + len(value)] = value
    (tmp_path / "hostile.gguf").write_bytes(data)
    assert told in str(_refused(tmp_path / "hostile.gguf"))


def test_tensors_that_share_their_bytes(made: Path, tmp_path: Path) -> None:
    """A thousand tensors in the bytes of one would take a thousand times the memory."""
    data = bytearray(made.read_bytes())
    blocks = {0: (1, 4)}
    header = gguf_header.read_header(made, blocks)
    name = max(header.tensors, key=lambda each: header.tensors[each][0]).encode()
    at = data.index(struct.pack("<Q", len(name)) + name) + 8 + len(name)
    (dimensions,) = struct.unpack_from("<I", data, at)
    struct.pack_into("<Q", data, at + 4 + 8 * dimensions + 4, 0)  # its offset: the first tensor's
    struct.pack_into("<Q", data, at + 4, header.tensors[name.decode()][0] * 32)
    (tmp_path / "hostile.gguf").write_bytes(data)
    assert "overlap" in str(_refused(tmp_path / "hostile.gguf")) or "cut off" in str(
        _refused(tmp_path / "hostile.gguf")
    )


@settings(
    max_examples=150,
    deadline=2000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.none() | st.integers(0, 9000),
)
def test_damage_is_told_or_harmless(
    changes: list[tuple[int, int]], cut: int | None, made: Path, tmp_path: Path
) -> None:
    """Whatever bytes stand there: a header or a ``ModelError``, and nothing else."""
    data = bytearray(made.read_bytes())
    for place, value in changes:
        data[place] = value
    (tmp_path / "damaged.gguf").write_bytes(data[:cut])
    try:
        header = gguf_file.check(tmp_path / "damaged.gguf")
    except ModelError as error:
        assert error.hint
    else:
        assert header.tensors


def test_damage_behind_the_header_check_is_told(made: Path, tmp_path: Path) -> None:
    """Weights that are not numbers, and an end-of-text token that does not exist."""
    data = bytearray(made.read_bytes())
    data[-4:] = struct.pack("<f", float("nan"))
    (tmp_path / "nan.gguf").write_bytes(data)
    with pytest.raises(ModelError, match="not numbers"):
        open_file(tmp_path / "nan.gguf")
    at = data.index(b"tokenizer.ggml.eos_token_id") + len(b"tokenizer.ggml.eos_token_id") + 4
    struct.pack_into("<I", data, at, 2**31)
    (tmp_path / "token.gguf").write_bytes(data)
    with pytest.raises(ModelError, match=r"cannot be loaded|no tokenizer"):
        open_file(tmp_path / "token.gguf")


def test_an_architecture_that_is_not_read(made: Path, tmp_path: Path) -> None:
    data = made.read_bytes().replace(b"llama", b"ollam")
    (tmp_path / "other.gguf").write_bytes(data)
    with pytest.raises(ModelError, match="cannot be loaded") as raised:
        open_file(tmp_path / "other.gguf")
    assert "safetensors" in str(raised.value)
