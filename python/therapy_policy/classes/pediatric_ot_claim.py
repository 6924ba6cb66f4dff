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
    alike,
    anything,
    elements,
    first_of_all,
    member,
    put,
)
from therapy_policy.classes.model import RequestType, Signatures, product
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.shared import REQUEST_ID, benefit

UNLISTED = ("00000", "99999", "ZZZZZ", "9753O", "9712A")  # as long as no list has them
MODIFIERS: Sequence[Any] = (ABSENT, None, [], ["GO"], ["GO", "59", "0Z", "59"])
MOST_LINES = 3
MOST_CLAIMS = 1_000_000  # classes; rather than more of them, claims have fewer lines

Line = tuple[str, str]  # the kind of its code, its units


def kinds_of_codes(policy: PolicyValues) -> dict[str, Sequence[str]]:
    """Procedure codes by what lists say of them: whether they are listed, and which is the add-on to which."""
    lists = policy.values("pediatric_ot.procedure_codes")

    def tell(code: str) -> Hashable:
        return tuple((code in listed, add_on_to(listed, code), add_ons_to(listed, code)) for listed in lists)

    def add_on_to(listed: Mapping[str, Any], code: str) -> Hashable:
        primary: str | None = listed.get(code, {}).get("add_on_to")
        return primary

    def add_ons_to(listed: Mapping[str, Any], code: str) -> Hashable:
        return tuple(each for each in listed if add_on_to(listed, each) == code)

    kinds = alike(sorted({code for listed in lists for code in listed}), tell)
    plain = ((True, None, ()),) * len(lists)
    found = {"listed" if tell(codes[0]) == plain else name: codes for name, codes in kinds.items()}
    return found | {"not listed": [code for code in UNLISTED if not any(code in listed for listed in lists)]}


def service_lines(policy: PolicyValues, beside: int) -> Dimension:
    """The lines of a claim; `beside` is how many classes there are of all else in it."""
    codes = kinds_of_codes(policy)
    units = policy.units("pediatric_ot_claim", "service_lines.units").members
    kinds_of_lines = list(itertools.product(codes, units))

    def write(request: Request, value: tuple[Line, ...], choose: Choose) -> None:
        request["service_lines"] = [
            {"procedure_code": choose(codes[code]), "units": choose(units[asked])} for code, asked in value
        ]
        for line in request["service_lines"]:
            put(line, "modifiers", choose(MODIFIERS))

    def read(request: Request) -> tuple[Line, ...]:
        return tuple(
            (
                next((kind for kind, those in codes.items() if line["procedure_code"] in those), "not listed"),
                next(name for name, those in units.items() if line["units"] in those),
            )
            for line in elements(request, "service_lines")
        )

    def of(most: int) -> Iterator[tuple[Line, ...]]:
        for count in range(1, most + 1):
            yield from itertools.product(kinds_of_lines, repeat=count)

    def number_of(most: int) -> int:
        return sum(len(kinds_of_lines) ** count for count in range(1, most + 1))

    most = max(n for n in range(1, MOST_LINES + 1) if n == 1 or beside * number_of(n) <= MOST_CLAIMS)
    quiet = (next(iter(codes)), str(min(policy.values("units_per_visit"))))
    of_note = ", ".join(name for name in codes if name not in ("listed", "not listed"))
    *fewer, more = units
    return Dimension(
        "service_lines",
        first_of_all((quiet,), of(most)),
        write,
        read,
        about=f"1 to {most} lines in every order; of each, whether its code is {of_note}, another listed one or not "
        f"listed, and whether it asks for {', '.join(fewer)}, or {more} units",
    )


def pediatric_ot_claim(policy: PolicyValues, signatures: Signatures) -> RequestType:
    name = "pediatric_ot_claim"
    before_lines = (
        benefit(policy, name),
        member("medical_necessity", alike(policy.choices(f"{name}.medical_necessity"), unstated="undetermined")),
        policy.already_authorized(name, "units_already_authorized"),
    )
    date = policy.date("service_date", without="outpatient_pt")
    beside = prod(len(each.values) for each in (*before_lines, date))
    return product(
        name,
        signatures,
        *before_lines,
        service_lines(policy, beside),
        date,
        anything("service_lines' modifiers", ABSENT),  # stated with their line
        REQUEST_ID,
    )
