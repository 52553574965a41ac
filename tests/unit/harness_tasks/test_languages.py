"""Names and scripts of languages, and what a score says where its tokenizer does not fit."""

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.protocols import TaskOptions
from harness.types import Sample
from harness_tasks.languages import script_without_blanks, scripts_not_split, tokenizer_of
from harness_tasks.metrics.translation import Sacrebleu
from harness_tasks.translation import open_translation, remarks

THAI = "สวนนี้มีต้นไม้ใหญ่หลายต้น"
CHINESE = "河边有一座旧木桥。"
JAPANESE = "川のそばに古い木の橋がある。"


@pytest.mark.parametrize(
    ("tokenizer", "names"),
    [
        ("zh", "Chinese|CHINESE|Simplified Chinese|Chinese (Traditional)|zh|zh-CN|zh_TW|ZH-Hant"),
        ("zh", "cmn|zho_Hans|Mandarin|Cantonese|中文|汉语"),
        ("ja-mecab", "Japanese|ja|jpn|ja-JP|日本語"),
        ("ko-mecab", "Korean|ko|kor_Hang|한국어"),
        ("char", "Thai|th|tha|Lao|Khmer|km|my|Burmese|Myanmar (Burmese)|Tibetan"),
        ("13a", "German|de|English|en-GB|Russian|Hindi|Brazilian Portuguese|Tok Pisin|"),
    ],
)
def test_a_tokenizer_is_found_by_any_usual_name(tokenizer: str, names: str) -> None:
    assert {name: tokenizer_of(name) for name in names.split("|")} == dict.fromkeys(
        names.split("|"), tokenizer
    )


def test_scripts_without_blanks_are_told_by_most_letters() -> None:
    assert script_without_blanks(THAI) == "Thai"
    assert script_without_blanks(CHINESE) == "Chinese characters"
    assert script_without_blanks(JAPANESE) == "Japanese kana"
    for text in ("", "…", "über", "мост", "पुराना पुल", "다리", "the word 桥 means bridge"):
        assert script_without_blanks(text) is None, text


def test_a_tokenizer_that_splits_the_script_is_not_complained_of() -> None:
    texts = [THAI, CHINESE, JAPANESE, "a bridge"]
    assert len(scripts_not_split("13a", texts)) == 3
    assert scripts_not_split("zh", texts) == {"Thai": 1, "Japanese kana": 1}
    assert scripts_not_split("char", texts) == {}


def test_the_task_takes_the_tokenizer_and_says_where_it_does_not_fit() -> None:
    task = open_translation(TaskOptions(values={"target_language": "zh-CN"}))
    assert getattr(task, "settings")["tokenize"] == "zh"  # noqa: B009
    sample = Sample("1", "old bridge", (THAI,))
    bleu, ter = remarks([sample], "translation", "13a")
    assert "13a does not split references in Thai (1)" in bleu
    assert "translation.tokenize=char" in bleu
    assert "pieces between blanks" in ter
    assert len(list(remarks([sample], "translation", "char"))) == 1
    assert not list(remarks([Sample("1", "x", ("eine Brücke",))], "translation", "13a"))


def test_bleu_of_a_perfect_thai_translation_is_perfect_with_its_default() -> None:
    grader = Sacrebleu(tokenizer_of("Thai"))
    bleu = grader.metrics[0]
    rows = grader.grade(THAI, Sample("1", "", (THAI,)))["bleu"]
    assert bleu.compute(np.array([rows]))[0] == pytest.approx(100)  # type: ignore[attr-defined]


def test_a_sentencepiece_tokenizer_without_its_model_says_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sacrebleu.tokenizers import tokenizer_spm

    def refuse(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(tokenizer_spm, "download_file", refuse)
    monkeypatch.setattr(tokenizer_spm, "SACREBLEU_DIR", "/nonexistent")
    with pytest.raises(HarnessError, match="flores200") as raised:
        Sacrebleu("flores200")
    assert "models" in str(raised.value.__dict__) + str(raised.value)
