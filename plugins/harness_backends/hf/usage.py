"""What a backend was asked so far."""

from __future__ import annotations

from dataclasses import dataclass

from harness.types import Usage


@dataclass(slots=True)
class UsageCounter:
    """Counts that grow.

    Attributes:
        requests: Answered.
        prompt_tokens: That went in, had nothing been shared.
        completion_tokens: Generated.
        truncated: Requests whose text was cut to fit the model.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    truncated: int = 0

    def usage(self, computed: int) -> Usage:
        """Of all tokens asked for, ``computed`` went through the model; the rest was reused."""
        asked = self.prompt_tokens + self.completion_tokens
        return Usage(
            requests=self.requests,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            computed_tokens=computed,
            reused_tokens=max(0, asked - computed),
        )
