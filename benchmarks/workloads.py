"""The benchmark's model, tokenizer and requests, from the public data in the shared folder."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.types import Generate, Loglikelihood, Request, RollingLoglikelihood, Sampling

VOCABULARY = 8192


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests to one model, and what is expected of the engine on them.

    Attributes:
        name: Row of the table.
        checkpoint: The model's folder.
        requests: What to ask.
        goal: How many times faster than lm-eval.
        lm_eval_batch_size: What is fastest there (``engine.py --tune``).
        groups: For multiple choice: how many consecutive requests belong to a question.
    """

    name: str
    checkpoint: Path
    requests: Sequence[Request]
    goal: float
    lm_eval_batch_size: int
    groups: int = 0


# --------------------------------------------------------------------------- model


def make_checkpoint(folder: Path, shared: Path) -> None:
    """A seeded Llama of 30M parameters and a tokenizer trained on the data."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(_corpus(shared), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    tokenizer.model_max_length = 2048
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=512,
            num_hidden_layers=8,
            num_attention_heads=8,
            num_key_value_heads=8,
            intermediate_size=1408,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _corpus(shared: Path) -> Iterator[str]:
    for item in _hellaswag(shared, "dev"):
        yield item["question"] + " " + " ".join(item["choices"].values())
    for _, passage, questions in _squad(shared):
        yield passage + "\n" + "\n".join(question for question, _ in questions)
    yield from _documents(shared)


# --------------------------------------------------------------------------- data


def _hellaswag(shared: Path, split: str) -> list[dict[str, Any]]:
    text = (shared / "data/hellaswag/hellaswag.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)[split]
    return rows


def _squad(shared: Path) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """(title, passage, [(question, answer)])."""
    path = shared / "data/squad/squad2_dev_half.json"
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            questions = [
                (entry["question"], entry["answers"][0]["text"] if entry["answers"] else "none")
                for entry in paragraph["qas"]
            ]
            yield article["title"], paragraph["context"], questions


def _documents(shared: Path) -> list[str]:
    text = (shared / "data/lambada/lambada_test_first1500.jsonl").read_text(encoding="utf-8")
    return [json.loads(line)["text"] for line in text.splitlines()]


# --------------------------------------------------------------------------- requests


def _item(row: Mapping[str, Any], answer: str | None = None) -> str:
    return f"Question: {row['question']}\nAnswer:" + (f" {answer}" if answer is not None else "")


def _shot(row: Mapping[str, Any]) -> str:
    return _item(row, next(iter(row["choices"].values())))


def multiple_choice(
    shared: Path,
    subjects: int,
    questions: int,
    shots: int = 5,
    choices: int = 4,
    per_question: bool = False,
) -> list[Request]:
    """Questions with multi-token choices behind ``shots`` examples of their subject.

    Args:
        shared: The data folder.
        subjects: Consecutive stretches of the data stand for subjects.
        questions: In each subject.
        shots: Examples before each question.
        choices: At most 4 of each question.
        per_question: Draw the examples for each question anew, instead of once a subject.
    """
    rows = _hellaswag(shared, "dev")
    pool = _hellaswag(shared, "test")
    requests: list[Request] = []
    for subject in range(subjects):
        fixed = random.Random(subject).sample(pool, shots)
        for number in range(questions):
            row = rows[subject * questions + number]
            drawn = random.Random(f"{subject}.{number}").sample(pool, shots)
            examples = [_shot(shot) for shot in (drawn if per_question else fixed)]
            context = "\n\n".join([*examples, _item(row)])
            requests += [
                Loglikelihood(context, f" {choice}")
                for choice in list(row["choices"].values())[:choices]
            ]
    return requests


def squad(shared: Path, questions: int) -> list[Request]:
    """Generation behind 2 fixed examples; the questions of a passage stand together."""
    paragraphs = list(_squad(shared))
    shots = "".join(
        _squad_prompt(title, passage, asked[0][0]) + f" {asked[0][1]}\n\n"
        for title, passage, asked in paragraphs[-2:]
    )
    requests: list[Request] = [
        Generate(
            shots + _squad_prompt(title, passage, question),
            Sampling(max_tokens=16, stop=("\n",)),
        )
        for title, passage, asked in paragraphs[:-2]
        for question, _ in asked
    ]
    return requests[:questions]


def _squad_prompt(title: str, passage: str, question: str) -> str:
    return f"Title: {title}\n\nBackground: {passage}\n\nQuestion: {question}\n\nAnswer:"


def stories(shared: Path, prompts: int) -> list[Request]:
    """Openings continued to the end of the sentence, at most 192 tokens."""
    sampling = Sampling(max_tokens=192, stop=(".",))
    return [
        Generate(" ".join(text.split()[: 4 + place % 9]), sampling)
        for place, text in enumerate(_documents(shared)[:prompts])
    ]


def perplexity(shared: Path, texts: int) -> list[Request]:
    """Texts of very different lengths, nothing shared."""
    documents = iter(_documents(shared))
    return [
        RollingLoglikelihood("\n".join(next(documents) for _ in range(1 + place % 7)))
        for place in range(texts)
    ]


def workloads(checkpoint: Path, shared: Path, scale: float) -> list[Workload]:
    """The benchmark's rows; ``scale`` multiplies how much is asked."""

    def some(count: int) -> int:
        return max(1, round(count * scale))

    return [
        Workload(
            "multiple choice, 5 shared shots",
            checkpoint,
            multiple_choice(shared, some(8), 64),
            10.0,
            4,
            4,
        ),
        Workload(
            "multiple choice, shots per question",
            checkpoint,
            multiple_choice(shared, some(8), 16, per_question=True),
            3.5,
            4,
            4,
        ),
        Workload("SQuAD generation, 2 shots", checkpoint, squad(shared, some(200)), 4.0, 8),
        Workload(
            "generation, lengths differ",
            shared / "models/stories260k",
            stories(shared, some(1500)),
            2.0,
            32,
        ),
        Workload("perplexity", checkpoint, perplexity(shared, some(100)), 1.2, 4),
    ]
