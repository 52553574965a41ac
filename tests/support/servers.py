"""Servers on loopback, scripted or over a real model."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "sk-very-secret-0123456789"


@dataclass(frozen=True)
class Reply:
    """What a server sends: ``body`` as JSON or as raw bytes; or it drops the connection."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    delay: float = 0.0


@dataclass(frozen=True)
class Call:
    """What a server was sent."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    owner: Loopback

    def handle_error(self, *args: Any) -> None:  # clients that hang up
        pass


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = json.loads(self.rfile.read(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.owner.answer(Call(self.path, body, headers)))

    def _send(self, reply: Reply) -> None:
        if reply.drop:  # a reset, as when a server is killed
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body)
        content = body if isinstance(body, bytes) else body.encode()
        self.send_response(reply.status)
        headers = {"content-type": "application/json", **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def finish(self) -> None:
        with contextlib.suppress(OSError):  # the connection was dropped on purpose
            super().finish()

    def log_message(self, *args: Any) -> None:
        pass


class Loopback:
    """A real HTTP server on 127.0.0.1.

    Attributes:
        calls: What it was sent, in order.
        most_open: Most requests that were open at a time.
    """

    def __init__(self, answer: Callable[[Call], Reply]) -> None:
        self.calls: list[Call] = []
        self.most_open = self._open = 0
        self._lock = threading.Lock()
        self._answer = answer
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def answer(self, call: Call) -> Reply:
        """The reply to a call, after its delay; the call is kept."""
        with self._lock:
            self.calls.append(call)
            self._open += 1
            self.most_open = max(self.most_open, self._open)
        try:
            reply = self._answer(call)
            time.sleep(reply.delay)
        finally:
            with self._lock:
                self._open -= 1
        return reply

    @property
    def url(self) -> str:
        """What ``base_url`` is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        """Stops it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def chat_reply(text: str | None, reason: str = "stop", **usage: Any) -> Reply:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    counts = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, **usage}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return Reply(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        | {"choices": [choice], "usage": counts}
    )


LENGTH = 1024

TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)

CORPUS = [
    "The quick brown fox jumps over the lazy dog. Question: who? Answer: the fox.",
    "Is this sentence positive or negative? The film is a joy, and the ending is not.",
    "Once upon a time there was a small town by a river; time went by, year by year.",
] * 20


def build(folder: Path, adds_bos: bool) -> Path:
    """A tiny random Llama with a byte-level BPE tokenizer and a chat template."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(CORPUS, trainer)
    if adds_bos:
        raw.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", model_max_length=LENGTH
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=380,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        max_position_embeddings=LENGTH,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    model = transformers.LlamaForCausalLM(config)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Faithful:
    """Answers as a server of the model in ``folder`` does, in the format of ``kind``.

    The formats: vLLM, "OpenAI-Compatible Server", extra parameter ``prompt_logprobs`` and its
    field in a completion's choice; OpenAI's completions with ``echo`` and ``logprobs``.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        import torch
        import transformers

        self._torch = torch
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
        self._model = transformers.AutoModelForCausalLM.from_pretrained(str(folder)).eval()
        self._kind = kind
        self._lock = threading.Lock()

    def __call__(self, call: Any) -> Any:
        with self._lock, self._torch.no_grad():
            return self._answer(call.path, call.body)

    def _answer(self, path: str, body: dict[str, Any]) -> Any:
        if path.endswith("/chat/completions"):
            if self._kind == "text-only":
                return Reply({"error": {"message": "no chat template"}}, 400)
            text = self._tokenizer.apply_chat_template(
                body["messages"], tokenize=False, add_generation_prompt=True
            )
            ids = self._tokenizer(text)["input_ids"]
        else:
            if "prompt_logprobs" in body and self._kind != "vllm":
                message = "Unrecognized request argument supplied: prompt_logprobs"
                return Reply({"error": {"message": message}}, 400)
            prompt = body["prompt"]
            ids = self._tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt
        if len(ids) + body["max_tokens"] > LENGTH:
            return Reply({"error": {"message": "maximum context length is 1024"}}, 400)
        fed = self._torch.tensor([ids])
        new = self._model.generate(
            fed,
            attention_mask=self._torch.ones_like(fed),
            max_new_tokens=body["max_tokens"],
            do_sample=False,
        )[0, len(ids) :].tolist()
        text = self._cut(self._tokenizer.decode(new, skip_special_tokens=True), body)
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(new)}
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length" if new[-1] != 1 else "stop"}
        if path.endswith("/chat/completions"):
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice |= {"text": text, **self._logprobs(ids, new, body)}
        return Reply({"object": "x", "choices": [choice], "usage": usage})

    def _logprobs(self, ids: list[int], new: list[int], body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        tokens = ids + new
        table = self._torch.log_softmax(
            self._model(self._torch.tensor([tokens])).logits[0].float(), -1
        )
        if body.get("prompt_logprobs"):
            found["prompt_logprobs"] = [None] + [
                self._position(table[place], ids[place + 1]) for place in range(len(ids) - 1)
            ]
        if body.get("echo") and body.get("logprobs") and self._kind != "silent":
            names = [self._tokenizer.decode([token]) for token in tokens]
            best = [row.max(-1) for row in table]
            found["logprobs"] = {
                "tokens": names,
                "text_offset": [len("".join(names[:place])) for place in range(len(names))],
                "token_logprobs": [None]
                + [table[place, tokens[place + 1]].item() for place in range(len(tokens) - 1)],
                "top_logprobs": [None]
                + [
                    {self._tokenizer.decode([row.indices.item()]): row.values.item()}
                    for row in best[:-1]
                ],
            }
        return found

    def _position(self, row: Any, token: int) -> dict[str, Any]:
        """vLLM's map: token id → logprob, rank, text; the best token and the prompt's own."""
        best = int(row.argmax())
        return {
            str(each): {
                "logprob": row[each].item(),
                "rank": int((row > row[each]).sum()) + 1,
                "decoded_token": self._tokenizer.decode([each]),
            }
            for each in dict.fromkeys((token, best))
        }

    @staticmethod
    def _cut(text: str, body: dict[str, Any]) -> str:
        places = [text.find(stop) for stop in body.get("stop", ()) if stop in text]
        return text[: min(places)] if places else text
