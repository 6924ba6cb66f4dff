"""Words for people: outcomes, effects, counts, units, and fields of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MINUTES_IN_A_UNIT = 15  # defined by PT-5

# The end of a sentence about the request for each outcome, and its color.
OUTCOMES = {
    "authorized": ("is authorized.", "green"),
    "partially_authorized": ("is authorized in part.", "green"),
    "denied": ("is denied.", "red"),
    "pended": ("is pended. Nothing is authorized until the items below are resolved.", "yellow"),
    "not_applicable": ("is outside these rules, which neither authorize nor deny it.", "cyan"),
    "routed": ("is routed.", "green"),
    "invalid_request": ("was not evaluated, because it does not match the published request format.", "magenta"),
}

# The heading of the reasons of each effect, and its color, the most important first.
EFFECTS = {
    "invalid": ("Not valid in the request", "magenta"),
    "scope": ("Outside the rules because", "cyan"),
    "deny": ("Denied because", "red"),
    "pend": ("Pended because", "yellow"),
    "info": ("Also note", "cyan"),
}

# The words that names in requests and policies spell in lower case.
SPELLINGS = {
    "id": "ID",
    "ot": "OT",
    "pt": "PT",
    "hawaii": "Hawaii",
    "kauai": "Kauai",
    "lanai": "Lanai",
    "maui": "Maui",
    "molokai": "Molokai",
    "oahu": "Oahu",
}


def name_in_words(name: str) -> str:
    """Return a name as requests and policies spell it, such as "aqua_therapy" or "oahu", in words."""
    return " ".join(SPELLINGS.get(word, word) for word in name.split("_"))


def printable(text: str) -> str:
    """Return a text with escapes for characters that are invisible or control the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def count_of(number: int, thing: str, things: str | None = None) -> str:
    """Return a count in words, such as "2 visits"; `things` is for a plural that does not end in s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def units_and_minutes(units: int) -> str:
    """Return a number of units of 15 minutes, and their minutes."""
    return f"{count_of(units, 'unit')} ({units * MINUTES_IN_A_UNIT} minutes)"


def authorized_in_words(authorized: Mapping[str, Any]) -> str:
    """Return what a decision authorizes, from its field `authorized`."""
    parts = []
    if authorized["units"]:
        parts.append(units_and_minutes(authorized["units"]))
    if authorized["evaluation_visits"]:
        parts.append(count_of(authorized["evaluation_visits"], "evaluation visit"))
    if authorized["treatment_visits"]:
        parts.append(count_of(authorized["treatment_visits"], "treatment visit"))
    if codes := authorized["procedure_codes"]:
        parts.append(f"procedure {'code' if len(codes) == 1 else 'codes'} {', '.join(codes)}")
    if not parts:
        return "nothing"
    return f"{', '.join(parts)}; at most {units_and_minutes(authorized['max_units_per_visit'])} in a visit"


def route_in_words(route: Mapping[str, Any]) -> str:
    """Return where the referrals of an island are handled, from the field `route` of a decision."""
    network = f", {route['network']}" if route["network"] else ""
    return f"chapter {route['chapter']} of the Affiliated Practitioner Manual{network}"


def contact_in_words(contact: Mapping[str, Any]) -> str:
    """Return whom to contact, the hours and the fax numbers, from the field `contact` of a decision (AUTH-1)."""
    return f"{contact['name']}, {contact['hours']}, fax {' or '.join(contact['fax'])}"


def field_in_words(path: str) -> str:
    """Return a JSON Pointer (RFC 6901) in words, with elements counted from 1."""
    if not path:
        return "the whole request"
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
    words = [str(int(step) + 1) if step.isdecimal() and step.isascii() else name_in_words(step) for step in steps]
    return " › ".join(words)
