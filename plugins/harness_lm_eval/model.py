"""This engine as a model of lm-evaluation-harness: ``--model evalign``.

``import harness_lm_eval.model`` registers it, for ``lm_eval.simple_evaluate(model="evalign")``.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import lm_eval.models  # noqa: F401  (lm_eval looks its own models up only in an empty registry)
from lm_eval.api.model import LM
from lm_eval.api.registry import model_registry

from harness import ModelConfig, ask, load_plugins, open_model
from harness.authoring.chat.encoding import begun_answer
from harness.authoring.chat.templates import ChatTemplate
from harness.errors import RunFailedError, UsageError
from harness.protocols import option_names
from harness.types import (
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Request,
    Response,
    RollingLoglikelihood,
)
from harness_lm_eval import prompts

NAME = "evalign"
_DEFAULT_DEVICES = (None, "", "cuda", "cuda:0")


class EvalignLM(LM):  # type: ignore[misc]
    """Answers lm_eval's requests with a backend of this project, through the response store.

    Args:
        pretrained: What ``--model`` takes here: a checkpoint folder or hub id, or ``SCHEME:REST``.
        batch_size: Sequences a forward pass; lm_eval's default 1, and ``auto``, let the engine
            choose.
        max_batch_size: lm_eval's; the engine finds its own.
        device: As ``--device``; lm_eval's default ``cuda:0`` is the best there is, as it is there.
        dtype: As ``--dtype``.
        cache: Whether answers are kept in, and taken from, the response store.
        seed: Of drawn generations.
        settings: Further settings of the backend (``max_length``, ``engine``, …).
    """

    def __init__(
        self,
        pretrained: str,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        device: str | None = None,
        dtype: str = "auto",
        cache: bool = True,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__()
        del max_batch_size
        self.pretrained = str(pretrained)
        self._seed = int(seed)
        registry = load_plugins()
        scheme = self.pretrained.partition(":")[0]
        backend = registry.backends.get(scheme, registry.backends["hf"])
        given = {key: str(value).lower() if isinstance(value, bool) else str(value)
                 for key, value in settings.items()}  # fmt: skip
        if "chat_template" in option_names(backend.options):
            # lm_eval applies the template itself where it is asked to, and hands on plain text.
            given.setdefault("chat_template", "off")
        rows = str(batch_size or "").partition(":")[0]
        config = ModelConfig(
            self.pretrained,
            int(rows) if rows.isdecimal() and int(rows) > 1 else None,
            str(dtype),
            "auto" if device in _DEFAULT_DEVICES else str(device),
            settings=given,
            cache=bool(cache),
        )
        self._keep = config.cache
        self._model = open_model(config, registry)
        weakref.finalize(self, self._model.close)

    # ---- answers

    def loglikelihood(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = False,  # noqa: ARG002
    ) -> list[tuple[float, bool]]:
        """(log-likelihood, whether it is the greedy continuation) of each request."""
        asked = [Loglikelihood(each.args[0], each.args[1]) for each in requests]
        found = [
            (answer.total, answer.is_greedy)
            for answer in self._ask(asked)
            if isinstance(answer, Logprob)
        ]
        return self._told("loglikelihood", requests, found)

    def loglikelihood_rolling(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = False,  # noqa: ARG002
    ) -> list[float]:
        """The log-likelihood of each whole text."""
        asked = [RollingLoglikelihood(each.args[0]) for each in requests]
        found = [answer.total for answer in self._ask(asked) if isinstance(answer, Logprob)]
        return self._told("loglikelihood_rolling", requests, found)

    def generate_until(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = False,  # noqa: ARG002
    ) -> list[str]:
        """The text that continues each prompt; repeats of one that is drawn differ."""
        seen: Counter[Request] = Counter()
        asked: list[Generate] = []
        for each in requests:
            context, kwargs = each.args
            settings = prompts.sampling("--gen_kwargs", kwargs, 0)
            request = Generate(context, settings)
            if settings.temperature:
                seed = self._seed + seen[request]
                seen[request] += 1
                request = Generate(context, replace(settings, seed=seed))
            asked.append(request)
        found = [
            prompts.cut(answer.text, request.sampling.stop)
            for request, answer in zip(asked, self._ask(asked), strict=True)
            if isinstance(answer, Completion)
        ]
        return self._told("generate_until", requests, found)

    def _ask(self, requests: Sequence[Request]) -> list[Response]:
        answers = ask(self._model, requests, task="lm-eval", cache=self._keep, name=self.pretrained)
        for answer in answers:
            if not isinstance(answer, Logprob | Completion):
                raise RunFailedError(
                    f"{self.pretrained} could not answer a request: "
                    f"{getattr(answer, 'reason', type(answer).__name__)}",
                    "lm_eval needs every answer. Those that came are in the response store.",
                )
        return answers

    def _told(self, kind: str, requests: Sequence[Any], found: list[Any]) -> list[Any]:
        """The answers, noted for lm_eval's ``--use_cache`` too."""
        for request, answer in zip(requests, found, strict=True):
            self.cache_hook.add_partial(kind, request.args, answer)
        return found

    # ---- chat

    @property
    def tokenizer_name(self) -> str:
        """For the names of lm_eval's caches of requests."""
        return self.pretrained.replace("/", "__")

    def chat_template(self, chat_template: bool | str = False) -> str:
        """The source of the model's chat template; empty where none is applied."""
        return self._template.source if chat_template else ""

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """A conversation as the text that the model sees.

        Where no answer is prompted for, the last turn is one that the model continues.
        """
        text = self._template.render(chat_history, answering=add_generation_prompt)
        if add_generation_prompt:
            return text
        return begun_answer(text, chat_history[-1]["content"])

    @cached_property
    def _template(self) -> ChatTemplate:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.pretrained.removeprefix("hf:"))
        template = ChatTemplate.of(tokenizer)
        if template is None:
            raise UsageError(
                f"{self.pretrained} has no chat template",
                "Leave --apply_chat_template out, or name a chat model.",
            )
        return template

    # ---- reports

    def get_model_info(self) -> Mapping[str, Any]:
        """What lm_eval writes beside the results."""
        return {
            "evalign_fingerprint": self._model.fingerprint,
            "evalign_model": dict(self._model.describe()),
        }


def register() -> None:
    """Makes ``evalign`` a name in lm_eval's registry; once is enough, more does no harm."""
    model_registry.register(NAME, target=EvalignLM)


register()
