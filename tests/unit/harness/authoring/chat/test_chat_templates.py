"""Chat templates: what they see, and what they cannot do."""

from __future__ import annotations

import pytest

from harness.authoring.chat import templates
from harness.authoring.chat.templates import ChatTemplate
from harness.errors import ModelError

TURNS = [{"role": "user", "content": "the sea"}, {"role": "assistant", "content": "is old"}]
TEMPLATES = [
    "{% for m in messages %}\n<{{ m.role }}>{{ m['content'] | trim }}\n{% endfor %}",
    "{{ bos_token }}{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}"
    "{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
    "{{ messages | tojson }}{{ messages | tojson(indent=2) }}{% if tools %}t{% endif %}",
    "{%- set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{% endfor %}{{ ns.n }}{{ eos_token }}{% if add_generation_prompt %}A:{% endif %}",
]


@pytest.mark.parametrize("answering", [True, False])
@pytest.mark.parametrize("source", TEMPLATES)
def test_templates_are_rendered_as_transformers_does(source: str, answering: bool) -> None:
    utilities = pytest.importorskip("transformers.utils.chat_template_utils")
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    expected, _ = utilities.render_jinja_template(
        [TURNS], chat_template=source, add_generation_prompt=answering, **special
    )
    assert ChatTemplate(source, special).render(TURNS, answering=answering) == expected[0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ raise_exception('no system turns') }}", "no system turns"),
        ("{% if", "template"),
        ("{{ 'a' * 10 ** 10 }}", "memory"),
        ("{% for i in range(99999) %}{{ 'a' * 999 }}{% endfor %}", "characters"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_template_that_refuses_or_takes_too_much_says_why(source: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        ChatTemplate(source, {}).render(TURNS)


def test_a_template_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "SECONDS", 1.0)
    loops = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    template = ChatTemplate(loops, {})
    with pytest.raises(ModelError, match="more than 1 s"):
        template.render(TURNS)


def test_one_refusal_leaves_the_template_usable() -> None:
    source = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}fine"
    template = ChatTemplate(source, {})
    with pytest.raises(ModelError, match="turns: system, user"):
        template.render([{"role": "system", "content": "x"}, TURNS[0]])
    assert template.render([{"role": "user", "content": "\ud800 é\n"}]) == "fine"
