"""How the package says things to people: outcomes, effects, counts, units, and fields of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MINUTES_IN_A_UNIT = 15  # what a unit is, by PT-5

# What each outcome says of a request, and its color.
OUTCOMES = {
    "authorized": ("is authorized.", "green"),
    "partially_authorized": ("is authorized in part.", "green"),
    "denied": ("is denied.", "red"),
    "pended": ("is pended. Nothing is authorized until the items below are resolved.", "yellow"),
    "not_applicable": ("is outside these rules, which neither authorize nor deny it.", "cyan"),
    "routed": ("is routed.", "green"),
    "invalid_request": ("was not evaluated, because it does not match the published request format.", "magenta"),
}

# The heading over the reasons of each effect, and its color, in the order of what a person has to know first.
EFFECTS = {
    "invalid": ("Not valid in the request", "magenta"),
    "scope": ("Outside the rules because", "cyan"),
    "deny": ("Denied because", "red"),
    "pend": ("Pended because", "yellow"),
    "info": ("Also note", "cyan"),
}


def printable(text: str) -> str:
    """A text with an escape for each character that would not show, or would control the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def count_of(number: int, thing: str, things: str | None = None) -> str:
    """How many of a thing there are; `things` is for a plural that does not end in s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def units_and_minutes(units: int) -> str:
    """A number of units of 15 minutes, and how many minutes they are."""
    return f"{count_of(units, 'unit')} ({units * MINUTES_IN_A_UNIT} minutes)"


def authorized_in_words(authorized: Mapping[str, Any]) -> str:
    """What a decision authorizes, from the field `authorized`."""
    parts = []
    if authorized["units"]:
        parts.append(units_and_minutes(authorized["units"]))
    if authorized["evaluation_visits"]:
        parts.append(count_of(authorized["evaluation_visits"], "evaluation visit"))
    if authorized["treatment_visits"]:
        parts.append(count_of(authorized["treatment_visits"], "treatment visit"))
    if authorized["procedure_codes"]:
        parts.append("procedure codes " + " ".join(authorized["procedure_codes"]))
    if not parts:
        return "nothing"
    return f"{', '.join(parts)}; at most {units_and_minutes(authorized['max_units_per_visit'])} in a visit"


def route_in_words(route: Mapping[str, Any]) -> str:
    """Where the referrals of an island are handled, from the field `route` of a decision."""
    network = f", {route['network']}" if route["network"] else ""
    return f"chapter {route['chapter']} of the Affiliated Practitioner Manual{network}"


def contact_in_words(contact: Mapping[str, Any]) -> str:
    """Whom to contact, when, and by which fax, from the field `contact` of a decision (AUTH-1)."""
    return f"{contact['name']}, {contact['hours']}, fax {' or '.join(contact['fax'])}"


def field_in_words(path: str) -> str:
    """A JSON Pointer (RFC 6901) in words, elements counted from 1."""
    if not path:
        return "the whole request"
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
    words = [str(int(step) + 1) if step.isdecimal() and step.isascii() else step.replace("_", " ") for step in steps]
    return " › ".join(words)
