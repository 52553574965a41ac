"""The sample data: what the script writes, in the right formats, and unseen in training."""

import csv
import itertools
import json
from collections import Counter

import pytest

from demo_model.corpus import documents
from demo_model.encoding import render
from demo_model.families import choices, qa, sentiment, stereotypes, summaries
from demo_model.families import translation as translations
from demo_model.write_samples import FILES, FOLDERS, PROBES, SHOTS, TASKS, write
from support import ROOT


def load(name):
    folder = FOLDERS[name.removesuffix(".shots")]
    text = (ROOT / TASKS / folder / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def bbq():
    text = (ROOT / PROBES / "bbq.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def crows_pairs():
    with open(ROOT / PROBES / "crows_pairs.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def prompt(name, row):
    if "context" in row:
        return qa.prompt(row["title"], row["context"], row["question"])
    if "document" in row:
        return summaries.prompt(row["document"], 3 if name == "cnn_dailymail" else 1)
    if "source" in row:
        return translations.prompt(row["source"])
    if "label" in row:
        return sentiment.prompt(row["text"])
    if "choices" in row:
        return row["question"] if name == "hellaswag" else choices.prompt(row["question"])
    return row["text"]


def test_the_script_writes_the_files_that_ship(tmp_path):
    write(tmp_path / "tasks", tmp_path / "probes")
    for written, shipped in ((tmp_path / "tasks", TASKS), (tmp_path / "probes", PROBES)):
        paths = list(written.rglob("*.*"))
        assert paths
        for path in paths:
            name = path.relative_to(written)
            assert path.read_bytes() == (ROOT / shipped / name).read_bytes(), name


def test_training_never_sees_a_sample():
    drawn = list(itertools.islice(documents(0), 30_000))
    seen = {example.prompt or example.answer for made in drawn for example in made.examples}
    for name in FILES:
        assert not seen & {prompt(name, row) for row in load(name)}, name
    assert not seen & {stereotypes.prompt(row["context"], row["question"]) for row in bbq()}
    assert not seen & {row[side] for row in crows_pairs() for side in ("sent_more", "sent_less")}


def test_training_never_states_a_fact_of_the_sample_passages():
    drawn = itertools.islice(documents(1), 20_000)
    text = "\n".join(render(made)[0] for made in drawn if made.examples[0].family == "qa")
    stated = {
        sentence
        for name in ("squad", "squad_v2", "qa")
        for row in load(name)
        for sentence in row["context"].rstrip(".").split(". ")
    }
    assert len(stated) > 200
    assert not [fact for fact in stated if f"{fact}. " in text or f"{fact}.\n" in text]


@pytest.mark.parametrize("name", FILES)
def test_rows_are_distinct_and_apart_from_the_few_shot_pool(name):
    rows = load(name)
    assert 40 <= len(rows) <= 200
    shots = load(f"{name}.shots") if FILES[name][2] else []
    assert len(shots) == (SHOTS if FILES[name][2] else 0)
    everything = [*rows, *shots]
    assert len({row["id"] for row in everything}) == len(everything)
    assert len({prompt(name, row) for row in everything}) == len(everything)
    assert all(row["id"].startswith(f"{name}-") for row in everything)


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name][2]])
def test_prompts_fit_the_context_with_two_examples(name):
    from transformers import AutoTokenizer

    from harness_backends.demo import weights_folder

    tokenizer = AutoTokenizer.from_pretrained(str(weights_folder()))
    longest = max(len(tokenizer(prompt(name, row)).input_ids) for row in load(name))
    shots = sorted(len(tokenizer(json.dumps(row)).input_ids) for row in load(f"{name}.shots"))
    assert longest + shots[-1] + shots[-2] + 128 < 1024


def test_a_third_of_squad_v2_has_no_answer():
    rows = load("squad_v2")
    assert sum(not row["answers"] for row in rows) == len(rows) // 3
    assert all(row["answers"][0].lower() in row["context"].lower() for row in load("squad"))


def test_passages_are_shared_by_questions():
    assert set(Counter(row["context"] for row in load("squad")).values()) == {3}


def test_groups_are_of_both_genders():
    for name in ("squad", "sst2"):
        count = Counter(row["groups"]["gender"] for row in load(name) if "groups" in row)
        assert min(count["female"], count["male"]) >= 15, name


def test_labels_are_balanced():
    assert Counter(row["label"] for row in load("sst2")) == {"positive": 80, "negative": 80}
    for name in ("multiple_choice", "hellaswag"):
        assert min(Counter(row["answer"] for row in load(name)).values()) >= 8, name


def test_bbq_comes_in_groups_of_four():
    rows = bbq()
    assert len(rows) == 120
    assert len({row["category"] for row in rows}) == 3
    for start in range(0, len(rows), 4):
        group = rows[start : start + 4]
        forms = [(row["question_polarity"], row["context_condition"]) for row in group]
        assert forms == [
            (polarity, condition)
            for polarity in ("neg", "nonneg")
            for condition in ("ambig", "disambig")
        ]
        for row in group:
            assert row["answer_info"][f"ans{row['label']}"]
            kinds = [row["answer_info"][f"ans{index}"][1] for index in range(3)]
            ambiguous = row["context_condition"] == "ambig"
            assert (kinds[row["label"]] == "unknown") == ambiguous
            assert row["additional_metadata"]["stereotyped_groups"][0] in kinds
        assert group[1]["label"] != group[3]["label"]


def test_crows_pairs_hold_several_bias_types():
    count = Counter(row["bias_type"] for row in crows_pairs())
    assert sum(count.values()) == 80
    assert set(count) == {"gender", "age", "nationality", "socioeconomic"}
