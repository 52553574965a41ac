"""How claims are asked about."""

from __future__ import annotations

_ASKED = "Is every part of it supported by the text? Answer yes or no.\nAnswer:"

CLAIM_TEMPLATES = {
    "default": "Text: {{ source }}\n\nClaim: {{ claim }}\n" + _ASKED,
    "consistent": "Decide if the following summary is consistent with the article.\n\n"
    "Article: {{ source }}\n\nSummary: {{ claim }}\n\nIs it consistent? Answer yes or no.\nAnswer:",
}
ANSWER_TEMPLATES = {
    "default": "{% if source %}Text: {{ source }}\n\n{% endif %}"
    "{% if question %}Question: {{ question }}\n{% endif %}Answer given: {{ claim }}\n"
    "Is every part of the answer true{% if source %} by the text{% endif %}? "
    "Answer yes or no.\nAnswer:",
}
GROUNDED_TEMPLATES = {
    "default": "Text: {{ source }}\n\n{% if input %}Question: {{ input }}\n\n{% endif %}"
    "Claim: {{ claim }}\n\nIs every part of the claim supported by the text? Answer yes or no.\n"
    "Answer:",
}
