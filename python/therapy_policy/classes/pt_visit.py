"""The classes of outpatient PT visits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

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
from therapy_policy.classes.policy_values import ANY_DATE, INITIAL_VISITS, PolicyValues
from therapy_policy.classes.shared import DISCONTINUATION, REQUEST_ID, benefit, specialty

NO_REFERRAL = ", no referral date"
LATER = ", dated after the visit"
NEXT, NOT_NEXT = "prior evaluation + prior treatment + 1", "any other number"
SAME, NOT_SAME = "the visit's number", "not stated, or any other number"


@dataclass(frozen=True)
class TwoDates:
    """An interval of service dates and one of referral dates, both in order of time."""

    service_days: Sequence[str]
    referral_days: Sequence[str]
    later: bool  # whether the referral is dated after the visit

    def choose(self, choose: Choose) -> tuple[str, str]:
        """A service date and a referral date."""
        first, last = self.referral_days[0], self.referral_days[-1]
        if self.later:
            service_date: str = choose(self.service_days[: bisect_left(self.service_days, last)])
            return service_date, choose(self.referral_days[bisect_right(self.referral_days, service_date) :])
        service_date = choose(self.service_days[bisect_left(self.service_days, first) :])
        return service_date, choose(self.referral_days[: bisect_right(self.referral_days, service_date)][::-1])

    def has(self, service_date: str, referral_date: str) -> bool:
        return (
            self.service_days[0] <= service_date <= self.service_days[-1]
            and self.referral_days[0] <= referral_date <= self.referral_days[-1]
            and self.later == (referral_date > service_date)
        )


def _service(interval: str) -> str:
    return "any service date" if interval == ANY_DATE else f"service {interval}"


def dates_of_visit(policy: PolicyValues) -> Dimension:
    """The service date and the date of the referral.

    Where both are stated, the referral's date selects the initial visits, and the service date selects all other
    values. So each date has the intervals that its own values make.
    """
    dates = policy.date("service_date", without="pediatric_ot").options
    alone = {_service(name) + NO_REFERRAL: days for name, days in dates.items()}
    services = policy.date_intervals(
        policy.more_starts
        | policy.start_dates(lambda name: name != INITIAL_VISITS and not name.startswith("pediatric_ot."))
    )
    referrals = policy.date_intervals(
        policy.effective_dates() | policy.start_dates(lambda name: name == INITIAL_VISITS)
    )
    both = {}
    for service, service_days in services.items():
        for referral, referral_days in referrals.items():
            name = f"{_service(service)}, referral {referral}"
            if referral_days[0] <= service_days[-1]:
                both[name] = TwoDates(service_days, referral_days, later=False)
            if referral_days[-1] > service_days[0]:
                both[name + LATER] = TwoDates(service_days, referral_days, later=True)

    def write(request: Request, value: str, choose: Choose) -> None:
        if value in both:
            request["service_date"], request["referral_date"] = both[value].choose(choose)
        else:
            request["service_date"] = choose(alone[value])
            set_value(request, "referral_date", choose((ABSENT, None)))

    def read(request: Request) -> str:
        service_date, referral_date = request["service_date"], value_at(request, "referral_date")
        if referral_date is ABSENT:
            return next(name for name, days in alone.items() if min(days) <= service_date <= max(days))
        values = (value for value, dates in both.items() if dates.has(service_date, referral_date))
        return next(values)

    return Dimension("service_date and referral_date", (*alone, *both), write, read)


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
    tiers = [tier for value in policy.values(INITIAL_VISITS) for tier in value.values()]

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
