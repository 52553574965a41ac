"""Encoder-decoders: log-likelihoods and texts against plain calls of ``transformers``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import TimeIsUpError, UsageError
from harness.protocols import BackendOptions
from harness.testing import check_backend, keyed
from harness.types import (
    Completion,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    Message,
    Request,
    Sampling,
)
from harness_backends.hf import open_hf
from support.deadlines import AfterLooks
from support.model_kinds import POSITIONS, SEQ2SEQ

Folders = Callable[..., Path]
Answers = Callable[[Any, Sequence[Request]], list[Any]]

LANGUAGES = {
    "mbart": {"source_lang": "en_XX", "target_lang": "de_DE"},
    "mbart50": {"source_lang": "en_XX", "target_lang": "ro_RO"},
    "nllb": {"source_lang": "eng_Latn", "target_lang": "deu_Latn"},
}
CHOICES = [
    Loglikelihood(context, continuation)
    for context in ("the town is", "who sells sea shells? ", "the river")
    for continuation in (" old", " long and old", "she sells sea shells by the sea shore")
]
PROMPTS = [
    Generate(text, Sampling(max_tokens=length))
    for text, length in (("the town is", 9), ("one two three four five six", 12), ("the", 5))
]


def open_kind(folder: Path, name: str = "", batch_size: int | None = None, **values: str) -> Any:
    values = {**LANGUAGES.get(name, {}), **values}
    return open_hf(BackendOptions(str(folder), batch_size=batch_size, values=values))


def expected_loglikelihood(backend: Any, name: str, request: Loglikelihood) -> tuple[float, bool]:
    """One plain forward of the whole model."""
    checkpoint = backend.checkpoint
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    context = str(request.context)
    moved = context[len(context.rstrip()) :] + request.continuation
    source = tokenizer(context.rstrip(), return_tensors="pt")["input_ids"]
    target = tokenizer(text_target=moved, add_special_tokens=False)["input_ids"]
    start = [model.config.decoder_start_token_id]
    if name in LANGUAGES:  # the code of the target language comes first
        code = tokenizer.convert_tokens_to_ids(LANGUAGES[name]["target_lang"])
        start = [code] if name == "mbart" else [*start, code]
    with torch.no_grad():
        logits = model(
            input_ids=source, decoder_input_ids=torch.tensor([[*start, *target[:-1]]])
        ).logits[0, len(start) - 1 :]
    logprobs = logits.log_softmax(-1)
    total = sum(float(logprobs[place, token]) for place, token in enumerate(target))
    return total, bool((logits.argmax(-1) == torch.tensor(target)).all())


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_loglikelihoods_are_those_of_plain_calls(
    name: str, kind_folder: Folders, answers: Answers
) -> None:
    backend = open_kind(kind_folder(name, "seq2seq"), name)
    assert backend.describe()["kind"] == "seq2seq"
    for request, response in zip(CHOICES, answers(backend, CHOICES), strict=True):
        total, greedy = expected_loglikelihood(backend, name, request)
        assert response.total == pytest.approx(total, abs=1e-4), request
        assert response.is_greedy == greedy


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_texts_are_those_of_generate(name: str, kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder(name, "seq2seq"), name)
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    started = {}
    if name in LANGUAGES:
        code = tokenizer.convert_tokens_to_ids(LANGUAGES[name]["target_lang"])
        first = "decoder_start_token_id" if name == "mbart" else "forced_bos_token_id"
        started = {first: code}
    said = answers(backend, PROMPTS)
    for request, response in zip(PROMPTS, said, strict=True):
        ids = model.generate(
            **tokenizer(request.prompt, return_tensors="pt"),
            max_new_tokens=request.sampling.max_tokens,
            do_sample=False,
            num_beams=1,
            **started,
        )
        assert response.text == tokenizer.decode(ids[0], skip_special_tokens=True), request
        assert response.tokens == ids.shape[1] - 1
    assert len({response.text for response in said}) > 1


def test_the_padding_token_is_never_said_by_marian(
    kind_folder: Folders, answers: Answers, tmp_path: Path
) -> None:
    """It has the largest bias here; the checkpoint's rule against it is kept."""
    import shutil

    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(kind_folder("marian", "seq2seq"), tmp_path / "marian"))
    weights = load_file(folder / "model.safetensors")
    weights["final_logits_bias"][0, -1] = 1e4
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    backend = open_kind(folder)
    assert backend.checkpoint.tokenizer.pad_token_id == weights["final_logits_bias"].shape[1] - 1
    (said,) = answers(backend, PROMPTS[:1])
    assert said.tokens > 0 and said.text


def test_continuations_are_encoded_as_targets(kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder("marian", "seq2seq"))
    tokenizer = backend.checkpoint.tokenizer
    text = "she sells sea shells"
    target = tokenizer(text_target=text, add_special_tokens=False)["input_ids"]
    assert target != tokenizer(text, add_special_tokens=False)["input_ids"]
    (response,) = answers(backend, [Loglikelihood("the river", text)])
    assert response.token_count == len(target)


@pytest.mark.parametrize("name", SEQ2SEQ)
@pytest.mark.parametrize("batch_size", [1, 2])
def test_the_batch_size_changes_nothing(
    name: str, batch_size: int, kind_folder: Folders, answers: Answers
) -> None:
    folder = kind_folder(name, "seq2seq")
    sampled = [Generate("the town", Sampling(max_tokens=8, temperature=1.0, seed=3))]
    requests = [*CHOICES, *PROMPTS, *sampled]
    wide = answers(open_kind(folder, name), requests)
    narrow = answers(open_kind(folder, name, batch_size), requests)
    for one, other in zip(wide, narrow, strict=True):
        if isinstance(one, Logprob):
            assert one.total == pytest.approx(other.total, abs=1e-4)
        else:
            assert one.text == other.text


def test_the_contract_is_kept(kind_folder: Folders) -> None:
    check_backend(open_kind(kind_folder("t5", "seq2seq")), [*CHOICES, *PROMPTS])


def test_each_source_goes_through_the_encoder_once(kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder("t5", "seq2seq"))
    tokenizer = backend.checkpoint.tokenizer
    context = "the river is long, and the town is old"
    requests = [Loglikelihood(context, text) for text in (" old", " long", " by the sea shore")]
    fed = sum(
        len(tokenizer(each.continuation, add_special_tokens=False)["input_ids"])
        for each in requests
    )
    source = len(tokenizer(context)["input_ids"])
    forecast = backend.forecast(keyed(requests))
    answers(backend, requests)
    usage = backend.usage
    assert usage.computed_tokens == source + fed
    assert usage.prompt_tokens == 3 * source + fed
    assert usage.reused_tokens == 2 * source
    assert (forecast.computed_tokens, forecast.prompt_tokens, forecast.reused_tokens) == (
        usage.computed_tokens,
        usage.prompt_tokens,
        usage.reused_tokens,
    )


def test_stop_strings_cut_the_text(kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder("bart", "seq2seq"))
    (free,) = answers(backend, [Generate("the town is", Sampling(max_tokens=12))])
    stop = free.text[2:5]
    (cut,) = answers(backend, [Generate("the town is", Sampling(max_tokens=12, stop=(stop,)))])
    assert cut == Completion(free.text[: free.text.find(stop)], "stop", cut.tokens, cut.logprob)
    assert cut.tokens < free.tokens


def test_a_long_source_keeps_its_end(kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder("bart", "seq2seq"))
    tokenizer, model = backend.checkpoint.tokenizer, backend.checkpoint.model
    long = "the town is old and long " * 40
    target = tokenizer(" old", add_special_tokens=False)["input_ids"]
    ids = torch.tensor([tokenizer(long.rstrip())["input_ids"][-POSITIONS:]])
    start = model.config.decoder_start_token_id
    with torch.no_grad():
        logits = model(input_ids=ids, decoder_input_ids=torch.tensor([[start, *target[:-1]]]))
    expected = logits.logits[0].log_softmax(-1)
    (response, _) = answers(backend, [Loglikelihood(long.rstrip(), " old"), PROMPTS[0]])
    total = sum(float(expected[place, token]) for place, token in enumerate(target))
    assert response.total == pytest.approx(total, abs=1e-4)
    assert backend.describe()["truncated"] == 1


def test_what_does_not_fit_fails_alone(kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder("bart", "seq2seq"))
    requests = [
        Loglikelihood("the town", " sea shells" * 60),
        Generate("the town", Sampling(max_tokens=POSITIONS)),
        Generate("the town", Sampling(n=2)),
        Loglikelihood("the town", " old"),
    ]
    *failed, last = answers(backend, requests)
    assert all(isinstance(each, Failed) for each in failed)
    assert str(POSITIONS) in failed[0].reason
    assert "max_tokens" in failed[1].reason
    assert isinstance(last, Logprob)


def test_empty_texts(kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder("t5", "seq2seq"))
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    nothing, bare, _ = answers(
        backend,
        [Loglikelihood("the", ""), Loglikelihood("", "old"), Generate("", Sampling(max_tokens=3))],
    )
    assert nothing == Logprob(0.0, 0, True)
    target = tokenizer("old", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(
            input_ids=torch.tensor([[tokenizer.eos_token_id]]),
            decoder_input_ids=torch.tensor([[0, *target[:-1]]]),
        ).logits[0]
    expected = logits.log_softmax(-1)[range(len(target)), target].sum()
    assert bare.total == pytest.approx(float(expected), abs=1e-4)


# --------------------------------------------------------------------------- languages


def test_a_target_language_must_be_named(kind_folder: Folders) -> None:
    with pytest.raises(UsageError, match="none is named") as raised:
        open_hf(BackendOptions(str(kind_folder("mbart50", "seq2seq"))))
    assert "target_lang=CODE" in str(raised.value) and "de_DE" in str(raised.value)


@pytest.mark.parametrize("option", ["source_lang", "target_lang"])
def test_an_unknown_language_is_an_error(option: str, kind_folder: Folders) -> None:
    with pytest.raises(UsageError, match="none of the model's languages"):
        open_kind(kind_folder("mbart", "seq2seq"), "mbart", **{option: "tlh"})
    with pytest.raises(UsageError, match="no language codes"):
        open_kind(kind_folder("t5", "seq2seq"), **{option: "de_DE"})


def test_languages_change_answers_and_fingerprint(kind_folder: Folders, answers: Answers) -> None:
    folder = kind_folder("mbart50", "seq2seq")
    backends = [
        open_kind(folder, source_lang=source, target_lang=target)
        for source, target in (("en_XX", "ro_RO"), ("en_XX", "de_DE"), ("fr_XX", "ro_RO"))
    ]
    assert len({backend.fingerprint for backend in backends}) == 3
    totals = {answers(backend, CHOICES[:1])[0].total for backend in backends}
    assert len(totals) == 3
    described = backends[0].describe()
    assert (described["source_lang"], described["target_lang"]) == ("en_XX", "ro_RO")


def test_chat_messages_need_a_template(kind_folder: Folders) -> None:
    from harness.errors import ModelError

    backend = open_kind(kind_folder("t5", "seq2seq"))
    with pytest.raises(ModelError, match="chat template"):
        list(backend.run(keyed([Generate((Message("user", "hello"),))])))


def test_buffers_that_published_checkpoints_leave_out_are_no_missing_weights(
    kind_folder: Folders, answers: Answers, tmp_path: Path
) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    for name in ("bart", "marian"):
        folder = Path(shutil.copytree(kind_folder(name, "seq2seq"), tmp_path / name))
        weights = load_file(folder / "model.safetensors")
        weights.pop("final_logits_bias")
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        assert answers(open_kind(folder), PROMPTS) == answers(
            open_kind(kind_folder(name, "seq2seq")), PROMPTS
        )


def test_the_fingerprint_follows_every_vocabulary(kind_folder: Folders, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(kind_folder("marian", "seq2seq"), tmp_path / "marian"))
    before = open_kind(folder).fingerprint
    shutil.copy(folder / "source.spm", folder / "target.spm")
    assert open_kind(folder).fingerprint != before


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_a_deadline_holds_between_steps(name: str, kind_folder: Folders, answers: Answers) -> None:
    deadline = AfterLooks(5.0, 0.0, most=6)
    folder = str(kind_folder(name, "seq2seq"))
    values = LANGUAGES.get(name, {})
    backend = open_hf(BackendOptions(folder, values=values, deadline=deadline))
    with pytest.raises(TimeIsUpError):
        answers(backend, [Generate(each.prompt, Sampling(max_tokens=40)) for each in PROMPTS])
    assert len(deadline.looks) == deadline.most
