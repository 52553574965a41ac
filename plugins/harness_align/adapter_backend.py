"""``--model peft:FOLDER``: a checkpoint that is an adapter, with the base model it names.

LoRA adapters are merged when a training ends and need no backend of their own; prompt and prefix
tuning have no merged form. One sequence a forward pass: plain, and exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import codec, data
from harness.answers import thinking
from harness.answers.decoding import Decoder
from harness.errors import MissingExtraError, ModelError, UsageError
from harness.protocols import BackendOptions
from harness.types import (
    Failed,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    Prompt,
    Response,
    RollingLoglikelihood,
    Sampling,
    Usage,
)

OPTIONS = {"chat_template": "auto (where the tokenizer has one) or off"}


def model_name(checkpoint: Path) -> str:
    """A trained checkpoint as ``--model`` takes it: an adapter alone needs this backend."""
    alone = not (checkpoint / "config.json").is_file()
    adapter = alone and (checkpoint / "adapter_config.json").is_file()
    return f"peft:{checkpoint}" if adapter else str(checkpoint)


def open_adapter(options: BackendOptions) -> AdapterBackend:
    """Reads the adapter and its base.

    Raises:
        MissingExtraError: PEFT is not installed.
        ModelError: The folder holds no adapter, or the base cannot be read.
        UsageError: An option has a wrong value.
    """
    folder = Path(options.model)
    chat = options.values.get("chat_template", "auto")
    if chat not in ("auto", "off"):
        raise UsageError(f"chat_template = {chat!r}", "Expected auto or off")
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(f"{folder} holds no adapter", "Expected a folder with adapter_config.json")
    try:
        import peft
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtraError("an adapter", "align") from error
    base = str(data.read_json(folder / "adapter_config.json").get("base_model_name_or_path"))
    try:
        # Fetched as a folder, so that a base that moves on at the hub is another model.
        base_folder = Path(base) if Path(base).is_dir() else _fetch(base)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            str(base_folder), dtype=torch.float32, use_safetensors=True
        )
        with_tokenizer = (folder / "tokenizer_config.json").is_file()
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(folder if with_tokenizer else base_folder)
        )
        adapted = peft.PeftModel.from_pretrained(model, str(folder)).eval()
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} on {base} cannot be read: {error}") from error
    fingerprint = f"peft:{data.sha256([folder, base_folder])}:{chat}"
    return AdapterBackend(adapted, tokenizer, folder, base, fingerprint, chat == "auto")


def _fetch(name: str) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
    return Path(snapshot_download(name, allow_patterns=patterns))


class AdapterBackend:
    """Answers by an adapted causal model."""

    supports = frozenset({Loglikelihood, RollingLoglikelihood, Generate})

    def __init__(
        self, model: Any, tokenizer: Any, folder: Path, base: str, fingerprint: str, chat: bool
    ) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._folder, self._base, self.fingerprint = folder, base, fingerprint
        self._chat = chat and tokenizer.chat_template is not None
        self.usage = Usage()

    def describe(self) -> Mapping[str, object]:
        """What the adapter is."""
        kind = self._model.peft_config["default"].peft_type
        return {
            "backend": "peft",
            "name": self._folder.name,
            "base": self._base,
            "adapter": str(getattr(kind, "value", kind)),
        }

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """One answer after the other."""
        for each in requests:
            yield each.key, self._answer(each)

    def close(self) -> None:
        """Frees the weights."""
        self._model = None

    def _answer(self, keyed: KeyedRequest) -> Response:
        match keyed.request:
            case Loglikelihood(context, continuation):
                return self._score(*self._split(context, continuation))
            case RollingLoglikelihood(text):
                return self._score([self._prefix], self._encode(text, special=False))
            case Generate(prompt, sampling):
                ids = self._encode(self._render(prompt)) or [self._prefix]
                return self._generate(ids, sampling, keyed.key)
        return Failed("an adapter cannot classify")

    # The hf backend's rules: both must agree on the same weights.

    @property
    def _prefix(self) -> int:
        """Stands for an empty context."""
        start = self._tokenizer.bos_token_id
        return int(self._tokenizer.eos_token_id if start is None else start)

    def _split(self, context: Prompt, continuation: str) -> tuple[list[int], list[int]]:
        """Token ids of context and continuation, encoded as one text."""
        if not context:
            return [self._prefix], self._encode(continuation, special=False)
        text = self._render(context)
        if self._chat or not isinstance(context, str):
            continuation = continuation.removeprefix(" ")
        bare = text.rstrip()
        text, continuation = bare, text[len(bare) :] + continuation
        before, whole = self._encode(text), self._encode(text + continuation)
        return before or [self._prefix], whole[len(before) :]

    def _encode(self, text: str, special: bool = True) -> list[int]:
        start = self._tokenizer.decode([self._prefix])
        wanted = special and not text.startswith(start)
        return list(self._tokenizer(text, add_special_tokens=wanted)["input_ids"])

    def _render(self, prompt: Prompt) -> str:
        if isinstance(prompt, str):
            if not self._chat:
                return prompt
            turns = [{"role": "user", "content": prompt}]
        else:
            turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
        return str(
            self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        )

    def _score(self, start: Sequence[int], continuation: Sequence[int]) -> Response:
        import torch

        if not continuation:
            return Failed("an empty continuation has no log-probability")
        ids = torch.tensor([[*start, *continuation]], device=self._model.device)
        with torch.inference_mode():
            logits = self._model(input_ids=ids).logits[0]
        # Virtual tokens come first, so places are counted from the end.
        shown = logits[-len(continuation) - 1 : -1].float().log_softmax(-1)
        wanted = ids[0, -len(continuation) :]
        total = float(shown.gather(1, wanted[:, None]).sum())
        greedy = bool((shown.argmax(-1) == wanted).all())
        return Logprob(total, len(continuation), greedy)

    def _generate(self, ids: Sequence[int], sampling: Sampling, key: str) -> Response:
        import torch

        # The answer depends on the request alone, not on what was asked before it.
        torch.manual_seed(int(codec.canonical_hash([key, sampling.seed])[:8], 16))
        drawn = (
            {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p}
            if sampling.temperature
            else {"do_sample": False}
        )
        given = torch.tensor([list(ids)], device=self._model.device)
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                max_new_tokens=sampling.max_tokens,
                pad_token_id=self._tokenizer.pad_token_id,
                **drawn,
            )
        tokens = made[0, len(ids) :].tolist()
        decoder = Decoder(self._tokenizer)
        reason = "length" if len(tokens) >= sampling.max_tokens else "stop"
        text = decoder.opening(ids) + decoder.text(tokens)
        return thinking.completion(text, reason, sampling.stop, len(tokens))
