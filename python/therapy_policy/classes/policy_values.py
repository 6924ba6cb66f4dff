"""The numbers, dates and lists of the policy that rules compare a request with, and the dimensions they make."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from therapy_policy.classes.dimensions import (
    Dimension,
    dates,
    days,
    intervals,
)
from therapy_policy.policy.parameters import parameters_of

REPEATED = "contact"  # the parameter that decisions repeat unchanged; only its first date can change a decision
ANY_DATE = "any date"  # the name of an interval that has every date
INITIAL_VISITS = "outpatient_pt.initial_visits"
EFFECTIVE_DATE = "outpatient_pt.effective_date"  # the parameter whose value is a date that requests are compared with


class PolicyValues:
    """The numbers, dates and lists of one bundle, or of several together, of all their periods."""

    def __init__(self, bundles: Sequence[Mapping[str, Any]], more_starts: Collection[str] = ()) -> None:
        """`bundles` is the data of each bundle, as `Bundle.data` gives it; `more_starts` are further start dates."""
        self.more_starts = {*more_starts}
        self.parameters = [parameters_of(data["therapy"]["parameters"]) for data in bundles]
        self.forms = [data["therapy"]["request"]["forms"] for data in bundles]
        years = {year for data in bundles for year in data["therapy"]["lib"]["calendar"]["years"]}
        self.every_day = days(min(years), max(years))
        self.recent = max(self.start_dates() | self.effective_dates() | self.more_starts)

    def values(self, parameter: str) -> list[Any]:
        """The value of a parameter, by its dotted path, in each period of each bundle."""
        return [
            period.value
            for parameters in self.parameters
            if parameter in parameters
            for period in parameters[parameter].periods
        ]

    def start_dates(self, of: Callable[[str], bool] = lambda parameter: True) -> set[str]:
        """The dates on which a value starts to apply, for the parameters whose dotted paths `of` accepts."""
        return {
            period.start
            for parameters in self.parameters
            for name, parameter in parameters.items()
            if of(name)
            for period in (parameter.periods[:1] if name == REPEATED else parameter.periods)
        }

    def effective_dates(self) -> set[str]:
        """The dates from which the outpatient physical therapy rules apply."""
        return {*self.values(EFFECTIVE_DATE)}

    def _forms_at(self, path: str) -> Iterator[Mapping[str, Any]]:
        """The form of a field, by its dotted path from the request type, in each bundle that has it."""
        for forms in self.forms:
            request_type, *names = path.split(".")
            form = forms.get(request_type, {})
            for name in names:
                holder = forms[form["element"]] if "element" in form else form
                # Policies up to 1.0.0 call the fields members.
                form = forms.get(holder.get("fields", holder.get("members", {})).get(name), {})
            if form:
                yield form

    def bundles_with(self, path: str) -> int:
        """How many of the bundles have a field."""
        return len(list(self._forms_at(path)))

    def choices(self, path: str) -> list[str]:
        """The names that a field may have."""
        return list(dict.fromkeys(name for form in self._forms_at(path) for name in form["values"]))

    def maximum(self, path: str) -> int:
        """The largest whole number that a field may have."""
        return max(int(form["most"]) for form in self._forms_at(path))

    def maximum_units(self) -> int:
        return max(map(int, self.values("units_per_visit")))

    def date(self, path: str, without: str) -> Dimension:
        """The date of a request that is compared with the parameters of every area but one."""
        starts = self.start_dates(lambda parameter: parameter.split(".")[0] != without) | self.more_starts
        if not EFFECTIVE_DATE.startswith(f"{without}."):
            starts |= self.effective_dates()
        return dates(path, self.every_day, starts, self.recent)

    def date_intervals(self, starts: Collection[str]) -> dict[str, list[str]]:
        """The days of each interval, in order of time, by its name, the newest interval first."""
        options = dates("", self.every_day, starts, self.recent).options
        return {(ANY_DATE if len(options) == 1 else name): sorted(days) for name, days in options.items()}

    def already_authorized(self, request_type: str, path: str) -> Dimension:
        """Units that leave 4, 3 and so on of the visit's units, down to none."""
        return intervals(path, self.maximum(f"{request_type}.{path}"), *range(self.maximum_units() + 1))

    def units(self, request_type: str, path: str) -> Dimension:
        """Units: each number up to the limit of a visit, and more."""
        return intervals(path, self.maximum(f"{request_type}.{path}"), *range(1, self.maximum_units() + 2))
