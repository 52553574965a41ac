"""The probe ``retrieval`` and ``--retrieve``: BM25, its cache, rankings, on and off in pairs."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from harness.errors import DataError
from harness.results import runfolder
from harness.types import Sample
from harness_grounding.retrieval import index as indexing
from harness_grounding.retrieval import passages, ranking
from harness_grounding.retrieval.index import Index
from harness_grounding.retrieval.passages import Passage
from harness_grounding.retrieval.probe import Options, Retrieval
from support.commands import harness

TEXTS = [
    "The heron stands in the shallow river and waits for fish.",
    "The library of the old town opens at nine in the morning.",
    "A steam train carried coal from the valley to the harbour.",
    "Bakers in the village sell bread made of rye and honey.",
]
CORPUS = [Passage(str(number), text) for number, text in enumerate(TEXTS)]


def bm25(query: str, k1: float = 1.5, b: float = 0.75) -> np.ndarray:
    """Lucene's BM25, from its definition."""
    documents = [indexing.tokens(text) for text in TEXTS]
    mean = np.mean([len(each) for each in documents])
    scores = np.zeros(len(documents))
    for word in indexing.tokens(query):
        having = sum(word in each for each in documents)
        weight = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
        for place, each in enumerate(documents):
            count = each.count(word)
            scores[place] += weight * count / (count + k1 * (1 - b + b * len(each) / mean))
    return scores


def test_the_search_is_bm25() -> None:
    index = Index(CORPUS)
    queries = ["When does the library open?", "train coal harbour", "bread the fish", "the"]
    for query, found in zip(queries, index.search(queries, 4), strict=True):
        scores = bm25(query)
        expected = [int(at) for at in np.argsort(-scores, kind="stable") if scores[at] > 0]
        assert found == expected, query
    assert index.search(["zebra quartz", ""], 3) == [[], []]
    assert len(index.search(["the"], 2)[0]) == 2


def test_other_scripts_are_found() -> None:
    index = Index([Passage("1", "東京は日本の首都です"), Passage("2", "Рига — столица Латвии")])
    assert index.search(["首都はどこ", "столица"], 1) == [[0], [1]]


def test_the_index_is_kept_and_a_damaged_one_is_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    import bm25s

    built = []
    original = bm25s.BM25.index
    monkeypatch.setattr(
        bm25s.BM25, "index", lambda self, *a, **k: (built.append(1), original(self, *a, **k))[1]
    )
    expected = Index(CORPUS).search(["library"], 2)
    assert Index(CORPUS).search(["library"], 2) == expected
    assert len(built) == 1
    other = Index([*CORPUS, Passage("new", "Another library.")])
    assert len(built) == 2
    assert len(other.search(["library"], 9)[0]) == 2
    from harness.authoring.io.files import cache_folder

    (folder,) = [
        each.parent for each in (cache_folder() / "retrieval").glob("*/seal")
        if each.parent.name == Index(CORPUS).digest
    ]  # fmt: skip
    for damage in (b"", b"x"):
        file = next(folder.glob("*.npy"))
        file.write_bytes(file.read_bytes()[: len(damage) * 50])
        assert Index(CORPUS).search(["library"], 2) == expected
    assert len(built) == 4


def test_rankings_are_measured_as_the_field_does() -> None:
    rng = random.Random(0)
    for _ in range(50):
        order = rng.sample(range(10), 10)
        gold = frozenset(rng.sample(range(10), rng.randrange(1, 4)))
        for k in (1, 3, 5):
            truth = np.array([[float(each in gold) for each in range(10)]])
            score = np.array([[10.0 - order.index(each) for each in range(10)]])
            found = ranking.ndcg(order[:k], gold, k)
            assert found == pytest.approx(ndcg_score(truth, score, k=k))
            assert ranking.recall(order[:k], gold) == len(set(order[:k]) & gold) / len(gold)
        first = next(rank for rank, each in enumerate(order, 1) if each in gold)
        assert ranking.reciprocal_rank(order, gold) == 1 / first
    assert ranking.reciprocal_rank([], {1}) == ranking.recall([], {1}) == 0


def test_a_corpus_is_texts_or_rows(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("One\nparagraph.\n\n\nTwo.\n", "utf-8")
    (folder / "sub" / "b.md").write_text("word " * 450, "utf-8")
    found = passages.read(folder)
    assert [each.id for each in found] == ["a.txt:1", "a.txt:2", "b.md:1.0", "b.md:1.1", "b.md:1.2"]
    assert found[0].text == "One paragraph."
    file = tmp_path / "rows.jsonl"
    file.write_text('{"id": 7, "title": "T", "text": "x"}\n{"contents": "y"}\n', "utf-8")
    assert passages.read(file) == [Passage("7", "x", "T"), Passage("2", "y")]
    assert [each.text for each in passages.read(file)] == ["T\nx", "y"]
    (tmp_path / "empty.txt").write_text("\n\n")
    for bad in (tmp_path / "empty.txt", tmp_path / "none.jsonl"):
        with pytest.raises(DataError):
            passages.read(bad)
    file.write_text('{"a": "x"}\n')
    with pytest.raises(DataError, match="a row with a"):
        passages.read(file)


def test_the_right_passages_are_named_or_are_the_context() -> None:
    named = Sample("1", "q", metadata={"gold": "0, 3"})
    assert passages.gold(named, CORPUS) == {0, 3}
    within = Sample("1", "q", metadata={"context": f"{TEXTS[1]}  {TEXTS[2]}"})
    assert passages.gold(within, CORPUS) == {1, 2}
    assert passages.gold(Sample("1", "q"), CORPUS) == frozenset()
    titled = [Passage("1", TEXTS[0], "Birds"), Passage("2", TEXTS[1], "The old town")]
    assert passages.gold(Sample("1", "q", metadata={"context": TEXTS[1]}), titled) == {1}


def test_passages_take_the_place_of_the_context_or_stand_before_the_input() -> None:
    asked = [
        Sample("1", "When does the library open?", metadata={"context": TEXTS[1]}),
        Sample("2", "Who carried coal?"),
        Sample("3", "zebra", metadata={"context": TEXTS[0]}),
    ]
    probe = Retrieval(Options(k=2))
    assert "set retrieval.corpus" in probe.perturb(asked[0], random.Random(0))[0].reason
    ready = probe.prepared(asked, None)  # its corpus: the two contexts
    without, shown = ready.perturb(asked[0], random.Random(0))
    assert without.metadata["context"] == ""
    assert shown.metadata["context"].startswith(TEXTS[1])
    assert shown.metadata["passages"][0] == TEXTS[1]
    none, _ = ready.perturb(asked[2], random.Random(0))
    assert none.metadata["context"] == ""
    assert "shares a word" in ready.perturb(asked[2], random.Random(0))[1].reason


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Questions whose answer is a word of their passage, with and without the passage."""
    rng = random.Random(5)
    rows = []
    for number in range(40):
        name, town = f"name{number}", f"town{rng.randrange(1000)}"
        context = f"The person called {name} was born in {town} and lived there for long."
        question = f"Where was {name} born?"
        rows.append(
            {"id": str(number), "context": context, "question": question, "answers": [town]}
        )
    (tmp_path / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    half = [row["context"] for row in rows[:20]]
    (tmp_path / "half.txt").write_text("\n\n".join(half), "utf-8")
    return tmp_path


def test_on_and_off_are_compared_in_pairs(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = data / "run"
    line = f"run --model demo --tasks qa --data qa={data / 'qa.jsonl'} --format console"
    assert (
        harness(f"{line} --retrieve {data / 'half.txt'} --set retrieval.k=1 --full --out {out}")
        == 0
    )
    task = runfolder.read_result(out).tasks["qa"]
    measures = task.probes["retrieval"]["exact_match"]
    # Half of the passages are there; every question finds some passage, at first place its own.
    assert measures["recall_at_1"].n == 20
    assert measures["recall_at_1"].value == measures["mrr"].value == 1
    difference = measures["score_with"].value - measures["score_without"].value
    assert measures["retrieval_difference"].value == pytest.approx(difference)
    assert measures["retrieval_difference"].n == measures["score_with"].n == 40
    shown = capsys.readouterr().out
    headline = "qa.exact_match, retrieval: retrieval difference"
    assert headline in " ".join(shown.split())
    assert harness(f"report {out} --format console") == 0  # a screen, without --full
    shown = " ".join(capsys.readouterr().out.split())
    assert headline in shown
    assert "errors with passage" in shown
    assert difference == 0, "the demo model answers none of these"
    assert "retrieval adds 0.000 [" in shown and "to exact_match; of the" in shown
    assert task.notes[-1].startswith("retrieval adds")
    assert "BM25 over 20 passages" in task.settings["retrieval.retriever"]
    by_variant = {0: {}, 1: {}}
    for record in runfolder.read_samples(out, "qa"):
        if record.probe:
            by_variant[record.variant][record.sample.id] = record.scores["exact_match"]
    scores = [np.mean(list(by_variant[each].values())) for each in (0, 1)]
    assert measures["score_without"].value == pytest.approx(scores[0])
    originals = {
        record.sample.id: record.scores["exact_match"]
        for record in runfolder.read_samples(out, "qa")
        if record.probe is None
    }
    shown_scores = {**originals, **by_variant[1]}
    assert measures["score_with"].value == pytest.approx(np.mean(list(shown_scores.values())))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--retrieve nowhere", "no such file or folder"),
        ("--probes retrieval --set retrieval.k=0", "k is '0'"),
        ("--probes retrieval --set retrieval.depth=3", "unknown option"),
        ("--probes retrieval --set retrieval.template={{passages", "template"),
    ],
)
def test_bad_input_is_told(
    options: str, said: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"run --model demo --tasks qa --data qa={data / 'qa.jsonl'} --out {data / 'o'}"
    assert harness(f"{line} {options}") == 2
    error = capsys.readouterr().err
    assert said in error
    assert "unforeseen" not in error
    assert not (data / "o").exists()


@pytest.mark.shared
def test_squads_own_passages_are_found(shared: Path) -> None:
    """BM25 over the passages of the first five dev articles: what docs/grounding.md says."""
    document = json.loads(
        (shared / "data" / "squad" / "squad2_dev_first_articles.json").read_text("utf-8")
    )
    paragraphs = [each for article in document["data"] for each in article["paragraphs"]]
    corpus = [Passage(str(number), each["context"]) for number, each in enumerate(paragraphs)]
    asked = [(q["question"], n) for n, each in enumerate(paragraphs) for q in each["qas"]]
    found = Index(corpus).search([question for question, _ in asked], 5)
    recalls = {
        k: np.mean([right in places[:k] for places, (_, right) in zip(found, asked, strict=True)])
        for k in (1, 3, 5)
    }
    assert (len(corpus), len(asked)) == (173, 1407)
    assert {k: round(float(v), 3) for k, v in recalls.items()} == {1: 0.795, 3: 0.912, 5: 0.938}
