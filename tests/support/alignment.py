"""A training in this process, and small settings and questions for it."""

from __future__ import annotations

from harness_align.event_log import EventLog
from harness_align.spec import AlignSpec
from harness_align.training import run

QUESTIONS = [
    {"id": f"{who}-{n}", "text": f"{who} number {n} said", "label": ("positive", "negative")[n % 2]}
    for who in ("nurse", "doctor")
    for n in range(10)
]


class InProcess:
    """Trains like the child does, without its start; the child itself is tested elsewhere."""

    def __init__(self, method):
        self.method = method

    def train(self, spec, rows, out):
        given = AlignSpec(**{**spec, "method": self.method, "data": str(rows), "out": str(out)})
        return run.train(given, EventLog.of(out))


def small(**settings):
    return {"steps": 12, "batch_size": 4, "max_length": 64, "max_new_tokens": 6, **settings}
