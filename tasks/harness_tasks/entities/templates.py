"""How entities are asked for."""

from __future__ import annotations

TEMPLATES = {
    "default": "Text: {{ text }}\nList the named entities in this text in their order, with their "
    "types. The types are: {{ types | join(', ') }}.\nAnswer with JSON alone: "
    '[{"text": …, "type": …}, …], or [] if there are none.\nEntities:',
    "tagged": "Text: {{ text }}\nRepeat this text, with each named entity in a tag of its type, as "
    "in <{{ types[0] }}>…</{{ types[0] }}>. The types are: {{ types | join(', ') }}.\nTagged text:",
}
