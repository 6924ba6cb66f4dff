"""The classes of pediatric OT claims."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

from therapy_policy.classes.dimensions import (
    ABSENT,
    Choose,
    Dimension,
    Request,
    any_value,
    baseline_first,
    group_names,
    list_at,
    one_field,
    set_value,
)
from therapy_policy.classes.model import RequestType, Signatures, product
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.shared import REQUEST_ID, benefit

OTHER_CODES = ("00000", "99999", "ZZZZZ", "9753O", "9712A")  # not on any list, unless a new list adds one
MODIFIERS: Sequence[Any] = (ABSENT, None, [], ["GO"], ["GO", "59", "0Z", "59"])
MOST_LINES = 3
MOST_CLASSES = 1_000_000  # above this number, claims get fewer lines

Line = tuple[str, str]  # the kind of its code, its units


def kinds_of_codes(policy: PolicyValues) -> dict[str, Sequence[str]]:
    """Procedure codes by what the lists say: whether a code is listed, and which code is an add-on to which."""
    lists = policy.values("pediatric_ot.procedure_codes")

    def classify(code: str) -> Hashable:
        return tuple((code in listed, add_on_to(listed, code), add_ons_to(listed, code)) for listed in lists)

    def add_on_to(listed: Mapping[str, Any], code: str) -> Hashable:
        primary: str | None = listed.get(code, {}).get("add_on_to")
        return primary

    def add_ons_to(listed: Mapping[str, Any], code: str) -> Hashable:
        return tuple(each for each in listed if add_on_to(listed, each) == code)

    kinds = group_names(sorted({code for listed in lists for code in listed}), classify)
    plain = ((True, None, ()),) * len(lists)
    by_kind = {"listed" if classify(codes[0]) == plain else name: codes for name, codes in kinds.items()}
    return by_kind | {"not listed": [code for code in OTHER_CODES if not any(code in listed for listed in lists)]}


def service_lines(policy: PolicyValues, other_classes: int) -> Dimension:
    """The lines of a claim; `other_classes` is the number of classes of the rest of the claim."""
    codes = kinds_of_codes(policy)
    units = policy.units("pediatric_ot_claim", "service_lines.units").options
    kinds_of_lines = list(itertools.product(codes, units))

    def write(request: Request, value: tuple[Line, ...], choose: Choose) -> None:
        request["service_lines"] = [
            {"procedure_code": choose(codes[code]), "units": choose(units[number])} for code, number in value
        ]
        for line in request["service_lines"]:
            set_value(line, "modifiers", choose(MODIFIERS))

    def read(request: Request) -> tuple[Line, ...]:
        return tuple(
            (
                next((kind for kind, each in codes.items() if line["procedure_code"] in each), "not listed"),
                next(name for name, each in units.items() if line["units"] in each),
            )
            for line in list_at(request, "service_lines")
        )

    def values(most: int) -> Iterator[tuple[Line, ...]]:
        for count in range(1, most + 1):
            yield from itertools.product(kinds_of_lines, repeat=count)

    def number_of(most: int) -> int:
        return sum(len(kinds_of_lines) ** count for count in range(1, most + 1))

    most = max(n for n in range(1, MOST_LINES + 1) if n == 1 or other_classes * number_of(n) <= MOST_CLASSES)
    baseline = (next(iter(codes)), str(min(policy.values("units_per_visit"))))
    add_on_names = ", ".join(name for name in codes if name not in ("listed", "not listed"))
    *fewer, more = units
    return Dimension(
        "service_lines",
        baseline_first((baseline,), values(most)),
        write,
        read,
        about=f"1 to {most} lines in every order; for each, whether its code is {add_on_names}, another listed one or "
        f"not listed, and whether it requests {', '.join(fewer)}, or {more} units",
    )


def pediatric_ot_claim(policy: PolicyValues, signatures: Signatures) -> RequestType:
    name = "pediatric_ot_claim"
    necessity = policy.choices(f"{name}.medical_necessity")
    before_lines = (
        benefit(policy, name),
        one_field("medical_necessity", group_names(necessity, default="undetermined")),
        policy.already_authorized(name, "units_already_authorized"),
    )
    date = policy.date("service_date", without="outpatient_pt")
    other_classes = prod(len(each.values) for each in (*before_lines, date))
    return product(
        name,
        signatures,
        *before_lines,
        service_lines(policy, other_classes),
        date,
        any_value("service_lines' modifiers", ABSENT),  # written with their line
        REQUEST_ID,
    )
