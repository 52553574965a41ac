"""``harness view`` in a process of its own, in a real browser: every page, by keyboard, for all."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import report_runs, viewed_runs
from support.browser import SCREENS, violations
from support.view_server import Server, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds, a run of all there is with hostile texts, a damaged one, one that goes on, people."""
    root = tmp_path_factory.mktemp("viewed") / "runs"
    root.mkdir()
    viewed_runs.series(root, count=8, samples=60)
    report_runs.build(root / "all", 120)
    viewed_runs.damaged_copy(root / "build-003", root / "damaged <b>run")
    (root / "going").mkdir()
    going = {"status": "running", "spec": {"model": "./ckpt"}, "started": "2026-03-01T00:00:00Z"}
    (root / "going" / "run.json").write_text(json.dumps(going))
    progress = {"done": 30, "total": 90, "round": 1, "role": "model", "at": "2026-03-01T00:01:00Z"}
    (root / "going" / "progress.json").write_text(json.dumps(progress))
    people = ["annotate", str(root / "build-000"), "--out", str(root / "people"), "--prepare"]
    command = [sys.executable, "-m", "harness", *people, "--limit", "4", "--tasks", "arithmetic"]
    subprocess.run(command, check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def server(root: Path, cache: Path) -> Iterator[Server]:
    made = Server(root, cache)
    made.wait()
    yield made
    made.end()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page; afterwards nothing may have been thrown, or asked elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened, complaints = watched(context, server.url)
    yield opened
    context.close()
    assert complaints == []


def board_of(server: Server, name: str) -> str:
    _, _, text = server.get("leaderboard/")
    return re.search(rf"leaderboard/({re.escape(name)}\.\w+)/", text)[1]


def every_page(server: Server) -> list[str]:
    board = board_of(server, "arithmetic.accuracy")
    return [
        "",
        "leaderboard/",
        f"leaderboard/{board}/",
        "history/",
        f"history/{board}/",
        "notes/",
        "annotations/",
        "run/build-004/",
        "run/going/",
        "run/all/report/",
        "run/build-004/samples/arithmetic/",
        "run/all/samples/squad/?outcome=error",
        "run/all/samples/bbq/Age-3/",
        "compare/build-003/build-004/",
        "nowhere/",
    ]


# --------------------------------------------------------------------------- who may ask


def test_only_who_has_the_link_is_answered(server: Server) -> None:
    own = f"127.0.0.1:{server.port}"
    assert server.get("")[0] == 200
    assert server.get("", Host=f"localhost:{server.port}")[0] == 200
    assert server.get("", Host=f"evil.example:{server.port}")[0] == 403
    for path in ("/", "//", f"/{server.token[:-1]}/", f"/{server.token}x/", "/../", "/state/"):
        status, _, text = server.ask("GET", path, Host=own)
        assert status == 403 and server.token not in text
    tag = "action=tag&value=evil"
    path = f"/{server.token}/run/build-000/note/"
    assert server.ask("POST", path, tag, Sec_Fetch_Site="cross-site")[0] == 403
    assert server.ask("POST", f"/wrong{path}", tag)[0] == 403
    assert "evil" not in server.get("notes/")[2]


def test_nobody_else_can_reach_the_port(server: Server) -> None:
    listening = Path("/proc/net/tcp")
    if not listening.is_file():
        pytest.skip("no list of sockets")
    rows = [line.split() for line in listening.read_text().splitlines()[1:]]
    mine = [row[1] for row in rows if row[1].endswith(f":{server.port:04X}") and row[3] == "0A"]
    assert mine == [f"0100007F:{server.port:04X}"]


def test_every_page_comes_under_a_strict_policy(server: Server) -> None:
    for path in every_page(server):
        status, headers, text = server.get(path)
        assert status == (404 if path == "nowhere/" else 200), path
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert server.token not in text  # it stands in the address alone


@pytest.mark.parametrize(
    "path",
    [
        "run/../../etc/", "run/%2e%2e/", "run/build-000/samples/..%2f..%2frun.json/", "run/x%00/",
        "run/build-000/samples/arithmetic/?page=99999999999999999999", "compare/?run=a",
        "run/build-000/samples/arithmetic/?page=-1&order=f1:up&outcome=x&variant=y&tag=z",
        "compare/build-000/build-000/", "history/x/", "annotations/none/", "annotations/x/api/next",
    ],
)  # fmt: skip
def test_odd_addresses_are_answered_calmly(server: Server, path: str) -> None:
    status, _, text = server.get(path)
    assert status in (200, 400, 404), text[:200]
    assert "Traceback" not in text and "root:" not in text


@pytest.mark.parametrize("body", ["action=none", "", "action=tag&value=", "%ff=1", "x" * 70_000])
def test_odd_forms_are_refused(server: Server, body: str) -> None:
    path = f"/{server.token}/run/build-000/note/"
    assert server.ask("POST", path, body)[0] == 400
    assert server.ask("POST", f"/{server.token}/run/none/note/", "action=tag&value=a")[0] == 400


# --------------------------------------------------------------------------- for everyone


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_every_page_is_for_everyone(
    browser: Browser, server: Server, width: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, complaints = watched(context, server.url)
    for path in every_page(server)[:-1]:
        page.goto(server.url + path)
        for details in page.locator("main details").all()[:3]:
            details.evaluate("each => { each.open = true; }")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert violations(page) == [], path
    context.close()
    assert complaints == []


def test_hostile_texts_arrive_as_text(page: Page, server: Server) -> None:
    page.goto(server.url + "run/all/samples/squad/")
    title = page.title()
    for details in page.locator(".samples details").all()[:6]:
        details.evaluate("each => { each.open = true; }")
    text = page.inner_text(".samples")
    assert '</script><img src=x onerror="document.title=1">' in text
    assert "⟨U+202E⟩gnp.exe" in text and "⟨U+0000⟩" in text
    assert page.locator(".samples img, .samples script").count() == 0
    page.goto(server.url)
    assert "damaged <b>run" in page.inner_text(".runs")
    assert page.locator(".runs b").count() == 0
    assert title.startswith("squad")


# --------------------------------------------------------------------------- what pages say


def test_the_list_filters_and_its_address_keeps_the_filter(page: Page, server: Server) -> None:
    page.goto(server.url)
    assert page.locator(".runs tbody tr:visible").count() == 11
    assert "30 of 90 answers" in page.inner_text(".runs")
    page.keyboard.press("/")
    page.keyboard.type("build-00 wor")
    assert page.locator(".runs tbody tr:visible").count() == 0
    page.fill("#search", "build-00")
    assert page.locator(".runs tbody tr:visible").count() == 8
    page.fill("#search", "")
    page.select_option("[data-filter=state]", "damaged")
    assert page.locator(".runs tbody tr:visible").count() == 1
    assert page.url.endswith("?state=damaged")
    page.reload()
    assert page.locator(".runs tbody tr:visible").count() == 1
    assert "0 rows, and the run wrote 60" in page.inner_text(".runs")


def test_two_runs_are_chosen_and_compared(page: Page, server: Server) -> None:
    page.goto(server.url)
    assert page.is_disabled("#compare-button")
    page.check("[aria-label='Choose build-006']")
    page.check("[aria-label='Choose build-001']")
    page.click("#compare-button")
    assert page.url == server.url + "compare/build-001/build-006/"  # the earlier is the baseline
    assert "Worse on" in page.inner_text("main")
    page.click("nav.site >> text=Leaderboard")
    assert page.url == server.url + "leaderboard/"


def test_the_leaderboard_says_who_may_be_the_best(page: Page, server: Server) -> None:
    page.goto(server.url + f"leaderboard/{board_of(server, 'arithmetic.accuracy')}/")
    assert "cannot be told apart" in page.inner_text(".headline-sentence")
    first = page.locator(".forest tbody tr").first.inner_text()
    assert "rank 1–" in first
    assert page.locator(".chart").count() >= 2  # cost, time, tokens
    page.goto(server.url + f"history/{board_of(server, 'arithmetic.accuracy')}/")
    assert "worse" in page.inner_text(".history")
    assert page.locator(".history a").first.get_attribute("href") == "../../run/build-004/"


def test_samples_filter_and_are_walked_through_by_keyboard(page: Page, server: Server) -> None:
    page.goto(server.url + "run/build-004/samples/arithmetic/")
    wrong = page.locator(".chips a", has_text="Wrong")
    count = int(wrong.inner_text().split()[-1])
    wrong.click()
    assert f"of {count} samples" in page.inner_text(".pager >> nth=0")
    assert set(page.locator(".samples .badge").all_inner_texts()) == {"✗ Wrong"}
    page.goto(server.url + "run/build-004/samples/arithmetic/")
    page.keyboard.press("/")
    page.keyboard.type("QUESTION 00017")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=QUESTION*")
    assert page.locator(".samples .id").all_inner_texts() == ["arithmetic-00017"]
    page.goto(server.url + "run/build-004/samples/arithmetic/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator("#arithmetic-00001 details").get_attribute("open") is not None
    page.goto(server.url + "run/build-004/samples/arithmetic/arithmetic-00001/")
    page.keyboard.press("j")
    page.wait_for_url("**/arithmetic-00002/")
    page.keyboard.press("k")
    page.wait_for_url("**/arithmetic-00001/")
    page.click("text=build-006")
    page.wait_for_url("**/run/build-006/samples/arithmetic/arithmetic-00001/")


def test_a_run_that_appears_shows_by_itself(page: Page, server: Server, root: Path) -> None:
    page.goto(server.url)
    before = page.locator(".runs tbody tr").count()
    build = viewed_runs.Build(40, {"arithmetic": 0.6, "spelling": 0.6}, "./late")
    try:
        viewed_runs.write(root, build, 30)
        page.wait_for_selector("text=build-040", timeout=30_000)
        assert page.locator(".runs tbody tr").count() == before + 1
    finally:
        shutil.rmtree(root / build.name)
    page.wait_for_selector("text=build-040", state="detached", timeout=30_000)


def test_people_judge_inside(page: Page, server: Server) -> None:
    page.goto(server.url + "annotations/")
    assert "0 of 4 judged" in page.inner_text("main")
    page.click("main a >> text=people")
    page.wait_for_selector("#work:not([hidden])")
    page.keyboard.press("3")
    for _ in range(100):
        if page.text_content("#count") == "1 of 4":
            break
        page.wait_for_timeout(50)
    page.goto(server.url + "annotations/")
    assert "1 of 4 judged" in page.inner_text("main")
