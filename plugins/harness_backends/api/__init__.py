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
