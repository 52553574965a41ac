"""The page in a real browser: quiet, inert to hostile text, and its filters count right."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.types import RunResult
from harness_reports.html import HtmlReporter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SAMPLES = 1_000


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory, make_run: Callable[[Path, int], RunResult]
) -> Path:
    folder = tmp_path_factory.mktemp("run")
    return HtmlReporter().render(make_run(folder, SAMPLES), folder)


@pytest.fixture
def page(report: Path, opened_quietly: Callable[[Path], Page]) -> Page:
    return opened_quietly(report)


def search(page: Page, text: str) -> None:
    page.fill("#search", text)
    page.wait_for_timeout(250)


def shown(page: Page) -> int:
    text = page.inner_text("#count")
    return int(text.split(" of ")[-1].split()[0].replace(",", ""))


def embedded(report: Path, task: int) -> list[dict[str, Any]]:
    part = report.read_text(encoding="utf-8").split('class="data">')[task + 1]
    samples: list[dict[str, Any]] = json.loads(part.split("</script>")[0])["samples"]
    return samples


def test_each_outcome_shows_as_many_samples_as_there_are(page: Page, report: Path) -> None:
    counts = Counter(sample["verdict"] for sample in embedded(report, 0))
    assert set(counts) == {"right", "wrong", "error"}
    assert shown(page) == SAMPLES
    for outcome, count in counts.items():
        page.check(f"#verdicts input[value={outcome}]", force=True)
        assert shown(page) == count
        badges = page.locator("#list .badge").all_inner_texts()
        assert len(badges) == min(25, count)
        assert all(outcome in badge.lower() for badge in badges)


def test_search_reads_ids_prompts_responses_and_targets(page: Page, report: Path) -> None:
    search(page, "q-00777")
    assert shown(page) == 1
    search(page, "AMBER the one")
    expected = [
        sample
        for sample in embedded(report, 0)
        if "amber" in json.dumps([sample["prompt"], sample["responses"], sample["targets"]])
    ]
    assert shown(page) == len(expected)
    search(page, "nowhere to be found")
    assert shown(page) == 0
    assert page.inner_text("#list") == "No sample matches."
    search(page, "")
    assert shown(page) == SAMPLES


def test_pages_turn_and_stop_at_the_ends(page: Page) -> None:
    previous, following = page.locator(".pager:not(.bottom) [data-page]").all()
    assert previous.is_disabled()
    following.click()
    assert page.inner_text("#count") == "26–50 of 1,000 samples"
    assert page.locator("#list .id").first.inner_text() == "q-00025"
    search(page, "q-0099")
    assert page.inner_text("#count") == "1–10 of 10 samples"
    assert following.is_disabled()


def test_samples_sort_by_score_with_the_unscored_last(page: Page) -> None:
    page.select_option("#sort", label="f1, lowest first")
    assert page.locator("#list .score").first.inner_text() == "0"
    page.select_option("#sort", label="exact_match, highest first")
    assert page.locator("#list .score").first.inner_text() == "1"
    page.evaluate("document.querySelector('#verdicts input[value=error]').click()")
    assert page.locator("#list .score").first.inner_text() == "—"


def test_groups_and_variants_filter(page: Page, report: Path) -> None:
    page.select_option("#task", label="bbq")
    samples = embedded(report, 1)
    originals = [sample for sample in samples if "probe" not in sample]
    assert shown(page) == len(originals)
    page.select_option("#group", label="category: Age")
    assert shown(page) == sum(sample["groups"]["category"] == "Age" for sample in originals)
    page.select_option("#group", label="All groups")
    page.select_option("#probe", label="typos")
    assert shown(page) == len(samples) - len(originals)
    page.select_option("#task", label="squad")
    assert page.locator("#probe-label").is_hidden()


def test_a_choice_sample_opens_with_its_log_likelihoods(page: Page, report: Path) -> None:
    page.select_option("#task", label="bbq")
    page.locator("#list summary").first.press("Enter")
    rows = page.locator("#list details[open] table").first.locator("tbody tr")
    rows.first.wait_for()
    assert rows.count() == 3
    choices = embedded(report, 1)[0]["choices"]
    best = max(range(3), key=lambda index: choices[index]["logprob"])
    assert "most likely" in rows.nth(best).inner_text()
    assert f"{choices[best]['logprob']:.4f}" in rows.nth(best).inner_text()
    assert "target" in rows.nth(2).inner_text()


def test_hostile_answers_are_inert_and_visible(page: Page) -> None:
    title = page.title()
    for index in range(6):
        page.locator("#list summary").nth(index).click()
    page.wait_for_timeout(100)
    assert page.title() == title
    assert page.locator("#list img, #list script, #list b, #list a").count() == 0
    text = page.inner_text("#list")
    assert '</script><img src=x onerror="document.title=1">' in text
    assert "⟨U+202E⟩gnp.exe" in text
    assert "nul ⟨U+0000⟩ and escape ⟨U+001B⟩[31m" in text
    assert "[10,000 more characters]" in text
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200


def test_the_policy_stops_an_injected_script_and_any_request(
    chromium: Browser, report: Path
) -> None:
    opened = chromium.new_page()
    opened.goto(report.as_uri())
    outcome = opened.evaluate(
        """async () => {
            const script = document.createElement('script');
            script.textContent = 'window.injected = true';
            document.body.append(script);
            const failed = await fetch('data:text/plain,x').then(() => false, () => true);
            return [window.injected === undefined, failed];
        }"""
    )
    opened.close()
    assert outcome == [True, True]


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_overflows_a_small_screen(chromium: Browser, report: Path, width: int) -> None:
    opened = chromium.new_page(viewport={"width": width, "height": 800})
    opened.goto(report.as_uri())
    for index in range(6):
        opened.locator("#list summary").nth(index).click()
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


@pytest.mark.parametrize("wide", [360, 768, 1280])
def test_ticks_stand_below_their_lines(chromium: Browser, report: Path, wide: int) -> None:
    page = chromium.new_page(viewport={"width": wide, "height": 800})
    page.goto(report.as_uri())
    edges = page.evaluate(
        """[...document.querySelectorAll(".forest")].map(each => ["tbody .drawn svg", ".ticks"].map(
        part => { const box = each.querySelector(part).getBoundingClientRect();
                  return [box.left, box.right] }))"""
    )
    page.close()
    assert edges
    for lines, ticks in edges:
        assert ticks == pytest.approx(lines, abs=1)


def test_the_theme_follows_the_system_until_it_is_chosen(chromium: Browser, report: Path) -> None:
    opened = chromium.new_page(color_scheme="dark")
    opened.goto(report.as_uri())

    def background() -> str:
        value: str = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        return value

    dark = background()
    opened.click("#theme")
    light = background()
    assert dark != light
    assert opened.inner_text("#theme") == "Theme: light"
    opened.click("#theme")
    assert background() == dark
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_enough_to_be_read(
    chromium: Browser, report: Path, scheme: str, unreadable: Callable[[Page], list[object]]
) -> None:
    """WCAG 2.2, success criterion 1.4.3: a contrast of at least 4.5 to 1."""
    opened = chromium.new_page(color_scheme=scheme)
    opened.goto(report.as_uri())
    opened.locator("#list summary").nth(1).click()
    assert unreadable(opened) == []
    opened.close()


# --------------------------------------------------------------------------- links, keys, export


def test_a_permalink_shows_the_same_samples_again(
    report: Path, opened_quietly: Callable[[Path], Page], chromium: Browser
) -> None:
    page = opened_quietly(report)
    page.select_option("#task", label="bbq")
    page.select_option("#group", label="category: Age")
    page.check("#verdicts input[value=wrong]", force=True)
    search(page, "young man met")
    page.locator("#list summary").nth(3).click()
    page.locator("#list details[open]").wait_for()
    wanted, opened = shown(page), page.locator("#list details[open] .id").inner_text()
    address = page.evaluate("location.href")
    assert "#samples?task=bbq" in address
    other = chromium.new_page()
    other.goto(address)
    assert shown(other) == wanted
    assert other.locator("#list details[open] .id").inner_text() == opened
    assert other.locator("#list details[open] .untrusted").first.is_visible()
    assert other.input_value("#search") == "young man met"
    other.close()


def test_a_number_leads_to_its_samples_the_worst_first(page: Page) -> None:
    page.get_by_role("link", name="squad.f1 ↑").first.click()
    page.wait_for_timeout(100)
    assert page.locator("#task option:checked").inner_text() == "squad"
    assert page.locator("#sort option:checked").inner_text() == "f1, lowest first"
    page.evaluate("location.hash = '#samples?task=squad&outcome=error'")
    page.wait_for_timeout(100)
    assert set(page.locator("#list .badge").all_inner_texts()) == {"! Error"}


@pytest.mark.parametrize(
    "odd",
    [
        "#samples?",
        "#samples?task=nowhere&outcome=nothing&sort=x:lowest&page=99&sample=no",
        "#samples?task=%E0%A4%A&sort=constructor&outcome=__proto__",
        "#samples?task=squad&q=(&regex=1",
        "#nothing",
    ],
)
def test_an_odd_permalink_breaks_nothing(
    report: Path, opened_quietly: Callable[[Path], Page], odd: str
) -> None:
    page = opened_quietly(report)
    page.evaluate(f"location.hash = {json.dumps(odd)}")
    page.wait_for_timeout(100)
    assert page.locator("#list > li").count() > 0


def test_regular_expressions_search_and_say_what_is_wrong_with_them(page: Page) -> None:
    page.check("#regex")
    search(page, r"^q-000[12]\d$")
    assert shown(page) == 0, "the pattern is matched against the whole record"
    search(page, r"q-000[12]\d")
    assert shown(page) == 20
    search(page, "(")
    assert "Not a regular expression" in page.inner_text("#rule")
    assert page.get_attribute("#search", "aria-invalid") == "true"
    page.uncheck("#regex")
    assert page.get_attribute("#search", "aria-invalid") == "false"


def test_the_keyboard_alone_reads_samples(page: Page) -> None:
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("jk?n")
    page.wait_for_timeout(250)
    assert page.input_value("#search") == "jk?n"
    page.fill("#search", "")
    page.wait_for_timeout(250)
    page.keyboard.press("Escape")
    focused = "document.activeElement.querySelector('.id')?.textContent"
    page.keyboard.press("j")
    assert page.evaluate(focused) == "q-00000"
    page.keyboard.press("j")
    assert page.evaluate(focused) == "q-00001"
    page.keyboard.press("Enter")
    page.locator("#list details[open] .detail").wait_for()
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert page.evaluate(focused) == "q-00000"
    for _ in range(25):
        page.keyboard.press("j")
    assert page.evaluate(focused) == "q-00025", "j goes on to the next page"
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#keys").is_hidden()


def exported(page: Page, kind: str) -> str:
    with page.expect_download() as saved:
        page.click(f"[data-export={kind}]")
    return Path(saved.value.path()).read_text(encoding="utf-8")


def test_what_is_shown_can_be_exported(report: Path, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(report.as_uri() + "#samples?task=squad&outcome=wrong")
    samples = [each for each in embedded(report, 0) if each["verdict"] == "wrong"]
    rows = list(csv.DictReader(io.StringIO(exported(page, "csv"), newline="")))
    assert [row["id"] for row in rows] == [each["id"] for each in samples]
    assert rows[-1]["response"] == samples[-1]["responses"][0]
    assert {row["exact_match"] for row in rows} == {"0"}
    lines = exported(page, "json").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [each["id"] for each in samples]
    pairs = [json.loads(line) for line in exported(page, "pairs").splitlines()]
    assert pairs[-1] == {
        "prompt": samples[-1]["prompt"],
        "chosen": samples[-1]["targets"][0],
        "rejected": samples[-1]["responses"][0],
    }
    page.close()


def test_a_table_for_spreadsheets_holds_no_formula(page: Page) -> None:
    for text in ("=1+1", "+1", "-1", "@x", "\t=1"):
        assert page.evaluate("csvCell", text).strip('"').startswith("'")
    assert page.evaluate("csvCell", -1.5) == "-1.5"
    assert page.evaluate("csvCell", 'a "b", c') == '"a ""b"", c"'


def test_a_forest_plot_zooms_to_its_values_and_back(page: Page) -> None:
    figure = page.locator("#summary figure.forest").first
    inputs = figure.locator(".zoom input")
    assert [each.input_value() for each in inputs.all()] == ["0", "1"]
    point = figure.locator(".point").first
    before = point.get_attribute("cx")
    figure.get_by_role("button", name="Fit").click()
    assert point.get_attribute("cx") != before
    low, high = (float(each.input_value()) for each in inputs.all())
    row = figure.locator("tbody tr").first
    value = float(row.get_attribute("data-value") or "nan")
    drawn = float((point.get_attribute("cx") or "").rstrip("%"))
    assert abs(drawn - 100 * (value - low) / (high - low)) < 2
    figure.get_by_role("button", name="Whole").click()
    inputs.first.fill("0.99")
    inputs.first.blur()
    assert "off" in (point.get_attribute("class") or ""), "what lies outside is not drawn"
    inputs.first.fill("2")
    inputs.first.blur()
    assert inputs.first.get_attribute("aria-invalid") == "true"
    figure.get_by_role("button", name="Whole").click()
    assert point.get_attribute("cx") is not None
    assert [each.input_value() for each in inputs.all()] == ["0", "1"]
