"""Tiny random checkpoints of each kind, with tokenizers trained here, as real folders."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

CORPUS = [
    "The quick brown fox jumps over the lazy dog.",
    "Who sells sea shells? She sells sea shells by the sea shore.",
    "A small town lies by a river. The river is long, and the town is old.",
    "One two three four five six seven eight nine ten, and then it begins again.",
    "Old men doze in the sun, and young women walk by the shore of the river.",
] * 20

POSITIONS = 64

WIDTH: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": POSITIONS,
}

SEQ2SEQ = ("t5", "bart", "mbart", "mbart50", "nllb", "marian")

MASKED = ("bert", "roberta", "albert", "distilbert")


Folders = Callable[..., Path]


def make_tokenizer(name: str, folder: Path) -> Any:
    import transformers as t

    if name == "marian":
        return _marian_tokenizer(folder)
    if name == "mbart":
        pieces = [(piece, -1.0) for piece in _pieces()]
        special = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
        codes = [("en_XX", 0.0), ("de_DE", 0.0), ("ro_RO", 0.0), ("<mask>", 0.0)]
        return t.MBartTokenizer(vocab=special + pieces + codes)
    classes = {
        "t5": t.T5Tokenizer,
        "bart": t.RobertaTokenizer,
        "mbart50": t.MBart50Tokenizer,
        "nllb": t.NllbTokenizer,
        "bert": t.BertTokenizer,
        "roberta": t.RobertaTokenizer,
        "albert": t.AlbertTokenizer,
        "distilbert": t.DistilBertTokenizer,
    }
    return classes[name]().train_new_from_iterator(CORPUS, 500, show_progress=False)


def _pieces() -> list[str]:
    letters = sorted(set("".join(CORPUS)) - {" "})
    words = sorted({word for text in CORPUS for word in text.split()})
    return ["▁", *letters, *(f"▁{word}" for word in words)]


def _marian_tokenizer(folder: Path) -> Any:
    """Source and target cut texts up differently, as real Marian models do."""
    import sentencepiece
    import transformers as t

    pieces: set[str] = set()
    for side, model_type in (("source", "unigram"), ("target", "char")):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS),
            model_prefix=str(folder / side),
            vocab_size=90,
            model_type=model_type,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        model = sentencepiece.SentencePieceProcessor(str(folder / f"{side}.model"))
        pieces |= {model.id_to_piece(index) for index in range(model.get_piece_size())}
    words = sorted(pieces - {"<s>", "</s>", "<unk>"})
    vocabulary = ["</s>", "<unk>", *words, "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(vocabulary)}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sacremoses is recommended, and not needed
        return t.MarianTokenizer(
            str(folder / "source.model"), str(folder / "target.model"), str(folder / "vocab.json")
        )


def configuration(name: str, tokenizer: Any) -> Any:
    import transformers as t

    size = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    eos = tokenizer.eos_token_id
    wide = {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": POSITIONS,
        "eos_token_id": eos,
    }
    match name:
        case "t5":
            return t.T5Config(
                **size, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
                decoder_start_token_id=tokenizer.pad_token_id, eos_token_id=eos,
            )  # fmt: skip
        case "bart":
            return t.BartConfig(
                **size, **wide, bos_token_id=tokenizer.bos_token_id, decoder_start_token_id=eos,
            )  # fmt: skip
        case "mbart":
            return t.MBartConfig(**size, **wide, bos_token_id=tokenizer.bos_token_id)
        case "mbart50":
            return t.MBartConfig(
                **size, **wide, bos_token_id=tokenizer.bos_token_id, decoder_start_token_id=eos
            )
        case "nllb":
            return t.M2M100Config(
                **size, **wide, bos_token_id=tokenizer.bos_token_id, decoder_start_token_id=eos
            )
        case "marian":
            return t.MarianConfig(**size, **wide, decoder_start_token_id=tokenizer.pad_token_id)
        case "bert":
            return t.BertConfig(**size, **WIDTH)
        case "roberta":
            # Positions are counted from the one after the padding token's.
            more = tokenizer.pad_token_id + 1
            return t.RobertaConfig(**size, **WIDTH | {"max_position_embeddings": POSITIONS + more})
        case "albert":
            return t.AlbertConfig(**size, **WIDTH, embedding_size=16)
        case "distilbert":
            return t.DistilBertConfig(
                **size, dim=32, n_layers=2, n_heads=4, hidden_dim=48,
                max_position_embeddings=POSITIONS,
            )  # fmt: skip
    raise ValueError(name)
