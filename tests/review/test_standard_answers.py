"""What each reason is sent on as: on its page and in the matrix, with the codes of the register."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from bs4 import BeautifulSoup

from therapy_policy import EmbeddedClient
from therapy_policy.policy.bundles import Bundle, packaged_bundle
from therapy_policy.review.examples import EXAMPLES
from therapy_policy.review.site import Site
from therapy_policy.review.standard_answers import CODES, standard_answers

BUNDLE = packaged_bundle()
REGISTER = BUNDLE.data["therapy"]["register"]["standard_answers"]


def older_policy() -> Bundle:
    """The policy without the register and without the address of its source, as before 2.1.0."""
    bundle = Bundle(BUNDLE.name, BUNDLE.archive, BUNDLE.wasm)
    register = bundle.data["therapy"]["register"]
    del register["standard_answers"], register["source"]["address"]
    return bundle


def shown(html: str) -> dict[str, dict[str, str]]:
    """By reason code: the rows of its table, and under "" the text below."""
    found = {}
    for entry in BeautifulSoup(html, "html.parser").select("section.entry"):
        for name in entry.find_all("dt", string="Sent on as"):
            about = name.find_next_sibling("dd")
            assert about
            rows = {row.th.get_text(): row.td.get_text() for row in about.select("tr") if row.th and row.td}
            below = about.select_one("p.where")
            assert below
            found[str(entry["id"])] = rows | {"": below.get_text()}
    return found


def test_each_reason_shows_its_codes(site: Path) -> None:
    found = shown((site / "reasons.html").read_text(encoding="utf-8"))
    assert found.keys() == REGISTER.keys()
    for code, entry in REGISTER.items():
        rows = found[code]
        adjustment = [(entry["adjustment"] or {}).get(name) for name in ("group", "carc", "rarc")]
        assert rows.get(CODES["review_reason"]) == entry["review_reason"], code
        assert rows.get(CODES["claim_status"]) == entry["claim_status"], code
        assert rows.get(CODES["adjustment"], "").split() == [each for each in adjustment if each], code
        for document in entry["documents"]:
            assert document["report_type"] in rows[CODES["documents"]], code
            assert (document["loinc"] or "") in rows[CODES["documents"]], code
        assert (CODES["determination"] in rows) == bool(entry["determination"]), code
        assert entry["source"] in rows[""], code
        assert ("Nobody has compared" in rows[""]) == (not entry["verified"]), code


def test_the_action_is_that_of_the_answer(client: EmbeddedClient) -> None:
    ours = standard_answers(BUNDLE)
    seen = set()
    for example in json.loads(EXAMPLES.read_text(encoding="utf-8")):
        for reason in client.answer(example["request"])["answer"]["reasons"]:
            assert ours[reason["code"]].codes["action"] == (reason["action"] or ""), reason
            seen.add(reason["code"])
    assert len(seen) > 30


def test_the_matrix_has_the_codes(site: Path) -> None:
    content = (site / "downloads/matrix.csv").read_text(encoding="utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(content, newline="")))
    for line in lines:
        entry = REGISTER.get(line["Reason code"])
        assert line[CODES["review_reason"]] == ((entry or {}).get("review_reason") or ""), line
        assert line["Source of these codes"] == (entry["source"] if entry else "")
        assert line["Codes compared with the lists in force"] == (
            ("yes" if entry["verified"] else "no") if entry else ""
        )
    assert {line["Reason code"] for line in lines} >= REGISTER.keys()


def test_an_older_policy_has_none() -> None:
    site = Site(older_policy(), lambda step: None)
    assert site.standard_answers == {}
    for template in ("reasons.html", "clauses.html", "index.html"):
        more = {"flow": "", "status": []} if template == "index.html" else {}
        html = site.environment.get_template(template).render(here=template, within=None, **more)
        assert "Sent on as" not in html
        assert "https://" not in BeautifulSoup(html, "html.parser").get_text()
    assert all(not any(row[-len(CODES) - 2 :]) for row in site.matrix.lines)


def test_the_source_page_is_linked(site: Path) -> None:
    address = BUNDLE.data["therapy"]["register"]["source"]["address"]
    for name in ("index", "clauses", "clause-PT-4"):
        page = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        assert page.select(f'main a[href="{address}"]'), name
