"""Word lists that several families share."""

from __future__ import annotations

WOMEN = (
    "Anna", "Berta", "Clara", "Dora", "Ella", "Frida", "Greta", "Hanna", "Ida", "Julia",
    "Karla", "Lena", "Maria", "Nora", "Olga", "Paula", "Rosa", "Sara", "Tina", "Vera",
)  # fmt: skip
MEN = (
    "Adam", "Ben", "Carl", "David", "Emil", "Felix", "Georg", "Hugo", "Ivan", "Jonas",
    "Kurt", "Leo", "Max", "Noah", "Oscar", "Peter", "Robert", "Simon", "Tom", "Victor",
)  # fmt: skip
PEOPLE = WOMEN + MEN

TOWNS = (
    "Oslo", "Porto", "Turin", "Dublin", "Cairo", "Lima", "Bergen", "Vienna", "Geneva", "Madrid",
    "Prague", "Warsaw", "Athens", "Bonn", "Basel", "Riga", "Lyon", "Oxford", "Boston", "Kyoto",
)  # fmt: skip
JOBS = (
    "baker", "teacher", "nurse", "farmer", "painter", "driver", "dentist", "gardener", "pilot",
    "singer", "writer", "cook", "tailor", "builder", "doctor", "waiter",
)  # fmt: skip
PETS = (
    "dog", "cat", "horse", "parrot", "rabbit", "goat", "turtle", "duck", "pony", "hamster",
)  # fmt: skip
FOODS = (
    "soup", "bread", "cheese", "rice", "fish", "pasta", "salad", "cake", "honey", "potatoes",
    "pancakes", "apples",
)  # fmt: skip
INSTRUMENTS = (
    "piano", "violin", "guitar", "flute", "trumpet", "drums", "cello", "harp",
)  # fmt: skip
LANGUAGES = (
    "German", "French", "Spanish", "Greek", "Polish", "Dutch", "Arabic", "Japanese",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
YEARS = tuple(str(year) for year in range(1902, 2000, 6))
COLOURS = ("red", "blue", "green", "white", "black", "yellow", "brown", "grey")
ROOMS = (
    "kitchen", "garden", "cellar", "garage", "bedroom", "hall", "office", "attic", "library",
    "bathroom",
)  # fmt: skip
NUMBERS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve",
    "twenty", "thirty", "forty", "fifty", "sixty",
)  # fmt: skip


def pronoun(name: str) -> str:
    """``she`` or ``he``."""
    return "she" if name in WOMEN else "he"


def possessive(name: str) -> str:
    """``her`` or ``his``."""
    return "her" if name in WOMEN else "his"


def gender(name: str) -> str:
    """``female`` or ``male``."""
    return "female" if name in WOMEN else "male"
