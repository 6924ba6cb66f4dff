"""Explain a decision to a person: what was decided, based on which clauses, and how to resolve each reason.

The sentences come from the decision and from the registers of the packaged policy. Of the request, only its ID and the
paths in the decision are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from therapy_policy.client.decision import Decision
from therapy_policy.files import packaged_json
from therapy_policy.wording import (
    EFFECTS,
    OUTCOMES,
    authorized_in_words,
    contact_in_words,
    field_in_words,
    printable,
    route_in_words,
)


def explain(decision: Decision, console: Console) -> None:
    """Print a decision to a console, at its width, and in color if it has colors."""
    register = packaged_json("data.json")["therapy"]["register"]

    console.print()
    console.print(Text(headline(decision), style=f"bold {OUTCOMES[decision['outcome']][1]}"))
    console.print()
    console.print(_facts(decision, register))
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


def headline(decision: Decision) -> str:
    """Return a sentence with the request type, the request ID and the outcome."""
    kind, reference = decision["request_type"], decision["request_id"]
    definitions = packaged_json("request.schema.json")["definitions"]
    title = definitions.get(kind, {}).get("title", "The request")
    sentence, _ = OUTCOMES[decision["outcome"]]
    return " ".join([title, *([printable(reference)] if reference else []), sentence])


def _grid() -> Table:
    """Return an empty table of labels and values."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    return grid


def _facts(decision: Decision, register: Any) -> Table:
    packaged_version = register["policy"]["version"]
    grid = _grid()
    if decision["outcome"] != "routed":
        grid.add_row("authorized", Text(authorized_in_words(decision["authorized"])))
    for clause in decision["authorized_under"]:
        grid.add_row(f"under clause {clause}", Text(register["clauses"].get(clause, {}).get("summary", "")))
    if route := decision["route"]:
        grid.add_row("referral", Text(route_in_words(route)))
    if contact := decision["contact"]:
        grid.add_row("contact", Text(printable(contact_in_words(contact))))
    version = decision["policy_version"]
    if version != packaged_version:
        version += f"; the clause summaries below are from version {packaged_version}"
    grid.add_row("policy", Text(printable(f"version {version}")))
    return grid


def _lines(decision: Decision) -> Table:
    table = Table(title="Service lines", title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column("line", justify="right")
    table.add_column("code")
    table.add_column("requested", justify="right")
    table.add_column("authorized", justify="right")
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
    """Yield the reasons with one effect, each with its paths; reasons that differ only in the path are merged."""
    reasons: dict[tuple[Any, ...], tuple[Any, list[str]]] = {}
    for reason in decision["reasons"]:
        if reason["effect"] == effect:
            same = (reason["code"], *reason["clauses"], reason["message"], reason["remedy"])
            reasons.setdefault(same, (reason, []))[1].append(reason["path"])
    yield from reasons.values()


def _entry(number: int, reason: Any, paths: list[str], register: Any) -> Table:
    entry = Table.grid(padding=(0, 1, 0, 0))
    entry.add_column(justify="right", no_wrap=True, min_width=4)
    entry.add_column(overflow="fold")
    entry.add_row(f"{number}.", Text(printable(reason["message"])))
    entry.add_row("", _grounds(reason, paths, register))
    return entry


def _grounds(reason: Any, paths: list[str], register: Any) -> Table:
    grid = _grid()
    grid.add_row("where", Text("\n".join(printable(_where(path)) for path in paths)))
    for clause in reason["clauses"]:
        grid.add_row(f"clause {clause}", Text(register["clauses"].get(clause, {}).get("summary", "")))
    if reason["interpretation"]:
        interpretation = register["interpretations"].get(reason["interpretation"], {})
        text = f"{interpretation.get('silence', '')} {interpretation.get('choice', '')}"
        grid.add_row(reason["interpretation"], Text(text.strip()))
    remedy = reason["remedy"] or register["reason_codes"].get(reason["code"], {}).get("no_remedy_because")
    if remedy:
        grid.add_row("how to resolve", Text(printable(remedy)))
    grid.add_row("reason code", Text(reason["code"]))
    return grid


def _where(path: str) -> str:
    return f"{field_in_words(path)}  ({path})" if path else field_in_words(path)
