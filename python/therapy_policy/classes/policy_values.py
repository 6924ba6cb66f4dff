"""The numbers, dates and lists of the policy that rules compare a request with, and the dimensions they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from therapy_policy.classes.dimensions import (
    Dimension,
    dates,
    days,
    intervals,
)
from therapy_policy.policy.parameters import parameters_of

REPEATED = "contact"  # the parameter that decisions repeat as it stands; all that can bear on one is where it begins


class PolicyValues:
    """The numbers, dates and lists of one bundle, or of several together, of all their periods."""

    def __init__(self, bundles: Sequence[Mapping[str, Any]]) -> None:
        """`bundles` holds the data of each, as `Bundle.data` gives it."""
        self.parameters = [parameters_of(data["therapy"]["parameters"]) for data in bundles]
        self.forms = [data["therapy"]["request"]["forms"] for data in bundles]
        years = {year for data in bundles for year in data["therapy"]["lib"]["calendar"]["years"]}
        self.every_day = days(min(years), max(years))
        self.recent = max(self.begins())

    def values(self, parameter: str) -> list[Any]:
        """What a parameter, by its dotted path, is in each period of each bundle."""
        return [
            period.value
            for parameters in self.parameters
            if parameter in parameters
            for period in parameters[parameter].periods
        ]

    def begins(self, without: str = "") -> set[str]:
        """The dates on which periods begin, of all parameters but those of the area `without`."""
        return {
            period.start
            for parameters in self.parameters
            for name, parameter in parameters.items()
            if name.split(".")[0] != without
            for period in (parameter.periods[:1] if name == REPEATED else parameter.periods)
        }

    def _forms_at(self, path: str) -> Iterator[Mapping[str, Any]]:
        """The form of a member, by its dotted path from the request type on, in each bundle that has it."""
        for forms in self.forms:
            request_type, *names = path.split(".")
            found = forms.get(request_type, {})
            for name in names:
                form = forms[found["element"]] if "element" in found else found
                # Policies up to 1.0.0 call the fields members.
                found = forms.get(form.get("fields", form.get("members", {})).get(name), {})
            if found:
                yield found

    def choices(self, path: str) -> list[str]:
        """The names that a member may have."""
        return list(dict.fromkeys(name for form in self._forms_at(path) for name in form["values"]))

    def most(self, path: str) -> int:
        """The largest whole number that a member may be."""
        return max(int(form["most"]) for form in self._forms_at(path))

    def most_units(self) -> int:
        return max(map(int, self.values("units_per_visit")))

    def date(self, path: str, without: str) -> Dimension:
        return dates(path, self.every_day, self.begins(without), self.recent)

    def already_authorized(self, request_type: str, path: str) -> Dimension:
        """Units that leave so many of the visit's, down to none."""
        return intervals(path, self.most(f"{request_type}.{path}"), *range(self.most_units() + 1))

    def units(self, request_type: str, path: str) -> Dimension:
        """Units up to the most of a visit, each told from the next, and more."""
        return intervals(path, self.most(f"{request_type}.{path}"), *range(1, self.most_units() + 2))
