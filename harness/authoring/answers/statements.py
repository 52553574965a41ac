"""Where an answer says what it means: the places of final statements, and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ANSWER = (
    "answer", "respuesta", "réponse", "reponse", "antwort", "lösung", "risposta", "resposta",
    "ответ", "відповідь", "odpowiedź", "odpowiedz", "odpověď", "odgovor", "cevap", "yanıt",
    "jawaban", "svar", "svaret", "antwoord", "vastaus", "απάντηση", "răspuns", "raspuns",
    "válasz", "đáp án", "trả lời", "答案", "答え", "答", "解答", "正解", "正确选项", "回答",
    "정답", "답", "답변", "الإجابة", "الاجابة", "الجواب", "جواب", "پاسخ", "תשובה", "उत्तर",
    "जवाब", "উত্তর", "பதில்", "คำตอบ", "ans",
)  # fmt: skip
_CHOSEN = (
    "option", "choice", "label", "sentiment", "classification", "category", "verdict",
    "conclusion", "opción", "opcion", "opção", "option correcte", "вариант", "选项", "選項", "选择",
)  # fmt: skip
_IS = (
    "is", "was", "be", "are", "es", "est", "ist", "è", "é", "sería", "serait", "wäre", "are",
    "является", "это", "jest", "je", "adalah", "är", "er", "on", "είναι", "là", "este",
    "هي", "هو", "است", "היא", "הוא", "है", "হল", "คือ",
)  # fmt: skip
_KEYS = ("answer", "final_answer", "answer_choice", "choice", "option", "label", "prediction")

_WORD = "|".join(map(re.escape, sorted((*_ANSWER, *_CHOSEN), key=len, reverse=True)))
_ANSWER_WORD = "|".join(map(re.escape, sorted(_ANSWER, key=len, reverse=True)))
_LINK = "|".join(map(re.escape, sorted(_IS, key=len, reverse=True)))
_DRESS = r"[*_`\"'“”‘’]{0,8}"


def _named(words: str) -> re.Pattern[str]:
    """``the answer … is``, ``Answer:`` and the like, with one of the words."""
    return re.compile(
        rf"(?<![^\W_])(?:{words})s?(?![^\W_])(?:[^\n.:：=?!]{{0,60}}?(?<![^\W_]))??"
        rf"{_DRESS}\s*(?:[:：=]|(?<=\s)[-–—](?=\s)|(?<![^\W_])(?:{_LINK})(?![^\W_])\s*[:：]?)(?P<said>[^\n]*)",
        re.I,
    )


_OF_ANYTHING = (
    re.compile(r"\\boxed\s*\{(?P<said>(?:[^{}]|\{[^{}]*\})*)\}"),
    re.compile(
        r"<(?P<tag>(?:final_)?answer|ans|choice|label)>(?P<said>.*?)</(?P=tag)>", re.I | re.S
    ),
    re.compile(
        rf"[\"'](?:{'|'.join(_KEYS)})[\"']\s*:\s*(?P<said>\"[^\"\n]*\"|'[^'\n]*'|[^\s,}}\]]+)", re.I
    ),
    re.compile(
        r"(?:答案|答え|正解|解答|回答|答|正确选项|选项|選項|选择|정답|답변|답)[^\n.。:：]{0,20}?"
        r"(?:[:：=]|应该是|應該是|是|为|為|选|選|は|が|은|는|이)(?P<said>[^\n]*)"
    ),
    re.compile(r"(?:^|\n)\s*####\s*(?P<said>[^\n]*)"),
)
_OF_OPTIONS = (
    *_OF_ANYTHING,
    _named(_WORD),
    re.compile(rf"(?<![^\W_])(?:{_ANSWER_WORD})\s+(?P<said>[A-Z](?!\w)[^\n]*)", re.I),
    re.compile(
        r"(?<!\w)it(?:['’]s| is| must be| should be| would be| has to be)\s+"
        r"(?:(?:probably|likely|definitely|clearly|certainly|option)\s+)?(?P<letter>[^\n]*)",
        re.I,
    ),
    re.compile(
        r"(?<!\w)(?:choose|choosing|pick|select|go(?:ing)? with|opt for|settle on|answer with"
        r"|(?:my|the|final|correct|right|best) (?:answer|option|choice))\s+(?:is\s+|option\s+)?"
        r"(?P<said>[^\n]*)",
        re.I,
    ),
    re.compile(
        r"(?<!\w)(?:so|therefore|thus|hence|consequently|also|donc|por tanto|portanto|quindi"
        r"|следовательно|значит|所以|因此)"
        r"[,:：，]?\s*(?:it(?: is|'s)\s+|option\s+|the\s+)?(?P<letter>[^\n]*)",
        re.I,
    ),
)
_RIGHT = re.compile(
    r"(?P<letter>(?<![\w'’])[(\[*]{0,8}[A-Z][)\]*.]{0,8})"
    r"\s+(?:is|was|seems|must be|would be|ist|es|est)"
    r"\s+(?:clearly\s+|therefore\s+|thus\s+|obviously\s+|indeed\s+)?(?:the\s+|la\s+|die\s+)?"
    r"(?:most\s+likely\s+)?(?:correct|right|best|true|answer|richtig|correcta|correcte)(?!\w)"
)
OPTIONS = (*_OF_OPTIONS, _RIGHT)
"""The cues of an answer that is one of some options."""
NUMBERS = (
    *_OF_ANYTHING,
    _named(_ANSWER_WORD),
    re.compile(r"(?:^|\n)\s*A\s*:\s*(?P<said>[^\n]*)"),
)
"""The cues of an answer that is a number: "so" and "option" stand before any, on the way to it."""
_NOT = re.compile(
    r"^[\s*_\"'(]*(?:definitely\s+|clearly\s+)?(?:not|never|neither|n[o']t|nicht|kein\w*|pas|ni"
    r"|не|no es|不是|não)\b[\s,]*(?P<rest>.*)$",
    re.I | re.S,
)
_BUT = re.compile(
    r"(?:[,;]\s*|\s)(?:but|rather|sondern|mais|sino|ma|mas|а|而是)\s+(?P<said>.*)$", re.I
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What stands where an answer names its option.

    Attributes:
        end: Where the statement's cue ends in the text; later ones win.
        said: From there to the end of the line, or what stands in the brackets.
        letter_only: It counts only where a letter stands there.
    """

    end: int
    said: str
    letter_only: bool = False


def statements(text: str, cues: Sequence[re.Pattern[str]] = OPTIONS) -> Iterator[Statement]:
    """All statements, the last first; of two at one place the shorter."""
    found: dict[int, Statement] = {}
    for pattern in cues:
        name = "letter" if "letter" in pattern.groupindex else "said"
        start = 0
        while match := pattern.search(text, start):
            place = match.start(name)
            said = positive(match.group(name))
            kept = found.get(place)
            if said is not None and (kept is None or len(said) < len(kept.said)):
                found[place] = Statement(place, said, name == "letter")
            start = max(match.start() + 1, place if place > match.start() else 0)
    return iter(sorted(found.values(), key=lambda each: -each.end))


def positive(said: str) -> str | None:
    """What is said, without what it denies: B of "not A but B"; None where all is denied."""
    denied = _NOT.match(said)
    if denied is None:
        return said
    but = _BUT.search(denied["rest"])
    return but["said"] if but else None
