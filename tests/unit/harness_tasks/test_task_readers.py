"""Readers of the tasks' data: published formats, own JSONL, hub columns, and their errors."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness.types import DataSource, HubDataset, Sample
from support.shipped_tasks import SPECS, hellaswag_row, open_task, plain, read, write_jsonl

LABELS = {"sst2": "positive", "sentiment": "negative"}


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
).filter(str.strip)

ROWS: dict[str, dict[str, Any]] = {
    "squad": {"context": "c", "question": "q", "answers": ["a"]},
    "squad_v2": {"context": "c", "question": "q", "answers": []},
    "qa": {"context": "c", "question": "q", "answers": ["a"]},
    "xsum": {"document": "d", "summary": "s"},
    "cnn_dailymail": {"document": "d", "summary": "s"},
    "summarization": {"document": "d", "summary": "s"},
    "translation": {"source": "s", "target": "t"},
    "multi30k_en_de": {"source": "s", "target": "t"},
    "wmt22_en_de": {"source": "s", "targets": ["t", "u"]},
    "sst2": {"text": "t", "label": 1},
    "sentiment": {"text": "t", "label": "negative"},
    "multiple_choice": {"question": "q", "choices": ["x", "y"], "answer": 1},
    "hellaswag": {"question": "q", "choices": ["x", "y"], "answer": "A"},
    "gsm8k": {"question": "q", "answer": "1 + 2 = 3\n#### 3"},
    "humaneval": {"prompt": "p", "entry_point": "f", "test": "def check(candidate):\n    pass\n"},
    "chat": {"turns": ["t"]},
    "entities": {"text": "t", "entities": []},
    "perplexity": {"text": "t"},
}
INPUT_FIELD = {
    **dict.fromkeys(
        ["squad", "squad_v2", "qa", "multiple_choice", "hellaswag", "gsm8k"], "question"
    ),
    **dict.fromkeys(["xsum", "cnn_dailymail", "summarization"], "document"),
    **dict.fromkeys(["translation", "multi30k_en_de", "wmt22_en_de"], "source"),
    **dict.fromkeys(["sst2", "sentiment", "entities", "perplexity"], "text"),
    "humaneval": "prompt",
    "chat": "turns",
}


def test_every_task_is_tested_here() -> None:
    assert set(ROWS) == set(SPECS) == set(INPUT_FIELD)


@pytest.mark.parametrize("name", list(ROWS))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_own_rows_with_any_text_come_back_equal(
    name: str, data: st.DataObject, tmp_path: Path
) -> None:
    field = INPUT_FIELD[name]
    inputs = data.draw(st.lists(texts, min_size=1, max_size=4))
    group = data.draw(texts)
    rows = [
        {**ROWS[name], field: text, "id": f"n{index}", "groups": {"g": group}, "cluster": "k"}
        for index, text in enumerate([[each] for each in inputs] if name == "chat" else inputs)
    ]
    samples = read(plain(name), write_jsonl(tmp_path / "rows.jsonl", rows))
    assert [sample.input for sample in samples] == inputs
    assert [sample.id for sample in samples] == [row["id"] for row in rows]
    assert all(sample.groups == {"g": group} and sample.cluster == "k" for sample in samples)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(context=texts, answers=st.lists(texts, min_size=1, max_size=3, unique=True), title=texts)
def test_questions_keep_context_answers_and_title(
    context: str, answers: list[str], title: str, tmp_path: Path
) -> None:
    row = {"context": context, "question": "q", "answers": answers, "title": title}
    (sample,) = read(plain("qa"), write_jsonl(tmp_path / "rows.jsonl", [row]))
    assert sample.targets == tuple(answers)
    assert sample.metadata["context"] == context
    assert sample.metadata["title"] == title


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(texts, min_size=2, max_size=6, unique=True), index=st.integers(0, 5))
def test_an_answer_is_an_index_a_letter_or_a_text(
    texts: list[str], index: int, tmp_path: Path
) -> None:
    index %= len(texts)
    answers: list[Any] = [index, texts[index]]
    if "ABCDEF"[index] not in texts:
        answers.append("ABCDEF"[index])
    rows = [{"question": "q", "choices": texts, "answer": answer} for answer in answers]
    samples = read(plain("multiple_choice"), write_jsonl(tmp_path / "rows.jsonl", rows))
    assert len(samples) == len(rows)
    for sample in samples:
        assert sample.choices == tuple(texts)
        assert sample.targets == (texts[index],)


def test_an_id_defaults_to_the_number_of_the_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "x"}\n\n{"text": "y"}\n')
    assert [sample.id for sample in read(plain("perplexity"), path)] == ["1", "2"]


def test_further_plain_columns_become_template_variables(tmp_path: Path) -> None:
    row = {"text": "x", "label": 0, "author": "me", "stars": 3, "tags": ["no"]}
    (sample,) = read(plain("sentiment"), write_jsonl(tmp_path / "rows.jsonl", [row]))
    assert dict(sample.metadata) == {"author": "me", "stars": 3}


# --------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("qa", {"question": "q", "answers": ["a"]}, "field 'context' is missing"),
        ("qa", {**ROWS["qa"], "question": " "}, "field 'question' is empty"),
        ("qa", {**ROWS["qa"], "answers": "a"}, "field 'answers' is str 'a'"),
        ("qa", {**ROWS["qa"], "answers": [1]}, "holds something other than texts"),
        ("xsum", {"document": "d"}, "field 'summary' is missing"),
        ("xsum", {"article": "x", "summary_gt": "y"}, "is not HELM's prompt"),
        ("translation", {"source": "s"}, "field 'target' is missing"),
        ("translation", {"source": "s", "targets": []}, "field 'targets' is empty"),
        ("translation", {"x": "s"}, "'source' is missing\nExpected the fields .*has x"),
        ("sst2", {"text": "t", "label": 2}, "label 2\nExpected one of the labels negative, pos"),
        ("sst2", {"text": "t", "label": "neutral"}, "label 'neutral'"),
        ("sst2", {"text": "t", "label": 0.5}, "label 0.5"),
        ("sst2", {"text": "t", "label": None}, "field 'label' has no value"),
        ("multiple_choice", {**ROWS["multiple_choice"], "answer": 2}, "answer 2 is none of the 2"),
        ("multiple_choice", {**ROWS["multiple_choice"], "answer": -1}, "answer -1 is none"),
        ("multiple_choice", {**ROWS["multiple_choice"], "answer": "C"}, "answer 'C' is none"),
        ("multiple_choice", {**ROWS["multiple_choice"], "choices": ["x"]}, "1 choices"),
        ("gsm8k", {"question": "q", "answer": "3 or 4"}, "'answer' ends in no number: '3 or 4'"),
        ("gsm8k", {"question": "q", "answer": "3 #### none"}, "'answer' ends in no number"),
        ("multiple_choice", {**ROWS["multiple_choice"], "choices": ["x", ""]}, "an empty choice"),
        ("hellaswag", hellaswag_row(label=""), "'label' is empty\nExpected a labelled split"),
        ("hellaswag", hellaswag_row(label="4"), "answer 4 is none of the 2 choices"),
        ("perplexity", {"text": ""}, "field 'text' is empty"),
        ("perplexity", {"text": "x", "groups": "g"}, "field 'groups' is str"),
        ("perplexity", {"text": "x", "id": 1.5}, "field 'id' is float"),
        ("qa", {**ROWS["qa"], "prompt": 3}, "field 'prompt' is int"),
    ],
)
def test_a_bad_row_is_an_error_that_names_file_and_line(
    tmp_path: Path, name: str, row: dict[str, Any], message: str
) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [ROWS[name], row])
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        read(plain(name), path)
    assert "rows.jsonl, line 2" in str(caught.value)


def test_a_tabbed_line_without_tab(tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text("fine\t1\nno label\n")
    with pytest.raises(DataError, match=r"line 2: no text before a tab.*\nExpected TEXT<TAB>LABEL"):
        read(plain("sst2"), tmp_path / "dev.tsv")


# --------------------------------------------------------------------------- the hub's columns

HUB_ROWS: dict[str, tuple[dict[str, Any], Callable[[Sample], bool]]] = {
    "squad": (
        {
            "id": "a1",
            "title": "T",
            "context": "c",
            "question": "q",
            "answers": {"text": ["x", "x"], "answer_start": [0, 0]},
        },
        lambda s: (s.id, s.input, s.targets) == ("a1", "q", ("x",)),
    ),
    "xsum": (
        {"id": "7", "document": "d", "summary": "s"},
        lambda s: (s.id, s.input, s.targets) == ("7", "d", ("s",)),
    ),
    "cnn_dailymail": (
        {"id": "7", "article": "d", "highlights": "s"},
        lambda s: (s.id, s.input, s.targets) == ("7", "d", ("s",)),
    ),
    "multi30k_en_de": (
        {"en": "a dog", "de": "ein Hund"},
        lambda s: (s.id, s.input, s.targets) == ("1", "a dog", ("ein Hund",)),
    ),
    "wmt22_en_de": (
        {"en-de": {"en": "a dog", "de": "ein Hund"}},
        lambda s: (s.id, s.input, s.targets) == ("1", "a dog", ("ein Hund",)),
    ),
    "sst2": (
        {"idx": 5, "sentence": "fine", "label": 1},
        lambda s: (s.id, s.input, s.targets) == ("5", "fine", ("positive",)),
    ),
    "hellaswag": (hellaswag_row(), lambda s: s.id == "1" and s.targets == (" is  ripping.",)),
    "gsm8k": (
        {"question": "1 + 2?", "answer": "1 + 2 = <<1+2=3>>3\n#### 3"},
        lambda s: (s.input, s.targets) == ("1 + 2?", ("3",)),
    ),
    "perplexity": ({"page": "a page"}, lambda s: (s.id, s.input) == ("1", "a page")),
}


@pytest.mark.parametrize("name", list(HUB_ROWS))
def test_the_hub_s_columns_are_converted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    row, expected = HUB_ROWS[name]
    folder = tmp_path / "published"
    folder.mkdir()
    datasets.Dataset.from_list([row]).to_parquet(folder / "validation-00000.parquet")
    source = DataSource("hub", "hub", hub=HubDataset(str(folder), split="validation"))
    (sample,) = plain(name).samples(source)
    assert expected(sample), sample


def test_tasks_of_published_sets_name_the_hub() -> None:
    generic = {"qa", "summarization", "translation", "sentiment", "multiple_choice", "entities"}
    generic |= {"chat"}
    assert {name for name, spec in SPECS.items() if spec.hub is None} == generic


# --------------------------------------------------------------------------- shipped samples


@pytest.mark.parametrize("name", list(SPECS))
def test_the_sample_set_that_ships_is_read(name: str) -> None:
    spec = SPECS[name]
    assert spec.sample_data is not None
    if not spec.sample_data.parent.is_dir():
        pytest.skip("no sample data in this checkout")
    for path in filter(None, (spec.sample_data, spec.sample_shots)):
        samples = list(plain(name).samples(DataSource("sample", "sample", (str(path),))))
        assert samples
        assert len({sample.id for sample in samples}) == len(samples)


def table(path: Path, rows: list[list[str]], delimiter: str) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def test_labels_are_the_same_in_every_format(tmp_path: Path) -> None:
    task = open_task("sentiment", labels="1,0")
    rows = [("bad", 0), ("good", 1), ("fine", 1)]
    written = [[text, str(label)] for text, label in rows]
    paths = [
        write_jsonl(tmp_path / "a.jsonl", [{"text": t, "label": n} for t, n in rows]),
        table(tmp_path / "a.csv", [["text", "label"], *written], ","),
        table(tmp_path / "b.csv", written, ","),
        table(tmp_path / "a.tsv", [["text", "label"], *written], "\t"),
        table(tmp_path / "b.tsv", written, "\t"),
    ]
    for path in paths:
        assert [each.targets for each in read(task, path)] == [("0",), ("1",), ("1",)]


def test_a_label_map(tmp_path: Path) -> None:
    task = open_task("sst2", label_map="1:negative,2:positive")
    path = write_jsonl(tmp_path / "rows.jsonl", [{"text": "x", "label": n} for n in (2, 1)])
    assert [each.targets for each in read(task, path)] == [("positive",), ("negative",)]


def test_tables_of_three_columns_without_header_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.tsv", [["1", "good", "1"], ["2", "bad", "0"]], "\t")
    with pytest.raises(DataError, match="line 1: 3 columns without a header"):
        read(plain("sst2"), path)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("mmlu.csv", [["2, doubled?", "3", "4", "5", "6", "B"]]),
        (
            "mmlu2.csv",
            [
                ["question", "A", "B", "C", "D", "answer"],
                ["2, doubled?", "3", "4", "5", "6", "b"],
            ],
        ),
        (
            "options.csv",
            [
                ["question", "option1", "option2", "option3", "answer"],
                ["2, doubled?", "3", "4", "5", "1"],
            ],
        ),
        ("list.csv", [["question", "choices", "answer"], ["2, doubled?", "['3', '4']", "B"]]),
        ("arc.csv", [["AnswerKey", "question"], ["2", "2, doubled? (1) 3 (2) 4 (3) 5"]]),
    ],
)
def test_questions_with_choices_in_tables(name: str, rows: list[list[str]], tmp_path: Path) -> None:
    (sample,) = read(plain("multiple_choice"), table(tmp_path / name, rows, ","))
    assert (sample.input, sample.choices[:2]) == ("2, doubled?", ("3", "4"))
    assert sample.targets == ("4",)


def test_questions_with_choices_as_arc_has_them(tmp_path: Path) -> None:
    labelled = [{"text": "iron", "label": "1"}, {"text": "salt", "label": "2"}]
    columns = {"text": ["iron", "salt"], "label": ["1", "2"]}
    rows = [
        {"question": {"stem": "q", "choices": labelled}, "answerKey": "2"},
        {"question": "q", "choices": columns, "answerKey": "2"},
        {"question": "q", "choices": labelled, "answerKey": "2"},
    ]
    samples = read(plain("multiple_choice"), write_jsonl(tmp_path / "arc.jsonl", rows))
    assert len(samples) == len(rows)
    for sample in samples:
        assert (sample.choices, sample.targets) == (("iron", "salt"), ("salt",))


def test_an_answer_that_is_a_text_and_an_index_in_a_table_is_refused(tmp_path: Path) -> None:
    rows = [["question", "choices", "answer"], ["q", '["2", "1", "0"]', "2"]]
    with pytest.raises(DataError, match="'2' is the text of choice 0 and the index of another"):
        read(plain("multiple_choice"), table(tmp_path / "rows.csv", rows, ","))


def test_answers_in_tables(tmp_path: Path) -> None:
    header = ["context", "question", "answers"]
    rows = [["c", "q", '["a", "b"]'], ["c", "q", "a, b"], ["c", "q", "[]"], ["c", "q", ""]]
    samples = read(plain("qa"), table(tmp_path / "rows.csv", [header, *rows], ","))
    assert [each.targets for each in samples] == [("a", "b"), ("a, b",), (), ()]
