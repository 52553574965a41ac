"""Models behind an API, through the providers' official SDKs; the scheduling is ours.

Reading order: ``failures`` (what can go wrong) → ``retrying`` → ``budget`` → ``scheduling``
(adaptive concurrency) → ``loop`` → ``backend``, which joins them around a provider. A call:
``server`` (whom, and no secrets) → ``bodies`` and ``refusals`` (what came back instead of an
answer) → ``sdk``. The providers are ``openai_backend`` and ``anthropic_backend``, with
``settings``, ``prompts``, ``answers``, ``remarks``, ``adapting``, ``probing``,
``loglikelihood`` and ``counting``. No SDK is imported until one opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import MissingExtraError

if TYPE_CHECKING:
    from harness.protocols import BackendOptions, ModelBackend

COMMON_OPTIONS = {
    "base_url": "address of the server (default: the provider's own)",
    "api_key_env": "environment variable that holds the key",
    "timeout": "seconds for one request (default: 300)",
    "max_concurrency": "most requests open at a time (default: 200; starts at 20 and adapts)",
    "max_retries": "retries of a request that fails (default: 8)",
    "retry_delay": "seconds; bound of the first retry's delay, doubled each time (default: 0.5)",
    "patience": "seconds without any answer after which the run fails (default: 900)",
    "max_cost": "US dollars after which the run stops, resumable; needs prices in harness.toml",
    "max_tokens_total": "tokens after which the run stops, resumable",
    "max_seconds": "seconds after which the run stops, resumable",
    "omit": "request parameters not to send, comma-separated: temperature,stop,…",
    "extra_body": "JSON object merged into every request",
}
OPENAI_OPTIONS = {
    **COMMON_OPTIONS,
    "endpoint": "auto (default: chat where the server offers it), chat or completions",
    "logprobs": "how prompts' log-probabilities come: auto (default), echo, prompt_logprobs, none",
    "tokenizer": "folder or hub id of the model's tokenizer, for log-likelihoods by token ids",
    "max_length": "longest sequence in tokens, with tokenizer (default: the tokenizer's)",
}
ANTHROPIC_OPTIONS = {
    **COMMON_OPTIONS,
    "sampling": "off (default) or on: send temperature and top_p, which newer models refuse",
}
"""``--set KEY=VALUE`` for each backend."""


def open_openai(options: BackendOptions) -> ModelBackend:
    """Connects to a server that speaks OpenAI's protocol.

    Raises:
        MissingExtraError: The SDK is not installed.
        UsageError: An option's value is not one of those expected.
        ModelError: The key is missing, or the server cannot be used.
    """
    try:
        import openai  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the openai backend", "api") from error
    from harness_backends.api import openai_backend

    return openai_backend.open_backend(options)


def open_anthropic(options: BackendOptions) -> ModelBackend:
    """Connects to Anthropic's Messages API.

    Raises:
        MissingExtraError: The SDK is not installed.
        UsageError: An option's value is not one of those expected.
        ModelError: The key is missing.
    """
    try:
        import anthropic  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the anthropic backend", "api") from error
    from harness_backends.api import anthropic_backend

    return anthropic_backend.open_backend(options)
