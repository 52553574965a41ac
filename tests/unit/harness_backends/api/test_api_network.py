"""Where requests may go: not to another origin, and to this machine without a proxy."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ModelError
from harness.testing import keyed
from harness.types import Completion, Generate
from harness_backends.api.server import Server

ONE = keyed([Generate("p")])


def only(backend: Any) -> Any:
    (response,) = dict(backend.run(ONE)).values()
    return response


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_is_refused(
    status: int, connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    other = serve(lambda call: chat("caught"))
    server = serve(lambda call: reply(b"", status, {"location": other.url + "/x"}))
    with pytest.raises(ModelError, match="redirects to") as caught:
        only(connect(server.url))
    assert other.url in str(caught.value)
    assert not other.calls


def test_a_redirect_within_the_server_keeps_the_question(
    connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    def answer(call: Any) -> Any:
        there = {"location": "/v2/chat"}
        return chat("here") if call.path == "/v2/chat" else reply(b"", 308, there)

    server = serve(answer)
    assert only(connect(server.url)) == Completion("here", "stop", 5)
    assert server.calls[1].body == server.calls[0].body


def test_one_that_loses_the_question_is_not_followed(connect: Any, serve: Any, reply: Any) -> None:
    server = serve(lambda call: reply(b"", 302, {"location": "/v2/chat"}))
    with pytest.raises(ModelError, match="not followed"):
        only(connect(server.url))
    assert len(server.calls) == 1


def test_this_machine_is_asked_without_a_proxy(
    connect: Any, serve: Any, chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = serve(lambda call: chat("proxy")), serve(lambda call: chat("server"))
    warm = connect(server.url)  # the fixture takes proxies out of the environment
    assert only(warm).text == "server"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
    assert only(connect(server.url)).text == "server"
    assert only(connect(server.url.replace("127.0.0.1", "localhost"))).text == "server"
    assert only(connect("http://model.example/v1")).text == "proxy"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host/v1", "https://host/v1"),
        ("https://host/sk-abc123def456/v1", "https://host/***/v1"),
        ("https://host/a1b2c3d4e5f6a7b8c9d0e1f2/v1", "https://host/***/v1"),
        ("https://host/the-secret-key/v1", "https://host/***/v1"),
        ("https://host/openai/deployments/gpt-4o", "https://host/openai/deployments/gpt-4o"),
    ],
)
def test_a_key_in_the_address_is_not_shown(address: str, shown: str) -> None:
    server = Server(address, "m", "KEY", "the-secret-key")
    assert server.shown == shown
    assert "secret" not in repr(server)


def test_an_answer_that_repeats_a_key_is_kept_without_it(
    connect: Any, serve: Any, chat: Any, key: str
) -> None:
    """The key of the header, and the one that a gateway wants in the address."""
    inside = "gw-7c1f09a4b2e8d6553a90f1c2"
    server = serve(lambda call: chat(f"you sent {key} to /{inside}/v1"))
    url = server.url.replace("/v1", f"/{inside}/v1")
    assert only(connect(url)).text == "you sent *** to /***/v1"


def test_a_short_key_is_an_ordinary_word() -> None:
    assert Server("http://h/v1", "m", "KEY", "none").without_keys("none of it") == "none of it"


def test_a_servers_words_drive_no_terminal() -> None:
    said = Server("http://h/v1", "m", "KEY", None).said("\x1b[2Jred\u202e \ud800\n\nx" + "y" * 999)
    assert said.isprintable()
    assert said.startswith("[2Jred ? x")
    assert len(said) == 300
