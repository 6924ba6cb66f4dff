"""The decision tables: what each row says, with the numbers that the rule reads."""

from __future__ import annotations

import json
import re

from therapy_policy import EmbeddedClient
from therapy_policy.review.decision_tables import DecisionTables, Row
from therapy_policy.review.policy_values import values_from
from therapy_policy.review.site import HERE

# Facts of a request, which no policy can say beforehand.
OF_THE_REQUEST = {
    "add on",
    "available",
    "before",
    "expected",
    "number",
    "problem",
    "requested",
    "used",
}


def row(tables: DecisionTables, request_type: str, code: str) -> Row:
    [found] = [row for row in tables.tables[request_type].rows if row.code == code]
    return found


def test_a_message_has_its_number(tables: DecisionTables) -> None:
    assert "11 (acute) or 5 (nonacute) authorized" in str(row(tables, "pt_visit", "PT_TREATMENT_VISIT_LIMIT").message)
    assert "of 4 remaining" in str(row(tables, "pt_visit", "PT_UNITS_OVER_VISIT_LIMIT").message)
    assert "one of the 11 codes" in str(row(tables, "pediatric_ot_claim", "OT_CODE_NOT_LISTED").message)
    assert "before 2022-06-01" in str(row(tables, "pt_referral", "PT_BEFORE_EFFECTIVE_DATE").message)
    assert "add-on to 97129, but 97129" in str(row(tables, "pediatric_ot_claim", "OT_ADD_ON_WITHOUT_PRIMARY").message)
    assert "goals achieved" in str(row(tables, "pt_continuation", "DC_UNDETERMINED").remedy)


def test_a_message_has_the_dates_of_a_number_that_changes(changed: DecisionTables) -> None:
    message = str(row(changed, "pt_visit", "PT_TREATMENT_VISIT_LIMIT").message)
    assert "11 (acute) or 5, and 8 from 2027-01-01 (nonacute) authorized" in message
    [granted] = [each for each in changed.tables["pt_referral"].rows if each.grants]
    assert "treatment visits: 11 (acute) or 5, and 8 from 2027-01-01 (nonacute)" in [
        grant.in_words for grant in granted.grants
    ]


def test_no_placeholder_of_the_policy_is_left(tables: DecisionTables) -> None:
    left = {
        fact
        for table in tables.tables.values()
        for each in table.rows
        for text in (each.message, each.remedy)
        for fact in re.findall(r"\[(.+?)\]", str(text))
    }
    assert left == OF_THE_REQUEST


def test_a_condition_shows_what_it_depends_on(tables: DecisionTables) -> None:
    def values(request_type: str, code: str) -> list[str]:
        return [f"{value.name}: {value.in_words}" for value in row(tables, request_type, code).values]

    assert values("pt_visit", "PT_TREATMENT_VISIT_LIMIT") == [
        "Initial visits of a referral, by tier: treatment: acute: 11 · nonacute: 5"
    ]
    assert values("pt_visit", "PT_UNITS_OVER_VISIT_LIMIT") == ["Maximum units of 15 minutes in one visit: 4"]
    [codes] = values("pediatric_ot_claim", "OT_CODE_NOT_LISTED")
    assert codes.startswith("Procedure codes authorized for pediatric occupational therapy: 92526, 97110, ")
    [categories] = values("pt_referral", "PT_CONDITION_NOT_ELIGIBLE")
    assert "subacute, neurodevelopmental" in categories
    assert values("pt_extension", "EXT_FORM_MISSING") == []


def test_what_grants_is_there_as_well_as_what_denies(tables: DecisionTables) -> None:
    for kind, table in tables.tables.items():
        granting = table.rows[-1] if table.groups[-1].rows[-1].anchor == "row-granted" else table.groups[-2].rows[-1]
        assert granting.anchor == "row-granted"
        if kind == "pt_extension":
            assert granting.result == "nothing is authorized"
        else:
            assert granting.clauses
            assert set(granting.outcomes) <= {"authorized", "partially_authorized", "routed"}
    [plan] = [each for each in tables.tables["pt_treatment_plan"].rows if each.anchor == "row-granted"]
    assert plan.clauses == ("PT-8",)
    [visit] = [each for each in tables.tables["pt_visit"].rows if each.anchor == "row-granted"]
    assert [grant.in_words for grant in visit.grants] == [
        "units: as requested, within the limit of 4",
        "max units per visit: 4",
        "visits: 1",
    ]


def test_each_code_of_a_request_type_has_one_row(tables: DecisionTables) -> None:
    for kind, table in tables.tables.items():
        assert [each.number for each in table.rows] == list(range(1, len(table.rows) + 1))
        assert sorted(each.code for each in table.rows if each.code) == sorted(tables.policy.codes_of(kind))
        assert len({each.anchor for each in table.rows}) == len(table.rows)


def test_a_decision_gives_the_values_that_the_table_says(tables: DecisionTables) -> None:
    """The messages of the worked examples, compared with the table: the policy fills in what the table does."""
    examples = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))
    with EmbeddedClient() as client:
        decisions = client.decide_many(each["request"] for each in examples)
    compared = 0
    for decision in decisions:
        for reason in decision["reasons"]:
            message = row(tables, str(decision["request_type"]), reason["code"]).message
            pattern = "".join(re.escape(part.text) if part.kind == "words" else "(.+)" for part in message.parts)
            found = re.fullmatch(pattern, reason["message"])
            assert found, (reason["message"], str(message))
            for part, text in zip(
                [part for part in message.parts if part.kind != "words"], found.groups(), strict=True
            ):
                if part.kind == "value":
                    compared += 1
                    assert re.search(rf"\b{re.escape(text)}\b", part.text), (reason["message"], str(message))
    assert compared > 10


def test_the_origin_of_every_number_in_a_message_is_found(tables: DecisionTables) -> None:
    """Each parameter that the readers name for a rule with facts is found by tracing, too."""
    policy, tracing = tables.policy, tables.tracing
    rules = {(rule.file, rule.row): rule for rule in policy.bundle.rego.rules}
    missing = []
    for parameter, readers in policy.readers.items():
        for reader in readers:
            if reader.codes:
                values = values_from(policy, tracing.read_by(rules[reader.page, reader.row]))
                if parameter not in {value.parameter for value in values}:
                    missing.append((parameter, reader.title))
    assert missing == []
