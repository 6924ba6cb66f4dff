"""The classes of outpatient PT visits."""

from __future__ import annotations

from therapy_policy.classes.dimensions import (
    ABSENT,
    Choose,
    Dimension,
    Request,
    flag,
    group_names,
    intervals,
    one_field,
    set_value,
    value_at,
)
from therapy_policy.classes.model import RequestType, Signatures, dimension_group
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.shared import DISCONTINUATION, REQUEST_ID, benefit, pt_date_and_specialty

NEXT, NOT_NEXT = "prior evaluation + prior treatment + 1", "any other number"
SAME, NOT_SAME = "the visit's number", "not stated, or any other number"


def visit_number(most: int) -> Dimension:
    def write(request: Request, value: str, choose: Choose) -> None:
        prior = request["prior_visits"]
        if value == NEXT and sum(prior.values()) >= most:  # the next number would be out of range
            prior |= {name: min(visits, (most - 1) // 2) for name, visits in prior.items()}
        following = sum(prior.values()) + 1
        request["visit"]["number"] = following if value == NEXT else other_than(following, most, choose)

    def read(request: Request) -> str:
        return NEXT if request["visit"]["number"] == sum(request["prior_visits"].values()) + 1 else NOT_NEXT

    return Dimension("visit.number", (NEXT, NOT_NEXT), write, read)


def progress_note_number(most: int) -> Dimension:
    def write(request: Request, value: str, choose: Choose) -> None:
        number = request["visit"]["number"]
        other = (ABSENT, None, other_than(number, most, choose))
        set_value(request, "progress_note_number", number if value == SAME else choose(other))

    def read(request: Request) -> str:
        return SAME if value_at(request, "progress_note_number") == request["visit"]["number"] else NOT_SAME

    return Dimension("progress_note_number", (SAME, NOT_SAME), write, read)


def other_than(number: int, most: int, choose: Choose) -> int:
    other: int = choose(range(1, most))
    return other if other < number else other + 1


def pt_visit(policy: PolicyValues, signatures: Signatures) -> RequestType:
    name = "pt_visit"
    tiers = [tier for value in policy.values("outpatient_pt.initial_visits") for tier in value.values()]

    def prior_visits(kind: str) -> Dimension:
        path = f"prior_visits.{kind}"
        return intervals(path, policy.maximum(f"{name}.{path}"), *sorted({0, *(tier[kind] for tier in tiers)}))

    return RequestType(
        name,
        (
            dimension_group(
                "the visit",
                one_field("tier", group_names(sorted(policy.choices(f"{name}.tier"), reverse=True))),
                one_field("visit.kind", group_names(sorted(policy.choices(f"{name}.visit.kind"), reverse=True))),
                prior_visits("evaluation"),
                prior_visits("treatment"),
                visit_number(policy.maximum(f"{name}.visit.number")),
                progress_note_number(policy.maximum(f"{name}.progress_note_number")),
                policy.already_authorized(name, "visit.units_already_authorized"),
                policy.units(name, "visit.units"),
                flag("plan_of_care_complete", baseline=True),
            ),
            dimension_group("date and specialty", *pt_date_and_specialty(policy, name, "service_date"), REQUEST_ID),
            dimension_group("benefit", benefit(policy, name)),
            DISCONTINUATION,
        ),
        signatures,
        factored=True,
        optional=("discontinuation",),
    )
