"""Configurations of many architectures, as small as they can be."""

from __future__ import annotations

from typing import Any

CORPUS = [
    "The quick brown fox jumps over the lazy dog.",
    "Question: who sells sea shells? Answer: she sells sea shells by the sea shore.",
    "Background: a small town by a river. The river is long, and the town is old.",
    "One two three four five six seven eight nine ten, and then it begins again.",
] * 20

VOCABULARY = 320

SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 128,
}

SMALL_MAMBA2: dict[str, Any] = {
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_n_groups": 1,
    "mamba_d_state": 8,
    "mamba_chunk_size": 8,
}


_CONFIGURATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {**SMALL}),
    "mistral-sliding": ("MistralConfig", {**SMALL, "sliding_window": 7}),
    # transformers' tokenizer for this architecture adds a token of its own.
    "qwen2": ("Qwen2Config", {**(SMALL | {"vocab_size": SMALL["vocab_size"] + 1})}),
    "qwen3": ("Qwen3Config", {**SMALL, "head_dim": 8}),
    "gemma2-softcap": (
        "Gemma2Config",
        {
            **SMALL,
            "head_dim": 8,
            "sliding_window": 6,
            "attn_logit_softcapping": 0.5,
            "final_logit_softcapping": 0.7,
            "query_pre_attn_scalar": 8,
        },
    ),
    "gpt2": (
        "GPT2Config",
        {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
    ),
    "gpt-neox": (
        "GPTNeoXConfig",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "max_position_embeddings": 128,
        },
    ),
    "bloom-alibi": (
        "BloomConfig",
        {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    ),
    "mamba": (
        "MambaConfig",
        {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
    ),
    "mpt-alibi": (
        "MptConfig",
        {"vocab_size": VOCABULARY, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 128},
    ),
    "falcon-alibi": (
        "FalconConfig",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "alibi": True,
            "new_decoder_architecture": False,
            "parallel_attn": False,
        },
    ),
    "gpt-j": (
        "GPTJConfig",
        {
            "vocab_size": VOCABULARY,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 128,
            "rotary_dim": 8,
        },
    ),
    "gpt-oss-sinks": (
        "GptOssConfig",
        {
            **SMALL,
            "head_dim": 8,
            "sliding_window": 7,
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        },
    ),
    "mamba2": (
        "Mamba2Config",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "state_size": 8,
            "head_dim": 16,
            "num_heads": 4,
            "n_groups": 2,
            "chunk_size": 8,
        },
    ),
    "jamba": (
        "JambaConfig",
        {
            **SMALL,
            "num_experts": 2,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "mamba_d_state": 8,
            "mamba_dt_rank": 4,
        },
    ),
    "bamba": ("BambaConfig", {**SMALL, "attn_layer_indices": [1], **SMALL_MAMBA2}),
    "granite-hybrid": (
        "GraniteMoeHybridConfig",
        {
            **SMALL,
            **SMALL_MAMBA2,
            "layer_types": ["mamba", "attention"],
            "num_local_experts": 2,
            "num_experts_per_tok": 1,
            "shared_intermediate_size": 32,
        },
    ),
    "qwen3-next": (
        "Qwen3NextConfig",
        {
            **SMALL,
            "head_dim": 8,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 16,
            "shared_expert_intermediate_size": 16,
        },
    ),
    "recurrent-gemma": (
        "RecurrentGemmaConfig",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "intermediate_size": 48,
            "attention_window_size": 8,
            "lru_width": 32,
        },
    ),
    "rwkv": (
        "RwkvConfig",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "attention_hidden_size": 32,
            "intermediate_size": 48,
            "context_length": 128,
        },
    ),
}
"""Architecture → (class of ``transformers``, its arguments)."""


def configuration(name: str) -> Any:
    """The smallest configuration of an architecture.

    Raises:
        KeyError: It is not known here.
    """
    import transformers

    kind, settings = _CONFIGURATIONS[name]
    return getattr(transformers, kind)(**settings)


ARCHITECTURES = (
    "llama",
    "mistral-sliding",
    "qwen2",
    "qwen3",
    "gemma2-softcap",
    "gpt2",
    "gpt-neox",
    "bloom-alibi",
    "mamba",
)
