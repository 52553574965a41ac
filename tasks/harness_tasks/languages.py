"""Languages and scripts: what tokenizes which, and which texts a tokenizer does not fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from harness.authoring.answers.scripts import WITHOUT_BLANKS

_HAN, _KANA = "Chinese characters", "Japanese kana"

_FITTING: dict[str, frozenset[str]] = {
    "zh": frozenset({_HAN}),
    "ja-mecab": frozenset({_HAN, _KANA}),
    **dict.fromkeys(("char", "spm", "flores101", "flores200"), frozenset(WITHOUT_BLANKS)),
}
"""BLEU's tokenizers that split a script without blanks, with the scripts that they split."""

_NAMES = {
    "zh": "zh zho chi cmn yue wuu nan hak lzh chinese mandarin cantonese putonghua hokkien wu "
    "中文 汉语 漢語 普通话 國語 国语 粵語 粤语 简体中文 繁體中文",
    "ja-mecab": "ja jpn jp japanese nihongo 日本語",
    "ko-mecab": "ko kor kr korean 한국어",
    "char": "th tha thai ไทย ภาษาไทย lo lao laotian ລາວ ພາສາລາວ km khm khmer cambodian ខ្មែរ "
    "ភាសាខ្មែរ my mya bur burmese myanmar မြန်မာ မြန်မာဘာသာ bo bod tib tibetan dz dzo dzongkha",
}
_TOKENIZERS = {name: tokenizer for tokenizer, names in _NAMES.items() for name in names.split()}
_CODE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*", re.IGNORECASE)
_SHORT = 3  # letters that a code has at most


def tokenizer_of(language: str) -> str:
    """BLEU's tokenizer for a language, by its name or its code in any usual form.

    Args:
        language: ``Chinese``, ``Simplified Chinese``, ``zh``, ``zh-CN``, ``日本語``, ….

    Returns:
        A tokenizer of sacrebleu: ``13a`` for languages that put blanks between words.
    """
    name = unicodedata.normalize("NFKC", language).strip().casefold()
    if (code := _CODE.fullmatch(name)) and (found := _TOKENIZERS.get(code[1])):
        return found
    words = re.split(r"[\s(),;/_-]+", name)
    known = (_TOKENIZERS[word] for word in words if len(word) > _SHORT and word in _TOKENIZERS)
    return _TOKENIZERS.get(name) or next(known, "13a")


@cache
def _letters_of(script: str) -> re.Pattern[str]:
    return re.compile(f"[{WITHOUT_BLANKS[script]}]")


def script_without_blanks(text: str) -> str | None:
    """The script without blanks in which most of a text's letters are written, if any.

    Japanese counts as kana where a tenth of it is: Chinese texts hold none.
    """
    letters = sum(unicodedata.category(character)[0] == "L" for character in text)
    counts = {name: len(_letters_of(name).findall(text)) for name in WITHOUT_BLANKS}
    if 2 * sum(counts.values()) <= max(letters, 1):
        return None
    if 10 * counts[_KANA] >= counts[_HAN] + counts[_KANA] > 0:
        return _KANA
    return max(counts, key=counts.__getitem__)


def scripts_not_split(tokenizer: str, texts: Iterable[str]) -> dict[str, int]:
    """How many texts are in scripts without blanks that BLEU's ``tokenizer`` does not split."""
    found: dict[str, int] = {}
    fitting = _FITTING.get(tokenizer, frozenset())
    for text in texts:
        script = script_without_blanks(text)
        if script is not None and script not in fitting:
            found[script] = found.get(script, 0) + 1
    return found


def named(scripts: dict[str, int]) -> str:
    """``"Thai (12), Lao (1)"``, the commonest first."""
    order = sorted(scripts, key=lambda name: -scripts[name])
    return ", ".join(f"{name} ({scripts[name]:,})" for name in order)
