"""``harness data check``, ``clean`` and ``split``: what is found, masked, and kept together."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.measures import personal_data
from harness_data.preparation import duplicates, findings, splitting, table
from support.commands import harness

TOPICS = ["the bridge", "a small library", "her old garden", "the fast train", "our school"]
VERBS = ["was opened", "has been closed", "looked wonderful", "cost a lot", "was painted green"]
WHEN = ["on Monday", "last summer", "in the evening", "after the long war", "a second time"]
SECRET = "Write to anna.berg@post.se or call +46 8 508 290 00, card 4111 1111 1111 1111."


def sentence(rng: random.Random) -> str:
    return ". ".join(
        f"{rng.choice(TOPICS)} {rng.choice(VERBS)} {rng.choice(WHEN)}" for _ in range(4)
    )


def rows_of(count: int = 60, seed: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "prompt": f"{sentence(rng)} {number}",
            "completion": sentence(rng),
            "label": "good" if number % 4 else "bad",
            "author": f"a{number % 20}",
        }
        for number in range(count)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def dirty(tmp_path: Path) -> Path:
    """60 sound rows, then one of each kind of fault."""
    rows = rows_of()
    first = rows[0]
    near = {**first, "completion": first["completion"] + " indeed"}
    german = (
        "Die Brücke wurde gestern Abend nach vielen Jahren wieder für alle Bürger der Stadt "
        "geöffnet, und der Bürgermeister hielt eine lange Rede über die Geschichte."
    )
    rows += [
        {**first, "prompt": first["prompt"].upper() + "!"},
        near,
        {"prompt": "", "completion": "  ", "label": "bad"},
        {**first, "prompt": german, "completion": german.replace("gestern", "heute")},
        {**first, "prompt": " ".join(sentence(random.Random(n)) for n in range(60))},
        {**first, "prompt": SECRET, "completion": sentence(random.Random(99))},
    ]
    return write(tmp_path / "dirty.jsonl", rows)


FAULTS = {
    "exact_duplicate": 61,
    "near_duplicate": 62,
    "empty": 63,
    "language": 64,
    "length": 65,
    "personal_data": 66,
}


# --------------------------------------------------------------------------- finding


def test_each_fault_is_found_where_it_is(dirty: Path) -> None:
    read_table = table.read(dirty, ("prompt", "completion"))
    found = findings.find(read_table, label="label")
    for kind, number in FAULTS.items():
        numbers = [read_table.lines[place].number for place in found.places[kind]]
        assert number in numbers, kind
        assert kind == "length" or numbers == [number]
    assert found.main_language == "en"
    assert found.personal == {"email": 1, "telephone": 1, "card": 1}
    assert sum(found.labels.values()) == 66


@given(st.integers(0, 1000))
@settings(max_examples=15)
def test_near_duplicates_are_those_of_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    words = [f"w{n}" for n in range(50)]
    texts = [" ".join(rng.choices(words, k=30)) for _ in range(15)]
    for text in texts[:5]:
        changed = text.split()
        changed[rng.randrange(30)] = "other"
        texts.append(" ".join(changed))
    found = {(a, b) for a, b, _ in duplicates.near(texts, 0.7)}

    def pieces(text: str) -> set[tuple[str, ...]]:
        own = text.split()
        return {tuple(own[at : at + 3]) for at in range(len(own) - 2)}

    every = [pieces(text) for text in texts]
    alike = {
        (a, b): len(every[a] & every[b]) / len(every[a] | every[b])
        for b in range(len(texts))
        for a in range(b)
    }
    assert found <= {pair for pair, share in alike.items() if share >= 0.7}
    assert {pair for pair, share in alike.items() if share >= 0.8} <= found  # missed: 1 in 10⁷


PROMPT = ". ".join(sentence(random.Random(seed)) for seed in range(5))
SHARED: dict[str, Any] = {
    "columns": lambda good, bad: {"prompt": PROMPT, "chosen": good, "rejected": bad},
    "messages": lambda good, bad: {
        name: [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": answer}]
        for name, answer in (("chosen", good), ("rejected", bad))
    },
    "texts that begin with it": lambda good, bad: {
        name: f"\n\nHuman: {PROMPT}\n\nAssistant: {answer}"
        for name, answer in (("chosen", good), ("rejected", bad))
    },
    "question and answer": lambda good, bad: {"question": PROMPT, "answer": f"{good} {bad}"},
}


@pytest.mark.parametrize("form", SHARED)
def test_several_answers_to_a_prompt_are_no_duplicates(tmp_path: Path, form: str) -> None:
    made = SHARED[form]
    answers = [("yes it is", "no"), ("it is so, I think", "never was"), ("surely", "hardly ever")]
    long = sentence(random.Random(3)) + sentence(random.Random(4))
    rows = [made(*each) for each in answers]
    rows += [made(long, "no"), made(long + " indeed", "no"), made(*answers[0])]
    found = findings.find(table.read(write(tmp_path / "rows.jsonl", rows)))
    assert found.places["near_duplicate"] == [4] and found.places["exact_duplicate"] == [5]
    assert {(0, 1), (0, 2), (1, 2)} <= set(found.links)  # a split keeps one prompt together


def test_training_rows_of_one_prompt_are_counted_alike() -> None:
    """As ``harness align`` asks before a training."""
    from harness_data.plugin import harness_check_training_data

    answers = ["yes it is", "no, hardly", "that may be so"]
    texts = [f"{PROMPT}\n{answer}" for answer in answers]
    told = harness_check_training_data(texts, [PROMPT] * 3)
    assert not any("nearly" in what for what in told or {})
    alike = harness_check_training_data(texts, [""] * 3)
    assert (alike or {})["nearly the same as an earlier row"] == 2


def test_equal_texts_are_found_whatever_case_and_marks() -> None:
    texts = ["A cat.", "a CAT", "a dog", "", "", "??", "!!", "  "]
    assert duplicates.exact(texts) == [[0, 1], [3, 4, 7]]
    assert duplicates.near(["one two", "one two", "two one"], 0.5) == []


def test_a_row_far_longer_than_equally_long_ones_is_odd() -> None:
    def odd_of(lengths: list[int]) -> list[int]:
        scores = findings.length_scores(lengths)
        return [each for each, score in zip(lengths, scores, strict=True) if abs(score) > 3.5]

    assert odd_of([10] * 20 + [500]) == [500]
    assert odd_of([10] * 20 + [9, 11, 12]) == []
    assert odd_of([1000] * 20 + [1, 1999, 2010]) == [1, 2010]
    assert findings.length_scores([]) == []
    odd = findings.length_scores([*range(20, 40), 5000])
    assert [abs(score) > findings.ODD_LENGTH for score in odd] == [False] * 20 + [True]


def test_toxic_rows_are_reported_and_dropped_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*rows_of(8), {"prompt": "Say it.", "completion": "You blockhead, go home."}]
    file = write(tmp_path / "rows.jsonl", rows)
    terms = tmp_path / "terms.txt"
    terms.write_text("blockhead\n", "utf-8")
    card = tmp_path / "card.json"
    assert harness(f"data check {file} --toxicity {terms} --card {card}") == 0
    shown = capsys.readouterr().out
    assert "row 9 (a term)" in shown
    assert "Toxic rows: a term of terms.txt" in " ".join(shown.split())
    told = json.loads(card.read_text("utf-8"))
    assert told["found"]["toxic"] == 1
    assert told["rows_found"]["9"]["toxic"] == "a term"
    assert harness(f"data check {file} --card {card}") == 0
    assert "toxic" not in json.loads(card.read_text("utf-8"))["found"]
    out = tmp_path / "clean.jsonl"
    assert harness(f"data clean {file} --out {out} --drop toxic --toxicity {terms}") == 0
    assert [row["completion"] for row in read(out)] == [row["completion"] for row in rows[:8]]


def test_short_texts_have_no_language() -> None:
    assert findings.languages(["ok", "12345 67890 " * 10]) == [None, None]


def test_balance_is_one_where_labels_are_even() -> None:
    assert findings.entropy({"a": 5, "b": 5}) == pytest.approx(1)
    assert findings.entropy({"a": 99, "b": 1}) < 0.1
    assert findings.entropy({"a": 5}) == 1


# --------------------------------------------------------------------------- personal data


def test_what_is_masked_is_gone_and_the_rest_stays() -> None:
    masked, found = personal_data.mask(SECRET)
    assert masked == "Write to [EMAIL] or call [TELEPHONE], card [CARD]."
    assert [each.kind for each in found] == ["email", "telephone", "card"]
    assert personal_data.mask(masked) == (masked, [])
    assert personal_data.mask("write to a@example.com, room 4111") == (
        "write to a@example.com, room 4111", [],
    )  # fmt: skip


@given(
    st.lists(st.sampled_from([SECRET, "a b ", "1234 ", "DE89 3704 0044 0532 0130 00 ", "x@y.de"]))
)
@settings(max_examples=30)
def test_masking_leaves_nothing_that_is_found(parts: list[str]) -> None:
    masked, _ = personal_data.mask(" ".join(parts))
    assert "@post" not in masked
    assert list(personal_data.find(masked)) == []


# --------------------------------------------------------------------------- the commands


def test_check_reports_and_gates(
    dirty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"data check {dirty} --label label --texts prompt,completion"
    assert harness(f"{line} --card {tmp_path / 'card.md'}") == 0
    assert harness(f"{line} --card {tmp_path / 'card.json'} --gate") == 1
    clean = write(tmp_path / "clean.jsonl", rows_of(40))
    assert harness(f"data check {clean} --texts prompt,completion --gate") == 0
    page = (tmp_path / "card.md").read_text("utf-8")
    assert "66 rows" in page
    assert "Personal data: email 1" in page
    assert "anna.berg" not in page
    told = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert told["found"]["exact_duplicate"] == 1
    assert told["rows_found"]["61"] == {"exact_duplicate": "as row 1"}
    assert "anna.berg" not in capsys.readouterr().out


def test_clean_drops_masks_and_says_so(dirty: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    assert harness(f"data clean {dirty} --texts prompt,completion --out {out}") == 0
    kept = read(out)
    assert len(kept) == 63
    assert kept[:60] == rows_of()
    assert "[EMAIL]" in kept[-1]["prompt"]
    about = json.loads((tmp_path / "clean.jsonl.about.json").read_text("utf-8"))
    assert set(about["dropped"]) == {"61", "62", "63"}
    assert about["masked"] == {"66": ["card", "email", "telephone"]}
    # A second time there is nothing to do.
    again = tmp_path / "again.jsonl"
    assert harness(f"data clean {out} --texts prompt,completion --out {again}") == 0
    assert again.read_bytes() == out.read_bytes()
    options = "--keep near_duplicate --drop length,language,personal_data --no-mask"
    assert harness(f"data clean {dirty} --texts prompt,completion --out {out} {options}") == 0
    assert "anna.berg" not in out.read_text("utf-8")
    assert out.stat().st_mode & 0o077 == 0


def test_messages_are_looked_at_and_masked(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": SECRET}, {"role": "assistant", "content": "Thank you."}]
    file = write(tmp_path / "chat.jsonl", [{"messages": talk, "id": SECRET}])
    out = tmp_path / "out.jsonl"
    assert harness(f"data clean {file} --out {out}") == 0
    (row,) = read(out)
    assert row["messages"][0]["role"] == "user"
    assert "[CARD]" in row["messages"][0]["content"]
    assert row["id"] == SECRET  # a column that holds no text of the data


def test_numbers_that_are_no_json_become_null(tmp_path: Path) -> None:
    rows = rows_of(12)
    rows[3] |= {"score": float("nan"), "more": {"scores": [1.0, float("-inf")]}}
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for words in (("clean", "--out", "clean.jsonl"), ("split", "--out", "parts")):
        assert harness(["data", words[0], str(file), words[1], str(tmp_path / words[2])]) == 0
    written = [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text().splitlines()]
    assert written[3]["score"] is None
    assert written[3]["more"] == {"scores": [1.0, None]}


def test_split_leaks_nothing(dirty: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    line = f"data split {dirty} --texts prompt,completion --group author --label label"
    assert harness(f"{line} --out {out}") == 0
    parts = {name: read(out / f"{name}.jsonl") for name in splitting.PARTS}
    rows = [json.dumps(row, sort_keys=True) for part in parts.values() for row in part]
    assert sorted(rows) == sorted(json.dumps(row, sort_keys=True) for row in read(dirty))
    authors = {name: {row.get("author") for row in part} for name, part in parts.items()}
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not (authors[one] & authors[other]) - {None}
        texts = [
            [f"{r['prompt']}\n{r['completion']}" for r in parts[each]] for each in (one, other)
        ]
        crossing = [
            pair
            for pair in duplicates.near([*texts[0], *texts[1]])
            if pair[0] < len(texts[0]) <= pair[1]
        ]
        assert crossing == []
    assert 0.6 < len(parts["train"]) / len(rows) < 0.95
    first = (out / "train.jsonl").read_bytes()
    assert harness(f"{line} --out {out}") == 0  # the same split again
    assert (out / "train.jsonl").read_bytes() == first


def test_split_keeps_the_labels_even(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", rows_of(200))
    out = tmp_path / "parts"
    assert harness(f"data split {file} --label label --out {out} --shares 0.5,0.25,0.25") == 0
    for name, share in (("train", 0.5), ("dev", 0.25), ("test", 0.25)):
        part = read(out / f"{name}.jsonl")
        assert len(part) == pytest.approx(200 * share, abs=6)
        bad = sum(row["label"] == "bad" for row in part) / len(part)
        assert bad == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("check nowhere.jsonl", "nowhere.jsonl"),
        ("check {file} --label nothing", "unknown column"),
        ("check {file} --texts nothing", "unknown column"),
        ("check {empty}", "no rows"),
        ("check {numbers}", "no column holds texts"),
        ("clean {file} --out {file}", "is the file itself"),
        ("clean {file} --out o.jsonl --drop nothing", "unknown kind of --drop"),
        ("clean {file} --out o.jsonl --keep length", "unknown kind of --keep"),
        ("clean {file} --out o.jsonl --drop toxic", "--toxicity go together"),
        ("check {file} --toxicity nowhere.txt", "nowhere.txt"),
        ("check {file} --toxicity nowhere", "nowhere"),
        ("split {file} --out o --shares 1,2", "three shares"),
        ("split {file} --out o --shares nan,1,0", "three shares"),
        ("split {file} --out o --group nothing", "unknown column"),
        ("split {file} --out {folder}", "holds 'other.txt'"),
        ("split {one} --out o", "1 groups"),
    ],
)
def test_bad_input_writes_nothing(
    line: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "other.txt").write_text("x")
    names = {
        "file": write(tmp_path / "rows.jsonl", rows_of(20)),
        "empty": write(tmp_path / "empty.jsonl", []),
        "numbers": write(tmp_path / "numbers.jsonl", [{"a": 1}]),
        "one": write(tmp_path / "one.jsonl", rows_of(1) * 5),
        "folder": folder,
    }
    before = sorted(tmp_path.rglob("*"))
    assert harness(f"data {line.format(**names)}") == 2
    error = capsys.readouterr().err
    assert said in error
    assert "unforeseen" not in error
    assert sorted(tmp_path.rglob("*")) == before
