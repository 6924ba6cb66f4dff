"""The releases on the review site, and the page of `diff --html`, which has the same parts."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

from tests.cli.command import ROOT
from tests.review.browser import WIDER_THAN_THE_PAGE, WIDTHS, Watched
from therapy_policy.files import packaged_json
from therapy_policy.policy.bundles import packaged_bundle
from therapy_policy.policy.releases import Release, releases_of
from therapy_policy.review.diff_page import html_page
from therapy_policy.review.differences import Names, differences_of_record
from therapy_policy.review.site import Site
from therapy_policy.review.versions import Versions

RELEASES = releases_of(ROOT)
NAMES = Names(packaged_bundle().data, packaged_json("request.schema.json"))
REVIEWER = {"id": "first.last", "name": "First Last", "role": "Medical director", "from": "2026-01-01"}


def page(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def text(element: Tag) -> str:
    return " ".join(element.get_text(" ").split())


def shown(element: Tag) -> str:
    """The text of an element without what a reader must open first."""
    copy = page(str(element))
    for details in copy.select("details"):
        details.decompose()
    return text(copy)


def version_page(site: Path, version: str) -> Tag:
    found = page((site / f"version-{version}.html").read_text(encoding="utf-8")).main
    assert found
    return found


def rows(found: Tag, label: str) -> list[list[str]]:
    [region] = found.select(f'[aria-label="{label}"]')
    return [[text(cell) for cell in row.select("th, td")] for row in region.select("tbody tr")]


# --- The pages -------------------------------------------------------------------------------------------------------


def test_each_release_has_a_page_with_its_record(site: Path) -> None:
    listed = page((site / "versions.html").read_text(encoding="utf-8")).main
    assert listed
    links = [str(link["href"]) for link in listed.select('tbody a[href^="version-"]')]
    assert links == [f"version-{release.version}.html" for release in reversed(RELEASES)]
    for release in RELEASES:
        found = version_page(site, release.version)
        for fact in (release.version, release.accepted_on, release.decision_digest, release.text_digest):
            assert fact in text(found)
        assert len(found.select(".tp-flip")) == len(release.flips)
        lines = [line.get_text() for line in found.select(".tp-lines li")]
        assert lines == list(release.changes)
        for title in (line.split("“")[1].split("”")[0] for line in release.changes if "“" in line):
            assert "".join(title.split()) in "".join(shown(found).split()) or title.endswith(".rego")


def test_numbers_are_on_top_then_decisions(site: Path) -> None:
    found = version_page(site, "2.0.0")
    ids = [str(heading["id"]) for heading in found.select("h2[id]")]
    assert [each for each in ids if each in ("numbers", "decisions", "words", "rules", "signed")] == [
        "numbers",
        "decisions",
        "words",
        "rules",
        "signed",
    ]
    [number] = rows(found, "Numbers and lists, before and now")
    assert number == [
        "Date from which the outpatient physical therapy rules apply",
        "every date",
        "not there",
        "2022-06-01",
    ]
    fields = rows(found, "Request fields, before and now")
    assert ["Outpatient PT extension documentation › goals : most elements", "200", "20"] in [
        [row[0].replace("goals:", "goals :"), *row[1:]] for row in fields
    ]


def test_a_flip_shows_its_smallest_request_in_words(site: Path) -> None:
    [release] = [each for each in RELEASES if each.version == "2.0.0"]
    cards = version_page(site, "2.0.0").select(".tp-flip")
    assert "service date 2026-11-28" in shown(cards[0])
    assert "invalid request is now authorized" in shown(cards[0])
    assert "180 classes of requests, of dates to come" in shown(cards[0])
    for card, flip in zip(cards, release.flips, strict=True):
        assert "{" not in shown(card)
        assert json.loads(card.select("details.json code")[0].get_text()) == flip["smallest"]
    assert "a (51 times)" in shown(cards[10])


def test_what_people_read_names_no_file_and_no_code(site: Path) -> None:
    for release in RELEASES:
        found = shown(version_page(site, release.version))
        for word in (".rego", "METADATA", "Rego", "policy.version"):
            assert word not in found, release.version


def test_what_the_record_does_not_say_is_said(site: Path) -> None:
    assert "new wording in 65 places" in text(version_page(site, "1.0.1"))
    assert "182 rules, which the record counts and does not name" in text(version_page(site, "1.0.1"))
    unknown = {
        "1.0.0": "a first release is compared with nothing",
        "1.0.1": "Which changes those are that it only counts",
        "2.0.0": "it has both outcomes and the smallest request, and no reasons",
        "2.0.2": "it was committed together with the record",
        "2.0.4": "Who accepted it.",
    }
    for version, sentence in unknown.items():
        assert sentence in text(version_page(site, version))


def test_the_pages_are_accessible(site: Path, watched: Watched) -> None:
    for name in ("versions.html", "version-2.0.0.html", "proof.html"):
        watched.open(site / name)
        assert watched.accessibility_problems() == [], name


# --- Records ---------------------------------------------------------------------------------------------------------


def release_with(*changes: str, flips: list[Mapping[str, Any]] | None = None) -> Release:
    digest = hashlib.sha256(b"").hexdigest()
    return Release(
        "1.1.0", "2026-12-01", digest, digest, None, "1.0.0", "minor", "every class", changes, flips or [], []
    )


def test_a_number_has_its_dates_and_both_values() -> None:
    found = differences_of_record(
        release_with(
            "Numbers, codes and lists: outpatient_pt.initial_visits, from 2027-01-01 through 2027-06-30, "
            "nonacute.treatment: 5 → 8 (new period)",
            "Numbers, codes and lists: units_per_visit, from 2027-01-01: 4 → 3 (new period)",
            "Numbers, codes and lists: pediatric_ot.procedure_codes, from 2027-01-01, 97533: added: "
            '{"clause": "OT-5", "service": "touch"} (new period)',
        ),
        NAMES,
    )
    one, two, three = found.numbers
    assert NAMES.subject_in_words(one) == "Initial visits of a referral, by tier"
    assert NAMES.part_in_words(one) == "nonacute › treatment"
    assert NAMES.dates_in_words(one) == "from 2027-01-01 through 2027-06-30"
    assert (one.before, one.after) == (5, 8)
    assert (NAMES.dates_in_words(two), two.before, two.after) == ("from 2027-01-01", 4, 3)
    assert (NAMES.part_in_words(three), three.after) == ("97533", {"clause": "OT-5", "service": "touch"})


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A directory with a release of the policy of this package, signed, and one before it."""
    bundle = packaged_bundle()
    first = release_with()
    number = "Numbers, codes and lists: outpatient_pt.initial_visits, from 2027-01-01, nonacute.treatment: 5 → 8"
    code = "Reason codes: PT_NOTE_NOT_NUMBERED.message: new wording"
    rule = "Rules: therapy/outpatient_pt/visit.rego: “A rule of visits”: changed"
    (tmp_path / "releases").mkdir()
    for record in (
        vars(first) | {"version": "1.0.0", "previous": None, "change": "first", "decided": "nothing"},
        vars(first)
        | {
            "version": bundle.version,
            "decision_digest": bundle.digest,
            "text_digest": bundle.digest_of_everything,
            "changes": [number, code, rule, "Interpretations: 20 changes"],
        },
    ):
        file = tmp_path / f"releases/{record['version']}.yaml"
        file.write_text(yaml.safe_dump(record | {"changes": list(record["changes"])}), encoding="utf-8")
    (tmp_path / "reviewers.yaml").write_text(yaml.safe_dump({"reviewers": [REVIEWER]}), encoding="utf-8")
    return tmp_path


def sign(records: Path, bundle_version: str, digest: str) -> None:
    verdict = {"by": "first.last", "date": "2026-11-27", "verdict": "confirmed", "policy_version": bundle_version}
    (records / "sign-offs").mkdir(exist_ok=True)
    file = records / f"sign-offs/release-{bundle_version}.yaml"
    file.write_text(yaml.safe_dump([verdict | {"digest": digest}]), encoding="utf-8")


def version_html(records: Path | None, template: str = "versions.html") -> str:
    site = Site(packaged_bundle(), lambda _: None, records)
    more = {"version": site.versions.newest} if template == "version.html" else {}
    return site.environment.get_template(template).render(here=template, within=None, **more)


def test_who_signed_a_release(records: Path) -> None:
    bundle = packaged_bundle()
    assert "Nobody has signed it." in version_html(records, "version.html")
    sign(records, bundle.version, bundle.digest_of_everything)
    signed = text(page(version_html(records, "version.html")))
    assert "First Last, Medical director, on 2026-11-27." in signed
    assert "What was read is not this text" not in signed
    assert "First Last" in version_html(records)
    sign(records, bundle.version, "0" * 64)
    assert "What was read is not this text" in version_html(records, "version.html")
    assert "First Last" not in version_html(records)


def test_the_changelog_is_text_and_never_markup(records: Path) -> None:
    changelog = records / "policies/CHANGELOG.md"
    changelog.parent.mkdir()
    changelog.write_text(
        f"# Changes\n\n## [{packaged_bundle().version}] - 2026-12-01\n\nTwo\nlines <b>&.\n\n### Added\n\n"
        "- `one`: [a place](x.md)\n  and more.\n- two\n",
        encoding="utf-8",
    )
    found = page(version_html(records, "version.html")).select_one(".tp-changelog")
    assert found
    assert [(each.name, text(each)) for each in found.find_all(["p", "h3", "li"])] == [
        ("p", "Two lines <b>&."),
        ("h3", "Added"),
        ("li", "one : a place and more."),
        ("li", "two"),
    ]


def test_the_history_of_a_clause(records: Path) -> None:
    versions = Versions(packaged_bundle(), records, NAMES)
    [numbers] = versions.history_of_clause("PT-3")
    assert numbers.version == packaged_bundle().version
    assert numbers.address == f"version-{numbers.version}.html"
    assert numbers.changes == (
        "Initial visits of a referral, by tier › nonacute › treatment (from 2027-01-01): 5 before, 8 now",
    )
    assert numbers.only_counted
    [code] = versions.history_of_clause("PT-9", {"A rule of visits"})
    assert code.changes == (
        "PT_NOTE_NOT_NUMBERED › message: new wording",
        "Rule “A rule of visits”: written differently",
    )
    [other] = versions.history_of_clause("OT-2")
    assert other.changes == ()
    assert other.only_counted


def test_a_bundle_without_records_says_that_nothing_is_known() -> None:
    found = text(page(version_html(None)))
    assert "made from a bundle alone, without the records" in found
    assert Versions(packaged_bundle(), None, NAMES).history_of_clause("PT-3") == []


def test_a_policy_that_nobody_accepted_says_so(records: Path, tmp_path: Path) -> None:
    (records / f"releases/{packaged_bundle().version}.yaml").unlink()
    assert "is not one of these releases: nobody has accepted it" in text(page(version_html(records)))
    (tmp_path / "empty").mkdir()
    assert "nobody has accepted a release" in text(page(version_html(tmp_path / "empty")))


# --- The page of diff ------------------------------------------------------------------------------------------------


def document() -> dict[str, Any]:
    authorized = dict.fromkeys(("units", "evaluation_visits", "treatment_visits", "max_units_per_visit"), 0)
    decision = {
        "outcome": "pended",
        "authorized": {**authorized, "procedure_codes": []},
        "reasons": [{"message": "The visit <is> late.", "clauses": ["PT-9"]}],
    }
    kind: dict[str, Any] = {
        "old_outcome": "authorized",
        "new_outcome": "pended",
        "found_by": "classes",
        "count": 1200,
        "shared": {},
        "reasons_removed": [],
        "reasons_added": ["PT_LATE"],
        "reasons_changed": [],
        "other_changes": [],
        "authorizes_more": False,
        "passed": False,
    }
    request = {"request_type": "pt_visit", "service_date": "2027-01-01", "list": ["a"] * 51}
    place = "outpatient_pt.initial_visits, from 2027-01-01, nonacute.treatment"
    number = {"area": "Numbers, codes and lists", "place": place, "old": 5, "new": 8, "wording": False}
    text = {"area": "Clauses", "place": "PT-3.summary", "old": "Old words.", "new": "New words.", "wording": True}
    return {
        "old": {"name": "one", "policy_version": "1.0.0", "digest": "a" * 64},
        "new": {"name": "two", "policy_version": "1.1.0", "digest": "b" * 64},
        "behavior_changed": True,
        "verdict": "Behavior changes.",
        "outcomes": [{"old": "authorized", "new": "pended", "classes": 1200}],
        "flips": [
            {
                "request_type": "pt_visit",
                "kinds": [kind | {"witness": {"request": request, "old": None, "new": decision}}],
            }
        ],
        "examples": {"decided": 3, "flips": [{"name": "A visit", "old_outcome": "denied", "new_outcome": "pended"}]},
        "data": [number | {"period": "added"}, text],
        "rules": [{"file": "therapy/x.rego", "package": "x", "rule": "y", "title": "A title", "change": "added"}],
        "decided": {"pt_visit": {"summary": "all 5 classes"}},
    }


def test_the_page_of_diff_has_the_same_parts(tmp_path: Path, watched: Watched) -> None:
    html = html_page(document())
    found = page(html).main
    assert found
    assert rows(found, "Numbers and lists, before and now") == [
        ["Initial visits of a referral, by tier nonacute › treatment", "from 2027-01-01", "5", "8"]
    ]
    assert rows(found, "Clauses, before and now") == [["PT-3 summary", "Old words.", "New words."]]
    [card] = found.select(".tp-flip")
    assert "authorized is now pended 1,200 classes of requests, of dates to come" in shown(card)
    assert "The visit <is> late. (PT-9)" in shown(card)
    assert rows(found, "Requests that are decided differently") == [
        ["Outpatient PT visit", "authorized", "pended", "1,200 classes of requests", "new reasons", "dates to come"]
    ]
    assert "service date : 2027-01-01 list : a (51 times)" in shown(card).replace("date 2", "date : 2").replace(
        "list a", "list : a"
    )
    assert "{" not in shown(card)
    assert ".rego" not in shown(found)
    assert "therapy/x.rego" in text(found)
    (tmp_path / "diff.html").write_text(html, encoding="utf-8")
    opened = watched.open(tmp_path / "diff.html")
    assert watched.accessibility_problems() == []
    for width in WIDTHS:
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate(WIDER_THAN_THE_PAGE, ".usa-table-container--scrollable:has(> table)") == [], width
    sheets = PdfReader(io.BytesIO(opened.pdf(prefer_css_page_size=True, format="A4"))).pages
    for number, sheet in enumerate(sheets, start=1):
        printed = " ".join(sheet.extract_text().split())
        assert f"Therapy policy 1.0.0 ({'a' * 12}) compared with 1.1.0 ({'b' * 12})" in printed
        assert f"page {number} of {len(sheets)}" in printed
        assert "More about these requests" not in printed
