"""The page as one file, for annotators who cannot reach this machine: it asks nobody anything."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from harness.authoring.io import files
from harness_judges.annotation.incoming import FORMAT, SCHEMA
from harness_judges.annotation.server import page, settings_for_page
from harness_judges.annotation.store import Store


def write(store: Store, path: Path) -> None:
    """Writes the page with all items in it; nothing in it tells a system from another.

    What is judged is kept in the browser and saved as a file that ``incoming.take`` reads.

    Raises:
        HarnessError: The file cannot be written.
    """
    held = {
        "format": FORMAT,
        "schema": SCHEMA,
        "identity": store.identity,
        "settings": settings_for_page(store.settings),
        "assigned": {name: list(store.assigned(name)) for name in store.annotators},
        "items": {
            number: {
                "instruction": item.instruction,
                "answers": [answer.text for answer in item.answers],
            }
            for number, item in store.items.items()
        },
    }
    # In a page "<" could end the element, whatever JSON says; as an escape it cannot.
    text = json.dumps(held, ensure_ascii=True).replace("<", "\\u003c")
    nonce = secrets.token_urlsafe(16)
    allowed = f"'nonce-{nonce}'"
    policy = f"default-src 'none'; script-src {allowed}; style-src {allowed}; base-uri 'none'"
    policy += "; form-action 'none'"
    made = page(nonce).replace(
        "<!--HELD-->",
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<script type="application/json" id="held" nonce="{nonce}">{text}</script>',
    )
    files.write_atomically(path, made)
