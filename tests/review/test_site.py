"""The site that `therapy-policy review` writes, as compliance staff meet it: opened as files, in a real browser."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from tests.review.browser import WIDER_THAN_THE_PAGE, WIDTHS, Watched, watched_page
from therapy_policy.policy import bundles
from therapy_policy.review.decision_tables import DecisionTables

A4_PX = 680  # the width of an A4 page between the margins of 15 mm that style.css sets
OF_A_KIND = ("pt_", "pediatric_", "clause-", "version-")  # of these kinds, the pages in LONGEST are the longest
LONGEST = ("pt_visit.html", "clause-PT-4.html", "version-2.0.0.html")
TRY_IT, SIGN = "try.html", "sign.html"
WITH_SCRIPTS = ["matrix.html", "search.html", SIGN, TRY_IT]
MOST_BYTES = 5_000_000


@dataclass
class Parsed(HTMLParser):
    """What a page has that can be pointed at, and what it points at."""

    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)
    title: str = ""
    _in_title: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self._in_title = tag == "title" and not self.title  # an SVG has titles, too
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            elif name in ("href", "src", "xlink:href", "action", "data", "poster", "srcset"):
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title, self._in_title = data, False


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Parsed]:
    """Each page of the site, by its name."""
    found = {}
    for file in sorted(site.glob("*.html")):
        found[file.name] = parsed = Parsed()
        parsed.feed(file.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def kinds(pages: dict[str, Parsed]) -> list[str]:
    """One page of each kind."""
    return [name for name in pages if name in LONGEST or not name.startswith(OF_A_KIND)]


def test_every_link_leads_somewhere(pages: dict[str, Parsed], site: Path) -> None:
    source = bundles.packaged_bundle().data["therapy"]["register"]["source"]["address"]

    def leads_somewhere(name: str, link: str) -> bool:
        if link == source:
            return True
        target = urlsplit(link)
        file = unquote(target.path) or name
        known = not (target.scheme or target.netloc or target.query) and (site / file).is_file()
        return known and (not target.fragment or unquote(target.fragment) in pages[file].ids)

    broken = [
        (name, link) for name, parsed in pages.items() for link in parsed.links if not leads_somewhere(name, link)
    ]
    assert broken == []


def test_every_page_can_be_reached(pages: dict[str, Parsed]) -> None:
    reached, ahead = set(), ["index.html"]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += [path for link in pages[name].links if (path := urlsplit(link).path).endswith(".html")]
    assert reached == pages.keys()


def test_an_id_stands_once_in_a_page(pages: dict[str, Parsed]) -> None:
    twice = {name: [each for each, times in Counter(parsed.ids).items() if times > 1] for name, parsed in pages.items()}
    assert {name: ids for name, ids in twice.items() if ids} == {}


def test_what_the_tried_decision_links_to_is_there(pages: dict[str, Parsed]) -> None:
    register = bundles.packaged_bundle().data["therapy"]["register"]
    for kind, page in {"interpretations": "interpretations", "reason_codes": "reasons"}.items():
        assert register[kind].keys() <= set(pages[f"{page}.html"].ids)
    assert {f"clause-{clause}.html" for clause in register["clauses"]} <= pages.keys()


def test_only_pages_that_need_scripts_have_them(pages: dict[str, Parsed], site: Path) -> None:
    assert [name for name, parsed in pages.items() if parsed.tags["script"]] == WITH_SCRIPTS
    for name, parsed in pages.items():
        assert not parsed.tags.keys() & {"iframe", "object", "style"}, name
        text = (site / name).read_text(encoding="utf-8")
        assert "onclick" not in text, name
        assert "<script>" not in text, name  # a published copy forbids scripts and styles in a page
        assert ' style="' not in text, name


def test_a_message_has_the_values_of_the_policy(site: Path, tables: DecisionTables) -> None:
    for name in ("reasons.html", "interpretations.html", SIGN, "search-index.js"):
        assert "[limit]" not in (site / name).read_text(encoding="utf-8"), name
    reasons = BeautifulSoup((site / "reasons.html").read_text(encoding="utf-8"), "html.parser")
    for code in tables.policy.codes:
        entry = reasons.find(id=code)
        assert entry
        for message in tables.message(code):
            assert str(message) in " ".join(entry.get_text().split()), code


def test_no_page_shows_markup_as_text(site: Path, pages: dict[str, Parsed]) -> None:
    assert [name for name in pages if "&lt;code" in (site / name).read_text(encoding="utf-8")] == []


def test_it_is_small(site: Path) -> None:
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < MOST_BYTES


def test_each_page_has_a_title_and_a_heading_of_its_own(pages: dict[str, Parsed]) -> None:
    assert {name: parsed.tags["h1"] for name, parsed in pages.items()} == dict.fromkeys(pages, 1)
    titles = Counter(parsed.title for parsed in pages.values())
    assert "" not in titles
    assert set(titles.values()) == {1}


def test_accessibility(site: Path, kinds: list[str], watched: Watched) -> None:
    """In a light window by all rules, in a dark one by those about colors."""
    problems = {}
    for name in kinds:
        page = watched.open(site / name)
        open_all(page, 10)  # further ones on a page are like these
        found = watched.accessibility_problems()
        page.emulate_media(color_scheme="dark")
        found += [f"dark: {each}" for each in watched.accessibility_problems("color-contrast")]
        page.emulate_media(color_scheme="light")
        if found:
            problems[name] = found
    assert problems == {}


def open_all(page: Page, most: int = 10_000) -> None:
    page.evaluate(
        "(most) => [...document.querySelectorAll('details')].slice(0, most).map((each) => (each.open = true))", most
    )


BROKEN_WORDS = """() => {
  const found = [];
  for (const code of document.querySelectorAll(".code, td code:not(.digest), th code:not(.digest)")) {
    for (const text of code.childNodes) {
      if (text.nodeType !== Node.TEXT_NODE || !text.data.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      if (range.getClientRects().length > 1) found.push(code.textContent);
    }
  }
  return found.slice(0, 5);
}"""
ONE_WORD_WIDE = """() => {
  const found = [];
  for (const cell of document.querySelectorAll("td")) {
    const style = getComputedStyle(cell);
    if (style.display !== "table-cell" || cell.textContent.trim().length < 60) continue;
    const lines = cell.clientHeight / parseFloat(style.lineHeight);
    if (cell.clientWidth < 110 && lines > 4) found.push(`${cell.clientWidth} px: ${cell.textContent.trim()}`);
  }
  return found.slice(0, 5);
}"""


def test_windows_from_narrow_to_wide(site: Path, kinds: list[str], browser: Browser) -> None:
    """Nothing goes beyond the window, and no table is cut off; at 1280 px no code breaks in a word, and no column is
    one word wide."""
    with watched_page(browser) as watched:
        wide = {}
        for name in kinds:
            page = watched.open(site / name)
            open_all(page)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                found = page.evaluate(WIDER_THAN_THE_PAGE, ".usa-table-container--scrollable:has(> table)")
                if width == 1280:
                    found += page.evaluate(BROKEN_WORDS) + page.evaluate(ONE_WORD_WIDE)
                if found:
                    wide[name, width] = found
    assert wide == {}


def test_dark_windows_are_dark_and_paper_is_light(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    background = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert min(page.evaluate(background)) == 255
    page.emulate_media(color_scheme="dark")
    assert max(page.evaluate(background)) < 64
    page.emulate_media(color_scheme="dark", media="print")
    assert min(page.evaluate(background)) == 255
    page.emulate_media(color_scheme="null", media="null")  # as the browser has it, for the tests after this one


def test_the_field_to_search_with_has_room_on_a_phone(site: Path, browser: Browser) -> None:
    with watched_page(browser, width=390) as watched:
        box = watched.open(site / "search.html").get_by_role("searchbox").bounding_box()
        assert box
        assert box["width"] > 200


# What announces the rows of a table, which therefore follow on the same sheet.
LAST_OF_NO_SHEET = ("→ denied", "→ pended", "→ not applicable", "reason applies to the request as a whole", "Required")
# The most sheets that a page may need; any other has at most MOST_SHEETS.
MOST_SHEETS = 30
SHEETS = {
    "index.html": 6,
    "clause-PT-4.html": 6,
    "pt_visit.html": 14,
    "matrix.html": 28,
    "version-2.0.0.html": 12,
    "examples.html": 45,
    "reasons.html": 34,
}


def test_each_printed_sheet_names_its_policy(site: Path, kinds: list[str], watched: Watched) -> None:
    about = json.loads((site / "therapy-policy-review.json").read_text(encoding="utf-8"))
    assert set(kinds) >= SHEETS.keys()
    for name in kinds:
        sheets = PdfReader(io.BytesIO(watched.open(site / name).pdf(prefer_css_page_size=True, format="A4"))).pages
        assert len(sheets) <= SHEETS.get(name, MOST_SHEETS), name
        for number, sheet in enumerate(sheets, start=1):
            text = " ".join(sheet.extract_text().split())
            assert f"Therapy policy {about['policy_version']} · SHA-256 {about['bundle_sha256']}" in text
            assert f"page {number} of {len(sheets)}" in text
            assert name != "matrix.html" or "Reason code Tests" in text, (name, number)  # the heads of its columns
            above = text.partition("Therapy policy " + about["policy_version"] + " · SHA-256")[0].strip()
            assert not above.endswith(LAST_OF_NO_SHEET), (name, number)


def test_on_paper(site: Path, kinds: list[str], browser: Browser) -> None:
    """Nothing goes beyond the sheet, and nothing is cut off that one would scroll to on a screen."""
    with watched_page(browser, width=A4_PX) as watched:
        watched.page.emulate_media(media="print")
        wide = {}
        for name in kinds:
            page = watched.open(site / name)
            open_all(page)
            if found := page.evaluate(WIDER_THAN_THE_PAGE, None if name in WITH_SCRIPTS else "*"):
                wide[name] = found
    assert wide == {}


def test_without_javascript(site: Path, kinds: list[str], browser: Browser) -> None:
    with watched_page(browser, javascript=False) as watched:
        for name in kinds:
            page = watched.open(site / name)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            if name in WITH_SCRIPTS:
                expect(page.locator("main").get_by_text("JavaScript").first).to_be_visible()
            for link in page.get_by_role("navigation").get_by_role("link").all()[:2]:
                expect(link).to_be_visible()
            if name not in WITH_SCRIPTS and page.locator("main details").count():
                details = page.locator("main details").first
                details.locator("summary").first.click()
                expect(details).to_have_attribute("open", "")


def test_from_page_to_page_with_the_keyboard(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('main') !== null")


def test_it_names_its_policy(site: Path, watched: Watched) -> None:
    version = bundles.packaged_bundle().version
    for name in ("index.html", TRY_IT):
        expect(watched.open(site / name).locator("body")).to_contain_text(version)
    about = json.loads((site / "therapy-policy-review.json").read_text(encoding="utf-8"))
    assert about["policy_version"] == version
