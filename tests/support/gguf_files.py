"""A GGUF file made of a Llama checkpoint, by the writer that llama.cpp's own conversion uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_REST = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}


def write_gguf(
    folder: Path,
    out: Path,
    type_name: str = "F32",
    template: str | None = None,
    keys: Mapping[str, int | str] | None = None,
) -> Path:
    """Writes a Llama checkpoint with a byte-level tokenizer as a GGUF file.

    Args:
        folder: The checkpoint's.
        out: The file to write.
        type_name: How matrices are stored, as GGML calls it: F32, F16, Q8_0, Q4_0, ….
        template: A chat template.
        keys: Further keys; they replace those that the checkpoint gives.
    """
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text("utf-8"))
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    kind = gguf.GGMLQuantizationType[type_name]
    writer = gguf.GGUFWriter(out, "llama")
    numbers: dict[str, Any] = {
        "llama.block_count": config["num_hidden_layers"],
        "llama.context_length": config["max_position_embeddings"],
        "llama.embedding_length": config["hidden_size"],
        "llama.feed_forward_length": config["intermediate_size"],
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": key_heads,
        "llama.vocab_size": config["vocab_size"],
    }
    for key, value in {**numbers, **(keys or {})}.items():
        add = writer.add_string if isinstance(value, str) else writer.add_uint32
        add(key, value)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_name("tiny")
    _add_tokenizer(writer, folder, template)
    for name, stored in load_file(folder / "model.safetensors").items():
        weight = stored.astype("float32")
        at = name.removeprefix("model.").removesuffix(".weight")
        if at.startswith("layers."):
            _, layer, at = at.split(".", 2)
            if at in ("self_attn.q_proj", "self_attn.k_proj"):
                weight = _interleaved(weight, heads if "q_proj" in at else key_heads)
            written = f"blk.{layer}.{_LAYER[at]}.weight"
        else:
            written = f"{_REST[at]}.weight"
        whole = weight.ndim > 1 and weight.shape[1] % gguf.GGML_QUANT_SIZES[kind][0] == 0
        used = kind if whole else gguf.GGMLQuantizationType.F32
        writer.add_tensor(written, gguf.quantize(weight, used), raw_dtype=used)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def _interleaved(weight: Any, heads: int) -> Any:
    """The rows in llama.cpp's order of the rotary embedding: pairs, not halves."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape).copy()


def _add_tokenizer(writer: Any, folder: Path, template: str | None) -> None:
    from tokenizers import Tokenizer

    raw = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    special = {each["content"]: each["id"] for each in raw["added_tokens"]}
    tokens = [tokenizer.id_to_token(token) for token in range(tokenizer.get_vocab_size())]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in raw["model"]["merges"]])
    writer.add_bos_token_id(special["<s>"])
    writer.add_eos_token_id(special["</s>"])
    writer.add_add_bos_token(True)
    if template is not None:
        writer.add_chat_template(template)
