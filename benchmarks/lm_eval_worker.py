"""Answers a job's requests with lm-evaluation-harness; runs in lm-eval's own environment.

Usage: python lm_eval_worker.py JOB.json OUT.json   (started by ``comparison.py``)
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from process_probe import Probe


def main() -> None:
    """Reads the job, answers, writes responses and figures."""
    probe = Probe()
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    logging.disable(logging.WARNING)
    import torch

    torch.set_num_threads(job["threads"])
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    probe.phase("import")
    model = HFLM(
        pretrained=job["checkpoint"],
        device="cpu",
        dtype=job["dtype"],
        batch_size=job["lm_eval_batch_size"],
    )
    probe.phase("load")
    probe.loaded(model.model.parameters())
    probe.phase("touch")
    responses: list[object] = [None] * len(job["requests"])
    methods = {
        "loglikelihood": model.loglikelihood,
        "rolling": model.loglikelihood_rolling,
        "generate": model.generate_until,
    }
    for kind, method in methods.items():
        places = [i for i, request in enumerate(job["requests"]) if request["type"] == kind]
        if not places:
            continue
        instances = [
            Instance(
                request_type=kind,  # type: ignore[arg-type]
                doc={},
                arguments=_arguments(job["requests"][place]),
                idx=place,
            )
            for place in places
        ]
        answers = method(instances)
        for place, answer in zip(places, answers, strict=True):
            responses[place] = answer
    probe.phase("answer")
    Path(sys.argv[2]).write_text(
        json.dumps({"responses": responses, **probe.report()}), encoding="utf-8"
    )


def _arguments(request: dict[str, object]) -> tuple[object, ...]:
    if request["type"] == "loglikelihood":
        return request["context"], request["continuation"]
    if request["type"] == "rolling":
        return (request["text"],)
    sampling = request["sampling"]
    assert isinstance(sampling, dict)
    settings = {"until": sampling["stop"], "max_gen_toks": sampling["max_tokens"]}
    return request["prompt"], settings


if __name__ == "__main__":
    main()
