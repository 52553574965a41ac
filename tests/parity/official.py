"""The official definitions that are compared, each on rows of the shared data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from parity import local_rows as rows
from parity.local_rows import Row


@dataclass(frozen=True, slots=True)
class Case:
    """One definition on local rows.

    Attributes:
        name: lm_eval's name of it.
        rows: Makes the rows that are scored.
        shots: Makes the rows that solved examples are drawn from; None: the scored rows stand in.
        num_fewshot: Solved examples; None leaves the definition's own.
        limit: Documents that are asked.
        settings: ``--set lm_eval:NAME.KEY=VALUE``.
        covers: What it is here for.
        rolling: lm_eval scores a second BOS as a word of its texts; without it both are equal.
    """

    name: str
    rows: Callable[[], Iterable[Row]]
    covers: str
    shots: Callable[[], Iterable[Row]] | None = None
    num_fewshot: int | None = None
    limit: int = 24
    settings: Mapping[str, str] = field(default_factory=dict)
    rolling: bool = False

    @property
    def label(self) -> str:
        """The name, and whether a chat template is applied."""
        return f"{self.name}, chat" if "apply_chat_template" in self.settings else self.name


_SHORT = "max_gen_toks=24"

CASES = (
    Case("hellaswag", rows.hellaswag, "acc, acc_norm; documents by code"),
    Case("arc_easy", rows.arc, "few-shot, draws of another part", partial(rows.arc, "test"), 3),
    Case("openbookqa", rows.openbookqa, "prompt that is a field"),
    Case("swag", rows.swag, "choices of several fields"),
    Case("piqa", rows.piqa, "few-shot from the same part", num_fewshot=2),
    Case("sciq", rows.sciq, "gold is a constant"),
    Case("global_piqa_nonparallel_cloze_acm_arab", rows.global_piqa, "acc_bytes"),
    Case("truthfulqa_mc1", rows.truthfulqa_mc, "prompt with worked questions in the template"),
    Case("truthfulqa_mc2", rows.truthfulqa_mc, "results by code, many choices"),
    Case("truthfulqa_gen", rows.truthfulqa_gen, "BLEU and ROUGE of each answer by code",
         limit=10, settings={"gen_kwargs": _SHORT}),
    Case("gsm8k", rows.gsm8k, "two filters by pattern; few-shot", rows.gsm8k, 1, 12,
         {"gen_kwargs": "max_gen_toks=40"}),
    Case("gsm8k_cot_self_consistency", rows.gsm8k, "repeats, majority vote, first k",
         limit=3, num_fewshot=1,
         settings={"gen_kwargs": "max_gen_toks=16,do_sample=false,temperature=0.0"}),
    Case("mgsm_direct_en", rows.mgsm, "filters; gold is a number", limit=12,
         settings={"gen_kwargs": _SHORT}),
    Case("bbh_cot_fewshot_navigate", rows.bbh, "examples in the definition", limit=6,
         num_fewshot=1, settings={"gen_kwargs": _SHORT}),
    Case("lambada_openai", rows.lambada, "log-likelihood, perplexity"),
    Case("lambada_standard_cloze_yaml", rows.lambada, "cloze"),
    Case("asdiv", rows.asdiv, "log-likelihood, accuracy alone"),
    Case("arithmetic_2da", rows.arithmetic, "empty delimiter"),
    Case("wikitext", rows.pages, "rolling, results by code", rolling=True),
    Case("pile_10k", rows.lambada, "rolling, lm_eval's own results", rolling=True),
    Case("sst2", rows.sst2, "few-shot by label", partial(rows.sst2, "test"), 4),
    Case("cola", rows.sst2, "Matthews correlation"),
    Case("mrpc", rows.pairs, "F1 over all samples"),
    Case("qqp", rows.pairs, "F1 over all samples, few-shot", num_fewshot=2),
    Case("rte", rows.pairs, "two sentences"),
    Case("anli_r1", rows.anli, "gold by template"),
    Case("boolq", rows.boolq, "long contexts, cut on the left"),
    Case("nq_open", rows.nq_open, "several accepted answers", limit=12,
         settings={"gen_kwargs": _SHORT}),
    Case("triviaqa", rows.triviaqa, "several accepted answers, aliases", limit=12,
         settings={"gen_kwargs": _SHORT}),
    Case("webqs", rows.webqs, "several gold choices"),
    Case("squadv2", rows.squad, "a Python class; generation and log-likelihood of one document",
         limit=12),
    Case("squad_completion", rows.squad_completion, "a Python class, generation", limit=12),
    Case("drop", rows.drop, "documents and results by code", limit=8,
         settings={"gen_kwargs": _SHORT}),
    Case("crows_pairs_english", rows.crows_pairs, "empty context, metrics by bias type"),
    Case("winogrande", rows.winogrande, "choices are contexts"),
    Case("blimp_adjunct_island", rows.blimp, "two whole sentences"),
    Case("bbq", rows.bbq, "aggregations by code", limit=60),
    Case("wmt16-en-de", partial(rows.translations, "de"), "BLEU, TER, chrF", limit=16,
         settings={"gen_kwargs": _SHORT}),
    Case("wmt14-en-fr", partial(rows.translations, "fr"), "BLEU, TER, chrF; few-shot",
         num_fewshot=1, limit=16, settings={"gen_kwargs": _SHORT}),
    Case("mmlu_anatomy", rows.mmlu, "the first examples of another part",
         partial(rows.mmlu, "test"), 5),
    Case("mmlu_pro_biology", rows.mmlu_pro, "documents by subject; examples by code",
         partial(rows.mmlu_pro, "test"), 1, 6, {"gen_kwargs": _SHORT}),
    Case("bbh_zeroshot_navigate", rows.navigate, "pattern, without case and commas", limit=8,
         settings={"gen_kwargs": _SHORT}),
    Case("bbh_zeroshot_date_understanding", rows.navigate, "filter of its own: choices", limit=8,
         settings={"gen_kwargs": _SHORT}),
    Case("bbh_zeroshot_word_sorting", rows.word_sorting, "filter of its own that reads documents",
         limit=8, settings={"gen_kwargs": _SHORT}),
    Case("simple_cooccurrence_bias", rows.cooccurrence, "differences of log-likelihoods by code"),
    Case("simple_cooccurrence_bias_gen", rows.cooccurrence, "lower case, first k of ten repeats",
         limit=6, settings={"gen_kwargs": "max_gen_toks=8,do_sample=false,temperature=0.0"}),
    Case("AraDiCE_boolq_eng", rows.aradice, "F1 by code", limit=12),
)  # fmt: skip

_CHAT = {"apply_chat_template": "true"}
_AS_TEXT = _CHAT | {"fewshot_as_multiturn": "false"}
_BRIEF = _CHAT | {"system_instruction": "Be brief."}

CHAT_CASES = (
    Case("arc_easy", rows.arc, "choices through a chat template", partial(rows.arc, "test"), 2,
         settings=_CHAT),
    Case("mmlu_anatomy", rows.mmlu, "a system prompt and a description",
         partial(rows.mmlu, "test"), 2, settings=_BRIEF),
    Case("arc_challenge_chat", rows.arc, "an answer that is begun", limit=8,
         settings=_CHAT | {"gen_kwargs": _SHORT}),
    Case("gsm8k", rows.gsm8k, "examples as turns", rows.gsm8k, 2, 8,
         _BRIEF | {"gen_kwargs": "max_gen_toks=40"}),
    Case("gsm8k_cot_llama", rows.gsm8k, "examples of the definition in one turn", limit=4,
         num_fewshot=2, settings=_AS_TEXT | {"gen_kwargs": "max_gen_toks=40"}),
    Case("bbh_zeroshot_date_understanding", rows.navigate, "no examples", limit=8,
         settings=_CHAT | {"gen_kwargs": _SHORT}),
)  # fmt: skip
"""Of models that have a chat template."""
