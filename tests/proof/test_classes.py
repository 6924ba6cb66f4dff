"""The classes are as described, a slice of them has no problems, and a problem would be noticed."""

import copy
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proof import classes as enumeration
from proof import classes_report, comparison, oracle, strategies
from proof.policy_in_force import POLICY
from proof.request_types import REQUEST_TYPES
from therapy_policy import EmbeddedClient
from therapy_policy.classes.dimensions import ABSENT, BLANKS, WORDS, Dimension, Request, first
from therapy_policy.classes.enumeration import Piece, decide_each
from therapy_policy.classes.model import RequestType
from therapy_policy.errors import EngineError
from therapy_policy.policy.bundles import packaged_bundle
from therapy_policy.policy.rego import read_rego
from tools.figures import NOT_PROVEN

ROOT = Path(__file__).parents[2]
DATE = "2024-01-01"
PT_EXTENSION, PT_TREATMENT_PLAN, PT_VISIT = (
    REQUEST_TYPES[name] for name in ("pt_extension", "pt_treatment_plan", "pt_visit")
)
each_type = pytest.mark.parametrize("kind", REQUEST_TYPES.values(), ids=REQUEST_TYPES.keys())
each_factored_type = pytest.mark.parametrize("kind", [PT_VISIT, PT_EXTENSION], ids=["pt_visit", "pt_extension"])


def decide(*requests: Request) -> list[Any]:
    return list(enumeration.engine().decide_many(requests))


# --- The enumeration -------------------------------------------------------------------------------------------------


def test_a_slice_of_the_classes_has_no_problems_and_the_report_is_up_to_date(tmp_path: Path) -> None:
    tallies = enumeration.enumerate_classes(quick=True, processes=1, state=tmp_path)
    summary = enumeration.summary(tallies)
    assert summary["classes"] > 5000
    assert {name: summary[name] for name in enumeration.PROBLEMS} == dict.fromkeys(enumeration.PROBLEMS, 0)
    assert [example for tally in tallies.values() for example in tally.examples] == []
    report = enumeration.REPORT.read_text(encoding="utf-8")
    if f"`{packaged_bundle().digest}`" in report:
        assert enumeration.out_of_date(enumeration.REPORT, tallies) is None
    else:
        assert NOT_PROVEN in report, "run `make generate` and commit what it writes"


def test_a_change_in_any_module_of_the_proof_decides_the_classes_again() -> None:
    program = "import sys, proof.classes; print(*(name for name in sys.modules if name.startswith('proof.')))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("proof.") for name in run.stdout.split()}
    assert loaded - {"classes_report"} == set(enumeration.PROOF_CODE)


def test_each_row_of_the_report_has_as_many_cells_as_its_heading() -> None:
    counts = {name: Counter({"classes": 1, "decides denied BENEFIT_NOT_COVERED": 1}) for name in REQUEST_TYPES}
    distinct: dict[str, dict[str, int]] = {name: {} for name in REQUEST_TYPES}
    written = classes_report.report(counts, distinct, list(enumeration.PROBLEMS), "2.0.0", "0" * 64)
    for report in (written, enumeration.REPORT.read_text(encoding="utf-8")):
        tables = re.findall(r"(?:^\|.*\n)+", report, re.MULTILINE)
        assert len(tables) > len(REQUEST_TYPES)
        for table in tables:
            assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_the_report_explains_each_problem() -> None:
    assert classes_report.PROBLEM_HEADS.keys() == enumeration.PROBLEMS.keys()
    for head in classes_report.PROBLEM_HEADS.values():
        assert f"\n- *{head}* if " in classes_report.FIGURES


@each_factored_type
def test_no_class_is_enumerated_twice(kind: RequestType) -> None:
    blocks = [[set(part) for part in block.parts] for block in kind.blocks]
    assert all(block.size == prod(map(len, parts)) for block, parts in zip(kind.blocks, blocks, strict=True))
    for one, another in itertools.combinations(blocks, 2):
        assert any(part.isdisjoint(other) for part, other in zip(one, another, strict=True))


@each_factored_type
def test_each_group_is_enumerated_in_full_with_every_effect_of_the_others(kind: RequestType) -> None:
    for place, group in enumerate(kind.groups):
        others = [set(effects) for n, effects in enumerate(kind.representatives) if n != place]
        blocks = [block.parts for block in kind.blocks]
        of_group = [parts[place] for parts in blocks if [set(p) for n, p in enumerate(parts) if n != place] == others]
        assert {value for part in of_group for value in part} == set(group.values)


def test_a_product_is_enumerated_in_full() -> None:
    (block,) = PT_TREATMENT_PLAN.blocks
    assert block.size == PT_TREATMENT_PLAN.size
    assert len({block.class_at(number) for number in range(block.size)}) == block.size


# --- The abstraction -------------------------------------------------------------------------------------------------


@each_type
def test_all_options_of_a_value_are_decided_alike(kind: RequestType) -> None:
    for place, dimension in enumerate(kind.dimensions):
        for value, options in dimension.options.items():
            cls = (*kind.baseline[:place], value, *kind.baseline[place + 1 :])
            some = (
                options if len(options) <= 50 else [*options[:5], *options[5 : -5 : len(options) // 20], *options[-5:]]
            )

            def choose(option: Any, options: Any = options) -> Callable[[Any], Any]:
                return lambda choices: option if choices is options else first(choices)

            decisions = decide(*(kind.write(cls, choose(option)) for option in some))
            assert len({comparison.comparable(decision) for decision in decisions}) == 1, (dimension.name, value)


@each_type
@given(st.data())
def test_two_requests_of_one_class_are_never_decided_differently(kind: RequestType, data: st.DataObject) -> None:
    def choose(options: Any) -> Any:
        return data.draw(st.sampled_from(options))

    cls = kind.near_baseline(choose) if choose((True, True, False)) else kind.draw(choose)
    smallest, one, another = kind.write(cls), kind.write(cls, choose), kind.write(cls, choose)
    assert kind.read(smallest) == kind.read(one) == kind.read(another) == cls
    decisions = decide(smallest, one, another)
    assert len({comparison.comparable(decision) for decision in decisions}) == 1
    assert comparison.without_wording(decisions[1]) == oracle.decide(one)


@each_type
@given(st.data())
def test_a_request_from_elsewhere_is_decided_like_its_class(kind: RequestType, data: st.DataObject) -> None:
    request = data.draw(strategies.REQUESTS[kind.name])
    cls = kind.read(copy.deepcopy(request))
    assume(all(value in dimension.values for dimension, value in zip(kind.dimensions, cls, strict=True)))
    decision, of_class = decide(request, kind.write(cls))
    assert comparison.comparable(decision) == comparison.comparable(of_class)


def schema_of(kind: RequestType, dimension: Dimension) -> dict[str, Any]:
    """What the published schema says about the field of a dimension."""
    whole = json.loads((ROOT / f"schemas/{kind.name}.json").read_text(encoding="utf-8"))

    def resolved(node: Any) -> Any:
        if "$ref" in node:
            return resolved(whole["definitions"][node["$ref"].removeprefix("#/definitions/")])
        if "anyOf" in node:
            return resolved(next(each for each in node["anyOf"] if each != {"type": "null"}))
        return node

    node: dict[str, Any] = whole
    for step in dimension.name.split("."):
        node = resolved(node["properties"][step])
    return node


@each_type
def test_each_value_of_a_field_belongs_to_one_class(kind: RequestType) -> None:
    for dimension in kind.dimensions:
        if not dimension.options or dimension.examples:
            continue  # a predicate classifies every value
        content = [each for options in dimension.options.values() for each in options if each not in (ABSENT, None)]
        schema = schema_of(kind, dimension)
        if "enum" in schema:
            valid = [value for value in schema["enum"] if value is not None]
        elif "minimum" in schema:
            valid = list(range(schema["minimum"], schema["maximum"] + 1))
        elif "boolean" in schema["type"]:
            valid = [False, True]
        else:
            assert "date" in (schema["format"], dimension.name), dimension.name
            valid = [day for day in content if "1900-01-01" <= day <= "2099-12-31"]
            assert len(valid) == 200 * 365 + 49
        assert sorted(content, key=str) == sorted(valid, key=str), dimension.name


# --- Longer lists ----------------------------------------------------------------------------------------------------


@given(
    st.lists(strategies.service_lines, min_size=1, max_size=50), st.integers(0, 5), st.sampled_from(["covered", None])
)
def test_a_line_of_a_long_claim_is_decided_as_in_a_claim_of_one_or_two(
    lines: list[Request], already: int, benefit: str | None
) -> None:
    def claim(lines: list[Request], already: int) -> Request:
        return {
            "request_type": "pediatric_ot_claim",
            "benefit_status": benefit,
            "service_date": DATE,
            "medical_necessity": "established",
            "units_already_authorized": already,
            "service_lines": lines,
        }

    codes = [line["procedure_code"] for line in lines]
    on_the_list = POLICY.on(DATE, "pediatric_ot", "procedure_codes")
    listed = [n for n, code in enumerate(codes) if code in on_the_list and code != "97130"]
    queue = listed + [n for n, code in enumerate(codes) if code == "97130" and "97129" in codes]
    short = []
    for n, line in enumerate(lines):
        taken = already + sum(int(lines[m]["units"]) for m in queue[: queue.index(n)]) if n in queue else already
        if codes[n] == "97130" and n in queue:  # with its primary procedure, which takes one of the units
            primary = {"procedure_code": "97129", "units": 1}
            short.append(claim([line, primary], min(taken - 1, 99)))
        else:
            short.append(claim([line], min(taken, 99)))
    decision, *of_lines = decide(claim(lines, already), *short)
    found = [(line["status"], line["units_authorized"], line["reasons"]) for line in decision["lines"]]
    alone = [each["lines"][0] for each in of_lines]
    assert found == [(line["status"], line["units_authorized"], line["reasons"]) for line in alone]
    statuses = {status for status, _, _ in found}
    if benefit is None:
        expected = "denied" if statuses == {"denied"} else "pended"
    elif len(statuses) == 1 and statuses != {"partially_authorized"}:
        (expected,) = statuses
    else:
        expected = "partially_authorized" if statuses & {"authorized", "partially_authorized"} else "pended"
    assert decision["outcome"] == expected


def paths(decision: Any, code: str) -> set[str]:
    return {reason["path"] for reason in decision["reasons"] if reason["code"] == code}


interventions = strategies.record(
    **{name: strategies.maybe(strategies.any_texts) for name in oracle.INTERVENTION_PARTS}
)
LISTS = {
    "goals": (PT_TREATMENT_PLAN, "plan_of_care", "PT_PLAN_OF_CARE_INCOMPLETE", strategies.loose_plan_goals),
    "planned_interventions": (PT_EXTENSION, "documentation", "EXT_INTERVENTIONS_INCOMPLETE", interventions),
}


@pytest.mark.parametrize("name", LISTS)
@given(st.data())
def test_each_element_of_a_long_list_is_evaluated_separately(name: str, data: st.DataObject) -> None:
    kind, holder, code, drawn = LISTS[name]
    listed = data.draw(st.lists(drawn, min_size=1, max_size=8))
    request = kind.write(kind.baseline)
    whole, *alone = decide(
        *(request | {holder: request[holder] | {name: items}} for items in [listed, *([each] for each in listed)])
    )
    expected = {
        path.replace(f"/{name}/0", f"/{name}/{n}", 1) for n, each in enumerate(alone) for path in paths(each, code)
    }
    assert paths(whole, code) == expected


texts = st.sampled_from([*WORDS[:2], *BLANKS[:2]])
statuses = st.none() | strategies.record(measure=strategies.maybe(texts), value=strategies.maybe(texts))
goals = st.lists(
    strategies.record(goal_id=texts, initial_status=statuses, last_period_status=statuses, current_status=statuses),
    min_size=1,
    max_size=6,
)
notes = st.lists(st.lists(texts, max_size=4), max_size=6)


@given(goals, notes)
def test_long_goals_and_notes_are_evaluated_pair_by_pair(goals: list[Request], addressed: list[list[str]]) -> None:
    request = PT_EXTENSION.write(PT_EXTENSION.baseline)

    def found(goals: list[Request], addressed: list[list[str]]) -> set[str]:
        notes = [{"visit_number": n, "goals_addressed": each} for n, each in enumerate(addressed, start=1)]
        documentation = request["documentation"] | {"goals": goals, "notes": notes}
        (decision,) = decide(request | {"documentation": documentation})
        return {path.removeprefix("/documentation") for path in paths(decision, "EXT_PROGRESS_NOTES_INCOMPLETE")}

    expected = set() if addressed else {"/notes"}
    for n, goal in enumerate(goals):
        own = found([goal], [[goal["goal_id"]]])
        expected |= {path.replace("/goals/0", f"/goals/{n}", 1) for path in own}
        if any("/goals/1/goal_id" in found([earlier, goal], []) for earlier in goals[:n]):
            expected.add(f"/goals/{n}/goal_id")
        if all("/goals/0" in found([goal], [each]) for each in addressed):
            expected.add(f"/goals/{n}")
    for j, each in enumerate(addressed):
        for k, name in enumerate(each):
            if all("/notes/0/goals_addressed/0" in found([goal], [[name]]) for goal in goals):
                expected.add(f"/notes/{j}/goals_addressed/{k}")
    assert found(goals, addressed) == expected


# --- Factoring -------------------------------------------------------------------------------------------------------

THERAPY = ROOT / "policies/therapy"
PAGES = {"pt_visit": "outpatient_pt/visit", "pt_extension": "outpatient_pt/extension"}
SHARED = ("member/benefit", "outpatient_pt/discontinuation", "outpatient_pt/rules_in_force")


# These rules put together the reasons of other rules, which are checked one by one. The table of criteria only names
# fields, by criterion, for the rules that read one criterion each.
GATHERING = {"all_reasons", "_obstacles", "determination"}
TABLES = {"fields_of_criterion"}


def words_of_rules(page: str) -> list[tuple[str, set[str]]]:
    """The name of each rule of a page, and the names and texts in it."""
    path = THERAPY / f"{page}.rego"
    rules = read_rego({page: path.read_text(encoding="utf-8")}).rules
    return [(rule.name, {*rule.texts, *rule.names}) for rule in rules]


def groups_by_word(kind: RequestType) -> dict[str, str]:
    """The group of each word in the names of the fields of a request type."""
    return {
        word: group.name
        for group in kind.groups
        for dimension in group.dimensions
        for word in re.findall(r"\w+", dimension.name.removeprefix("documentation."))
        if word not in {"and", "statuses", "request_id"}
    }


def groups_of_rules(rules: list[tuple[str, set[str]]], group_of: dict[str, str]) -> list[tuple[str, set[str]]]:
    """The groups that each rule of a page reads, by itself and through the other rules of the page."""
    read_by: dict[str, set[str]] = {name: set() for name, _ in rules if name not in {"reasons", *GATHERING}}

    def groups(words: set[str]) -> set[str]:
        through = (read_by[word] for word in words & read_by.keys())
        return {group_of[word] for word in words & group_of.keys()}.union(*through)

    for _ in rules:  # until the chains of rules are complete
        for name, words in rules:
            if name in read_by:
                read_by[name] |= groups(words)
    return [(name, groups(words)) for name, words in rules if name not in GATHERING | TABLES]


@each_factored_type
def test_no_rule_reads_fields_of_two_groups(kind: RequestType) -> None:
    group_of = groups_by_word(kind)
    seen: set[str] = set()
    for page in (PAGES[kind.name], *SHARED):
        for name, groups in groups_of_rules(words_of_rules(page), group_of):
            assert len(groups) <= 1, (page, name, sorted(groups))
            seen |= groups
    assert seen == {group.name for group in kind.groups}


def test_a_rule_that_reads_fields_of_two_groups_is_noticed() -> None:
    rules = [*words_of_rules(PAGES["pt_visit"]), ("_new", {"benefit_status"}), ("reasons", {"_new", "tier"})]
    groups = groups_of_rules(rules, groups_by_word(PT_VISIT))
    assert [name for name, of_rule in groups if len(of_rule) > 1] == ["reasons"]


@each_factored_type
@given(st.data())
def test_a_class_has_the_reasons_of_its_parts(kind: RequestType, data: st.DataObject) -> None:
    def choose(options: Any) -> Any:
        return data.draw(st.sampled_from(options))

    cls = kind.draw(choose)
    decision, *parts = decide(kind.write(cls, choose), *map(kind.write, kind.parts(cls)))
    assert comparison.summary(decision) == comparison.combine(parts)


# --- Problems are noticed --------------------------------------------------------------------------------------------


def a_visit(units: str = "1", already: str = "0") -> tuple[Any, Request, Any]:
    values = {"visit.units": units, "visit.units_already_authorized": already}
    cls = tuple(
        values.get(dimension.name, value)
        for dimension, value in zip(PT_VISIT.dimensions, PT_VISIT.baseline, strict=True)
    )
    request = PT_VISIT.write(cls)
    return cls, request, decide(request)[0]


def reason(code: str, path: str = "/x") -> dict[str, Any]:
    row = oracle.REASONS[code]
    return {
        "code": code,
        "effect": row.effect,
        "clauses": list(row.clauses),
        "interpretation": row.interpretation,
        "message": "",
        "remedy": None,
        "path": path,
    }


def with_reasons(*codes: str, **changes: Any) -> Callable[[Any], Any]:
    return lambda decision: decision | {"reasons": [reason(code, f"/{code}") for code in codes]} | changes


NOTHING: dict[str, Any] = comparison.NOTHING
WRONG_DECISIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "no decision": ("undecided", lambda decision: None),
    "called invalid": ("undecided", with_reasons("REQUEST_INVALID", outcome="invalid_request", authorized=NOTHING)),
    "denied without a reason": ("undecided", lambda decision: decision | {"outcome": "denied"}),
    "pended by a denial": ("contradictory", with_reasons("BENEFIT_NOT_COVERED", outcome="pended")),
    "authorized in spite of a denial": ("contradictory", with_reasons("BENEFIT_NOT_COVERED")),
    "authorizes and denies": ("contradictory", with_reasons("BENEFIT_NOT_COVERED", outcome="denied")),
    "authorizes nothing": ("contradictory", lambda decision: decision | {"authorized": NOTHING}),
    "out of scope and denied": (
        "contradictory",
        with_reasons("PT_SPECIALTY_EXCLUDED", "DC_ADAPTED", outcome="not_applicable", authorized=NOTHING),
    ),
    "covered and not": (
        "contradictory",
        with_reasons("BENEFIT_NOT_COVERED", "BENEFIT_UNVERIFIED", outcome="denied", authorized=NOTHING),
    ),
    "complete and not": (
        "contradictory",
        with_reasons("EXT_FORM_MISSING", "EXT_READY_FOR_CLINICAL_REVIEW", outcome="pended", authorized=NOTHING),
    ),
    "met and undetermined": (
        "contradictory",
        with_reasons("DC_ADAPTED", "DC_UNDETERMINED", outcome="denied", authorized=NOTHING),
    ),
    "no clause": ("contradictory", with_reasons("PT_TREATMENT_VISIT_LIMIT", outcome="denied", authorized=NOTHING)),
    "two codes for one field": (
        "contradictory",
        lambda decision: (
            decision
            | {"reasons": [reason("DC_ADAPTED"), reason("DC_UNABLE_TO_PARTICIPATE")]}
            | {"outcome": "denied", "authorized": NOTHING}
        ),
    ),
    "not as the oracle": ("differences", with_reasons("PT_TIER_NOT_NAMED")),
    "not as its parts": ("not_combined", with_reasons("PT_TIER_NOT_NAMED")),
}


@pytest.mark.parametrize("case", WRONG_DECISIONS)
def test_a_wrong_decision_is_noticed(case: str) -> None:
    expected, change = WRONG_DECISIONS[case]
    cls, request, decision = a_visit()
    assert dict(enumeration.problems(PT_VISIT, cls, request, decision, decision)) == {}
    wrong = change(decision)
    assert expected in dict(enumeration.problems(PT_VISIT, cls, request, wrong, wrong))


def test_a_class_that_is_inconsistent_is_noticed() -> None:
    cls, request, decision = a_visit(units="4")
    _, _, other = a_visit(units="4", already="1")
    assert "inconsistent" in dict(enumeration.problems(PT_VISIT, cls, request, decision, other))


class FailingEngine(EmbeddedClient):
    """An engine that returns no decision on visits of one unit, as if two rules contradicted each other."""

    def _ask(self, entry_point: str, text: str) -> object:
        if re.search('"units": ?1\\b', text):
            raise EngineError("no answer")
        return super()._ask(entry_point, text)


def test_a_class_without_a_decision_does_not_affect_others() -> None:
    requests = [a_visit_of(units) for units in ("1", "2")]
    assert [decision and decision["outcome"] for decision in decide_each(FailingEngine(), requests)] == [
        None,
        "authorized",
    ]


def a_visit_of(units: str) -> Request:
    request = copy.deepcopy(PT_VISIT.write(PT_VISIT.baseline))
    request["visit"]["units"] = int(units)
    return request


def test_an_interrupted_run_resumes_where_it_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few = {name: REQUEST_TYPES[name] for name in ("referral_route", "pt_visit")}
    decided: list[str] = []

    def tally(piece: Piece) -> enumeration.Tally:
        decided.append(piece.request_type)
        if piece.request_type == "pt_visit" and len(decided) == 3:
            raise KeyboardInterrupt
        return enumeration.Tally()

    monkeypatch.setattr(enumeration, "REQUEST_TYPES", few)
    monkeypatch.setattr(enumeration, "tally_of", tally)
    with pytest.raises(KeyboardInterrupt):
        enumeration.enumerate_classes(quick=True, processes=1, state=tmp_path)
    enumeration.enumerate_classes(quick=True, processes=1, state=tmp_path)
    assert decided.count("referral_route") == 1
    assert decided.count("pt_visit") > 3


def test_a_report_of_another_policy_is_out_of_date(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(enumeration, "REQUEST_TYPES", {"referral_route": REQUEST_TYPES["referral_route"]})
    monkeypatch.setattr(classes_report, "REQUEST_TYPES", {"referral_route": REQUEST_TYPES["referral_route"]})
    found = enumeration.enumerate_classes(quick=True, processes=1, state=tmp_path)
    path = tmp_path / "classes.md"
    assert enumeration.out_of_date(path, found)
    path.write_text(enumeration.report(found), encoding="utf-8")
    assert enumeration.out_of_date(path, found) is None
    found["referral_route"].counts["fingerprint"] += 1
    assert enumeration.out_of_date(path, found)
