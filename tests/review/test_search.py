"""The search of the site, as people use it: from a file, with the keyboard, with typing errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.review.browser import Watched, watched_page
from therapy_policy.policy import bundles
from therapy_policy.review.glossary import Term, glossary, link_terms
from therapy_policy.review.search import sections_of


@pytest.fixture
def search(site: Path, watched: Watched) -> Page:
    """The page of the search, opened as a file."""
    return watched.open(site / "search.html")


def find(page: Page, words: str) -> list[str]:
    """The addresses of the results."""
    page.get_by_role("searchbox", name="Words to find").fill(words)
    found = page.eval_on_selector_all("#search-results a", "links => links.map((link) => link.getAttribute('href'))")
    return [str(each) for each in found]


def test_everything_in_the_registers_is_found(search: Page) -> None:
    register = bundles.packaged_bundle().data["therapy"]["register"]
    for clause in register["clauses"]:
        assert find(search, clause)[0].startswith((f"clause-{clause}.html", f"clauses.html#{clause}")), clause
    for code in register["reason_codes"]:
        assert f"reasons.html#{code}" in find(search, code)[:3], code
    for interpretation in register["interpretations"]:
        assert find(search, interpretation)[0] == f"interpretations.html#{interpretation}"


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("97530", "numbers.html"),
        ("lymphedema", "pt_treatment_plan.html"),
        ("hospital stay", "examples.html#"),
        ("prior authorization", "glossary.html#prior-authorization"),
        ("lymphedma", "numbers.html"),  # a typing error
        ("N130", "reasons.html#BENEFIT_NOT_COVERED"),  # what a reason is sent on as
        ("benefit unver", "reasons.html#BENEFIT_UNVERIFIED"),  # the beginning of a word
    ],
)
def test_words_are_found(search: Page, words: str, address: str) -> None:
    assert [each for each in find(search, words) if each.startswith(address)], find(search, words)


def test_a_result_leads_to_its_place(search: Page) -> None:
    find(search, "BENEFIT_UNVERIFIED")
    search.locator("#search-results a[href='reasons.html#BENEFIT_UNVERIFIED']").click()
    expect(search.locator("#BENEFIT_UNVERIFIED")).to_be_in_viewport()


def test_every_result_has_a_place(site: Path) -> None:
    script = (site / "search-index.js").read_text(encoding="utf-8")
    index = json.loads(script.removeprefix("window.THERAPY_SEARCH = ").removesuffix(";\n"))
    ids = {
        name: set(re.findall(r'\bid="([^"]+)"', (site / name).read_text(encoding="utf-8")))
        for name, _ in index["pages"]
    }
    names = [name for name, _ in index["pages"]]
    assert set(names) == {file.name for file in site.glob("*.html")} - {"search.html"}
    assert not [anchor for number, anchor, *_ in index["sections"] if anchor and anchor not in ids[names[number]]]
    assert all(title for _, title in index["pages"])


def test_with_the_keyboard_alone(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.locator("#tp-search").focus()
    page.keyboard.type("medical necessity")
    page.keyboard.press("Enter")
    box = page.get_by_role("searchbox", name="Words to find")
    expect(box).to_have_value("medical necessity")
    expect(box).to_be_focused()
    page.keyboard.press("ArrowDown")
    links = page.locator("#search-results a")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(links.nth(0)).to_be_focused()
    address = links.nth(0).get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{address}")


def test_it_says_how_many(search: Page) -> None:
    find(search, "zzzzzz")
    expect(search.get_by_role("status")).to_have_text("Nothing matches. Try fewer words.")
    find(search, "visit")
    expect(search.get_by_role("status")).to_contain_text("the first 50 are shown")
    find(search, "")
    expect(search.get_by_role("status")).to_have_text("")


def test_words_are_text_and_never_code(search: Page) -> None:
    find(search, "<img src=x onerror=alert(1)> visit .*+?^${}()|[]\\")
    expect(search.locator("#search img")).to_have_count(0)


def test_accessibility(search: Page, watched: Watched) -> None:
    find(search, "treatment visit")
    assert watched.accessibility_problems() == []


def test_without_javascript(site: Path, browser: Browser) -> None:
    with watched_page(browser, javascript=False) as watched:
        page = watched.open(site / "search.html")
        expect(page.get_by_text("works with JavaScript only")).to_be_visible()
        expect(page.locator("#search")).to_be_hidden()


# --- Sections


def test_the_sections_of_a_page() -> None:
    page = """<nav id="n">menu</nav><main id="main"><h1>Title</h1><p>Start <b>here</b>.</p>
      <h2 id="one">One</h2><p>First<br>text</p><table><tr id="row"><th>Name</th><td>Value</td></tr>
      <tr id="cell"><th><p><a>Rule</a> of it</p><p>Its number</p></th><td>Value</td></tr></table>
      <section id="two" aria-labelledby="two-title"><h2 id="two-title">Two</h2><p>Second</p><pre>code</pre></section>
      <div data-nosearch><p id="quiet">Nothing</p></div></main><footer id="f">foot</footer>"""
    found = [(each.anchor, each.page, each.title, each.text) for each in sections_of(page)]
    assert found == [
        ("", "Title", "Title", "Start here."),
        ("one", "Title", "One", "First text"),
        ("row", "Title", "Name", "Value"),
        ("cell", "Title", "Rule of it", "Its number Value"),
        ("two", "Title", "Two", "Second"),
    ]


# --- The glossary


MEANING = glossary()[0].meaning
TERMS = [Term("unit", "Unit", MEANING), Term("reason-code", "Reason code", MEANING)]


def link(anchor: str, text: str) -> str:
    return f'<a class="tp-term" href="glossary.html#{anchor}">{text}</a>'


@pytest.mark.parametrize(
    ("html", "linked"),
    [
        ("<main><p>Units and a unit</p></main>", f"<main><p>{link('unit', 'Units')} and a unit</p></main>"),
        ("<main><br>Reason codes</main>", f"<main><br>{link('reason-code', 'Reason codes')}</main>"),
        ("<main><code>unit</code> unit</main>", f"<main><code>unit</code> {link('unit', 'unit')}</main>"),
    ],
)
def test_the_first_use_of_a_term_is_linked(html: str, linked: str) -> None:
    assert link_terms(html, TERMS) == linked


@pytest.mark.parametrize(
    "html",
    [
        "<p>a unit</p><main></main><p>a unit</p>",
        "<main><h2>Unit</h2><a href='#'>unit</a> <button>unit</button></main>",
        "<main>reunite unit-test</main>",
        '<main><span class="usa-tag">unit</span> <img alt="unit"></main>',
    ],
)
def test_some_places_have_no_links(html: str) -> None:
    assert link_terms(html, TERMS) == html


def test_an_idiom_is_not_a_term() -> None:
    terms = [Term("effect", "Effect", MEANING)]
    assert link_terms("<main>The rules took effect.</main>", terms) == "<main>The rules took effect.</main>"


def test_each_page_links_each_term_once(site: Path) -> None:
    known = {term.anchor for term in glossary()}
    for file in site.glob("*.html"):
        links = re.findall(r'class="tp-term" href="glossary\.html#([^"]+)"', file.read_text(encoding="utf-8"))
        assert len(links) == len(set(links))
        assert set(links) <= known
    assert "tp-term" in (site / "pt_visit.html").read_text(encoding="utf-8")
    assert "tp-term" not in (site / "glossary.html").read_text(encoding="utf-8")
