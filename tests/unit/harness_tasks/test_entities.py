"""Named entities: files with tags and spans, answers in the forms models give, and the counts."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError, UnknownNameError, UsageError
from harness.protocols import BackendOptions, Task, TaskOptions
from harness.types import Completion, DataSource, Generate, Sample, Score, Tag, Tags
from harness_backends.replay import open_replay
from harness_tasks.entities.spans import occurrences, same_type
from harness_tasks.entities.task import open_entities

TEXT = "Ann Lee left Oslo. Oslo misses Ann Lee and Bo."
SPANS = [[0, 7, "person"], [13, 17, "location"], [19, 23, "location"], [31, 38, "person"]]
KINDS = ("person", "location", "group")


def task(**values: str) -> Task:
    return open_entities(TaskOptions(values))


def read(opened: Task, path: Path) -> list[Sample]:
    return list(opened.samples(DataSource("path", "test", (str(path),))))


def written(path: Path, content: str | list[dict[str, Any]]) -> Path:
    if not isinstance(content, str):
        content = "".join(json.dumps(row) + "\n" for row in content)
    path.write_text(content, "utf-8")
    return path


def sample_of(text: str, spans: Sequence[Any], tmp_path: Path) -> Sample:
    types = ",".join(KINDS)
    path = written(tmp_path / "rows.jsonl", [{"text": text, "entities": spans}])
    (sample,) = read(task(types=types), path)
    return sample


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return sample_of(TEXT, [*SPANS, [43, 45, "person"]], tmp_path)


def entities(sample: Sample) -> list[tuple[str, str, int]]:
    return [(row["text"], row["type"], row["start"]) for row in json.loads(sample.targets[0])]


def counts(sample: Sample, answer: str, metric: str = "f1") -> Any:
    return task(types="person,location").score(sample, [Completion(answer)])[metric]


# --------------------------------------------------------------------------- reading data


@pytest.mark.parametrize("name", ["a.conll", "a.iob", "a.annotated", "a", "a.txt", "a.tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_tokens_and_tags(name: str, end: str, tmp_path: Path) -> None:
    lines = ["Ann\tB-person", "Lee\tI-person", "left\tO", " \t", "", "#\tO", "Oslo\tB-location"]
    first, second = read(task(), written(tmp_path / name, end.join(lines)))
    assert (first.id, first.input, first.cluster) == ("1", "Ann Lee left", None)
    assert entities(first) == [("Ann Lee", "person", 0)]
    assert (second.input, entities(second)) == ("# Oslo", [("Oslo", "location", 2)])
    assert first.metadata["types"] == second.metadata["types"] == ("location", "person")


def test_columns_between_comments_and_documents(tmp_path: Path) -> None:
    text = (
        "-DOCSTART- -X- O O\n\n# id 7\nEU NNP I-NP I-ORG\nsays VB I-VP O\n\n"
        "-DOCSTART- -X- O O\n\nOslo NNP I-NP I-LOC\n"
    )
    first, second = read(task(), written(tmp_path / "a.conll", text))
    assert [first.input, second.input] == ["EU says", "Oslo"]
    assert [first.cluster, second.cluster] == ["document 1", "document 2"]
    assert entities(first) == [("EU", "ORG", 0)]


def test_rows_of_every_form_are_the_same_sample(tmp_path: Path) -> None:
    tokens, tags = ["Ann", "Lee", "left", "Oslo"], ["B-person", "I-person", "O", "B-location"]
    names = ["O", "B-person", "I-person", "B-location"]
    text, found = "Ann Lee left Oslo", [("Ann Lee", "person", 0), ("Oslo", "location", 13)]
    rows: list[dict[str, Any]] = [
        {"tokens": tokens, "tags": tags},
        {"words": tokens, "ner_tags": [names.index(tag) for tag in tags]},
        {"text": text, "entities": [[0, 7, "person"], [13, 17, "location"]]},
        {"text": text, "label": [[0, 7, "person"], [13, 17, "location"]]},
        {"text": text, "spans": [{"start": s, "end": s + len(t), "label": k} for t, k, s in found]},
        {"text": text, "entities": [{"text": t, "type": k} for t, k, _ in found]},
        {"text": text, "entities": [{"text": t, "type": k, "start": s} for t, k, s in found]},
    ]
    samples = read(task(tag_names=",".join(names)), written(tmp_path / "rows.jsonl", rows))
    assert len(samples) == len(rows)
    for each in samples:
        assert (each.input, entities(each)) == (text, found)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.conll", "Ann\tB-person\nLee\n", r"line 2.*no tag after a token: 'Lee'"),
        ("a.conll", "Ann\tperson\n", r"line 1.*no tag after a token"),
        ("a.jsonl", [{"tokens": ["a", "b"], "tags": ["O"]}], "1 tags for 2 tokens"),
        ("a.jsonl", [{"tokens": ["a"], "tags": [3]}], "(?s)3 in tags is no tag.*tag_names"),
        ("a.jsonl", [{"text": "Ann", "entities": [[0, 9, "x"]]}], "not at its place"),
        (
            "a.jsonl",
            [{"text": "Ann", "entities": [{"start": 0, "end": 2, "text": "Ann", "type": "x"}]}],
            "not at its place",
        ),
        ("a.jsonl", [{"text": "Ann", "entities": [{"text": "Bo", "type": "x"}]}], "'Bo' is not in"),
        ("a.jsonl", [{"text": "Ann", "entities": ["Ann"]}], "no entity with a type"),
        ("a.jsonl", [{"text": "Ann"}], "(?s)the fields 'text'.*'tokens' and 'tags'"),
    ],
)
def test_what_cannot_be_read_is_named(
    name: str, content: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read(task(), written(tmp_path / name, content))


def test_a_type_that_was_not_named_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.conll", "Ann\tB-PER\n\nOslo\tB-event\n")
    with pytest.raises(DataError, match=r"line 3.*the type 'event'"):
        read(task(types="person,location"), path)
    (first, _) = read(task(types="person,event"), path)
    assert entities(first) == [("Ann", "person", 0)]
    with pytest.raises(UsageError, match="types is 'a,a'"):
        task(types="a,a")


# --------------------------------------------------------------------------- prompts


def test_prompts_name_the_types_and_show_solved_examples(sample: Sample, tmp_path: Path) -> None:
    shot = sample_of("I saw Bo.", [[6, 8, "person"]], tmp_path)
    (request,) = task().requests(sample, [shot])
    assert isinstance(request, Generate)
    assert isinstance(request.prompt, str)
    assert request.prompt.count("The types are: person, location, group.") == 2
    assert '\nEntities: [{"text": "Bo", "type": "person"}]\n\nText: Ann Lee' in request.prompt
    assert request.prompt.endswith("\nEntities:")
    assert request.sampling.stop == ("\nText:",)
    (request,) = task(template="tagged").requests(sample, [shot])
    assert isinstance(request, Generate)
    assert "Tagged text: I saw <person>Bo</person>.\n\n" in request.prompt


# --------------------------------------------------------------------------- answers

RIGHT = [
    ("Ann Lee", "person"), ("Oslo", "location"), ("Oslo", "location"), ("Ann Lee", "person"),
    ("Bo", "person"),
]  # fmt: skip
OBJECTS = json.dumps([{"text": text, "type": kind} for text, kind in RIGHT])


@pytest.mark.parametrize(
    "answer",
    [
        *(OBJECTS, f"```json\n{OBJECTS}\n```", f"Here they are:\n{OBJECTS}\nThat is all."),
        *(f'{{"entities": {OBJECTS}}}', OBJECTS.replace('"', "'"), f"[]\nNo, rather:\n{OBJECTS}"),
        OBJECTS.replace('"type"', '"label"').replace('"text"', '"entity"'),
        OBJECTS.replace("person", "PER").replace("location", "Location"),
        OBJECTS[:-1],
        "\n".join(json.dumps({"text": text, "type": kind}) for text, kind in RIGHT),
        json.dumps(RIGHT),
        json.dumps([[kind, text] for text, kind in RIGHT]),
        '{"person": ["Ann Lee", "Ann Lee", "Bo"], "location": ["Oslo", "Oslo"], "group": []}',
        json.dumps([*({"text": t, "type": k} for t, k in RIGHT), {"text": "Bo", "type": "person"}]),
        "<person>Ann Lee</person> left <location>Oslo</location>. <location>Oslo</location> misses "
        "<person>Ann Lee</person> and <person>Bo</person>.",
        "[Ann Lee](person) left [Oslo](location). [Oslo](location) misses [Ann Lee](PER) and "
        "[Bo](person).",
        "\n".join(f"- {text}: {kind}" for text, kind in RIGHT),
        "\n".join(f"{n}. **{text}** ({kind})" for n, (text, kind) in enumerate(RIGHT, 1)),
        "person: Ann Lee, Ann Lee, Bo\nlocation: Oslo, Oslo\ngroup: none",
        "Ann B-person\nLee I-person\nleft O\nOslo S-location\n. O\nOslo S-location\nmisses O\n"
        "Ann B-person\nLee I-person\nand O\nBo S-person\n. O",
    ],
)
def test_every_form_of_the_right_answer(answer: str, sample: Sample) -> None:
    assert counts(sample, answer) == (5, 5, 5)
    assert counts(sample, answer, "unread") == 0


@pytest.mark.parametrize(
    "answer", ["[]", "{}", "None", "No entities.", "There are no named entities.", TEXT]
)
def test_no_entities_is_an_answer(answer: str, sample: Sample) -> None:
    assert (counts(sample, answer), counts(sample, answer, "unread")) == ((0, 0, 5), 0)


@pytest.mark.parametrize("answer", ["", "I cannot do this.", "[", '["Ann Lee", "Bo"]', "[1]"])
def test_what_lists_nothing_is_unread_and_finds_nothing(answer: str, sample: Sample) -> None:
    assert (counts(sample, answer), counts(sample, answer, "unread")) == ((0, 0, 5), 1)


@pytest.mark.parametrize(
    ("answer", "strict", "partial"),
    [
        ([("Ann Lee", "location")], (0, 1, 5), (1, 1, 5)),  # another type
        ([("Ann", "person")], (0, 1, 5), (0.5, 1, 5)),  # other boundaries
        ([("Eve", "person")], (0, 1, 5), (0, 1, 5)),  # not in the text
        ([("ann lee", "person")], (1, 1, 5), (1, 1, 5)),
        ([("Bo", "person"), ("Bo", "group")], (1, 2, 5), (1, 1, 5)),
        ([("Oslo. Oslo", "location")], (0, 1, 5), (0.5, 1, 5)),  # one pair each
    ],
)
def test_wrong_boundaries_and_types(
    answer: list[tuple[str, str]], strict: Any, partial: Any, sample: Sample
) -> None:
    text = json.dumps([{"text": text, "type": kind} for text, kind in answer])
    assert counts(sample, text) == strict
    assert counts(sample, text, "partial_f1") == partial


def test_places_count_where_the_answer_gives_them(tmp_path: Path) -> None:
    second = sample_of("Bo met Bo.", [[7, 9, "person"]], tmp_path)
    listed = '[{"text": "Bo", "type": "person"}]'
    assert counts(second, listed) == (1, 1, 1)  # which of the two is not said
    assert counts(second, "<person>Bo</person> met Bo.") == (0, 1, 1)
    assert counts(second, "Bo met <person>Bo</person>.") == (1, 1, 1)
    placed = '[{"text": "Bo", "type": "person", "start": 0, "end": 2}]'
    assert counts(second, placed) == (0, 1, 1)


def test_a_name_may_begin_with_a_number_or_hold_a_colon(tmp_path: Path) -> None:
    named = sample_of("3M bought CSI: Oslo.", [[0, 2, "group"], [10, 19, "group"]], tmp_path)
    assert counts(named, "1. 3M: group\n2. CSI: Oslo: group") == (2, 2, 2)


@pytest.mark.parametrize("text", ["[", "{", "<a>", "[x](", "* : ", '{"', "[[1],", "a: b", "(a)"])
def test_long_runs_take_no_long_time(text: str, sample: Sample) -> None:
    start = time.process_time()
    counts(sample, text * (40_000 // len(text)))
    assert time.process_time() - start < 30


def test_a_name_inside_another_is_not_taken_for_it(tmp_path: Path) -> None:
    spans = [[0, 8, "location"], [12, 16, "location"]]
    york = sample_of("New York or York.", spans, tmp_path)
    assert counts(york, '[{"text": "York", "type": "location"}]') == (1, 1, 2)


def test_tokens_spelled_otherwise_are_matched_by_their_place(tmp_path: Path) -> None:
    path = written(tmp_path / "a.conll", "the O\nDefence B-group\nBoard I-group\n")
    (sample,) = read(task(), path)
    assert counts(sample, "the O\nDefense B-group\nBord I-group") == (1, 1, 1)
    assert counts(sample, "Defense B-group\nBord I-group") == (0, 1, 1)


def test_entities_are_looked_for_anew_in_a_changed_text(sample: Sample) -> None:
    from dataclasses import replace

    changed = replace(sample, input=f"So: {TEXT}")
    assert counts(changed, OBJECTS) == (5, 5, 5)
    other = replace(sample, input=TEXT.replace("Bo", "Mo"))
    assert counts(other, OBJECTS) == (5, 5, 5)
    assert counts(other, '[{"text": "Mo", "type": "person"}]') == (0, 1, 5)


@given(st.text(alphabet="[]{}\"'<>/()\\,:AnOslo person\n-\t", max_size=80))
def test_any_answer_is_counted(answer: str) -> None:
    sample = Sample(
        "1", "Ann", ('[{"text": "Ann", "type": "person", "start": 0}]',),
        metadata={"types": ("person",)},
    )  # fmt: skip
    found, answered, expected = counts(sample, answer)
    assert 0 <= found <= min(answered, expected) == min(answered, 1)


@given(st.lists(st.sampled_from(["Ann", "Bo", "annex", "I", "é"])), st.sampled_from(["Ann", "é"]))
def test_occurrences_are_whole_words(words: list[str], name: str) -> None:
    found = occurrences(name, " ".join(words))
    if name in words:
        assert len(found) == words.count(name)
    assert all(" ".join(words)[start:end].lower() == name.lower() for start, end in found)


def test_names_of_types() -> None:
    assert same_type("Creative_Work", ["creative-work"]) == "creative-work"
    assert same_type("ORG", ["organisation"]) == "organisation"
    assert same_type("organization", ["ORG", "LOC"]) == "ORG"
    assert same_type("thing", ["person"]) is None


# --------------------------------------------------------------------------- metrics


def test_scores_are_those_of_the_summed_counts(sample: Sample) -> None:
    opened = task(types="person,group")
    answers = [OBJECTS, '[{"text": "Bo", "type": "person"}, {"text": "Oslo", "type": "group"}]', ""]
    scores = [opened.score(sample, [Completion(answer)]) for answer in answers]
    got = {
        metric.name: metric.aggregate(
            [Score(str(n), metric.name, each[metric.name]) for n, each in enumerate(scores)]
        ).value
        for metric in opened.metrics
    }
    assert got == pytest.approx(
        {
            "f1": 2 * 6 / (7 + 15),
            "precision": 6 / 7,
            "recall": 6 / 15,
            "partial_f1": 2 * 7 / (7 + 15),
            "unread": 1 / 3,
            "f1_person": 2 * 4 / (4 + 9),
            "f1_group": 0.0,
        }
    )


def test_nothing_answered_is_no_precision_and_nothing_expected_no_score() -> None:
    from harness_tasks.entities.metric import f1, precision, recall

    sums = np.array([[0.0, 0, 4], [0, 3, 0], [0, 0, 0]])
    assert precision(sums).tolist()[:2] == [0, 0]
    assert f1(sums).tolist()[:2] == [0, 0]
    assert recall(sums)[0] == 0
    assert np.isnan([precision(sums)[2], f1(sums)[2], *recall(sums)[1:]]).all()


# --------------------------------------------------------------------------- saved outputs


def test_a_file_of_tags_is_replayed(tmp_path: Path) -> None:
    path = written(tmp_path / "system.out", "Ann S-a\r\nlee O\r\n\r\n\r\nBo\tO\r\n")
    replay = open_replay(BackendOptions(model=str(path), values={"replay_format": "conll"}))
    texts = [output.texts for output in replay._saved.outputs]
    assert texts == [("Ann\tS-a\nlee\tO",), ("Bo\tO",)]
    with pytest.raises(DataError, match=r"(?s)tokens with tags.*replay_format=conll"):
        open_replay(BackendOptions(model=str(path)))
    with pytest.raises(UnknownNameError, match="conl"):
        open_replay(BackendOptions(model=str(path), values={"replay_format": "conl"}))
    with pytest.raises(DataError, match=r"line 1.*no tag"):
        open_replay(
            BackendOptions(
                model=str(written(tmp_path / "a.txt", "x y\n")), values={"replay_format": "conll"}
            )
        )


# --------------------------------------------------------------------------- a head that tags


def test_a_head_is_asked_for_the_tags_of_the_words(tmp_path: Path) -> None:
    path = tmp_path / "data.conll"
    path.write_text("Ann\tB-person\nMay\tI-person\nin\tO\nRiga\tB-location\n\nhello\tO\n")
    tagging = open_entities(TaskOptions(supports=frozenset({Tag})))
    assert tagging.settings["scoring"] == "tag"
    first, second = read(tagging, path)
    (request,) = tagging.requests(first, ())
    assert request == Tag("Ann May in Riga", ((0, 3), (4, 7), (8, 10), (11, 15)))

    def score(*tags: str) -> dict[str, object]:
        return dict(tagging.score(first, [Tags(request.words, tags)]))

    assert score("B-PER", "I-PER", "O", "B-LOC")["f1"] == (2.0, 2.0, 2.0)
    assert score("B-person", "B-person", "O", "B-location")["f1"] == (1.0, 3.0, 2.0)
    assert score("I-person", "I-person", "O", "O")["f1"] == (1.0, 1.0, 2.0)
    assert score("O", "O", "O", "O")["f1"] == (0.0, 0.0, 2.0)
    assert score("B-person", "I-person", "O", "B-weapon")["f1"] == (1.0, 2.0, 2.0)
    halves = score("O", "B-person", "O", "B-location")
    assert halves["partial_f1"] == (1.5, 2.0, 2.0)
    assert tagging.score(second, [Tags(((0, 5),), ("O",))])["f1"] == (0.0, 0.0, 0.0)
