"""`therapy-policy check`: each slip in a copy of the policies is named, with its line and what can be there."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import run
from therapy_policy import BundleNotUsable, EmbeddedClient, PolicyNotUsable
from therapy_policy.data_check import packaged_ceiling, packaged_schemas, problems_of
from therapy_policy.policy import bundles
from therapy_policy.policy.check import Finding, check_directory

ROOT = Path(__file__).parents[2]
PARAMETERS = "therapy/parameters/data.yaml"
CODES = "therapy/register/reason_codes/data.yaml"
CLAUSES = "therapy/register/clauses/data.yaml"
INTERPRETATIONS = "therapy/register/interpretations/data.yaml"
EPISODE = "therapy/register/episode/data.yaml"
SOURCE = "therapy/register/source/data.yaml"
VERSION = "therapy/register/policy/data.yaml"
CEILING = "ceiling.yaml"
VISIT = "therapy/outpatient_pt/visit.rego"


@dataclass(frozen=True)
class Slip:
    """An edit: the first match of a pattern is replaced. The mark ▸ is on the line that the finding has to name."""

    name: str
    file: str
    pattern: str
    replacement: str
    words: tuple[str, ...]


def period(parameter: str, value: str, start: str = '"2090-01-01"') -> tuple[str, str]:
    """A pattern and a replacement that add a last period to a parameter."""
    pattern = rf"(?ms)^( *){parameter}:\n.*?\n(?=\1\w|\1(?:  )?#|\n|\Z)"
    return pattern, rf"\g<0>\1    - from: {start}\n\1      value: {value}\n"


INITIAL_VISITS = "{nonacute: {clause: PT-3, evaluation: 1, treatment: 5}, acute: {clause: PT-4, evaluation: 1, %s}}"
FIRST_OF = r"(?s)({}:.*?value: )"
CODE = r"(?s)({}:\n.*?  {}: )[^\n]*"

SLIPS = [
    # --- keys
    Slip("key of a tier", PARAMETERS, "treatment:", "▸treatmnt:", ("`treatmnt`", "Did you mean `treatment`?")),
    Slip("key of a tier, missing", PARAMETERS, "treatment:", "▸treatmnt:", ("`treatment` is missing in `nonacute`",)),
    Slip("key of a period", PARAMETERS, "- from:", "- ▸fron:", ("`fron`", "Did you mean `from`?")),
    Slip("value of a period", PARAMETERS, "  value:", "  ▸vlaue:", ("`vlaue`", "Did you mean `value`?")),
    Slip("key of a parameter", PARAMETERS, "  title:", "  ▸titel:", ("`titel`", "Did you mean `title`?")),
    Slip(
        "name of a parameter", PARAMETERS, "units_per_visit:", "▸unit_per_visit:", ("Did you mean `units_per_visit`?",)
    ),
    Slip("name of a group", PARAMETERS, "\nreferral:", "\n▸referal:", ("Did you mean `referral`?",)),
    Slip("parameter that nothing reads", PARAMETERS, "\nreferral:", "\n▸copay:\n  value: 3\nreferral:", ("`copay`",)),
    Slip("key of a code", CODES, "effect:", "▸efect:", ("`efect`", "Did you mean `effect`?")),
    Slip("key of a clause", CLAUSES, "  summary:", "  ▸sumary:", ("Did you mean `summary`?",)),
    Slip("key of an interpretation", INTERPRETATIONS, "  choice:", "  ▸choise:", ("Did you mean `choice`?",)),
    Slip("key of a step", EPISODE, "request_type:", "▸request_typ:", ("Did you mean `request_type`?",)),
    Slip("key of a paragraph", SOURCE, "clauses:", "▸clause:", ("Did you mean `clauses`?",)),
    Slip("key of the ceiling", CEILING, "  most:", "  ▸mots:", ("Did you mean `most`?",)),
    Slip("key of the version", VERSION, "version:", "▸verison:", ("Did you mean `version`?",)),
    Slip(
        "key twice, in one line",
        PARAMETERS,
        "evaluation: 1,",
        "▸evaluation: 1, evaluation: 1,",
        ("`evaluation`", "twice"),
    ),
    Slip("key twice, in two lines", CODES, "(  effect: deny\n)", r"\1▸\1", ("`effect` is here twice, first in line",)),
    Slip("code twice", CODES, r"(?s)(DC_ADAPTED:.*?)(?=DC_)", r"\1▸\1", ("`DC_ADAPTED` is here twice",)),
    Slip("key without quotes", PARAMETERS, '"97110":', "▸97110:", ("97110", "in quotes")),
    # --- numbers
    Slip("number in quotes", PARAMETERS, r"treatment: (\d+)", r'▸treatment: "\1"', ("`treatment`", "without quotes")),
    Slip(
        "number with a fraction", PARAMETERS, r"treatment: (\d+)", r"▸treatment: \1.5", ("`treatment`", "whole number")
    ),
    Slip("number with a zero fraction", PARAMETERS, r"treatment: (\d+)", r"▸treatment: \1.0", ("`treatment`", "whole")),
    Slip("number of another base", PARAMETERS, r"treatment: (\d+)", r"▸treatment: 0x0\1", ("0x0", "whole number")),
    Slip("number with a leading zero", PARAMETERS, r"treatment: (\d+)", r"▸treatment: 0\1", ("whole number",)),
    Slip("number that is a word", PARAMETERS, r"treatment: \d+", "▸treatment: five", ('"five"', "whole number")),
    Slip("number missing", PARAMETERS, r"treatment: \d+", "▸treatment: null", ("`treatment` is null",)),
    Slip("number of zero", PARAMETERS, r"treatment: \d+", "▸treatment: 0", ("`treatment` is 0", "at least 1")),
    Slip("number below zero", PARAMETERS, r"evaluation: \d+", "▸evaluation: -1", ("`evaluation` is -1",)),
    Slip("number that is true", PARAMETERS, r"evaluation: \d+", "▸evaluation: true", ("`evaluation` is true",)),
    Slip(
        "list for a number", PARAMETERS, FIRST_OF.format("units_per_visit") + r"\d+", r"\1▸[4]", ("`value`", "a list")
    ),
    Slip(
        "units above the ceiling",
        PARAMETERS,
        FIRST_OF.format("units_per_visit") + r"\d+",
        r"\1▸5",
        ("5", "ceiling of 4"),
    ),
    Slip("treatments above the ceiling", PARAMETERS, r"treatment: \d+", "▸treatment: 12", ("12", "ceiling of 11")),
    Slip("evaluations above the ceiling", PARAMETERS, r"evaluation: \d+", "▸evaluation: 2", ("2", "ceiling of 1")),
    Slip(
        "number above the ceiling in a later period",
        PARAMETERS,
        *period("initial_visits", "▸" + INITIAL_VISITS % "treatment: 12"),
        ("`treatment` is 12", "ceiling of 11"),
    ),
    # --- dates
    Slip(
        "date without quotes", PARAMETERS, '- from: "(1900-01-01)"', r"- ▸from: \1", ("without quotes", '"1900-01-01"')
    ),
    Slip(
        "date that is not real",
        PARAMETERS,
        *period("units_per_visit", "3", '▸"2027-02-30"'),
        ("2027-02-30", "calendar date"),
    ),
    Slip(
        "date in another form",
        PARAMETERS,
        *period("units_per_visit", "3", '▸"01/01/2027"'),
        ("01/01/2027", "YYYY-MM-DD"),
    ),
    Slip(
        "date out of order",
        PARAMETERS,
        *period("initial_visits", INITIAL_VISITS % "treatment: 9", '▸"2001-01-01"'),
        ("before",),
    ),
    Slip("date twice", PARAMETERS, *period("units_per_visit", "3", '▸"1900-01-01"'), ("as in the period before",)),
    Slip(
        "first date too late", PARAMETERS, '- from: "1900-01-01"', '- ▸from: "2000-01-01"', ("1900-01-01", "no value")
    ),
    Slip("no periods", PARAMETERS, r"periods:\n.*\n.*", "▸periods: []", ("`periods` is an empty list",)),
    # --- names of requests
    Slip("tier misspelled", PARAMETERS, "nonacute:", "▸nonacut:", ("`nonacut`", "Did you mean `nonacute`?")),
    Slip("tier forgotten", PARAMETERS, "value:\n *nonacute:.*", "▸value:", ("`nonacute` is missing in `value`",)),
    Slip(
        "tier forgotten in a new period",
        PARAMETERS,
        *period("initial_visits", "▸{acute: {clause: PT-4, evaluation: 1, treatment: 9}}"),
        ("`nonacute` is missing",),
    ),
    Slip(
        "tier that no request has",
        PARAMETERS,
        "( *)nonacute:",
        r"\1▸chronic: {}\n\g<0>",
        ("`chronic`", "acute, nonacute"),
    ),
    Slip("island misspelled", PARAMETERS, "oahu:", "▸ohau:", ("Did you mean `oahu`?",)),
    Slip("island forgotten", PARAMETERS, "value:(\n *oahu:.*)", "▸value:", ("`oahu` is missing",)),
    Slip(
        "specialty misspelled",
        PARAMETERS,
        "aqua_therapy",
        "▸aqua_therepy",
        ("aqua_therepy", "Did you mean `aqua_therapy`?"),
    ),
    Slip("specialty none", PARAMETERS, "aqua_therapy", "▸none", ('"none"', "not a specialty")),
    Slip("event misspelled", PARAMETERS, r"\[new_post", "[▸newpost", ("Did you mean `new_post_operative`?",)),
    Slip("event none", PARAMETERS, "fracture", "▸none", ('"none"', "not an event")),
    Slip("event null", PARAMETERS, "fracture", "▸null", ("null",)),
    Slip("category misspelled", PARAMETERS, "subacute", "▸sub_acute", ("Did you mean `subacute`?",)),
    Slip("category twice", PARAMETERS, "subacute,", "▸subacute, subacute,", ("listed twice",)),
    Slip("list empty", PARAMETERS, r"\[new_post.*\]", "▸[]", ("`value` is an empty list",)),
    Slip("list that is text", PARAMETERS, r"\[new_post.*\]", "▸fracture", ('"fracture"', "a list of acute events")),
    # --- procedure codes
    Slip("code with four digits", PARAMETERS, '"97110":', '▸"9711":', ("`9711`", "five characters")),
    Slip("code in small letters", PARAMETERS, '"97110":', '▸"g0151":', ("`g0151`", "capital letters")),
    Slip("code above the ceiling", PARAMETERS, '"97110":', '▸"97140":', ("`97140`", "ceiling")),
    Slip(
        "code that is added and above the ceiling",
        PARAMETERS,
        r'( *)"97130":.*\n',
        r'\g<0>\1▸"99999": {clause: OT-5, service: sensory integration}\n',
        ("`99999`", "ceiling"),
    ),
    Slip(
        "add-on without its primary code",
        PARAMETERS,
        ', add_on_to: "97129"',
        "▸",
        ("`add_on_to` is missing", '"97129"'),
    ),
    Slip("add-on to another code", PARAMETERS, 'add_on_to: "97129"', '▸add_on_to: "97110"', ('"97110"', '"97129"')),
    Slip(
        "add-on that is not one", PARAMETERS, '("97110": {)', r'▸\1add_on_to: "97129", ', ("`add_on_to`", "Remove it")
    ),
    Slip(
        "primary code removed",
        PARAMETERS,
        r'(?s) *"97129": \{[^\n]*\n(.*?)(?=add_on_to)',
        r"\1▸",
        ('"97129"', "does not list"),
    ),
    # --- clauses and interpretations
    Slip("clause of a tier", PARAMETERS, "clause: PT-3", "▸clause: PT-33", ('"PT-33"', "Did you mean `PT-3`?")),
    Slip(
        "clause of a parameter",
        PARAMETERS,
        r"clauses: \[PT-5\]",
        "▸clauses: [PT-55]",
        ('"PT-55"', "register `clauses`"),
    ),
    Slip("clause of a code", CODES, r"clauses: \[OT-3\]", "▸clauses: [OT-33]", ('"OT-33"', "Did you mean `OT-3`?")),
    Slip("clause that is not one", CODES, r"clauses: \[OT-3\]", "▸clauses: [ot 3]", ('"ot 3"', "such as PT-3")),
    Slip("clause that decides nothing", CODES, r"clauses: \[OT-3\]", "▸clauses: [OT-2, OT-3]", ('"OT-2"', "info")),
    Slip("denial without a clause", CODES, r"clauses: \[UM-2\]", "▸clauses: []", ("denies", "at least one clause")),
    Slip(
        "clause of a paragraph", SOURCE, r"clauses: \[UM-2\]", "▸clauses: [UM-22]", ('"UM-22"', "Did you mean `UM-2`?")
    ),
    Slip("clause in no paragraph", CLAUSES, r"\A", "ZZ-1: {order: 1, kind: info, summary: New.}\n", ("no paragraph",)),
    Slip(
        "clause that nothing cites",
        CLAUSES,
        "SITE-1:\n(.*)\n  kind: info",
        r"▸SITE-1:\n\1\n  kind: rule",
        ("`SITE-1`", "cites it"),
    ),
    Slip(
        "interpretation", CODES, "interpretation: INT-14", "▸interpretation: INT-44", ('"INT-44"', "`interpretations`")
    ),
    Slip(
        "interpretation without use", CODES, "interpretation: INT-14", "interpretation: null", ("no reason code has",)
    ),
    Slip("kind of a clause", CLAUSES, "kind: attested", "▸kind: atested", ("Did you mean `attested`?",)),
    Slip(
        "place of an interpretation",
        INTERPRETATIONS,
        "visible_in: rules",
        "▸visible_in: rule",
        ("Did you mean `rules`?",),
    ),
    Slip(
        "place of a cited interpretation",
        INTERPRETATIONS,
        "visible_in: reasons",
        "▸visible_in: rules",
        ("Write reasons",),
    ),
    # --- reason codes
    Slip("effect misspelled", CODES, "effect: deny", "▸effect: dney", ('"dney"', "Did you mean `deny`?")),
    Slip("effect too weak", CODES, CODE.format("OT_CODE_NOT_LISTED", "effect"), r"\1▸info", ("info", "deny, pend")),
    Slip("effect without quotes of its own", CODES, "effect: deny", "▸effect: no", ("`effect`", "deny")),
    Slip("what a code applies to", CODES, "applies_to: line", "▸applies_to: lines", ("Did you mean `line`?",)),
    Slip("order twice", CODES, "order: 40", "▸order: 30", ("`order` is 30", "PT_SPECIALTY_EXCLUDED")),
    Slip("order descending", CODES, "order: 40", "▸order: 25", ("after 30",)),
    Slip("order of the clauses", CLAUSES, "order: 40", "▸order: 25", ("after 30",)),
    Slip("message without a period", CODES, r"(message: .*)\.\n", r"▸\1\n", ("`message`", "period")),
    Slip("message missing", CODES, r"  message: .*\n", "", ("`message` is missing in `REQUEST_INVALID`",)),
    Slip(
        "remedy missing",
        CODES,
        CODE.format("DC_ADAPTED", "remedy"),
        r"\1▸null",
        ("`remedy` is null", "no_remedy_because"),
    ),
    Slip("remedy and why there is none", CODES, r"\Z", "  ▸no_remedy_because: None.\n", ("`no_remedy_because`",)),
    Slip("fact misspelled", CODES, "(message: .*){limit}", r"▸\1{limti}", ("{limti}", "Did you mean `limit`?")),
    Slip("fact in a remedy", CODES, CODE.format("DC_ADAPTED", "remedy"), r"\1▸Ask {whom}.", ("{whom}", "no facts")),
    Slip("fact of an invalid request", CODES, "{problem}", "▸{problme}", ("Did you mean `problem`?",)),
    Slip("brace without its partner", CODES, "{limit}", "▸{limit", ("brace",)),
    Slip("code misspelled", CODES, "\nDC_ADAPTED:", "\n▸DC_ADAPTD:", ("`DC_ADAPTD` has no rule",)),
    Slip("code in small letters", CODES, "\nDC_ADAPTED:", "\n▸dc_adapted:", ("`dc_adapted`", "capital letters")),
    Slip(
        "code of a rule",
        VISIT,
        '"PT_NOTE_NOT_NUMBERED"',
        '▸"PT_NOTE_NOT_NUMBRED"',
        ("Did you mean `PT_NOTE_NOT_NUMBERED`?",),
    ),
    Slip("page that is not Rego", VISIT, r"\Z", "\nx := {1\n▸", ("OPA cannot read this",)),
    Slip("page of the log that is not Rego", "system/log.rego", r"\Z", "\nx := {1\n▸", ("OPA cannot read this",)),
    Slip("variable without a value", VISIT, r"\Z", "\n▸_x if _y > 1\n", ("_y", "unsafe")),
    Slip("function that does not exist", VISIT, r"\Z", "\n▸_x := reason.att(1)\n", ("data.therapy.lib.reason.att",)),
    Slip("function that is not deterministic", VISIT, r"\Z", "\n▸_x := time.now_ns()\n", ("time.now_ns",)),
    Slip("function with too many arguments", VISIT, r"\Z", "\n▸_x := count([], 1)\n", ("count", "arity")),
    Slip("import without use", VISIT, "\nimport ", "\n▸import data.therapy.lib.text as t\nimport ", ("unused",)),
    Slip("rule that reads itself", VISIT, r"\Z", "\n▸_x := _x + 1\n", ("recursive",)),
    Slip("page of the access rules", "system/authz.rego", r"\Z", "\n▸_x if _y > 1\n", ("_y", "unsafe")),
    # --- the other registers
    Slip(
        "request type of a step",
        EPISODE,
        "request_type: pt_visit",
        "▸request_type: pt_vist",
        ("Did you mean `pt_visit`?",),
    ),
    Slip("step", EPISODE, "to: referral,", "▸to: referal,", ("Did you mean `referral`?",)),
    Slip("outcome", EPISODE, "outcome: routed", "▸outcome: route", ("Did you mean `routed`?",)),
    Slip("fingerprint", SOURCE, r'fingerprint: "(\w{15})\w"', r'▸fingerprint: "\1"', ("`fingerprint`", "16 digits")),
    Slip("version", VERSION, "version: .*", "▸version: 1.1", ("`version` is 1.1", "in quotes")),
    Slip("version with a letter", VERSION, "version: (.*)", r"▸version: v\1", ("semantic version",)),
    Slip("chapter without quotes", PARAMETERS, r'chapter: "(\d+)"', r"▸chapter: \1", ("`chapter`", "in quotes")),
    Slip("network empty", PARAMETERS, "network: null", '▸network: ""', ("`network`", "or null")),
    Slip("fax that is text", PARAMETERS, r"fax: \[.*", "▸fax: none", ("a list of fax numbers",)),
    # --- the ceiling
    Slip("ceiling in quotes", CEILING, r"most: (\d+)", r'▸most: "\1"', ("`most`", "without quotes")),
    Slip("ceiling without a reason", CEILING, r"  because: .*\n", "", ("`because` is missing in `units_per_visit`",)),
    Slip("add-on of the ceiling", CEILING, 'add_on_to: "97129"', '▸add_on_to: "97128"', ('"97128"', "not listed")),
    # --- YAML
    Slip("tab", PARAMETERS, "  title:", "▸\ttitle:", ("not YAML",)),
    Slip("quote without its partner", CODES, r"\Z", '▸X: "\n', ("not YAML",)),
    Slip("alias", PARAMETERS, r"\Z", "▸x: *other\n", ("`*other`",)),
    Slip("file empty", VERSION, r"(?s)\A.*", "▸", ("empty",)),
    Slip("second document", VERSION, r"\Z", "▸---\nversion: 9.9.9\n", ("not YAML",)),
    Slip("character that YAML does not allow", VERSION, r"\Z", "▸# \x00\n", ("not allowed",)),
]


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the policies, in the working directory."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    monkeypatch.chdir(tmp_path)
    return Path("policies")


def edit(policies: Path, slip: Slip) -> int | None:
    """Make an edit; return the line of its mark, or None if it has none."""
    path = policies / slip.file
    edited, count = re.subn(slip.pattern, slip.replacement, path.read_text(encoding="utf-8"), count=1)
    assert count == 1
    before, mark, after = edited.partition("▸")
    path.write_text(before + after, encoding="utf-8")
    return before.count("\n") + 1 if mark else None


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name)
def test_a_slip_is_named_with_its_line(policies: Path, slip: Slip) -> None:
    line = edit(policies, slip)
    findings = check_directory(policies)
    named = [each for each in findings if all(word in each.message for word in slip.words)]
    assert named, "\n".join(map(str, findings))
    if line is not None:
        assert (f"policies/{slip.file}", line) in {(each.file, each.line) for each in named}, named


def test_all_findings_come_at_once_in_the_order_of_files_and_lines(policies: Path) -> None:
    names = (
        "key of a tier",
        "effect misspelled",
        "specialty misspelled",
        "kind of a clause",
        "ceiling in quotes",
        "step",
    )
    slips = [slip for slip in SLIPS if slip.name in names]
    expected = {(f"policies/{slip.file}", edit(policies, slip)) for slip in slips}
    findings = [(each.file, each.line) for each in check_directory(policies)]
    assert len(expected) == len(names)
    assert expected <= set(findings)
    assert findings == sorted(findings)


def test_a_file_that_is_missing_or_that_nothing_reads_is_named(policies: Path) -> None:
    (policies / CLAUSES).unlink()
    (policies / "therapy/register/clauses/data.yml").write_text("{}\n", encoding="utf-8")
    (policies / "therapy/fees").mkdir()
    (policies / "therapy/fees/data.json").write_text("{}\n", encoding="utf-8")
    found = {each.file: each.message for each in check_directory(policies)}
    assert found.keys() == {
        f"policies/{CLAUSES}",
        "policies/therapy/register/clauses/data.yml",
        "policies/therapy/fees/data.json",
    }
    assert "missing" in found[f"policies/{CLAUSES}"]
    assert f"Did you mean `{CLAUSES}`?" in found["policies/therapy/register/clauses/data.yml"]


def test_a_file_that_is_not_utf_8_is_named_with_its_line(policies: Path) -> None:
    path = policies / CLAUSES
    path.write_bytes(path.read_bytes().replace(b"\nOT-1:", b"\n# \xe4\nOT-1:"))
    line = path.read_bytes().partition(b"\xe4")[0].count(b"\n") + 1
    (finding,) = check_directory(policies)
    assert (finding.file, finding.line) == (f"policies/{CLAUSES}", line)
    assert "UTF-8" in finding.message


def test_a_page_whose_package_is_also_a_rule_is_named(policies: Path) -> None:
    (policies / "therapy/extra.rego").write_text("package therapy.outpatient_pt.visit.reasons\n\nx := 3\n", "utf-8")
    findings = check_directory(policies)
    assert findings
    assert all("package therapy.outpatient_pt.visit.reasons" in each.message for each in findings[:-1])
    assert {each.file for each in findings} == {f"policies/{VISIT}"}
    assert all("\n" not in str(each) for each in findings)


def test_a_page_whose_rule_is_also_data_is_named(policies: Path) -> None:
    (policies / "therapy/extra.rego").write_text("package therapy.parameters\n\nunits_per_visit := 3\n", "utf-8")
    (finding,) = check_directory(policies)
    assert (finding.file, finding.line) == ("policies/therapy/extra.rego", 3)
    assert "therapy/parameters/units_per_visit" in finding.message


def test_a_page_outside_of_the_bundle_is_named(policies: Path) -> None:
    (policies / "therapy/extra.rego").write_text("package other\n\nx := 3\n", "utf-8")
    (finding,) = check_directory(policies)
    assert finding.file == "policies/therapy/extra.rego"
    assert "package other" in finding.message


def test_a_generated_table_that_is_not_json_is_named(policies: Path) -> None:
    (policies / "therapy/request/data.json").write_text("{", encoding="utf-8")
    (finding,) = check_directory(policies)
    assert finding.file == "policies/therapy/request/data.json"


def test_errors_in_rules_and_in_data_come_at_once(policies: Path) -> None:
    names = ("variable without a value", "effect misspelled", "tab")
    slips = [slip for slip in SLIPS if slip.name in names]
    expected = {(f"policies/{slip.file}", edit(policies, slip)) for slip in slips}
    assert expected <= {(each.file, each.line) for each in check_directory(policies)}


@pytest.mark.parametrize("file", [CEILING, PARAMETERS, CODES, CLAUSES, INTERPRETATIONS, EPISODE, SOURCE, VERSION])
def test_a_file_that_cannot_be_read_brings_no_other_findings(policies: Path, file: str) -> None:
    with (policies / file).open("a", encoding="utf-8") as stream:
        stream.write('X: "\n')
    (finding,) = check_directory(policies)
    assert finding.file == f"policies/{file}"
    assert "not YAML" in finding.message


def test_nothing_is_compared_with_a_ceiling_that_cannot_be_read(policies: Path) -> None:
    path = policies / CEILING
    path.write_text(path.read_text(encoding="utf-8").replace("most: 11", "most: 12") + 'X: "\n', encoding="utf-8")
    edit(policies, next(slip for slip in SLIPS if slip.name == "treatments above the ceiling"))
    (finding,) = check_directory(policies)
    assert finding.file == f"policies/{CEILING}"


def test_a_page_that_cannot_be_read_brings_no_other_findings(policies: Path) -> None:
    page = policies / "therapy/lib/reason.rego"
    page.write_text(page.read_text(encoding="utf-8") + "\nx := {1\n", encoding="utf-8")
    assert {each.file for each in check_directory(policies)} == {"policies/therapy/lib/reason.rego"}


@pytest.mark.parametrize("make", [True, False])
def test_after_an_edit_of_the_ceiling_the_way_to_write_its_generated_file_is_named(policies: Path, make: bool) -> None:
    path = policies / CEILING
    path.write_text(path.read_text(encoding="utf-8").replace('  "97535": {because:', '  "99999": {because:'), "utf-8")
    if make:
        Path("Makefile").write_text("", encoding="utf-8")
    (finding,) = [each for each in check_directory(policies) if each.file != f"policies/{PARAMETERS}"]
    assert (finding.file, finding.line) == ("policies/therapy/ceiling/data.json", 1)
    assert "differs from ceiling.yaml" in finding.message
    if make:
        assert finding.message.endswith("Run `make generate`, which writes it from ceiling.yaml.")
    else:
        _, found, content = finding.message.partition("Replace what is in it with this: ")
        assert found
        (policies / "therapy/ceiling/data.json").write_text(content, encoding="utf-8")
        assert {each.file for each in check_directory(policies)} == {f"policies/{PARAMETERS}"}
    assert not [each for each in check_directory(policies, generated=False) if each.file == finding.file]


def test_no_variable_of_opa_hides_a_finding(policies: Path) -> None:
    page = policies / VISIT
    page.write_text(page.read_text(encoding="utf-8") + "\nunsafe if x == undefined_thing.y\n", encoding="utf-8")
    here = policies.parent.resolve()
    plain = run("check", "--json", cwd=here)
    hidden = run(
        "check",
        "--json",
        cwd=here,
        OPA_CHECK_IGNORE="*",
        OPA_PARSE_FORMAT="pretty",
        OPA_CAPABILITIES_VERSION="v0.50.0",
    )
    assert (plain.returncode, hidden.returncode) == (1, 1)
    assert b"undefined_thing" in plain.stdout
    assert hidden.stdout == plain.stdout


# --- The effective date ----------------------------------------------------------------------------------------------


def problems_with(change: Callable[[dict[str, Any]], None]) -> list[tuple[str, str]]:
    """The place and message of each problem after a change of the data of a policy 1.1.0."""
    therapy = copy.deepcopy(bundles.packaged_bundle().data["therapy"])
    therapy["register"]["policy"]["version"] = "1.1.0"
    effective_date = {"title": "x", "clauses": ["PT-1"], "periods": [{"from": "1900-01-01", "value": "2022-06-01"}]}
    therapy["parameters"]["outpatient_pt"]["effective_date"] = effective_date
    change(therapy["parameters"]["outpatient_pt"])
    problems = problems_of(therapy, packaged_ceiling(), packaged_schemas(), keys_in_order=False)
    return [("/".join(map(str, each.path)), each.message) for each in problems if "outpatient_pt" in each.path]


def test_the_visits_begin_by_the_effective_date() -> None:
    def begins(date: str) -> list[tuple[str, str]]:
        return problems_with(lambda pt: pt["initial_visits"]["periods"][0].update({"from": date}))

    assert begins("2022-06-01") == begins("1900-01-01") == []
    ((path, message),) = begins("2022-06-02")
    assert path == "parameters/outpatient_pt/initial_visits/periods/0/from"
    assert '"2022-06-01"' in message


def test_the_effective_date_is_a_date_and_cannot_be_missing() -> None:
    ((path, _),) = problems_with(lambda pt: pt["effective_date"]["periods"][0].update({"value": "2022-06-31"}))
    assert path == "parameters/outpatient_pt/effective_date/periods/0/value"
    ((_, message),) = problems_with(lambda pt: pt.pop("effective_date"))
    assert "`effective_date` is missing" in message


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_one_finding_a_line(policies: Path) -> None:
    slip = SLIPS[0]
    line = edit(policies, slip)
    result = run("check", cwd=policies.parent.resolve())
    lines = result.stdout.decode().splitlines()
    assert result.returncode == 1
    assert len(lines) == 2
    assert all(each.startswith(f"policies/{slip.file}:{line}: `treat") for each in lines)


def test_the_command_prints_json(policies: Path) -> None:
    line = edit(policies, SLIPS[0])
    result = run("check", policies.resolve(), "--json", cwd=policies.parent.resolve())
    assert result.returncode == 1
    findings = json.loads(result.stdout)
    assert {(each["file"], each["line"]) for each in findings} == {(f"policies/{PARAMETERS}", line)}
    assert all(each.keys() == {"file", "line", "message"} for each in findings)


def test_the_command_says_that_a_policy_can_be_used(tmp_path: Path) -> None:
    result = run("check", ROOT)
    assert (result.returncode, result.stdout) == (0, b"The policy can be used.\n")
    assert run("check", ROOT, "--json").stdout == b"[]\n"
    file = tmp_path / "bundle.tar.gz"
    file.write_bytes(bundles.packaged_bundle().archive)
    assert run("check", file).returncode == 0


@pytest.mark.parametrize("arguments", [[], ["nowhere"], ["empty"], ["file.txt"]])
def test_the_command_without_a_policy_says_what_to_give(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("no bundle", encoding="utf-8")
    result = run("check", *arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.decode().splitlines()[-1].startswith("error: ") or arguments == ["file.txt"]


# --- Who refuses a policy with findings ------------------------------------------------------------------------------


def test_a_directory_with_findings_is_not_loaded(policies: Path) -> None:
    line = edit(policies, SLIPS[0])
    with pytest.raises(PolicyNotUsable, match=f"{PARAMETERS}:{line}: `treatmnt`") as raised:
        bundles.load("policies")
    assert len(raised.value.findings) == 2
    assert isinstance(raised.value, BundleNotUsable)


def test_a_bundle_file_with_findings_is_not_loaded(policies: Path) -> None:
    edit(policies, SLIPS[0])
    Path("bundle.tar.gz").write_bytes(bundles.load("policies", checked=False).archive)
    with pytest.raises(
        PolicyNotUsable, match="/therapy/parameters/outpatient_pt/initial_visits/periods/0/value/nonacute"
    ):
        bundles.load("bundle.tar.gz")


def test_a_bundle_file_whose_rules_give_an_unknown_code_is_not_loaded(policies: Path) -> None:
    slip = next(slip for slip in SLIPS if slip.name == "code of a rule")
    line = edit(policies, slip)
    Path("bundle.tar.gz").write_bytes(bundles.load("policies", checked=False).archive)
    with pytest.raises(PolicyNotUsable, match=f"{VISIT}:{line}: `PT_NOTE_NOT_NUMBRED`"):
        bundles.load("bundle.tar.gz")


@pytest.mark.parametrize("command", [["diff", "policies"], ["review", "--output", "site", "--bundle", "policies"]])
def test_a_command_refuses_a_policy_with_findings(policies: Path, command: list[str]) -> None:
    line = edit(policies, SLIPS[0])
    result = run(*command, cwd=policies.parent.resolve())
    assert result.returncode == 2
    assert f"policies/{PARAMETERS}:{line}: `treatmnt`" in result.stderr.decode()
    assert not Path("site").exists()


def test_a_client_refuses_data_with_findings() -> None:
    bundle = bundles.packaged_bundle()
    data = copy.deepcopy(bundle.data)
    EmbeddedClient(bundle.wasm, json.dumps(data).encode()).close()
    data["therapy"]["parameters"]["units_per_visit"]["periods"][0]["value"] = 5
    for content in (json.dumps(data).encode(), b"{}", b"[]", b"no JSON"):
        with pytest.raises(PolicyNotUsable, match=r"data\.json:1: "):
            EmbeddedClient(bundle.wasm, content)
    EmbeddedClient(bundle.wasm, json.dumps(data).encode(), checked=False).close()


# --- Editors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [CEILING, PARAMETERS, CODES, CLAUSES, INTERPRETATIONS, EPISODE, SOURCE, VERSION])
def test_an_editor_finds_the_schema_of_a_file(file: str) -> None:
    path = ROOT / "policies" / file
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    schema = json.loads((path.parent / first.partition("=")[2]).read_text(encoding="utf-8"))
    keys = yaml.safe_load(path.read_text(encoding="utf-8")).keys()
    assert "propertyNames" in schema or keys <= schema["properties"].keys()


def test_a_finding_is_one_line() -> None:
    assert str(Finding("policies/x.yaml", 3, "`a` is 1.")) == "policies/x.yaml:3: `a` is 1."
