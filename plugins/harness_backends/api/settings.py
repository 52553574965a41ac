"""The options of the API backends, declared once: ``--set KEY=VALUE`` as typed values."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from harness.authoring.readers.text_files import parse_json
from harness.errors import DataError, UsageError
from harness_backends.api.budget import Limits
from harness_backends.api.retrying import RetryPolicy


def _json_object(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = parse_json(value)
    except DataError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('expected a JSON object such as {"top_k": 1}')
    return found


def _base_url(text: str) -> str:
    """The address, which is shown in reports and errors: it may hold no secret."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, valid = urlsplit(""), False
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError(
            "base_url holds more than an address",
            "Expected http(s)://HOST[:PORT]/PATH. A key comes from the environment alone.",
        )
    if not valid:
        raise UsageError(f"base_url = {text!r}", "Expected http(s)://HOST[:PORT]/PATH")
    return text.rstrip("/")


_AsText = WithJsonSchema({"type": "string"})


class ApiSettings(BaseModel):
    """What every API backend is told."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    base_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        None, description="address of the server (default: the provider's own)"
    )
    api_key_env: str | None = Field(None, description="environment variable that holds the key")
    timeout: float = Field(300.0, gt=0, description="seconds for one request")
    max_concurrency: int = Field(
        200, ge=1, description="most requests open at a time; starts at 20 and adapts"
    )
    max_retries: int = Field(8, ge=0, description="retries of a request that fails")
    retry_delay: float = Field(
        0.5, gt=0, description="seconds; bound of the first retry's delay, doubled each time"
    )
    patience: float = Field(
        900.0, gt=0, description="seconds without any answer after which the run fails"
    )
    max_cost: float | None = Field(
        None,
        gt=0,
        description="US dollars after which the run stops, resumable; needs prices in harness.toml",
    )
    max_tokens_total: int | None = Field(
        None, ge=1, description="tokens after which the run stops, resumable"
    )
    max_seconds: float | None = Field(
        None, gt=0, description="seconds after which the run stops, resumable"
    )
    omit: tuple[str, ...] = Field(
        (), description="request parameters not to send: temperature,stop,…"
    )
    extra_body: Annotated[dict[str, Any], BeforeValidator(_json_object), _AsText] = Field(
        default_factory=dict, description="JSON object merged into every request"
    )

    @property
    def retries(self) -> RetryPolicy:
        """How often and after what delay a request is asked again."""
        return RetryPolicy(max_retries=self.max_retries, base_delay=self.retry_delay)

    @property
    def limits(self) -> Limits:
        """What ends a run early."""
        return Limits(self.max_cost, self.max_tokens_total, self.max_seconds)

    def body(self, **parameters: Any) -> dict[str, Any]:
        """A request's parameters without the omitted and with the extra ones."""
        kept = {name: value for name, value in parameters.items() if name not in self.omit}
        return kept | self.extra_body

    @property
    def identity(self) -> dict[str, object]:
        """What of this can change an answer."""
        return {"omit": sorted(set(self.omit)), "extra_body": dict(self.extra_body)}


class OpenAISettings(ApiSettings):
    """``--set KEY=VALUE`` of the openai backend."""

    endpoint: Literal["auto", "chat", "completions"] = Field(
        "auto", description="auto is chat where the server offers it"
    )
    logprobs: Literal["auto", "echo", "prompt_logprobs", "none"] = Field(
        "auto", description="how prompts' log-probabilities come"
    )
    tokenizer: str | None = Field(
        None,
        description="folder or hub id of the model's tokenizer, for log-likelihoods by token ids",
    )
    max_length: int | None = Field(
        None,
        ge=8,
        description="longest sequence in tokens, with tokenizer (default: the tokenizer's)",
    )


class AnthropicSettings(ApiSettings):
    """``--set KEY=VALUE`` of the anthropic backend."""

    sampling: Literal["off", "on"] = Field(
        "off", description="send temperature and top_p, which newer models refuse"
    )
