"""A decision for a person to read: what was decided, on which clauses, and what would lift what stands against it.

The sentences come from the decision and from the registers of the packaged policy; nothing of the request is shown
but its reference and the places that the decision names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from therapy_policy.decision import Contact, Decision, Route

MINUTES_IN_A_UNIT = 15  # what a unit is, by PT-5

SENTENCES = {
    "authorized": ("is authorized.", "green"),
    "partially_authorized": ("is authorized in part.", "green"),
    "denied": ("is denied.", "red"),
    "pended": ("pends: nothing is authorized until what is listed below is settled.", "yellow"),
    "not_applicable": ("is outside these rules, which neither authorize nor deny it.", "cyan"),
    "routed": ("is routed.", "green"),
    "invalid_request": ("was not judged, because it is not of the published form.", "magenta"),
}

# In the order of what a person has to know first.
EFFECTS = {
    "invalid": ("Wrong in the request", "magenta"),
    "scope": ("Outside the rules because", "cyan"),
    "deny": ("Denied because", "red"),
    "pend": ("Pended because", "yellow"),
    "info": ("Also to know", "cyan"),
}


def explain(decision: Decision, console: Console) -> None:
    """Print a decision to a console, at its width; without colours where it has none."""
    register = packaged("data.json")["therapy"]["register"]

    console.print()
    console.print(Text(headline(decision), style=f"bold {SENTENCES[decision['outcome']][1]}"))
    console.print()
    console.print(_facts(decision, register["policy"]["version"]))
    if decision["lines"]:
        console.print()
        console.print(_lines(decision))
    for effect, (title, style) in EFFECTS.items():
        reasons = list(merged(decision, effect))
        if reasons:
            console.print()
            console.print(Text(title, style=f"bold {style}"))
        for number, (reason, paths) in enumerate(reasons, start=1):
            console.print(_entry(number, reason, paths, register))
    console.print()


def shown(text: str) -> str:
    """Return a text with an escape for each character that would not show, or would steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def packaged(name: str) -> Any:
    """Read a JSON file of the policy that this package ships."""
    return json.loads((Path(__file__).parent / "bundle" / name).read_text(encoding="utf-8"))


def headline(decision: Decision) -> str:
    """Say in a sentence what was decided on what."""
    kind, reference = decision["request_type"], decision["request_id"]
    definitions = packaged("request.schema.json")["definitions"]
    title = definitions.get(kind, {}).get("title", "The request")
    sentence, _ = SENTENCES[decision["outcome"]]
    return " ".join([title, *([shown(reference)] if reference else []), sentence])


def _grid() -> Table:
    """Labels on the left, and what they label beside them."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    return grid


def _facts(decision: Decision, packaged_version: str) -> Table:
    grid = _grid()
    grid.add_row("authorized", Text(authorized(decision)))
    if route := decision["route"]:
        grid.add_row("referral", Text(referral(route)))
    if contact := decision["contact"]:
        grid.add_row("contact", Text(shown(whom_to_ask(contact))))
    version = decision["policy_version"]
    if version != packaged_version:
        version += f"; the summaries of clauses below are those of version {packaged_version}"
    grid.add_row("policy", Text(shown(f"version {version}")))
    return grid


def authorized(decision: Decision) -> str:
    """Say what a decision authorizes."""
    granted = decision["authorized"]
    parts = []
    if granted["units"]:
        parts.append(units(granted["units"]))
    if granted["evaluation_visits"]:
        parts.append(counted(granted["evaluation_visits"], "evaluation visit"))
    if granted["treatment_visits"]:
        parts.append(counted(granted["treatment_visits"], "treatment visit"))
    if granted["procedure_codes"]:
        parts.append("procedure codes " + " ".join(granted["procedure_codes"]))
    if not parts:
        return "no unit, visit or procedure code"
    return f"{', '.join(parts)}; a visit has at most {units(granted['max_units_per_visit'])}"


def referral(route: Route) -> str:
    """Say where referrals of an island are described."""
    network = f", {route['network']}" if route["network"] else ""
    return f"chapter {route['chapter']} of the Affiliated Practitioner Manual{network}"


def whom_to_ask(contact: Contact) -> str:
    """Say who answers for a decision, when, and by which fax."""
    return f"{contact['name']}, {contact['hours']}, fax {' or '.join(contact['fax'])}"


def units(number: int) -> str:
    """Say a number of units, and how many minutes they are."""
    return f"{counted(number, 'unit')} ({number * MINUTES_IN_A_UNIT} minutes)"


def counted(number: int, thing: str, things: str | None = None) -> str:
    """Say how many of a thing there are; `things` is for a plural that is not in s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def _lines(decision: Decision) -> Table:
    table = Table(title="Service lines", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("line", justify="right")
    table.add_column("code")
    table.add_column("asked", justify="right")
    table.add_column("granted", justify="right")
    table.add_column("status", no_wrap=True)
    table.add_column("reasons", overflow="fold")
    for line in decision["lines"]:
        table.add_row(
            str(line["line"]),
            line["procedure_code"],
            str(line["units_requested"]),
            str(line["units_authorized"]),
            line["status"].replace("_", " "),
            "\n".join(line["reasons"]),
        )
    return table


def merged(decision: Decision, effect: str) -> Iterator[tuple[Any, list[str]]]:
    """Yield the reasons of one effect, those that differ in their place alone as one, with all its places."""
    found: dict[tuple[Any, ...], tuple[Any, list[str]]] = {}
    for reason in decision["reasons"]:
        if reason["effect"] == effect:
            same = (reason["code"], *reason["clauses"], reason["message"], reason["remedy"])
            found.setdefault(same, (reason, []))[1].append(reason["path"])
    yield from found.values()


def _entry(number: int, reason: Any, paths: list[str], register: Any) -> Table:
    entry = Table.grid(padding=(0, 1, 0, 0))
    entry.add_column(justify="right", no_wrap=True, min_width=4)
    entry.add_column(overflow="fold")
    entry.add_row(f"{number}.", Text(shown(reason["message"])))
    entry.add_row("", _grounds(reason, paths, register))
    return entry


def _grounds(reason: Any, paths: list[str], register: Any) -> Table:
    grid = _grid()
    grid.add_row("where", Text("\n".join(shown(_where(path)) for path in paths)))
    for clause in reason["clauses"]:
        grid.add_row(f"clause {clause}", Text(register["clauses"].get(clause, {}).get("summary", "")))
    if reason["interpretation"]:
        interpretation = register["interpretations"].get(reason["interpretation"], {})
        said = f"{interpretation.get('silence', '')} {interpretation.get('choice', '')}"
        grid.add_row(reason["interpretation"], Text(said.strip()))
    remedy = reason["remedy"] or register["reason_codes"].get(reason["code"], {}).get("no_remedy_because")
    if remedy:
        grid.add_row("what lifts it", Text(shown(remedy)))
    grid.add_row("reason code", Text(reason["code"]))
    return grid


def _where(path: str) -> str:
    return f"{place(path)}  ({path})" if path else place(path)


def place(path: str) -> str:
    """Say a JSON Pointer in words, elements counted from 1."""
    if not path:
        return "the whole request"
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
    words = [str(int(step) + 1) if step.isdecimal() and step.isascii() else step.replace("_", " ") for step in steps]
    return " › ".join(words)
