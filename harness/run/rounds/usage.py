"""Sums and differences of what answers cost."""

from __future__ import annotations

from harness.types import Usage


def added(first: Usage, second: Usage) -> Usage:
    """What both cost; the cost is unknown only where neither is known."""
    costs = [each.cost for each in (first, second) if each.cost is not None]
    return Usage(
        first.requests + second.requests,
        first.cached + second.cached,
        first.prompt_tokens + second.prompt_tokens,
        first.completion_tokens + second.completion_tokens,
        first.computed_tokens + second.computed_tokens,
        first.reused_tokens + second.reused_tokens,
        sum(costs) if costs else None,
    )


def spent(before: Usage, after: Usage) -> Usage:
    """What was spent between two readings of a backend's usage."""
    cost = None if after.cost is None else after.cost - (before.cost or 0.0)
    return Usage(
        requests=after.requests - before.requests,
        prompt_tokens=after.prompt_tokens - before.prompt_tokens,
        completion_tokens=after.completion_tokens - before.completion_tokens,
        computed_tokens=after.computed_tokens - before.computed_tokens,
        reused_tokens=after.reused_tokens - before.reused_tokens,
        cost=cost,
    )
