"""The kit for plugin authors: a backend that needs no model, and checks of every contract.

from harness.testing import FakeBackend, check_task

def test_my_task(tmp_path):
    check_task(MyTask(), DataSource("path", "x", (str(tmp_path / "rows.jsonl"),)))
"""

from harness.testing.backends import (
    ALL_REQUESTS,
    Answerer,
    FakeBackend,
    arbitrary_answer,
    check_backend,
    check_executor,
    keyed,
)
from harness.testing.exchange import check_exporter, check_importer
from harness.testing.outputs import check_aligner, check_reporter
from harness.testing.tasks import check_metric, check_probe, check_task

__all__ = [
    "ALL_REQUESTS",
    "Answerer",
    "FakeBackend",
    "arbitrary_answer",
    "check_aligner",
    "check_backend",
    "check_executor",
    "check_exporter",
    "check_importer",
    "check_metric",
    "check_probe",
    "check_reporter",
    "check_task",
    "keyed",
]
