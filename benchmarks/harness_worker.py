"""Answers a job's requests with this project's hf backend.

Usage: python harness_worker.py JOB.json OUT.json   (started by ``comparison.py``)
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from process_probe import Probe


def main() -> None:
    """Reads the job, answers, writes responses and figures."""
    probe = Probe()
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    from harness_backends.hf import threads

    threads.prepare()  # as the tool does, before torch is imported
    import torch

    torch.set_num_threads(job["threads"])
    from harness.authoring.io.serialization import request_from_json, response_to_json
    from harness.protocols import BackendOptions
    from harness.types import KeyedRequest
    from harness_backends.hf import open_hf
    from harness_backends.hf.reopening import ReopenedBackend

    probe.phase("import")
    backend = open_hf(
        BackendOptions(
            job["checkpoint"], dtype=job["dtype"], device="cpu", values=job.get("options", {})
        )
    )
    assert isinstance(backend, ReopenedBackend)
    probe.phase("load")
    probe.loaded(backend.checkpoint.model.parameters())
    probe.phase("touch")
    requests = [
        KeyedRequest(str(place), request_from_json(request), "benchmark", str(place))
        for place, request in enumerate(job["requests"])
    ]
    responses: list[object] = [None] * len(requests)
    for key, response in backend.run(requests):
        responses[int(key)] = response_to_json(response)
    probe.phase("answer")
    result = {
        "responses": responses,
        "usage": dataclasses.asdict(backend.usage),
        "model": dict(backend.describe()),
        **probe.report(),
    }
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
