"""The site that `therapy-policy review` writes, as compliance staff meet it: opened as files, in a real browser."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.review.browser import Watched, watched_page
from therapy_policy.policy import bundles

A4_PX = 680  # the width of an A4 page between the margins of 15 mm that style.css sets
OF_A_KIND = ("pt_", "pediatric_")  # pages of the same kind as pt_visit.html, the longest of them
TRY_IT = "try.html"


@dataclass
class Parsed(HTMLParser):
    """What a page has that can be pointed at, and what it points at."""

    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            elif name in ("href", "src", "xlink:href", "action", "data", "poster", "srcset"):
                self.links.append(value or "")


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
    return [name for name in pages if name == "pt_visit.html" or not name.startswith(OF_A_KIND)]


def test_every_link_leads_somewhere(pages: dict[str, Parsed], site: Path) -> None:
    def leads_somewhere(name: str, link: str) -> bool:
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
    for kind, page in {"clauses": "clauses", "interpretations": "interpretations", "reason_codes": "reasons"}.items():
        assert register[kind].keys() <= set(pages[f"{page}.html"].ids)


def test_only_the_page_to_try_on_has_scripts(pages: dict[str, Parsed], site: Path) -> None:
    assert [name for name, parsed in pages.items() if parsed.tags["script"]] == [TRY_IT]
    assert not [name for name, parsed in pages.items() if parsed.tags["iframe"] or parsed.tags["object"]]
    assert "onclick" not in (site / TRY_IT).read_text(encoding="utf-8")


def test_each_page_has_a_title_and_a_heading_of_its_own(site: Path, pages: dict[str, Parsed], watched: Watched) -> None:
    seen = Counter[str]()
    for name in pages:
        page = watched.open(site / name)
        seen[page.title()] += 1
        expect(page.locator("h1")).to_have_count(1)
    assert set(seen.values()) == {1}


def test_accessibility(site: Path, kinds: list[str], watched: Watched) -> None:
    problems = {}
    for name in kinds:
        page = watched.open(site / name)
        open_all(page, 10)  # further ones on a page are like these
        if found := watched.accessibility_problems():
            problems[name] = found
    assert problems == {}


def open_all(page: Page, most: int = 10_000) -> None:
    page.evaluate(
        "(most) => [...document.querySelectorAll('details')].slice(0, most).map((each) => (each.open = true))", most
    )


WIDER_THAN_THE_PAGE = """(cuts) => {
  const width = document.documentElement.clientWidth;
  const found = [];
  if (document.documentElement.scrollWidth > width) found.push(`the page: ${document.documentElement.scrollWidth} px`);
  for (const element of document.querySelectorAll("body *")) {
    const cut = getComputedStyle(element).overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1;
    const what = `${element.tagName} ${element.className}: ${element.scrollWidth} px`;
    if (cuts && cut && element.clientWidth > 1) found.push(what);
  }
  return found.slice(0, 5);
}"""


def test_a_narrow_window(site: Path, kinds: list[str], browser: Browser) -> None:
    with watched_page(browser, width=320) as watched:
        wide = {}
        for name in kinds:
            page = watched.open(site / name)
            open_all(page)
            if found := page.evaluate(WIDER_THAN_THE_PAGE, False):
                wide[name] = found
    assert wide == {}


def test_on_paper(site: Path, kinds: list[str], browser: Browser) -> None:
    """Nothing goes beyond the sheet, and nothing is cut off that one would scroll to on a screen."""
    with watched_page(browser, width=A4_PX) as watched:
        watched.page.emulate_media(media="print")
        wide = {}
        for name in kinds:
            page = watched.open(site / name)
            open_all(page)
            if found := page.evaluate(WIDER_THAN_THE_PAGE, name != TRY_IT):
                wide[name] = found
    assert wide == {}


def test_without_javascript(site: Path, kinds: list[str], browser: Browser) -> None:
    with watched_page(browser, javascript=False) as watched:
        for name in kinds:
            page = watched.open(site / name)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.get_by_text("needs JavaScript")).to_have_count(1 if name == TRY_IT else 0)
            for link in page.get_by_role("navigation").get_by_role("link").all()[:2]:
                expect(link).to_be_visible()
            if name != TRY_IT and page.locator("main details").count():
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
