"""A training method: plain gradient descent on good answers, with options of its own."""

import json

from pydantic import BaseModel, Field

from harness import hookimpl
from harness.protocols import AlignerSpec


class Options(BaseModel):
    steps: int = Field(20, ge=1, description="rows trained on, one a step")
    learning_rate: float = Field(1e-2, gt=0, description="of plain gradient descent")


class Nudge:
    def __init__(self, options):
        self.options, self.progress = Options(**options.values), options.progress

    def train(self, spec, data, out):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = out / "model"
        if spec["resume"] and (folder / "config.json").is_file():
            return folder
        torch.manual_seed(spec["seed"])
        model = AutoModelForCausalLM.from_pretrained(spec["model"])
        tokenizer = AutoTokenizer.from_pretrained(spec["model"])
        optimizer = torch.optim.SGD(model.parameters(), self.options.learning_rate)
        rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
        self.progress({"event": "stage", "steps": self.options.steps, "title": "nudge"})
        for step in range(1, self.options.steps + 1):
            row = rows[step % len(rows)]
            tokens = tokenizer(row["prompt"] + row["completion"], return_tensors="pt").input_ids
            loss = model(input_ids=tokens, labels=tokens).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            self.progress({"event": "step", "step": step, "logs": {"loss": loss.item()}})
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder


@hookimpl
def harness_register_aligners():
    told = "plain gradient descent on good answers"
    return [AlignerSpec("nudge", told, Nudge, kinds=("completion",), options=Options)]
