"""English sentences and their German, word for word in correct German.

German nouns carry a gender; articles and adjectives agree with it in the nominative (subject),
accusative (object) and dative (place).  Nouns of the weak declension are left out, so a noun has
one form throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

from demo_model.examples import Example, Source, sentence


@dataclass(frozen=True, slots=True)
class Noun:
    """An English noun, its German and that one's gender: m, f or n."""

    english: str
    german: str
    gender: str


def _nouns(table: str) -> tuple[Noun, ...]:
    return tuple(Noun(*row.split("/")) for row in table.split())


def _pairs(table: str) -> tuple[tuple[str, str], ...]:
    pairs = (row.split("/") for row in table.split())
    return tuple((english, german) for english, german in pairs)


PERSONS = _nouns(
    "man/Mann/m woman/Frau/f child/Kind/n girl/Mädchen/n teacher/Lehrer/m doctor/Arzt/m "
    "king/König/m queen/Königin/f friend/Freund/m brother/Bruder/m sister/Schwester/f "
    "mother/Mutter/f father/Vater/m cook/Koch/m grandmother/Großmutter/f painter/Maler/m"
)
OBJECTS = _nouns(
    "apple/Apfel/m ball/Ball/m letter/Brief/m chair/Stuhl/m table/Tisch/m hat/Hut/m "
    "key/Schlüssel/m flower/Blume/f bag/Tasche/f lamp/Lampe/f cup/Tasse/f newspaper/Zeitung/f "
    "bottle/Flasche/f guitar/Gitarre/f book/Buch/n picture/Bild/n bicycle/Fahrrad/n knife/Messer/n "
    "glass/Glas/n boat/Boot/n"
)
CLOTHES = _nouns("coat/Mantel/m skirt/Rock/m jacket/Jacke/f shirt/Hemd/n dress/Kleid/n")
PLACES = _nouns(
    "garden/Garten/m park/Park/m forest/Wald/m kitchen/Küche/f school/Schule/f street/Straße/f "
    "house/Haus/n room/Zimmer/n village/Dorf/n restaurant/Restaurant/n"
)
OFFICES = _nouns(
    "minister/Minister/m mayor/Bürgermeister/m company/Firma/f government/Regierung/f "
    "museum/Museum/n university/Universität/f bank/Bank/f team/Mannschaft/f party/Partei/f"
)
PROJECTS = _nouns(
    "factory/Fabrik/f bridge/Brücke/f road/Straße/f plan/Plan/m law/Gesetz/n contract/Vertrag/m "
    "airport/Flughafen/m hospital/Krankenhaus/n station/Bahnhof/m theatre/Theater/n"
)
REGIONS = _nouns("town/Stadt/f village/Dorf/n country/Land/n region/Region/f capital/Hauptstadt/f")

PERSON_WORDS = _pairs(
    "small/klein old/alt young/jung friendly/freundlich happy/glücklich quiet/ruhig strong/stark "
    "clever/klug"
)
OBJECT_WORDS = _pairs(
    "small/klein big/groß old/alt new/neu red/rot blue/blau green/grün white/weiß black/schwarz "
    "beautiful/schön heavy/schwer cheap/billig"
)
COLOUR_WORDS = _pairs("red/rot blue/blau green/grün white/weiß black/schwarz brown/braun")
PLACE_WORDS = _pairs("small/klein big/groß old/alt new/neu quiet/ruhig beautiful/schön")
PROJECT_WORDS = _pairs("new/neu old/alt big/groß small/klein important/wichtig modern/modern")

VERBS = _pairs(
    "sees/sieht buys/kauft holds/hält finds/findet carries/trägt loves/liebt paints/malt "
    "cleans/putzt needs/braucht takes/nimmt brings/bringt sells/verkauft repairs/repariert"
)
OFFICE_VERBS = _pairs(
    "opens/eröffnet closes/schließt plans/plant builds/baut visits/besucht supports/unterstützt "
    "sells/verkauft criticises/kritisiert shows/zeigt"
)
TIMES = (
    ("today", "heute"),
    ("every day", "jeden Tag"),
    ("on Monday", "am Montag"),
    ("on Friday", "am Freitag"),
    ("on Sunday", "am Sonntag"),
)

_DEFINITE = {
    "nominative": {"m": ("der", "e"), "f": ("die", "e"), "n": ("das", "e")},
    "accusative": {"m": ("den", "en"), "f": ("die", "e"), "n": ("das", "e")},
    "dative": {"m": ("dem", "en"), "f": ("der", "en"), "n": ("dem", "en")},
}
_INDEFINITE = {
    "nominative": {"m": ("ein", "er"), "f": ("eine", "e"), "n": ("ein", "es")},
    "accusative": {"m": ("einen", "en"), "f": ("eine", "e"), "n": ("ein", "es")},
    "dative": {"m": ("einem", "en"), "f": ("einer", "en"), "n": ("einem", "en")},
}

Pair = tuple[str, str]
"""English, German."""


def noun_phrase(
    noun: Noun, case: str, adjective: tuple[str, str] | None, *, definite: bool
) -> Pair:
    """Article, adjective and noun in both languages."""
    article, ending = (_DEFINITE if definite else _INDEFINITE)[case][noun.gender]
    english = [adjective[0]] if adjective else []
    german = [adjective[1] + ending] if adjective else []
    first = "the" if definite else "an" if [*english, noun.english][0][0] in "aeio" else "a"
    return " ".join([first, *english, noun.english]), " ".join([article, *german, noun.german])


def _join(*pairs: Pair) -> Pair:
    english = " ".join(pair[0] for pair in pairs)
    german = " ".join(pair[1] for pair in pairs)
    return sentence(english) + ".", sentence(german) + "."


def _maybe(source: Source, words: tuple[Pair, ...], probability: float) -> Pair | None:
    return source.pick(words) if source.chance(probability) else None


def everyday(source: Source) -> Pair:
    """``The old man buys a red ball in the park.``"""
    who, verb, what = _core(source, PERSONS, VERBS, OBJECTS)
    parts = [
        noun_phrase(
            who, "nominative", _maybe(source, PERSON_WORDS, 0.5), definite=source.chance(0.7)
        ),
        verb,
        noun_phrase(
            what, "accusative", _maybe(source, OBJECT_WORDS, 0.6), definite=source.chance(0.5)
        ),
    ]
    if source.chance(0.4):
        place = source.pick(PLACES)
        adjective = _maybe(source, PLACE_WORDS, 0.3)
        parts += [("in", "in"), noun_phrase(place, "dative", adjective, definite=True)]
    elif source.chance(0.5):
        parts.append(source.pick(TIMES))
    return _join(*parts)


def caption(source: Source) -> Pair:
    """``A young woman in a red coat holds a book.``: the manner of picture captions."""
    who, verb, what = _core(source, PERSONS, VERBS, OBJECTS)
    clothes = noun_phrase(source.pick(CLOTHES), "dative", source.pick(COLOUR_WORDS), definite=False)
    return _join(
        noun_phrase(who, "nominative", _maybe(source, PERSON_WORDS, 0.5), definite=False),
        ("in", "in"),
        clothes,
        verb,
        noun_phrase(what, "accusative", _maybe(source, OBJECT_WORDS, 0.5), definite=False),
    )


def news(source: Source) -> Pair:
    """``The minister visits the new factory in the old town on Monday.``"""
    who, verb, what = _core(source, OFFICES, OFFICE_VERBS, PROJECTS)
    parts = [
        noun_phrase(who, "nominative", None, definite=True),
        verb,
        noun_phrase(
            what, "accusative", _maybe(source, PROJECT_WORDS, 0.7), definite=source.chance(0.6)
        ),
    ]
    if source.chance(0.6):
        region = source.pick(REGIONS)
        parts += [("in", "in"), noun_phrase(region, "dative", None, definite=True)]
    if source.chance(0.5):
        parts.append(source.pick(TIMES))
    return _join(*parts)


def _core(
    source: Source, subjects: tuple[Noun, ...], verbs: tuple[Pair, ...], objects: tuple[Noun, ...]
) -> tuple[Noun, Pair, Noun]:
    """Who does what to what, from the source's side of the split."""
    return source.draw(
        lambda: (source.pick(subjects), source.pick(verbs), source.pick(objects)),
        lambda made: ("translation", made[0].english, made[1][0], made[2].english),
    )


STYLES = (everyday, caption, news)


def prompt(text: str) -> str:
    """The default template of the translation tasks, English to German."""
    return f"English phrase: {text}\nGerman phrase:"


def example(source: Source) -> Example:
    """One sentence to be translated."""
    english, german = source.pick(STYLES)(source)
    return Example("translation", prompt(english), german)
