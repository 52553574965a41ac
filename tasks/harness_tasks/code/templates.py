"""How a function is asked for."""

from __future__ import annotations

TEMPLATES = {
    "default": "{{ code }}",
    "instruct": "Complete this Python function. Answer with the whole function in a block of code."
    "\n\n```python\n{{ code }}\n```",
}
