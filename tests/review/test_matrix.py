"""The traceability matrix: complete, sorted and filtered in a browser, and the same as CSV and as a workbook."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.review.browser import Watched, watched_page
from therapy_policy.policy import bundles
from therapy_policy.review.matrix import COLUMNS

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(scope="session")
def lines(site: Path) -> list[dict[str, str]]:
    """The lines of the CSV."""
    content = (site / "downloads/matrix.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline="")))


@pytest.fixture
def matrix(site: Path, watched: Watched) -> Page:
    return watched.open(site / "matrix.html")


def shown(page: Page, column: int) -> list[str]:
    """The texts of a column in the rows that are shown."""
    script = "(rows, column) => rows.filter((row) => !row.hidden).map((row) => row.cells[column].textContent.trim())"
    return [str(each) for each in page.eval_on_selector_all("#matrix tbody tr", script, column)]


def test_nothing_is_missing(lines: list[dict[str, str]]) -> None:
    policy = bundles.packaged_bundle().data["therapy"]
    assert {line["Clause"] for line in lines} - {""} == policy["register"]["clauses"].keys()
    assert {line["Reason code"] for line in lines} - {""} == policy["register"]["reason_codes"].keys()
    assert {line["Interpretation"] for line in lines} - {""} == policy["register"]["interpretations"].keys()
    assert all(line["Rule"] and line["Effect"] for line in lines)


def test_a_reason_is_under_all_its_clauses(lines: list[dict[str, str]]) -> None:
    for code, entry in bundles.packaged_bundle().data["therapy"]["register"]["reason_codes"].items():
        under = {line["Clause"] for line in lines if line["Reason code"] == code}
        assert set(entry["clauses"]) <= under, code
        if entry["clauses"]:
            assert under == set(entry["clauses"]), code


def test_a_rule_has_its_number_with_the_date(lines: list[dict[str, str]]) -> None:
    def numbers(clause: str, code: str, rule: str = "") -> list[str]:
        found = [line for line in lines if (line["Clause"], line["Reason code"]) == (clause, code)]
        return [line["Numbers and lists, with their dates"] for line in found if rule in line["Rule"]]

    title = "Initial visits of a referral, by tier"
    assert numbers("PT-3", "PT_TREATMENT_VISIT_LIMIT") == [f"{title}: treatment: nonacute: 5 from 2022-06-01"]
    assert numbers("PT-4", "PT_TREATMENT_VISIT_LIMIT") == [f"{title}: treatment: acute: 11 from 2022-06-01"]
    [granted] = numbers("PT-4", "", "A referral starts with the visits of its tier")
    assert [each for each in granted.split("\n") if each.startswith(title)] == [
        f"{title}: evaluation: acute: 1 from 2022-06-01",
        f"{title}: treatment: acute: 11 from 2022-06-01",
    ]
    [evaluations] = set(numbers("OT-4", "", "A claim is authorized"))
    assert evaluations.endswith(": 97165, 97166, 97167, 97168")
    assert numbers("DC-2", "DC_ADAPTED") == [""]


def test_what_grants_is_there(lines: list[dict[str, str]]) -> None:
    grants = {line["Clause"] for line in lines if line["Effect"] == "grants"}
    assert {"PT-3", "PT-4", "PT-5", "PT-8", "OT-4", "OT-5", "OT-6", "DC-1", "DC-6", "REF-1", "REF-2"} == grants - {
        *(f"DC-{number}" for number in range(2, 6))
    }
    for line in lines:
        if line["Effect"] == "grants":
            assert line["Worked examples"], line["Clause"]
            assert int(line["Test cases"]) > 0, line["Clause"]


def test_every_reason_is_tested_and_shown(lines: list[dict[str, str]]) -> None:
    for line in lines:
        if line["Reason code"]:
            assert int(line["Test cases"]) > 0, line["Rule"]
    with_examples = {line["Reason code"] for line in lines if line["Worked examples"]}
    assert {line["Reason code"] for line in lines} - with_examples <= {"POLICY_VALUE_UNUSABLE"}


def test_the_workbook_is_the_same(site: Path, lines: list[dict[str, str]]) -> None:
    with zipfile.ZipFile(site / "downloads/matrix.xlsx") as book:
        names = book.namelist()
        sheet = Xml.fromstring(book.read("xl/worksheets/sheet1.xml"))
        strings = [
            "".join(text.text or "" for text in each.iter(f"{SHEET}t"))
            for each in Xml.fromstring(book.read("xl/sharedStrings.xml"))
        ]
    assert "xl/worksheets/sheet2.xml" in names
    rows = []
    for row in sheet.iter(f"{SHEET}row"):
        cells = [(cell.get("t"), cell.findtext(f"{SHEET}v") or "") for cell in row]
        rows.append([strings[int(value)] if kind == "s" else value for kind, value in cells])
    assert rows[0] == list(COLUMNS)
    assert rows[1:] == [list(line.values()) for line in lines]
    assert sheet.find(f"{SHEET}autoFilter") is not None


def test_the_page_has_the_same_rows(matrix: Page, lines: list[dict[str, str]]) -> None:
    assert [clause.replace("none", "") for clause in shown(matrix, 0)] == [line["Clause"] for line in lines]
    assert [code.replace("–", "") for code in shown(matrix, 3)] == [line["Reason code"] for line in lines]


def test_filters(matrix: Page, lines: list[dict[str, str]]) -> None:
    matrix.get_by_label("Words in the row").fill("pt-3 treatment")
    assert set(shown(matrix, 0)) == {"PT-3"}
    expect(matrix.get_by_role("status")).to_contain_text(f"of {len(lines)} rows")
    matrix.get_by_role("button", name="Clear").click()
    expect(matrix.get_by_role("status")).to_have_text(f"{len(lines)} of {len(lines)} rows")
    matrix.get_by_label("Effect").select_option("denies")
    assert len(shown(matrix, 0)) == sum(line["Effect"] == "denies" for line in lines)
    matrix.get_by_label("Request type").select_option("Referral route")
    assert shown(matrix, 0) == []
    matrix.get_by_label("Effect").select_option("grants")
    assert set(shown(matrix, 0)) == {"REF-1", "REF-2"}


def test_sorting(matrix: Page) -> None:
    tests = matrix.get_by_role("columnheader", name="Tests")
    tests.get_by_role("button").click()
    expect(tests).to_have_attribute("aria-sort", "ascending")
    texts = [text for text in shown(matrix, 4) if text != "–"]
    cases = [int(text.split()[0].replace(",", "")) for text in texts]
    assert cases == sorted(cases)
    tests.get_by_role("button").press("Enter")
    expect(tests).to_have_attribute("aria-sort", "descending")
    clause = matrix.get_by_role("columnheader", name="Clause")
    clause.get_by_role("button").click()
    order = list(dict.fromkeys(shown(matrix, 0)))
    assert order.index("PT-2") < order.index("PT-9")
    assert order[-1] == "none"
    expect(tests).not_to_have_attribute("aria-sort", "descending")


def test_without_javascript(site: Path, browser: Browser, lines: list[dict[str, str]]) -> None:
    with watched_page(browser, javascript=False) as watched:
        page = watched.open(site / "matrix.html")
        expect(page.locator("#matrix tbody tr")).to_have_count(len(lines))
        expect(page.locator("#matrix-tools")).to_be_hidden()
        expect(page.get_by_text("With JavaScript, the table can also be sorted")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_every_column_is_in_the_window(site: Path, browser: Browser, width: int) -> None:
    with watched_page(browser, width=width) as watched:
        page = watched.open(site / "matrix.html")
        assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert page.eval_on_selector(".matrix-scroll", "(each) => each.scrollWidth <= each.clientWidth + 1")


def test_accessibility(matrix: Page, watched: Watched) -> None:
    expect(matrix.get_by_role("heading", level=1)).to_have_text("Traceability matrix")
    assert watched.accessibility_problems() == []


def test_each_request_type_has_its_table_as_files(site: Path) -> None:
    kinds = bundles.packaged_bundle().data["therapy"]["request"]["date_fields"].keys() | {"referral_route"}
    names = {path.name for path in (site / "downloads").iterdir()}
    assert names == {"matrix.csv", "matrix.xlsx", *(f"{kind}.{end}" for kind in kinds for end in ("csv", "dmn"))}
