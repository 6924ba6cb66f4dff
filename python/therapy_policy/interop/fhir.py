"""What PAS and CRD share: FHIR JSON as it was sent, elements read with their types, and OperationOutcomes.

Only the elements that a decision or an answer needs are read, and strictly. The rest may be anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NoReturn

from therapy_policy import nesting
from therapy_policy.errors import Issue, Refused

Json = dict[str, Any]

QUESTION = "crd-question"  # the request_id of what CRD asks about an order; no request of anybody has it
MAX_TEXT = 2_000  # characters of a code, a reference or an identifier, with room

__all__ = [
    "QUESTION",
    "Element",
    "Issue",
    "Json",
    "Refused",
    "code_system",
    "dumps",
    "loads",
    "operation_outcome",
    "refuse",
    "type_and_id",
]


def loads(text: str | bytes) -> Any:
    """Parse FHIR JSON. A number with a fraction is a `Decimal`, because in FHIR 1.10 is not 1.1.

    Raises `ValueError` for text that is not JSON, NaN, an infinity, a number with an exponent that `Decimal` cannot
    have, an object with a name twice, or more than `nesting.MAX_DEPTH` levels. The error may quote the text.
    """
    return nesting.loads(text, parse_float=_decimal, parse_constant=_no_number, object_pairs_hook=_object)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ValueError("a number has an exponent that is too large") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> Json:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("an object has the same name twice")
    return fields


def dumps(value: Any) -> str:
    """Write FHIR content as JSON, with each `Decimal` as it was sent."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumps(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, allow_nan=False)


def operation_outcome(issues: Sequence[Issue]) -> Json:
    """Return the OperationOutcome that says why content is not decided."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "error", "code": issue.code, "diagnostics": issue.problem}
            | ({"expression": [issue.expression]} if issue.expression else {})
            for issue in issues
        ],
    }


def refuse(code: Literal["invalid", "not-supported"], place: str, problem: str, status: int = 422) -> NoReturn:
    """Raise `Refused` with one issue."""
    raise Refused([Issue(code, place, problem)], status)


def type_and_id(reference: str) -> tuple[str, str]:
    """Return ("ServiceRequest", "1") for ServiceRequest/1, also at an address or with a version; else no type."""
    steps = reference.partition("/_history/")[0].split("/")
    return (steps[-2], steps[-1]) if len(steps) > 1 else ("", steps[-1])


def code_system(url: str) -> str:
    """Return the URL of a code system as answers have it: X12's were published with http, and are with https now."""
    return url.replace("http://", "https://", 1) if url.startswith("http://codesystem.x12.org/") else url


@dataclass(frozen=True)
class Element:
    """An object of FHIR content, at the FHIRPath `place`. Each method raises `Refused` for a value of another type.

    An object with a modifier that is not understood is refused, because it can change what everything else means.
    """

    place: str
    fields: Json
    may_be_modified: bool = False

    def __post_init__(self) -> None:
        names = ("implicitRules",) if self.may_be_modified else ("implicitRules", "modifierExtension")
        for name in names:
            if name in self.fields:
                self.refuse("not-supported", name, "can change what the content means, and is not understood")

    @classmethod
    def of(cls, value: Any, place: str) -> Element:
        """Return the element that `value` is."""
        if not isinstance(value, dict):
            refuse("invalid", place, "expected an object")
        return cls(place, value)

    def refuse(
        self, code: Literal["invalid", "required", "value", "not-found", "not-supported"], name: str, problem: str
    ) -> NoReturn:
        """Raise `Refused` about the field `name`, or about this element if it is empty."""
        raise Refused([Issue(code, f"{self.place}.{name}" if name else self.place, problem)])

    def text(self, name: str) -> str | None:
        """Return a text that is not empty; None if there is none."""
        value = self.fields.get(name)
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= MAX_TEXT):
            self.refuse("invalid", name, f"expected a text of at most {MAX_TEXT:,} characters")
        return value

    def flag(self, name: str) -> bool | None:
        """Return true or false; None if there is nothing."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            self.refuse("invalid", name, "expected true or false")
        return value

    def positive(self, name: str) -> int | None:
        """Return a whole number of at least 1, which may be written as 1.0; None if there is none."""
        value = self.fields.get(name)
        if value is None:
            return None
        is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if not is_number or not 1 <= value <= 2**31 - 1 or value != int(value):
            self.refuse("value", name, "expected a whole number of at least 1")
        return int(value)

    def element(self, name: str) -> Element | None:
        """Return the element `name`; None if there is none."""
        value = self.fields.get(name)
        return None if value is None else Element.of(value, f"{self.place}.{name}")

    def elements(self, name: str, *, may_be_modified: bool = False) -> list[Element]:
        """Return the elements of a list, which may be missing."""
        values = self.fields.get(name, [])
        if not isinstance(values, list):
            self.refuse("invalid", name, "expected a list")
        places = [f"{self.place}.{name}[{at}]" for at in range(len(values))]
        for place, value in zip(places, values, strict=True):
            if not isinstance(value, dict):
                refuse("invalid", place, "expected an object")
        return [Element(place, value, may_be_modified) for place, value in zip(places, values, strict=True)]

    def required_text(self, name: str, *one_of: str) -> str:
        """Return a text, which must be `one_of` some if there are any."""
        value = self.text(name) or self.refuse("required", name, "is required")
        if one_of and value not in one_of:
            self.refuse("value", name, f"expected {' or '.join(one_of)}")
        return value

    def required(self, name: str) -> Element:
        """Return an element that must be there."""
        return self.element(name) or self.refuse("required", name, "is required")

    def required_elements(self, name: str, *, may_be_modified: bool = False) -> list[Element]:
        """Return the elements of a list that must not be empty."""
        return self.elements(name, may_be_modified=may_be_modified) or self.refuse("required", name, "is required")

    def extension(self, url: str) -> Element | None:
        """Return the extension with this URL; None if there is none."""
        return self._extension("extension", url)

    def modifier_extension(self, url: str) -> Element | None:
        """Return the modifier extension with this URL; None if there is none. Refuses any other one."""
        for each in self.elements("modifierExtension"):
            if each.text("url") != url:
                each.refuse("not-supported", "", "can change what the content means, and is not understood")
        return self._extension("modifierExtension", url)

    def _extension(self, name: str, url: str) -> Element | None:
        found = [each for each in self.elements(name) if each.text("url") == url]
        if len(found) > 1:
            self.refuse("value", name, "has the same extension twice")
        return found[0] if found else None

    def codes(self) -> list[tuple[str, str]]:
        """Return the code system and the code of each coding of a CodeableConcept; "" for a system that is missing."""
        codings = self.elements("coding")
        return [(code_system(each.text("system") or ""), code) for each in codings if (code := each.text("code"))]
