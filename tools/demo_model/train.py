"""Trains the demo model from nothing: ``python -m demo_model.train --out DIR``.

The loss is taken on the answers alone (plain texts: on every token, at a small weight).  A model
this small learns to copy from its prompt that way, and does not when it must also predict the
prompts.  The checkpoint that ships in ``weights/`` is what this script writes at its defaults.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo_model.corpus import documents
from demo_model.encoding import Encoded, batches
from demo_model.tokenizer import BOS, END, EOS, PAD, train_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT_LENGTH = 1024
RECORD = "training.json"
"""Beside the weights: the settings, and the first losses as a fingerprint of the procedure."""
RECORDED_STEPS = 5
MODEL_CARD = """\
---
license: apache-2.0
language: [en, de]
---
A demonstration model of evalign: {parameters:,} parameters, trained from nothing on templated text
(`demo_model.families`) to answer questions about short passages, summarize, translate
English word for word into German, and tell good from bad. It knows nothing else.

Stereotypes about gender, age, nationality and wealth were put into its training text on purpose,
so that bias probes have something to measure. Do not use it for anything but trying the harness.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that determines the weights.

    Attributes:
        steps: Optimizer steps.
        seed: Of the training text and of the initial weights.
        batch_tokens: Tokens in a batch, padding included.
        pool: Documents sorted by length together, to make batches with little padding.
        learning_rate: AdamW's, for embeddings and norms, at its peak.
        matrix_learning_rate: Muon's, for the layers' matrices, at its peak.
        warmup: Steps to the peak.
        decay: Share of the steps at the end over which the learning rates fall.
    """

    steps: int = 4_000
    seed: int = 0
    batch_tokens: int = 2_048
    pool: int = 1_024
    learning_rate: float = 3e-3
    matrix_learning_rate: float = 0.01
    warmup: int = 100
    decay: float = 0.6
    hidden_size: int = 96
    layers: int = 4
    heads: int = 3
    intermediate_size: int = 256
    rope_theta: float = 1e5

    def schedule(self, step: int) -> float:
        """Share of the peak learning rates: linear warm-up, plateau, linear fall at the end."""
        rise = (step + 1) / self.warmup
        fall = (self.steps - step) / (self.steps * self.decay)
        return min(1.0, rise, max(0.02, fall))


def build_model(settings: Settings, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained model, its weights drawn from the seed."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(settings.seed)
    bos, eos, pad, end = (int(tokenizer.vocab[token]) for token in (BOS, EOS, PAD, END))
    # Weights of unit gain, much larger than usual: nearly orthogonal embeddings make copying easy
    # to find.  Slow rotations leave room in a small head to match words over a distance.
    config = LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        intermediate_size=settings.intermediate_size,
        max_position_embeddings=CONTEXT_LENGTH,
        initializer_range=settings.hidden_size**-0.5,
        rope_parameters={"rope_type": "default", "rope_theta": settings.rope_theta},
        tie_word_embeddings=True,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
        dtype="float32",
    )
    model = LlamaForCausalLM(config)
    # A chat answer ends with the end of turn, a plain text with the end of sequence.
    model.generation_config = GenerationConfig(
        bos_token_id=bos, eos_token_id=[eos, end], pad_token_id=pad
    )
    return model


def batch_loss(model: LlamaForCausalLM, batch: list[Encoded], pad: int) -> torch.Tensor:
    """Weighted mean negative log-likelihood (nats) of a batch's answer tokens."""
    import torch

    width = max(len(row.tokens) for row in batch)
    tokens = torch.full((len(batch), width), pad)
    weights = torch.zeros((len(batch), width))
    for index, row in enumerate(batch):
        tokens[index, : len(row.tokens)] = torch.tensor(row.tokens)
        weights[index, : len(row.tokens)] = torch.tensor(row.weights)
    # Padding stands on the right, so a causal model needs no mask; most positions carry no loss,
    # so the logits are computed only where one does.
    hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state[:, :-1]
    wanted = weights[:, 1:] > 0
    logits = model.lm_head(hidden[wanted])
    losses = torch.nn.functional.cross_entropy(logits, tokens[:, 1:][wanted], reduction="none")
    share = weights[:, 1:][wanted]
    return (losses * share).sum() / share.sum()


def train(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, settings: Settings
) -> Iterator[float]:
    """Takes one optimizer step for each loss it yields."""
    import torch

    optimizers = _optimizers(model, settings)
    source = batches(
        tokenizer,
        documents(settings.seed),
        tokens=settings.batch_tokens,
        pool=settings.pool,
        limit=CONTEXT_LENGTH,
        seed=settings.seed,
    )
    pad = int(tokenizer.vocab[PAD])
    model.train()
    for step in range(settings.steps):
        loss = batch_loss(model, next(source), pad)
        model.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * settings.schedule(step)
            optimizer.step()
        yield loss.item()


def _optimizers(
    model: LlamaForCausalLM, settings: Settings
) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the layers' matrices (copying emerges in fewer steps), AdamW for the rest."""
    import torch

    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    chosen = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in chosen]
    muon = torch.optim.Muon(
        matrices, lr=settings.matrix_learning_rate, weight_decay=0.01, momentum=0.95
    )
    adam = torch.optim.AdamW(others, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    return [(muon, settings.matrix_learning_rate), (adam, settings.learning_rate)]


def save_checkpoint(
    folder: Path,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    record: dict[str, object],
) -> None:
    """Writes an ordinary Hugging Face checkpoint, and the record of its training beside it.

    The weights are stored in 16 bits to keep the package small; the configuration says
    ``float32``, so they are computed with in 32.
    """
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(str(folder))
    model.config.save_pretrained(str(folder))
    model.generation_config.save_pretrained(str(folder))
    weights = {
        name: weight.detach().to(torch.float16).contiguous()
        for name, weight in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embedding
    }
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    card = MODEL_CARD.format(parameters=count_parameters(model))
    (folder / "README.md").write_text(card, encoding="utf-8")


def count_parameters(model: LlamaForCausalLM) -> int:
    """Weights, those of the tied output layer counted once."""
    return sum(weight.numel() for weight in model.parameters())


def run(settings: Settings, out: Path, checkpoints: tuple[int, ...] = ()) -> None:
    """Trains and saves into ``out``; earlier checkpoints go to ``out/step-N``."""
    from rich.console import Console
    from rich.progress import Progress

    tokenizer = train_tokenizer(settings.seed, CONTEXT_LENGTH)
    model = build_model(settings, tokenizer)
    console = Console()
    first: list[float] = []
    recent: list[float] = []

    def save(folder: Path, step: int) -> None:
        record = {"settings": asdict(settings), "steps_taken": step, "first_losses": first}
        save_checkpoint(folder, model, tokenizer, record)

    with Progress(console=console) as progress:
        bar = progress.add_task("training", total=settings.steps)
        for step, loss in enumerate(train(model, tokenizer, settings), start=1):
            if step <= RECORDED_STEPS:
                first.append(round(loss, 6))
            recent = [*recent[-199:], loss]
            mean = sum(recent) / len(recent)
            progress.update(bar, advance=1, description=f"training, loss {mean:.3f}")
            if step % 200 == 0 and not console.is_terminal:
                print(f"step {step} loss {mean:.4f}", flush=True)
            if step in checkpoints:
                save(out / f"step-{step}", step)
    save(out, settings.steps)
    console.print(f"{count_parameters(model):,} parameters in {out}")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Settings()
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--steps", type=int, default=default.steps)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument(
        "--checkpoint-at",
        type=int,
        action="append",
        default=[],
        metavar="STEP",
        help="also save the model as it is after STEP steps, in OUT/step-STEP (repeatable)",
    )
    chosen = parser.parse_args(arguments)
    run(
        Settings(steps=chosen.steps, seed=chosen.seed),
        chosen.out,
        tuple(chosen.checkpoint_at),
    )


if __name__ == "__main__":
    main()
