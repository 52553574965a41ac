"""The page of ``harness monitor``: self-contained, nothing is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Monitor</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .6rem;
border-bottom: 1px solid #8884 } .alarm { font-weight: bold; color: #b00020 }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee }
.alarm { color: #ff8a80 } }
</style></head><body>
<h1>{{ "Alarm" if alarms else "No alarm" if rows else "Nothing watched" }}</h1>
<p>{{ sentence }}</p>
<table><thead><tr><th>signal</th><th>reference</th><th>now</th><th>n</th><th>verdict</th></tr></thead>
<tbody>{% for each in rows %}<tr{% if each.alarm %} class="alarm"{% endif %}>
<td>{{ each.name }}<br><small>{{ each.words }}</small></td><td>{{ each.reference }}</td>
<td>{{ each.now }}</td><td>{{ each.n }}</td><td>{{ each.verdict }}</td></tr>{% endfor %}
</tbody></table>
<p>{{ promise }}</p></body></html>
"""


def render(values: Mapping[str, Any]) -> str:
    """The page; every value is escaped."""
    from jinja2 import Environment

    return Environment(autoescape=True).from_string(_PAGE).render(values) + "\n"
