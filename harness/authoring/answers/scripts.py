"""Scripts that are written without blanks between words."""

WITHOUT_BLANKS = {
    "Chinese characters": "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af",
    "Japanese kana": "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "Bopomofo": "\u3105-\u312f\u31a0-\u31bf",
    "Thai": "\u0e01-\u0e5b",
    "Lao": "\u0e81-\u0edf",
    "Tibetan": "\u0f00-\u0fff",
    "Burmese": "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f",
    "Khmer": "\u1780-\u17ff\u19e0-\u19ff",
    "Tai": "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf",
    "Yi": "\ua000-\ua4cf",
}
"""Scripts that are written without blanks between words, with their characters."""

CHARACTERS = "".join(WITHOUT_BLANKS.values())
"""All of them, for use between the brackets of a regular expression."""
