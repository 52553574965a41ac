"""Which option a generated answer names: one reader for every task, probe and judge.

The rules, in order; the first that applies decides:

1. The whole answer is an option, by its letter (``B``, ``(b)``, ``**B.**``), by letter and text
   (``B. Paris``) or by its text.
2. The last final statement that can be read (``The answer is B``, ``\\boxed{B}``,
   ``{"answer": "B"}``, ``<answer>B</answer>``, ``Respuesta: B``, ``so C``, a last line ``B``). One
   that names several options, or a letter that is none's, is not read, and nothing else is.
3. The answer begins with an option and a mark or a reason after it: ``B, since …``, ``B. Paris …``.
4. The one option that is mentioned and not denied: by text, ``(B)`` or ``option B``.

An answer to which none applies is unread.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from harness.authoring.answers.normal import ARTICLES, fold, normalize, tokens, undressed
from harness.authoring.answers.scripts import CHARACTERS
from harness.authoring.answers.statements import statements

_OPEN = r"[\s*_\"'`“‘(\[{<$]{0,20}"  # bounded: a million brackets must not take hours
_CLOSE = r"[*_\"'`”’)\]}>$]{0,20}"
_REASON = (
    r"because|since|as|which|for|due|given|based|that|and\s+not|not|porque|ya que|car|parce|weil|"
    r"denn|da|perché|потому|так как|因为|なぜなら"
)
_AFTER = rf"(?![^\W{CHARACTERS}가-힣]|['’+#])"
"""What follows a letter that stands alone: in Japanese and Korean a particle may."""
_LETTER = re.compile(
    rf"^{_OPEN}(?:(?:the|la|el|a|il|die|der)\s+(?=\S+\s|[B-Z]\b))?"
    r"(?:(?:option|choice|letter|answer|is|letra|lettre|lettera|opción|opção|вариант|буква|"
    rf"buchstabe|选项|選項)\s+)?{_OPEN}(?P<letter>[A-Za-z]){_AFTER}"
    rf"(?P<mark>{_CLOSE}[.):,;!\]}}]?{_CLOSE})(?P<rest>.*)$",
    re.DOTALL | re.IGNORECASE,
)
_ANOTHER = re.compile(
    rf"^\s*(?:or|and|y|o|et|ou|und|oder|e|и|или|和|或|/|,|&|\+)\s*(?:option\s+)?{_OPEN}([A-Z])"
    r"(?![\w'’+#])(?!\s+(?:is|was)\b)"
)
_LISTED = re.compile(r"(?:^|\n)[\s*(\-]*([A-Z])[.):](?=\s|\*)")
_MENTIONED = re.compile(
    r"(?:[(\[](?P<bracketed>[A-Z])[)\]])|(?:\*\*\(?(?P<bold>[A-Z])[.)]?\*\*)"
    r"|(?:(?<!\w)(?:[Oo]ption|[Cc]hoice)\s+[(\"']?(?P<named>[A-Z])(?![\w'’+#]))"
    r"|(?:(?<!\w)[Nn]ot\s+(?P<denied>[A-Z])(?![\w'’+#]))"
    r"|(?P<judged>(?<![\w'’])[A-Z](?=\s+(?:is|was|seems|cannot|can't|isn't)(?!\w)))"
)
_DENYING = frozenset(
    {
        *("not", "isnt", "arent", "wasnt", "never", "neither", "nor", "cannot", "cant", "unlike"),
        *("than", "nicht", "kein", "keine", "pas", "ni", "non", "не", "except"),
        *("exclude", "excludes", "excluding", "eliminate", "eliminates", "eliminating", "rejects"),
    }
)
_DENIED_AFTER = re.compile(
    r"^(?: (?:option|choice|one))?(?:(?: (?:is|was|are|were|seems|would be|can be))?(?: \w+ly)?"
    r" (?:wrong|incorrect|false|impossible|ruled out|eliminated|excluded|unlikely)"
    r"| (?:is|was|are|would|can|could|must|does|do|did) not"
    r"| (?:isnt|wasnt|arent|cannot|cant|wouldnt|doesnt))(?: |$)"
)
_QUOTED = re.compile(r"""[`"“*'](?![\s])([^\n`"“”]{1,40}?)[`"”*'](?!\w)""")
_SEVERAL = -1
_LONGEST = 20_000
"""Characters at an answer's end that are read: where it concludes."""


def read(text: str, names: Sequence[Sequence[str]], lettered: bool = False) -> int | None:
    """The option that an answer names; None where it is unread.

    Args:
        text: The model's answer, thinking set aside.
        names: For each option, the texts that name it.
        lettered: Whether the options were shown with letters, ``A`` the first.
    """
    plain = unicodedata.normalize("NFKC", text[-_LONGEST:]).strip()
    return _options(tuple(map(tuple, names)), lettered).read(plain)


@lru_cache(maxsize=8)
def _options(names: tuple[tuple[str, ...], ...], lettered: bool) -> _Options:
    """Made once for questions that share their options, as those with labels do."""
    return _Options(names, lettered)


class _Options:
    """The options of one question, in the forms in which they are looked for."""

    def __init__(self, names: Sequence[Sequence[str]], lettered: bool) -> None:
        self._count, self._lettered = len(names), lettered
        self._folded: dict[str, set[int]] = {}
        self._normal: dict[str, set[int]] = {}
        for index, option in enumerate(names):
            for name in option:
                if name.strip():
                    self._folded.setdefault(fold(name), set()).add(index)
                    self._normal.setdefault(normalize(name), set()).add(index)
        for name in list(self._normal):  # "1.50" names "$1.50" where no other option is 1.50
            bare = re.sub(r"[$€£¥₹₽₩%]", "", name)
            if bare != name and bare not in self._normal:
                same = [key for key in self._normal if re.sub(r"[$€£¥₹₽₩%]", "", key) == bare]
                if len(same) == 1:
                    self._normal[bare] = set(self._normal[name])

    def read(self, text: str) -> int | None:
        """See the module."""
        if not text:
            return None
        for rule in (self._whole, self._stated, self._first, self._only):
            found = rule(text)
            if found is not None:
                return None if found == _SEVERAL else found
        return None

    # ---- the rules

    def _whole(self, text: str) -> int | None:
        for form in undressed(text):
            if self._lettered and len(form) == 1 and (found := self._index(form)) is not None:
                return found
            spelled = self._spelled(form)
            if spelled is not None:
                return spelled
            if (found := _one(self._folded.get(fold(form)))) is not None:
                return found
        return _one(self._normal.get(normalize(text)))

    def _stated(self, text: str) -> int | None:
        last = text.rsplit("\n", 1)[-1]
        of_a_list = _LISTED.match(last) is not None and len(self._listed(text)) > 1
        if last != text and not of_a_list and (found := self._whole(last)) is not None:
            return found
        for statement in statements(text):
            found = self._value(statement.said, statement.letter_only)
            if found is not None:
                return found
        return None

    def _first(self, text: str) -> int | None:
        if (found := self._begins_like_a_letter(text)) is not None:
            return found
        if self._lettered:
            if len(self._listed(text)) > 1:
                return None
            if (found := self._leading_letter(text, strict=True)) is not None:
                return found
        return self._begins(text, marked=True)

    def _only(self, text: str) -> int | None:
        found = self._mentioned(text)
        if self._lettered:
            found = found | self._letters_mentioned(text)
        found = found or self._quoted(text)
        return found.pop() if len(found) == 1 else None

    def _listed(self, text: str) -> set[str]:
        """The letters with which lines begin, as where an answer repeats the options."""
        return {each for each in _LISTED.findall(text) if self._index(each) is not None}

    # ---- a statement's value

    def _value(self, said: str, letter_only: bool) -> int | None:
        said = said.strip()
        if not said or len(said) > 2000:
            return None
        if not letter_only:
            for part in (said, _sentence(said)):
                found = self._whole(part)
                if found is not None:
                    return found
            if (found := self._begins_like_a_letter(said)) is not None:
                return found
        if self._lettered and (found := self._leading_letter(said, strict=letter_only)) is not None:
            return found
        if letter_only:
            return None
        if (found := self._begins(said, marked=False)) is not None:
            return found
        return self._only(_sentence(said))

    def _leading_letter(self, said: str, strict: bool) -> int | None:
        """The letter with which a text begins; ``strict``: only with a mark or reason after it."""
        match = _LETTER.match(said)
        if match is None:
            return None
        letter, mark, rest = match["letter"], match["mark"], match["rest"]
        before = said[: match.start("letter")]
        ends = not rest.strip() or rest.lstrip(" \t").startswith("\n")
        reason = re.match(rf"\s+(?:[-–—:(]|(?:{_REASON})(?!\w))", rest, re.I) is not None
        set_apart = bool(mark.strip("*_")) or (bool(mark) and bool(before.strip()))
        particle = re.match(rf"[{CHARACTERS}가-힣]", rest) is not None
        tight = ends or set_apart or reason or particle
        if letter.islower() and not (ends or set_apart):
            return None
        if letter in "AIai" and not tight:
            return None
        if strict and not tight:
            return None
        if re.match(r"[A-Za-z]\.[A-Za-z]", said[match.start("letter") :]):  # "A.M."
            return None
        if _ANOTHER.match(rest if mark.strip(",;") or not mark else mark + rest):
            return _SEVERAL
        found = self._index(letter)
        return _SEVERAL if found is None and letter.isupper() and tight else found

    def _index(self, letter: str) -> int | None:
        found = string.ascii_uppercase.find(fold(letter).upper())
        return found if 0 <= found < self._count and letter.strip() else None

    def _spelled(self, form: str) -> int | None:
        """The option whose letter and whole text the form is: ``B. Paris``."""
        if not self._lettered:
            return None
        match = re.match(r"^[\s*_(\[]*([A-Za-zＡ-Ｚ])[*_]*[.):\]]+[*_]*\s*(.+)$", form, re.DOTALL)
        if match is None or (index := self._index(match[1])) is None:
            return None
        for text in undressed(match[2]):
            if index in self._folded.get(fold(text), ()):
                return index
        return index if index in self._normal.get(normalize(match[2]), ()) else None

    # ---- texts

    def _begins_like_a_letter(self, text: str) -> int | None:
        """The option whose own text begins as a letter does, ``A. Lincoln``, and the answer too."""
        raw = fold(text)
        found = [
            (len(name), owners)
            for name, owners in self._folded.items()
            if re.match(r"[a-z][.):]\s*\S", name) and re.match(re.escape(name) + r"(?!\w)", raw)
        ]
        return _one(max(found, key=lambda each: each[0])[1]) if found else None

    def _begins(self, text: str, marked: bool) -> int | None:
        """The option with whose text another begins, the longest; ``marked``: a mark follows."""
        raw = fold(text.lstrip("*_\"'`([ "))
        found = [
            (len(name), owners)
            for name, owners in self._folded.items()
            if raw.startswith(name)
            and re.match(r"[*_\"'`)\]]*(?:\s*[.,;:!(-](?!\d)|\s*$)", raw[len(name) :])
            and any(each.isalnum() for each in name)
        ]
        if found:
            return _one(max(found, key=lambda each: each[0])[1])
        if marked:
            return None
        words = tokens(text)
        runs = [
            (len(name.split()), owners)
            for name, owners in self._normal.items()
            if name.split() == words[: len(name.split())] and not set(name.split()) <= ARTICLES
        ]
        longest = _one(max(runs, key=lambda each: each[0])[1]) if runs else None
        # Where another option is named as well, beginning is not enough.
        others = self._mentioned(text) - {longest}
        return None if others else longest

    def _mentioned(self, text: str) -> set[int]:
        """The options named in a text and not denied; longer names blot out shorter ones first."""
        words = tokens(text)
        found: set[int] = set()
        denied: set[int] = set()
        ordered = sorted(self._normal, key=lambda name: (-len(name.split()), -len(name), name))
        for name in ordered:
            run = name.split()
            if set(run) <= ARTICLES or not any(each.isalnum() for each in name):
                continue
            for place in range(len(words) - len(run) + 1):
                if words[place : place + len(run)] != run:
                    continue
                before, after = words[:place], " ".join(["", *words[place + len(run) :]])
                if _DENYING & set(before[-2:]) or _DENIED_AFTER.match(after):
                    denied |= self._normal[name]
                else:
                    found |= self._normal[name]
                words[place : place + len(run)] = ["\0"] * len(run)
        return found - denied

    def _quoted(self, text: str) -> set[int]:
        """The options whose whole text stands in quotes: an article or a symbol is named so."""
        quoted = (fold(match[1]) for match in _QUOTED.finditer(text))
        return {index for each in quoted for index in self._folded.get(each, ())}

    def _letters_mentioned(self, text: str) -> set[int]:
        """The letters set apart in a text and not denied."""
        found: set[int] = set()
        denied: set[int] = set()
        for match in _MENTIONED.finditer(text):
            letter = next(group for group in match.groups() if group)
            index = self._index(letter)
            if index is None:
                continue
            words = tokens(text[max(0, match.start() - 40) : match.start()])
            after = " ".join(["", *tokens(text[match.end() : match.end() + 60])])
            refused = match["denied"] or set(words[-2:]) & _DENYING or _DENIED_AFTER.match(after)
            if refused:
                denied.add(index)
            elif not match["judged"]:
                found.add(index)
                if another := _ANOTHER.match(text[match.end() :]):
                    other = self._index(another[1])
                    found |= set() if other is None else {other}
        return found - denied


def _one(owners: set[int] | None) -> int | None:
    """The only owner of a name; None where there are several or none."""
    return next(iter(owners)) if owners is not None and len(owners) == 1 else None


def _sentence(text: str) -> str:
    """The first sentence; a point inside a word or number ends none."""
    return re.split(r"(?<=\w)[.!?。](?:\s|$)", text, maxsplit=1)[0]
