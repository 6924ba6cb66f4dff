"""`therapy-policy review`: the policy as a site, compared with the policy that it shows."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
import signal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag

from tests.cli.command import ROOT, one_error, run, start
from tests.cli.policies import change_data, policy_of_the_day
from tests.sharing import made_once
from therapy_policy import EmbeddedClient, PolicyNotReadable, ReviewToolsNotAvailable
from therapy_policy.policy import bundles, registers
from therapy_policy.policy.releases import releases_of
from therapy_policy.review import episode
from therapy_policy.review import site as review_site
from therapy_policy.review.decision_tables import OUTCOMES
from therapy_policy.review.figures import Figures
from therapy_policy.toolchain import node

POLICIES = ROOT / "policies"
THERAPY = bundles.packaged_bundle().data["therapy"]
REGISTER = THERAPY["register"]
TYPES = json.loads((ROOT / "schemas/request.json").read_text(encoding="utf-8"))["properties"]["request_type"]["enum"]
EXAMPLES = json.loads((ROOT / "python/therapy_policy/review/examples.json").read_text(encoding="utf-8"))
MARKER = "therapy-policy-review.json"
AUTHORIZED_ROW = "row-granted"


def write(output: Path, *more: str | Path) -> Path:
    """Write a site with the real command."""
    result = run("review", "--output", output, *more)
    assert result.returncode == 0, result.stderr.decode()
    assert result.stdout.decode() == f"{output / 'index.html'}\n"
    return output


MARKUP = '<script>alert("a & b")</script>'


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a copy of the policy: other numbers, a second period, and markup in its texts."""
    return made_once(tmp_path_factory, "changed-review", write_changed) / "site"


def write_changed(directory: Path) -> None:
    policies = policy_of_the_day(directory / "policies")

    def numbers(found: Any) -> None:
        found["outpatient_pt"]["initial_visits"]["periods"][0]["value"]["nonacute"]["treatment"] = 6
        found["units_per_visit"]["periods"].append({"from": "2030-01-01", "value": 3})

    register = policies / "therapy/register"
    change_data(policies / "therapy/parameters/data.yaml", numbers)
    change_data(register / "interpretations/data.yaml", lambda found: found["INT-3"].update(choice=MARKUP))
    change_data(register / "clauses/data.yaml", lambda found: found["OT-2"].update(summary=MARKUP))
    change_data(register / "reason_codes/data.yaml", lambda found: found["DC_ADAPTED"].update(message=f"{MARKUP}."))
    change_data(register / "episode/data.yaml", lambda found: found["steps"]["referral"].update(title='A "b" <i> & c'))
    rego = policies / "therapy/outpatient_pt/visit.rego"
    text = rego.read_text(encoding="utf-8")
    rego.write_text(
        text.replace("title: Units beyond the limit of a visit are denied", f"title: {MARKUP} units"), encoding="utf-8"
    )
    write(directory / "site", "--bundle", policies)


@cache
def page(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def parts(path: Path) -> dict[str, Tag]:
    """The elements of a page that have an id."""
    return {str(element["id"]): element for element in page(path).find_all(id=True)}


def part(path: Path, id: str) -> Tag:
    """The element of a page that has an id."""
    assert id in parts(path), f"{path.name} has no #{id}"
    return parts(path)[id]


def main(path: Path) -> Tag:
    """What a page is about, without what all pages have."""
    found = page(path).main
    assert found
    return found


def text(element: Tag) -> str:
    return " ".join(element.get_text(" ").split())


def says(element: Tag, sentence: str) -> bool:
    """Whether an element has a sentence, in which some words may be links."""
    return "".join(sentence.split()) in "".join(element.get_text().split())


def contents(site: Path) -> dict[str, bytes]:
    """The files of a site, by name."""
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def names(site: Path) -> list[str]:
    return sorted(path.name for path in site.glob("*.html"))


PAGES = sorted(
    [
        "clauses",
        "every_request",
        "examples",
        "glossary",
        "index",
        "interpretations",
        "matrix",
        "numbers",
        "proof",
        "reasons",
        "search",
        "sign",
        "try",
        "versions",
        *TYPES,
        *(f"clause-{clause}" for clause in REGISTER["clauses"]),
        *(f"version-{release.version}" for release in releases_of(ROOT)),
    ]
)


# --- The whole of it -------------------------------------------------------------------------------------------------


def test_the_pages(site: Path) -> None:
    assert names(site) == sorted(f"{name}.html" for name in PAGES)
    downloads = {f"downloads/{name}.{ending}" for name in TYPES for ending in ("csv", "dmn")}
    scripts = {"try.js", "policy.js", "opa-wasm.js", "matrix.js", "search.js", "sign.js"}
    assert {"style.css", MARKER, *scripts, *downloads} < contents(site).keys()


def test_progress_is_on_standard_error(tmp_path: Path) -> None:
    result = run("review", "--output", tmp_path / "site")
    assert b"Deciding" in result.stderr or b"deciding" in result.stderr
    assert result.stdout.count(b"\n") == 1


def test_the_same_policy_is_the_same_bytes(site: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "deeper" / "site")
    assert contents(site) == contents(again)


def test_it_says_which_bundle_it_is_of(site: Path) -> None:
    digest = hashlib.sha256((ROOT / "python/therapy_policy/policy/packaged/bundle.tar.gz").read_bytes()).hexdigest()
    for name in names(site):
        assert digest in text(page(site / name).select_one("footer") or Tag(name="footer"))
    marker = json.loads((site / MARKER).read_text(encoding="utf-8"))
    assert (marker["policy_version"], marker["bundle_sha256"]) == (REGISTER["policy"]["version"], digest)
    assert {*marker["sha256"], MARKER} == contents(site).keys()
    for name, digest in marker["sha256"].items():
        assert hashlib.sha256((site / name).read_bytes()).hexdigest() == digest


# --- Pages that anybody can read -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_links_and_references_lead_somewhere(site: Path, name: str) -> None:
    here = page(site / f"{name}.html")
    for element in here.select("[href], [src]"):
        target = str(element.get("href") or element.get("src"))
        if target == REGISTER["source"]["address"]:
            continue  # the only link to elsewhere, which a reader chooses to follow
        assert not re.match(r"[a-z]+:|//", target), f"{target} is not beside the page"
        file, _, anchor = target.partition("#")
        assert (site / (file or f"{name}.html")).is_file(), target
        if anchor:
            assert anchor in parts(site / (file or f"{name}.html")), target
    for attribute in ("aria-labelledby", "aria-describedby", "for"):
        for element in here.select(f"[{attribute}]"):
            for id in str(element[attribute]).split():
                assert id in parts(site / f"{name}.html"), id


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole(site: Path, name: str) -> None:
    here = page(site / f"{name}.html")
    assert here.html
    assert here.html["lang"] == "en"
    assert here.title
    assert here.title.string
    ids = [str(element["id"]) for element in here.select("[id]")]
    assert len(ids) == len(set(ids)), "an id is unique"
    levels = [int(heading.name[1]) for heading in here.select("h1, h2, h3, h4, h5, h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), "no level left out"
    for landmark in ("header", "nav[aria-label]", "main", "footer"):
        assert here.select(landmark), landmark
    first = here.select_one("a")
    assert first
    assert first["href"] == "#main"
    within = {"clause": "clauses", "version": "versions"}.get(name.partition("-")[0])
    expected = [] if name == "search" else [f"{within or name}.html"]  # each page has a field to search instead
    assert [str(link["href"]) for link in here.select("nav .usa-current")] == expected
    current = [str(link["href"]) for link in here.select("nav [aria-current=page]")]
    assert current == ([] if within else expected)
    for table in here.select("table"):
        assert table.select_one("caption") or (table.parent and table.parent.get("aria-label"))
        assert all(cell.get("scope") in {"col", "row", "rowgroup"} for cell in table.select("th"))
    for region in here.select(".usa-table-container--scrollable, pre[role=region]"):
        assert region.get("tabindex") == "0"
        assert region.get("aria-label")


# --- Nothing of the policy is left out -------------------------------------------------------------------------------


def parameters(tree: Any = None, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in (THERAPY["parameters"] if tree is None else tree).items():
        found |= {path + name: value} if "periods" in value else parameters(value, f"{path}{name}.")
    return found


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("clauses", REGISTER["clauses"]),
        ("reasons", REGISTER["reason_codes"]),
        ("interpretations", REGISTER["interpretations"]),
        ("numbers", parameters()),
        ("examples", [example["id"] for example in EXAMPLES]),
    ],
)
def test_everything_is_there_and_linked(site: Path, name: str, ids: Any) -> None:
    lists = {f"{name}.html", "matrix.html"}  # which have everything
    linked = {
        str(link["href"])
        for other in names(site)
        if other not in lists and not (name == "clauses" and other.startswith("clause-"))
        for link in main(site / other).select("a[href]")
    }
    unlinked = set()
    for id in ids:
        found = part(site / f"{name}.html", id)
        if name == "clauses":
            address = f"clause-{id}.html"
            assert found.select_one(f'a[href="{address}"]')
            assert (site / address).is_file()
        else:
            address = f"{name}.html#{id}"
            assert found.name in {"section", "article"}
        if address not in linked:
            unlinked.add(id)
    # No reason names these, but every interpretation is linked on the first page.
    assert unlinked <= {id for id in REGISTER["clauses"] if REGISTER["clauses"][id]["kind"] in {"info", "external"}}


@pytest.mark.parametrize("id", REGISTER["clauses"])
def test_a_clause_says_what_becomes_of_it(site: Path, id: str) -> None:
    entry, found = REGISTER["clauses"][id], main(site / f"clause-{id}.html")
    links = {str(link["href"]) for link in found.select("a[href]")}
    assert found.h1
    assert says(found.h1, f"{id} {entry['summary']}")
    assert says(found, registers.KINDS[entry["kind"]][1])
    codes = {code for code, one in REGISTER["reason_codes"].items() if id in one["clauses"]}
    assert {f"reasons.html#{code}" for code in codes} <= links
    for name, parameter in parameters().items():
        assert (f"numbers.html#{name}" in links) == (id in parameter["clauses"]), name
    rules = found.select("#rules + ul > li")
    if entry["kind"] in {"rule", "attested"}:
        assert rules
        for rule in rules:
            assert rule.select('a[href*=".html#"][aria-label*=", on the page "]'), "each rule where it is"
        assert re.search(r"[1-9][0-9]* cases? in [1-9]", text(found)), "how it is tested"
        assert f"{id} decides these, or they are authorized under it:" in text(found)
        assert found.select('#examples ~ ul a[href^="examples.html#"]')
    elif id != "AUTH-1":  # which decisions repeat
        assert not rules
        assert "No rule uses it" in text(found)


@pytest.mark.parametrize("code", REGISTER["reason_codes"])
def test_a_reason_code_says_all_that_the_register_does(site: Path, code: str) -> None:
    entry, found = REGISTER["reason_codes"][code], part(site / "reasons.html", code)
    for sentence in (
        entry["message"],
        entry["remedy"] or entry.get("no_remedy_because", "Nothing needs to be resolved."),
    ):
        for words in re.split(r"\{\w+\}", sentence):  # the values between them are those of tests/review/test_site.py
            assert says(found, words)
    for id in entry["clauses"]:
        assert found.find("a", href=f"clause-{id}.html")
        assert says(found, REGISTER["clauses"][id]["summary"])
    if entry["interpretation"]:
        assert found.find("a", href=f"interpretations.html#{entry['interpretation']}")
    assert re.search(r"[1-9][0-9]* cases? in [1-9]", text(found)), "a test names it"
    # A policy that passes `check` never gives POLICY_VALUE_UNUSABLE, so no request shows it.
    never = code == "POLICY_VALUE_UNUSABLE"
    assert bool(found.select('a[href^="examples.html#"]')) != never, "an example shows it"
    types = [str(link["href"]).partition(".")[0] for link in found.select(f'a[href$="#row-{code}"]')]
    assert types, "it is in a decision table"


def lines_of_code(section: Tag) -> list[Tag]:
    return list(section.select("pre code > span"))


def test_every_line_of_rego_is_there_in_order(site: Path) -> None:
    seen = set()
    for name in [*TYPES, "every_request"]:
        here = page(site / f"{name}.html")
        for section in here.select(".rego"):
            if not section.pre:  # rules that several pages show have their code on one of them
                [link] = section.select("p.where > a:has(.usa-sr-only)")
                file, _, anchor = str(link["href"]).partition("#")
                assert part(site / file, anchor).pre
                continue
            path = next(path for path in bundles.packaged_bundle().texts if says(section, path))
            seen.add(path)
            # The style numbers them from 1 on.
            assert [line.get_text() for line in lines_of_code(section)] == bundles.packaged_bundle().texts[
                path
            ].splitlines()
    assert seen == bundles.packaged_bundle().texts.keys()


def test_a_rule_is_linked_to_the_line_where_it_begins(site: Path) -> None:
    found = part(site / "reasons.html", "PT_NOTE_NOT_NUMBERED").select_one('a[href^="pt_visit.html#outpatient_pt"]')
    assert found
    anchor = str(found["href"]).partition("#")[2]
    rule = part(site / "pt_visit.html", anchor)
    assert says(rule, "A visit whose progress note does not have the visit's number is pended")
    assert rule.select_one('a[href="reasons.html#PT_NOTE_NOT_NUMBERED"]')
    assert rule.select_one('a[href="clause-PT-9.html"]')
    rego, _, row = anchor.rpartition("-")
    lines = lines_of_code(part(site / "pt_visit.html", rego))
    assert lines[int(row) - 1].get_text().startswith("reasons contains ")


def test_the_form_of_requests_is_described(site: Path) -> None:
    assert "the number on the visit's progress note" in text(page(site / "pt_visit.html"))
    rows = [text(row) for row in page(site / "pediatric_ot_claim.html").select("tr")]
    assert "service lines › each › units billed units of 15 minutes a whole number from 1 to 99 yes" in rows


def test_each_term_of_the_glossary_has_an_anchor(site: Path) -> None:
    terms = re.findall(r"^\*\*(.+?)\.\*\*", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(terms) > 20
    assert [text(term) for term in page(site / "glossary.html").select("main dl > div[id] > dt")] == [
        term.replace("_", " ") for term in terms
    ]
    assert "A named value in a request" in text(part(site / "glossary.html", "field"))


# --- Worked examples -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decided() -> dict[str, Any]:
    with EmbeddedClient() as client:
        return {each["id"]: client.decide(each["request"]) for each in EXAMPLES}


def test_the_examples_show_everything(decided: dict[str, Any], site: Path) -> None:
    reasons = [reason for decision in decided.values() for reason in decision["reasons"]]
    # A policy that passes `check` never gives POLICY_VALUE_UNUSABLE.
    assert {reason["code"] for reason in reasons} == REGISTER["reason_codes"].keys() - {"POLICY_VALUE_UNUSABLE"}
    outcomes = json.loads((ROOT / "schemas/decision.json").read_text(encoding="utf-8"))["properties"]["outcome"]["enum"]
    assert {decision["outcome"] for decision in decided.values()} == set(outcomes)
    for name in TYPES:
        of_type = {decided[each["id"]]["outcome"] for each in EXAMPLES if each["request"]["request_type"] == name}
        # An extension is never more than ready for a person to decide.
        assert of_type & {"authorized", "routed"} or name == "pt_extension"
        assert len(of_type) > 1, "a good one and a bad one"
    # Every clause but those that are for people's information decides one.
    deciding = {
        id for id in REGISTER["clauses"] if says(main(site / f"clause-{id}.html"), "or they are authorized under it:")
    }
    assert deciding == {id for id, one in REGISTER["clauses"].items() if one["kind"] in {"rule", "attested"}}


def test_an_example_names_nobody() -> None:
    assert len({each["id"] for each in EXAMPLES}) == len({each["title"] for each in EXAMPLES}) == len(EXAMPLES)
    assert all(each.keys() == {"id", "title", "request"} for each in EXAMPLES)
    assert not [each["id"] for each in EXAMPLES if re.search(r"\d{3}-\d{2}-\d{4}|@|\bM(r|rs|s)\.", json.dumps(each))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each["id"])
def test_an_example_shows_its_decision(site: Path, decided: dict[str, Any], example: Any) -> None:
    decision, found = decided[example["id"]], part(site / "examples.html", example["id"])
    badge = found.select_one(".decision .usa-tag")
    assert badge
    assert text(badge) == decision["outcome"].replace("_", " ")
    for reason in decision["reasons"]:
        assert says(found, reason["message"])
        assert says(found, reason["remedy"] or "")
        assert found.select_one(f'a[href="reasons.html#{reason["code"]}"]')
        assert all(found.select_one(f'a[href="clause-{id}.html"]') for id in reason["clauses"])
    request, answer = (json.loads(one.get_text()) for one in found.select("pre"))
    assert (request, answer) == (example["request"], decision)


def test_a_granted_entry_shows_its_clause(site: Path) -> None:
    assert part(site / "examples.html", "claim-evaluation").select_one('a[href="clause-OT-4.html"]')
    assert part(site / "examples.html", "route-lanai").select_one('a[href="clause-REF-2.html"]')
    # Without an event on the list it starts with the visits of PT-3, although its category is called acute.
    under = part(site / "examples.html", "referral-acute-without-event").select(".decision dl.facts a.id")
    assert [text(link) for link in under] == ["PT-3", "PT-5"]


# --- Decision tables -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each["id"])
def test_the_decision_table_says_what_the_engine_decides(site: Path, decided: dict[str, Any], example: Any) -> None:
    decision = decided[example["id"]]
    outcome = decision["outcome"].replace("_", " ")
    here = page(site / f"{example['request']['request_type']}.html")
    every_line_denied = decision["lines"] != [] and {line["status"] for line in decision["lines"]} == {"denied"}
    for body in here.select("table.decisions tbody"):
        head, rows = body.select("tr")[0], {str(row["id"]): row for row in body.select("tr[id]")}
        applying = [rows[id] for reason in decision["reasons"] if (id := f"row-{reason['code']}") in rows]
        if "row-granted" in rows:
            assert "No reason applies to the request as a whole" in text(head)
            [granted] = rows["row-granted"].select('td[data-label="What follows"]')
            if applying:  # of a line or of units, with what the request can come to
                said = [
                    text(row.select('td[data-label="What follows"]')[0]).rpartition("; the request is ")[2]
                    for row in applying
                ]
                possible = {each for one in said for each in re.split(r", or |, | or ", one)}
                assert OUTCOMES.get(decision["outcome"], outcome) in possible
            else:
                assert outcome in [text(tag) for tag in granted.select(".usa-tag")]
            return
        if applying or ("each of its lines" in text(head) and every_line_denied):
            assert [text(tag) for tag in head.select(".usa-tag")] == [outcome], "the first group that applies"
            return
    pytest.fail("no group of the table is about it")


def test_a_decision_table_is_in_the_order_of_the_outcome(site: Path) -> None:
    def order(name: str) -> list[str]:
        found = []
        for body in page(site / f"{name}.html").select("table.decisions tbody"):
            last = body.select(f'#{AUTHORIZED_ROW} td[data-label="What follows"]') or body.select(".group")
            found.append(" ".join(map(text, last[0].select(".usa-tag"))))
        return found

    invalid, out, last = "invalid request", "not applicable", "authorized"
    assert order("pediatric_ot_claim") == [invalid, "denied", "denied", "pended", last]
    assert order("pt_referral") == [invalid, out, "denied", "pended", last, ""]
    assert order("pt_visit") == [invalid, out, "denied", "pended", last]
    assert order("pt_extension") == [invalid, out, "denied", "pended", ""]
    assert order("pt_continuation") == [invalid, out, "denied", "pended", last]
    assert order("referral_route") == [invalid, "pended", "routed"]


@pytest.mark.parametrize("name", TYPES)
def test_a_decision_table_has_every_code_that_the_classes_have(site: Path, name: str) -> None:
    rows = {str(row["id"]).removeprefix("row-") for row in page(site / f"{name}.html").select(".decisions tr[id]")}
    assert rows - REGISTER["reason_codes"].keys() - {"every_line_denied"} == {"granted"}
    counted = {code for _, code, _ in Figures().deciding_codes(name) if code}
    assert counted <= rows
    informing = {code for code, one in REGISTER["reason_codes"].items() if one["effect"] == "info"}
    more = rows - {"granted", "every_line_denied"} - counted - informing - {"REQUEST_INVALID", "POLICY_VALUE_UNUSABLE"}
    if Figures().classes_digest == bundles.packaged_bundle().digest:
        assert not more
    else:
        assert "Not proven for this version." in text(page(site / f"{name}.html"))


def test_the_flow_is_a_picture_with_links_and_a_table(site: Path) -> None:
    flow = page(site / "index.html").select_one("svg")
    assert flow
    assert flow.select_one("title")
    assert flow.select_one("desc")
    episode = REGISTER["episode"]
    shown = text(page(site / "index.html"))
    for step in episode["steps"].values():
        assert step["title"] in text(flow)
        assert step["title"] in shown
        if step["request_type"]:
            assert flow.find("a", attrs={"xlink:href": f"{step['request_type']}.html"})
    table = page(site / "index.html").select_one(".flow table")
    assert table
    assert len(table.select("tbody tr")) == len(episode["leads_to"])


# --- Figures ---------------------------------------------------------------------------------------------------------


def test_the_figures_are_of_the_policy_of_this_package() -> None:
    assert Figures().policy_digest == bundles.packaged_bundle().digest, "run `make generate` and commit what it writes"


def test_the_figures_of_classes_are_those_of_the_report() -> None:
    report = json.loads((ROOT / "proof/results/classes.json").read_text(encoding="utf-8"))
    written = json.loads((ROOT / "python/therapy_policy/review/figures.json").read_text(encoding="utf-8"))
    assert written["classes"] == report, "run `make generate` and commit what it writes"
    assert (
        Figures().number_of_classes == sum(found["classes"] for found in report["request_types"].values()) > 1_000_000
    )


def test_a_test_counts_for_the_codes_that_it_names() -> None:
    found = {test.title: test for test in Figures().tests_naming(["PT_TREATMENT_VISIT_LIMIT"])}
    assert "nonacute, 5 used" in found["treatment visit limit"].cases
    # Of a table of cases those alone that name it, in themselves or by a helper that stands for it.
    assert found["reasons together"].cases == ("everything at once",)
    notes = {test.title: test for test in Figures().tests_naming(["EXT_PROGRESS_NOTES_INCOMPLETE"])}
    assert notes["goals"].cases == ("none", "null")


@pytest.mark.parametrize(
    ("id", "beside", "named"),
    [
        ("OT-5", "therapy/pediatric_ot/claim_test.rego", "each listed code"),
        ("REF-1", "therapy/referral/route_test.rego", "each island"),
        ("REF-2", "therapy/referral/route_test.rego", "each island"),
    ],
)
def test_a_clause_without_codes_counts_no_test_of_another_page(site: Path, id: str, beside: str, named: str) -> None:
    places = [" ".join(each.get_text().split()) for each in main(site / f"clause-{id}.html").select(".tp-switch li")]
    tests = [each for each in places if each.startswith("Test “")]
    assert any(each.startswith(f"Test “{named}” {beside}, ") for each in tests)
    listed = [text(each) for each in main(site / f"clause-{id}.html").select(".tests li strong")]
    assert sorted(listed) == sorted(each.partition("“")[2].partition("”")[0].capitalize() for each in tests)
    assert any("therapy/parameters/parameters_test.rego" in each for each in tests)
    assert not [each for each in tests if beside not in each and "therapy/parameters/parameters_test.rego" not in each]


def test_a_fixture_that_tests_share_names_no_entry() -> None:
    """Its claims have 97530, the code of a claim that many tests begin with."""
    named = {test.title for test in Figures().tests_naming(["97530"]) if test.file.endswith("claim_test.rego")}
    assert "each listed code" in named
    assert not named & {"benefits", "medical necessity", "units of lines"}


def test_a_clause_shows_no_code_of_the_entries_of_another(site: Path) -> None:
    """The add-on is an entry of OT-6; what is not listed is of the whole list."""
    not_listed = "A line whose procedure code is not listed is denied"
    without_primary = "A line with an add-on code is denied if its primary code is not on the claim"

    def rules(clause: str) -> str:
        return " ".join(text(rule) for rule in main(site / f"clause-{clause}.html").select("#rules + ul > li"))

    for id in ("OT-4", "OT-5"):
        assert not_listed in rules(id)
        assert without_primary not in rules(id)
        assert not main(site / f"clause-{id}.html").find("a", href="reasons.html#OT_ADD_ON_WITHOUT_PRIMARY")
    assert without_primary in rules("OT-6")
    assert main(site / "clause-OT-6.html").find("a", href="reasons.html#OT_ADD_ON_WITHOUT_PRIMARY")


def test_every_page_of_rules_is_covered(site: Path) -> None:
    for path in bundles.packaged_bundle().texts:
        _, _, reached = Figures().tests_of_page(path)
        assert reached == 100


def test_the_counts_of_the_first_page(site: Path) -> None:
    rows = [text(row) for row in page(site / "index.html").select("table.narrow tr")]
    assert any(row.startswith(f"Clauses of the source {len(REGISTER['clauses'])} ") for row in rows)
    assert any(row.startswith(f"Reason codes {len(REGISTER['reason_codes'])} ") for row in rows)
    assert any(row.startswith(f"Worked examples {len(EXAMPLES)} ") for row in rows)


# --- Another policy --------------------------------------------------------------------------------------------------


def test_a_changed_number_shows(site: Path, changed: Path) -> None:
    def nonacute(where: Path) -> str:
        found = part(where / "numbers.html", "outpatient_pt.initial_visits")
        return next(text(row) for row in found.select("tr") if "nonacute" in text(row))

    assert (nonacute(site), nonacute(changed)) == ("nonacute 1 5 PT-3", "nonacute 1 6 PT-3")
    assert "nonacute evaluation: 1, treatment: 6 " in text(main(changed / "clause-PT-3.html"))
    granted = part(changed / "pt_referral.html", "row-granted")
    assert says(granted, "treatment visits: 11 (acute) or 6 (nonacute)")
    outcomes = [
        text(part(where / "examples.html", "visit-after-the-last-nonacute").select(".decision .usa-tag")[0])
        for where in (site, changed)
    ]
    assert outcomes == ["denied", "authorized"]


def test_all_periods_show(changed: Path) -> None:
    headings = [text(one) for one in part(changed / "numbers.html", "units_per_visit").select("h3")]
    assert headings == ["Every date through 2029-12-31", "From 2030-01-01"]


def test_figures_of_another_policy_say_so(site: Path, changed: Path) -> None:
    proven = Figures().classes_digest == bundles.packaged_bundle().digest
    assert bool(page(site / "index.html").select(".warning")) is not proven
    for name in ("index", "clauses", "reasons", "interpretations", *TYPES):
        assert "Not proven for this version" in text(page(changed / f"{name}.html").select(".warning")[0])


def test_texts_of_the_policy_are_never_markup(changed: Path) -> None:
    for name in names(changed):
        raw = (changed / name).read_text(encoding="utf-8")
        assert "<script>alert" not in raw
    for name, id in [("clauses", "OT-2"), ("interpretations", "INT-3"), ("reasons", "DC_ADAPTED")]:
        assert MARKUP in text(part(changed / f"{name}.html", id))
    assert MARKUP in text(page(changed / "pt_visit.html"))
    assert 'A "b" <i> & c' in text(page(changed / "index.html").select("svg")[0])


# --- A bundle that cannot be read -------------------------------------------------------------------------------------


def test_a_policy_with_findings_is_not_reviewed(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    change_data(policies / "therapy/register/clauses/data.yaml", lambda of: of["OT-2"].update(kind="guess"))
    result = run("review", "--output", tmp_path / "site", "--bundle", policies)
    assert result.returncode == 2, result.stderr.decode()
    assert "/clauses/data.yaml:" in result.stderr.decode()
    assert '`kind` is "guess"' in result.stderr.decode()
    assert not (tmp_path / "site").exists()


def test_an_episode_that_cannot_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episode, "_graph", lambda _: "digraph {")
    site = review_site.Site(bundles.packaged_bundle(), lambda _: None)
    with pytest.raises(PolicyNotReadable, match="register/episode"):
        episode.picture_of_episode(site.policy, lambda _: None)


def test_drawing_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "RENDER_SECONDS", 0.001)
    with pytest.raises(ReviewToolsNotAvailable, match="did not draw"):
        node.render_svg("digraph { a -> b }")


# --- Where it writes -------------------------------------------------------------------------------------------------


def test_an_earlier_site_is_replaced(tmp_path: Path) -> None:
    output = tmp_path / "site"
    output.mkdir()
    write(output)  # an empty directory will do
    marker = json.loads((output / MARKER).read_text(encoding="utf-8"))
    (output / "old.html").write_text("an old page")
    (output / MARKER).write_text(json.dumps(marker | {"sha256": marker["sha256"] | {"old.html": ""}}))
    write(output)
    assert not (output / "old.html").exists()
    assert list(tmp_path.iterdir()) == [output], "nothing is left beside it"


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("mine")
    result = run("review", "--output", tmp_path)
    assert result.returncode == 2
    assert "letters/mine.txt" in one_error(result)
    assert [path.name for path in tmp_path.rglob("*")] == ["letters", "mine.txt"]


def test_a_file_beside_an_earlier_site_is_not_lost(tmp_path: Path) -> None:
    output = write(tmp_path / "site")
    (output / "signed.pdf").write_text("a signature")
    before = contents(output)
    result = run("review", "--output", output)
    assert result.returncode == 2
    assert "signed.pdf" in one_error(result)
    assert contents(output) == before


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("mine")
    result = run("review", "--output", tmp_path / "site")
    assert result.returncode == 2
    assert "is a file" in one_error(result)
    assert (tmp_path / "site").read_text() == "mine"


@pytest.mark.parametrize("output", ["file/site", "file/deeper/site", "/proc/site", "", "."])
def test_an_output_that_cannot_be_is_said_before_the_work(tmp_path: Path, output: str) -> None:
    (tmp_path / "file").write_text("mine")
    result = run("review", "--output", output, cwd=tmp_path)
    assert result.returncode == 2
    assert str((tmp_path / output).resolve()) in one_error(result)
    assert b"Reading" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_run_that_is_stopped_leaves_the_earlier_site(site: Path, tmp_path: Path) -> None:
    output = tmp_path / "site"
    shutil.copytree(site, output)
    with start("review", "--output", output) as process:
        assert process.stderr
        assert process.stderr.readline()  # it has begun
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert contents(output) == contents(site)
    assert list(tmp_path.iterdir()) == [output]


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    result = run("review", "--output", tmp_path / "site", "--bundle", "no-such-bundle")
    assert result.returncode == 2
    assert b"no-such-bundle" in result.stderr
    assert not (tmp_path / "site").exists()


def test_without_opa(tmp_path: Path) -> None:
    result = run("review", "--output", tmp_path / "site", OPA=str(tmp_path / "no-opa"))
    assert result.returncode == 3
    assert b"Traceback" not in result.stderr
    assert not (tmp_path / "site").exists()


# --- The policy may be reworded ---------------------------------------------------------------------------------------


def test_a_helper_may_be_renamed_without_breaking_the_site(tmp_path: Path, site: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    entry_page = policies / "therapy/decision.rego"
    rego = entry_page.read_text(encoding="utf-8")
    for helper, name in (("_effects", "_what_the_reasons_do"), ("_valid", "_can_be_evaluated"), ("_nothing", "_none")):
        renamed = re.sub(rf"(?<![\w.]){helper}\b", name, rego)
        assert renamed != rego
        rego = renamed
    entry_page.write_text(rego, encoding="utf-8")
    result = run("review", "--output", tmp_path / "site", "--bundle", policies)
    assert result.returncode == 0, result.stderr.decode()
    for name in ("pt_visit.html", "pediatric_ot_claim.html", "every_request.html"):
        before, after = (text(page(each / name).select("table")[0]) for each in (site, tmp_path / "site"))
        assert after == before
