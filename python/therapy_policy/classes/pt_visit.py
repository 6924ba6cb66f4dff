"""The classes of outpatient PT visits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

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
from therapy_policy.classes.shared import DISCONTINUATION, REQUEST_ID, benefit, specialty

NEXT, NOT_NEXT = "prior evaluation + prior treatment + 1", "any other number"
SAME, NOT_SAME = "the visit's number", "not stated, or any other number"


def dates_of_visit(policy: PolicyValues) -> Dimension:
    """The service date and the date of the referral: the interval of each, and which of them is the earlier one."""
    service_date = policy.date("service_date", without="pediatric_ot")
    days = {name: sorted(each) for name, each in service_date.options.items()}
    values: dict[str, tuple[str, str, bool]] = {}
    for service, of_service in days.items():
        values[f"{service}, no referral date"] = service, "", False
        for referral, of_referral in days.items():
            if of_referral[0] <= of_service[-1]:
                values[f"{service}, referral {referral}"] = service, referral, False
            if of_referral[-1] > of_service[0]:
                values[f"{service}, later referral {referral}"] = service, referral, True
    names = {value: name for name, value in values.items()}

    def write(request: Request, value: str, choose: Choose) -> None:
        service, referral, later = values[value]
        options = service_date.options[service]
        request["service_date"] = choose(days[service][:-1] if later and service == referral else options)
        if referral:
            set_value(request, "referral_date", choose(referral_days(referral, later, request["service_date"])))
        else:
            set_value(request, "referral_date", choose((ABSENT, None)))

    def referral_days(referral: str, later: bool, date: str) -> Sequence[str]:
        after = bisect_right(days[referral], date)
        return days[referral][after:] if later else days[referral][:after][::-1]

    def read(request: Request) -> str:
        date = value_at(request, "referral_date")
        if date is ABSENT:
            return names[service_date.read(request), "", False]
        referral = next(name for name, each in days.items() if each[0] <= date <= each[-1])
        return names[service_date.read(request), referral, date > request["service_date"]]

    return Dimension("service_date and referral_date", tuple(values), write, read)


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
                dates_of_visit(policy),
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
            dimension_group("specialty", specialty(policy, name), REQUEST_ID),
            dimension_group("benefit", benefit(policy, name)),
            DISCONTINUATION,
        ),
        signatures,
        factored=True,
        optional=("discontinuation",),
    )
