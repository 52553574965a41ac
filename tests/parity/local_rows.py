"""Rows in the columns of official data sets, made of the shared data.

What a row says need not be true of the benchmark whose columns it has: both programs see the same
rows, and what is compared is what they make of them.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from support.shared_data import SHARED

DATA = SHARED / "data"
Row = dict[str, Any]


@cache
def _hellaswag(part: str) -> list[Row]:
    rows: list[Row] = json.loads((DATA / "hellaswag/hellaswag.json").read_text("utf-8"))[part]
    return rows


def _options(part: str) -> Iterator[tuple[str, list[str], int]]:
    for row in _hellaswag(part):
        yield (
            row["question"],
            list(row["choices"].values()),
            list(row["choices"]).index(row["answer"]),
        )


def hellaswag(part: str = "dev") -> Iterator[Row]:
    """Columns of Rowan/hellaswag."""
    for question, endings, gold in _options(part):
        first, _, second = question.partition(". ")
        yield {"activity_label": "Topic", "ctx_a": first, "ctx_b": second or "then",
               "endings": endings, "label": str(gold)}  # fmt: skip


def arc(part: str = "dev") -> Iterator[Row]:
    """Columns of allenai/ai2_arc."""
    for question, options, gold in _options(part):
        yield {"question": question, "choices": {"text": options, "label": list("ABCD")},
               "answerKey": "ABCD"[gold]}  # fmt: skip


def mmlu(part: str = "dev") -> Iterator[Row]:
    """Columns of cais/mmlu."""
    for question, options, gold in _options(part):
        yield {"question": question, "choices": options, "answer": gold, "subject": "anatomy"}


def mmlu_pro(part: str = "dev") -> Iterator[Row]:
    """Columns of TIGER-Lab/MMLU-Pro, of two subjects."""
    for place, (question, options, gold) in enumerate(_options(part)):
        letter = "ABCD"[gold]
        yield {"question": question, "options": options, "answer": letter, "answer_index": gold,
               "cot_content": f"A: Let's think step by step. The answer is ({letter}).",
               "category": ("biology", "law")[place % 2]}  # fmt: skip


def openbookqa(part: str = "dev") -> Iterator[Row]:
    """Columns of allenai/openbookqa."""
    for row in arc(part):
        yield {**row, "question_stem": row.pop("question")}


def swag(part: str = "dev") -> Iterator[Row]:
    """Columns of allenai/swag."""
    for question, options, gold in _options(part):
        yield {"startphrase": question, "label": gold,
               **{f"ending{place}": text for place, text in enumerate(options)}}  # fmt: skip


def piqa(part: str = "dev") -> Iterator[Row]:
    """Columns of piqa."""
    for question, options, gold in _options(part):
        yield {"goal": question, "sol1": options[0], "sol2": options[1], "label": gold % 2}


def sciq(part: str = "dev") -> Iterator[Row]:
    """Columns of allenai/sciq."""
    for question, options, gold in _options(part):
        wrong = [text for place, text in enumerate(options) if place != gold]
        yield {"support": f" {question[:60]}", "question": question,
               "correct_answer": options[gold],
               **{f"distractor{place + 1}": text for place, text in enumerate(wrong)}}  # fmt: skip


def global_piqa(part: str = "dev") -> Iterator[Row]:
    """Columns of mrlbenchmarks/global-piqa."""
    for question, options, gold in _options(part):
        yield {"prompt": question, "solution0": options[0], "solution1": options[1],
               "label": gold % 2}  # fmt: skip


@cache
def _truthfulqa() -> list[Row]:
    with open(DATA / "truthfulqa/TruthfulQA.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def truthfulqa_mc() -> Iterator[Row]:
    """Columns of truthful_qa, multiple_choice."""
    for row in _truthfulqa():
        right = [each.strip() for each in row["Correct Answers"].split(";") if each.strip()]
        wrong = [each.strip() for each in row["Incorrect Answers"].split(";") if each.strip()]
        yield {
            "question": row["Question"],
            "mc1_targets": {"choices": [row["Best Answer"], *wrong],
                            "labels": [1, *[0] * len(wrong)]},
            "mc2_targets": {"choices": [*right, *wrong],
                            "labels": [*[1] * len(right), *[0] * len(wrong)]},
        }  # fmt: skip


def truthfulqa_gen() -> Iterator[Row]:
    """Columns of truthful_qa, generation."""
    for row in _truthfulqa():
        yield {
            "question": row["Question"],
            "best_answer": row["Best Answer"],
            "correct_answers": [each.strip() for each in row["Correct Answers"].split(";")],
            "incorrect_answers": [each.strip() for each in row["Incorrect Answers"].split(";")],
        }


def gsm8k() -> Iterator[Row]:
    """Columns of openai/gsm8k, short problems, which the smallest model can read."""
    lines = (DATA / "gsm8k/test.jsonl").read_text("utf-8").splitlines()
    yield from sorted(map(json.loads, lines), key=lambda row: len(row["question"] + row["answer"]))


def mgsm() -> Iterator[Row]:
    """Columns of juletxara/mgsm."""
    for row in gsm8k():
        number = row["answer"].rpartition("####")[2].strip().replace(",", "")
        yield {"question": row["question"], "answer": None, "answer_number": int(number)}


def bbh() -> Iterator[Row]:
    """Columns of bbh."""
    for row in gsm8k():
        yield {"input": row["question"], "target": row["answer"].rpartition("####")[2].strip()}


def word_sorting() -> Iterator[Row]:
    """Columns of bbh's word_sorting."""
    for row in gsm8k():
        words = re.findall(r"[a-z]{4,}", row["question"])[:5]
        yield {"input": f"Sort the following words alphabetically: List: {' '.join(words)}",
               "target": " ".join(sorted(words))}  # fmt: skip


def navigate() -> Iterator[Row]:
    """Columns of bbh's navigate, date_understanding and boolean_expressions."""
    for place, row in enumerate(gsm8k()):
        options = "Options:\n- Yes\n- No\n(A) Yes\n(B) No"
        yield {"input": f"{row['question']}\n{options}", "target": ("Yes", "(B)")[place % 2]}


def lambada() -> Iterator[Row]:
    """Columns of lambada_openai."""
    text = (DATA / "lambada/lambada_test_first1500.jsonl").read_text("utf-8")
    for line in text.splitlines():
        yield json.loads(line)


def pages() -> Iterator[Row]:
    """Columns of wikitext_document_level."""
    for row in lambada():
        yield {"page": row["text"]}


def asdiv() -> Iterator[Row]:
    """Columns of EleutherAI/asdiv."""
    for row in gsm8k():
        body, _, question = row["question"].rpartition(". ")
        number = row["answer"].rpartition("####")[2].strip()
        yield {"body": body, "question": question, "answer": f"{number} (apples)"}


def arithmetic() -> Iterator[Row]:
    """Columns of EleutherAI/arithmetic."""
    for number in range(10, 60):
        yield {"context": f"Question: What is {number} plus {number + 7}?\n\nAnswer:",
               "completion": f" {2 * number + 7}"}  # fmt: skip


def sst2(part: str = "dev") -> Iterator[Row]:
    """Columns of glue sst2 and cola."""
    for line in (DATA / f"sst2/{part}.tsv").read_text("utf-8").splitlines():
        text, _, label = line.rpartition("\t")
        yield {"sentence": text, "label": int(label)}


def _questions(name: str) -> list[Row]:
    data = json.loads((DATA / "squad_paraphrased" / name).read_text("utf-8"))["data"]
    return [each for page in data for part in page["paragraphs"] for each in part["qas"]]


def pairs() -> Iterator[Row]:
    """Columns of glue mrpc, qqp, rte and wnli: paraphrases, and every second pair mismatched."""
    one, other = _questions("dev_orig.json"), _questions("dev_para.json")
    for place, each in enumerate(one):
        twin = other[place if place % 2 == 0 else (place + 5) % len(other)]
        texts = {"1": each["question"], "2": twin["question"]}
        fields = {
            f"{kind}{key}": text for kind in ("sentence", "question") for key, text in texts.items()
        }
        yield {**fields, "label": int(place % 2 == 0)}


def anli() -> Iterator[Row]:
    """Columns of facebook/anli."""
    for place, row in enumerate(pairs()):
        yield {"premise": row["sentence1"], "hypothesis": row["sentence2"], "label": place % 3}


@cache
def _squad() -> list[tuple[str, str, Row]]:
    path = DATA / "squad/squad2_dev_first_articles.json"
    found = [
        (page["title"], part["context"], each)
        for page in json.loads(path.read_text("utf-8"))["data"]
        for part in page["paragraphs"]
        for each in part["qas"]
    ]
    return sorted(found, key=lambda each: len(each[1]))


def squad() -> Iterator[Row]:
    """Columns of squad_v2."""
    for title, context, each in _squad():
        answers = each["answers"]
        yield {
            "id": each["id"], "title": title, "context": context, "question": each["question"],
            "answers": {"text": [answer["text"] for answer in answers],
                        "answer_start": [answer["answer_start"] for answer in answers]},
        }  # fmt: skip


def boolq() -> Iterator[Row]:
    """Columns of super_glue boolq: whether the passage answers the question."""
    for _, context, each in _squad():
        yield {
            "passage": context,
            "question": each["question"],
            "label": int(bool(each["answers"])),
        }


def nq_open() -> Iterator[Row]:
    """Columns of nq_open; several answers each."""
    for _, _, each in _squad():
        texts = list(dict.fromkeys(answer["text"] for answer in each["answers"]))
        if texts:
            yield {"question": each["question"].rstrip("?"), "answer": texts}


def triviaqa() -> Iterator[Row]:
    """Columns of trivia_qa."""
    for row in nq_open():
        yield {"question": row["question"], "answer": {"aliases": row["answer"]}}


def webqs() -> Iterator[Row]:
    """Columns of web_questions."""
    for row in nq_open():
        yield {"question": row["question"], "answers": row["answer"]}


def squad_completion() -> Iterator[Row]:
    """Columns of hazyresearch/based-squad."""
    for _, context, each in _squad():
        if each["answers"]:
            yield {"text": context[:200], "value": each["answers"][0]["text"],
                   "question": each["question"], "title": "", "context": context[:200]}  # fmt: skip


def drop() -> Iterator[Row]:
    """Columns of EleutherAI/drop."""
    empty = {"number": "", "date": {"day": "", "month": "", "year": ""}, "spans": []}
    for number, (_, context, each) in enumerate(_squad()):
        spans = [answer["text"] for answer in each["answers"][:1]] or ["none"]
        yield {
            "query_id": str(number), "section_id": "0", "passage": context,
            "question": each["question"],
            "answer": {**empty, "spans": spans, "hit_id": "", "worker_id": ""},
            "validated_answers": {
                key: [] for key in ("number", "date", "spans", "hit_id", "worker_id")
            },
        }  # fmt: skip


def crows_pairs() -> Iterator[Row]:
    """Columns of crows_pairs_multilingual."""
    path = DATA / "crows_pairs/crows_pairs_anonymized.csv"
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {"sent_more": row["sent_more"], "sent_less": row["sent_less"],
                   "stereo_antistereo": row["stereo_antistereo"],
                   "bias_type": row["bias_type"]}  # fmt: skip


def winogrande() -> Iterator[Row]:
    """Columns of allenai/winogrande, from WinoBias: who is meant by the pronoun."""
    lines = (DATA / "winobias/pro_stereotyped_type1.txt.test").read_text("utf-8").splitlines()
    for line in lines:
        text = line.partition(" ")[2]
        who, pronoun = re.findall(r"\[([^]]+)\]", text)[:2]
        if text.index(f"[{who}]") > text.index(f"[{pronoun}]"):
            who, pronoun = pronoun, who
        sentence = text.replace(f"[{pronoun}]", "_").replace(f"[{who}]", who)
        yield {"sentence": sentence, "option1": who, "option2": "the visitor", "answer": "1"}


def cooccurrence() -> Iterator[Row]:
    """Columns of oskarvanderwal/simple-cooccurrence-bias."""
    path = DATA / "winobias/male_occupations.txt"
    for occupation in path.read_text("utf-8").split():
        yield {"sentence": f"The {occupation} is a"}


def aradice() -> Iterator[Row]:
    """Columns of QCRI/AraDiCE-BoolQ."""
    for row in boolq():
        yield {"passage": row["passage"][:300], "question": row["question"],
               "answer": bool(row["label"])}  # fmt: skip


def blimp() -> Iterator[Row]:
    """Columns of nyu-mll/blimp."""
    for row in crows_pairs():
        yield {"sentence_good": row["sent_more"], "sentence_bad": row["sent_less"]}


def bbq() -> Iterator[Row]:
    """Columns of oskarvanderwal/bbq."""
    for path in sorted((DATA / "bbq/sample200").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            row["question_index"] = str(row["question_index"])
            yield row


def translations(target: str) -> Iterator[Row]:
    """Columns of wmt: Multi30k's test set of 2016."""
    sides = [
        (DATA / f"multi30k/test_2016_flickr.{language}").read_text("utf-8").splitlines()
        for language in ("en", target)
    ]
    for one, other in zip(*sides, strict=True):
        yield {"translation": {"en": one, target: other}}
