"""The corpus: a fixed list of requests that reaches every rule, its boundaries and every kind of error."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from proof import oracle, strategies
from proof.comparison import without_wording

Json = Any
BATCH = 1000
SOME_NUMBER = 7777
# Spellings that replace SOME_NUMBER in the text: Python's own JSON would spell them differently, or not at all.
NUMBERS = (
    "3.0",
    "4",
    "4.0",
    "4.00",
    "4e0",
    "4.5",
    "-0",
    "-0.0",
    "0",
    "0.0",
    "-1",
    "99",
    "100",
    "999",
    "1000",
    "1e99999999",
    '"4"',
)


def as_json(examples: int) -> str:
    """The corpus as JSON: a list of inputs of `therapy/decisions`, with this many random `examples` of each kind."""
    requests = [
        *boundaries(),
        *random_values(strategies.valid_requests(), examples),
        *random_values(strategies.nearly_valid_requests(), examples),
        *random_values(strategies.json_values(), examples // 10),
    ]
    texts = list(dict.fromkeys(map(json.dumps, requests)))
    texts += [json.dumps(each).replace(str(SOME_NUMBER), number) for each in numbers() for number in NUMBERS]
    batches = [batch(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    batches += ["null", "[]", '"x"', "{}", '{"requests": null}', '{"requests": {}}', json.dumps(route("oahu"))]
    batches += [batch(["null"] * size) for size in (0, BATCH, BATCH + 1)]
    return f"[{', '.join(batches)}]"


def batch(texts: list[str]) -> str:
    return f'{{"requests": [{", ".join(texts)}]}}'


def disagreements(corpus: str, answers: list[list[dict[str, Any]]]) -> Iterator[tuple[Json, Json]]:
    """The pairs of decisions of the oracle and of the policy that differ; the policy gives each with its answer."""
    batches = oracle.parse(corpus)
    assert isinstance(batches, list)
    expected = [decision for each in batches for decision in oracle.decide_many(each)]
    decided = (without_wording(each["decision"]) for each in itertools.chain(*answers))
    for one, other in itertools.zip_longest(expected, decided):
        # As text, because 4 and 4.0 are equal in Python but not the same decision.
        if json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True):
            yield one, other


def random_values(strategy: SearchStrategy[Json], examples: int) -> list[Json]:
    """The same examples of a strategy every time; none if `examples` is 0."""
    values: list[Json] = []
    if not examples:
        return values

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @seed(20220601)
    @given(strategy)
    def collect(value: Json) -> None:
        values.append(value)

    collect()
    return values


# --- Requests by hand ------------------------------------------------------------------------------------------------

DATES = ("2022-06-02", "2099-12-31", *strategies.changes)
UNMET = {
    "functional_impairment_resolved": False,
    "goals_achieved": False,
    "returned_to_prior_function": False,
    "adapted_with_equipment": False,
    "extended_period_of_service": False,
    "progress_cause_indeterminate": False,
    "unable_to_participate": False,
    "home_program_noncompliance": False,
    "lacks_scheduled_participation": False,
    "meets_continuation_criteria": True,
}
EVENTS = ("new_post_operative", "fracture", "new_stroke", "exacerbation_due_to_event", "none", None)


def covered(request_type: str, **fields: Json) -> dict[str, Json]:
    return {"request_type": request_type, "benefit_status": "covered", **fields}


def route(island: str) -> dict[str, Json]:
    return {"request_type": "referral_route", "island": island}


def claim(*lines: tuple[str, Json], already: Json = 0, **fields: Json) -> dict[str, Json]:
    service_lines = [{"procedure_code": code, "units": units} for code, units in lines]
    common = {"service_date": "2024-02-29", "medical_necessity": "established", "units_already_authorized": already}
    return covered("pediatric_ot_claim", **common, service_lines=service_lines) | fields


def referral(category: str, event: str | None, **fields: Json) -> dict[str, Json]:
    expected = dict.fromkeys(oracle.IMPROVEMENT_ASPECTS, True)
    condition = {"category": category, "acute_event": event}
    common = {"referral_date": "2022-06-01", "specialty": "none", "condition": condition}
    return covered("pt_referral", **common, expected_improvement=expected) | fields


def visit(
    tier: str, kind: str, prior: tuple[Json, Json], units: Json, already: Json, **fields: Json
) -> dict[str, Json]:
    number = sum(prior) + 1
    return (
        covered("pt_visit", service_date="2024-02-29", specialty="none", tier=tier)
        | {"visit": {"number": number, "kind": kind, "units": units, "units_already_authorized": already}}
        | {"prior_visits": {"evaluation": prior[0], "treatment": prior[1]}, "progress_note_number": number}
        | {"plan_of_care_complete": True}
        | fields
    )


def review(**fields: Json) -> dict[str, Json]:
    return covered("pt_continuation", review_date="2024-02-29", specialty="none", discontinuation=UNMET) | fields


def extension(goals: list[Json], notes: list[Json], **fields: Json) -> dict[str, Json]:
    part = {"technique": "a", "amount": "b", "frequency": "c", "duration": "d"}
    documentation = {
        "goals": goals,
        "notes": notes,
        "planned_interventions": [part],
        "impeding_factors": {"none_identified": True},
        "response_summary": "a",
        "limiting_issues": [],
        "prognosis": {"statement": "a", "discharge_criteria": ["b"]},
        "plan_of_care_changes": {"significant_change": False},
        "extension_form_completed": True,
    }
    common = {"request_date": "2024-02-29", "specialty": "none", "requested_visits": 6}
    return covered("pt_extension", **common, documentation=documentation | fields)


def goal(goal_id: str, measure: str = "pain") -> dict[str, Json]:
    status = {"measure": measure, "value": "5"}
    return {"goal_id": goal_id, "initial_status": status, "last_period_status": status, "current_status": status}


def note(number: Json, *goals: str) -> dict[str, Json]:
    return {"visit_number": number, "goals_addressed": list(goals)}


def boundaries() -> Iterator[Json]:
    for island in oracle.ISLANDS:
        yield route(island)
        yield referral("acute", "fracture", island=island)
    for category, event in itertools.product(oracle.CATEGORIES, EVENTS):
        yield referral(category, event)
    for date, specialty in itertools.product(
        DATES, ("none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric")
    ):
        yield referral("acute", "fracture", referral_date=date, specialty=specialty)
        yield review(review_date=date, specialty=specialty)
        yield visit("acute", "treatment", (1, 1), 4, 0, service_date=date, specialty=specialty)
    for service, referred in itertools.product(DATES, DATES):
        yield visit("nonacute", "treatment", (1, 4), 4, 0, service_date=service, referral_date=referred)
    for code in (*strategies.OT_LISTED, "97140", "97169", "97531"):
        for lines in (((code, 1),), ((code, 4), ("97129", 1)), (("97129", 2), (code, 3), ("97530", 1))):
            yield claim(*lines)
    for units, already, date in itertools.product(range(1, 7), range(7), DATES):
        yield claim(("97530", units), already=already, service_date=date)
    for first, second, already in itertools.product(range(1, 5), range(1, 5), range(5)):
        yield claim(("97130", first), ("97129", second), already=already)
        yield claim(("97140", first), ("97110", second), already=already, benefit_status=None)
    for tier, kind, prior in itertools.product(("acute", "nonacute"), ("evaluation", "treatment"), range(13)):
        yield visit(tier, kind, (0, prior), 4, 0)
        yield visit(tier, kind, (1, prior), 1, 3)
        yield visit(tier, kind, (2, prior), 4, 1)
    for units, already in itertools.product(range(1, 7), range(7)):
        yield visit("nonacute", "treatment", (1, 1), units, already)
    for field, answer in itertools.product(UNMET, (True, False, None)):
        yield review(discontinuation=UNMET | {field: answer})
        for other, other_answer in itertools.product(("extended_period_of_service", "goals_achieved"), (True, None)):
            yield review(discontinuation=UNMET | {field: answer, other: other_answer})
    for goals, notes in itertools.product(
        ([], [goal("1")], [goal("1"), goal("2")], [goal("1"), goal("1")], [goal(" ")]),
        ([], [note(1, "1")], [note(2, "1"), note(1, "2", "1")], [note(1, "1"), note(1, "2")], [note(2, "1", "3")]),
    ):
        yield extension(goals, notes)
    complete = extension([goal("1")], [note(1, "1")])
    for field in complete["documentation"]:
        yield complete | {"documentation": complete["documentation"] | {field: None}}


def numbers() -> Iterator[Json]:
    """Requests with a number that JSON can spell in many ways."""
    yield claim(("97530", SOME_NUMBER))
    yield claim(("97530", 1), ("97110", 2), already=SOME_NUMBER)
    yield visit("acute", "treatment", (1, 1), SOME_NUMBER, 0)
    yield visit("acute", "treatment", (1, 1), 2, SOME_NUMBER)
    yield visit("acute", "evaluation", (0, 3), 2, 0, progress_note_number=SOME_NUMBER)
    for field in ("evaluation", "treatment"):
        yield visit(
            "acute", "treatment", (1, 1), 2, 0, prior_visits={"evaluation": 1, "treatment": 2, field: SOME_NUMBER}
        )
    yield extension([goal("1")], [note(1, "1"), note(2), note(3), note(SOME_NUMBER)])
    yield extension([goal("1")], [note(1, "1")]) | {"requested_visits": SOME_NUMBER}
    yield SOME_NUMBER
    yield {"request_type": SOME_NUMBER}
    yield {"request_type": "pt_visit", "request_id": SOME_NUMBER, "visit": SOME_NUMBER}
