"""Render the comparison of two policies as text for a terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from therapy_policy.change.diff import FEW, FOUND_BY, RULE_CHANGES, Document
from therapy_policy.wording import authorized_in_words, count_of, printable

PERIODS = {"added": " (new period)", "removed": " (period removed)"}
MAX_TEXT = 300  # characters of a value that are shown
AROUND = 40  # characters that are shown around a difference in a long text
MAX_KINDS = 12  # kinds of flips of a request type that are printed; the others are counted


def print_report(document: Document, console: Console) -> None:
    """Print the document to a console, at its width, and in color if it has colors."""

    def below(title: str, lines: Iterable[str]) -> None:
        console.print()
        console.print(Text(title, style="bold"))
        for line in lines:
            console.print(Padding(Text(printable(line)), (0, 0, 0, 2)))

    console.print()
    console.print(
        Text(printable(f"{bundle_as_text(document['old'])}  →  {bundle_as_text(document['new'])}"), style="dim")
    )
    console.print()
    console.print(Text(document["verdict"], style="bold red" if document["behavior_changed"] else "bold green"))
    if document["outcomes"]:
        below("Classes of requests", map(outcomes_as_text, document["outcomes"]))
    for of_type in document["flips"]:
        shared = of_type["shared"]
        below(type_as_text(of_type), [f"in common: {shared_as_text(shared)}"] if shared else [])
        for kind in of_type["kinds"][:MAX_KINDS]:
            console.print(Padding(_kind(kind, shared), (1, 0, 0, 2)))
        if (more := len(of_type["kinds"]) - MAX_KINDS) > 0:
            console.print(
                Padding(Text(f"… and {more} more kinds of flips; use --json or --html to see all"), (1, 0, 0, 2))
            )
    for area, changes in by_area(document["data"]).items():
        below(area, map(change_as_text, changes))
    if document["rules"]:
        below("Rules", map(rule_as_text, document["rules"]))
    below("Decided by both policies", coverage_as_text(document))
    console.print()


def bundle_as_text(bundle: Document) -> str:
    """Return a bundle's name and version."""
    return f"{bundle['name']} (version {bundle['policy_version']})"


def outcomes_as_text(outcomes: Document) -> str:
    """Return two outcomes, and how many classes change from the first to the second."""
    return f"{outcomes['old']} → {outcomes['new']}: {outcomes['classes']:,}"


def type_as_text(of_type: Document) -> str:
    """Return a request type, and how many of its classes flip."""
    if not of_type["classes"]:
        where = "in any class of requests" if of_type["all_decided"] else "in the sample of classes"
        return f"{of_type['request_type']}: some decisions differ, but none {where}"
    return f"{of_type['request_type']}: {count_of(of_type['classes'], 'class', 'classes')} of requests"


def kind_as_text(kind: Document) -> str:
    """Return the outcomes of a kind of flip, and its count."""
    which = ""
    if "passed" in kind:
        which = ", of dates that have passed" if kind["passed"] else ", of dates to come"
    count = count_of(kind["count"], *FOUND_BY[kind["found_by"]])
    return f"{kind['old_outcome']} → {kind['new_outcome']}: {count}{which}"


def kind_lines(kind: Document, shared_by_all: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the details of a kind of flip, each with its label."""
    own = {name: value for name, value in kind["shared"].items() if shared_by_all.get(name) != value}
    witness = kind["witness"]
    lines = [
        *decision_change_lines(kind),
        ("in common", shared_as_text(own)),
        ("for example", json.dumps(witness["request"], ensure_ascii=False)),
        ("old", decision_as_text(witness["old"])),
        ("new", decision_as_text(witness["new"])),
    ]
    return [(label, text) for label, text in lines if text]


def decision_change_lines(flip: Document) -> list[tuple[str, str]]:
    """Return how a decision changes, each part with its label; the text is empty for a part that does not."""
    return [
        ("reasons removed", ", ".join(flip["reasons_removed"])),
        ("reasons added", ", ".join(flip["reasons_added"])),
        ("reasons changed", ", ".join(flip["reasons_changed"])),
        ("also differs", ", ".join(flip["other_changes"])),
        ("authorizes", "more than before" if flip["authorizes_more"] else ""),
    ]


def shared_as_text(shared: Mapping[str, str]) -> str:
    """Describe what classes have in common; if it is many fields of one object, refer to the example."""
    one_value = Counter(name.split(".")[0] for name, value in shared.items() if " / " not in value)
    parts = []
    for name, value in shared.items():
        parent = name.split(".")[0]
        as_in_example = one_value[parent] > FEW and " / " not in value
        parts.append(f"{parent} as in the example" if as_in_example else f"{name} {value}")
    return "; ".join(dict.fromkeys(parts))


def decision_as_text(decision: Document | None) -> str:
    """Return a decision as one line: its outcome, what it authorizes, and its reasons with their clauses."""
    if decision is None:
        return "no decision"
    reasons = [
        f"{each['code']} ({', '.join(each['clauses'])}) at {each['path'] or 'the whole request'}"
        for each in decision["reasons"]
    ]
    authorized = f": {authorized_in_words(decision['authorized'])}" if any(decision["authorized"].values()) else ""
    return "; ".join([decision["outcome"] + authorized, *reasons])


def _kind(kind: Document, shared_by_all: Mapping[str, str]) -> Table:
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True, style="dim", min_width=16)
    lines.add_column(overflow="fold")
    for label, text in kind_lines(kind, shared_by_all):
        lines.add_row(f"  {label}", Text(printable(text)))
    table = Table.grid()
    table.add_row(Text(kind_as_text(kind), style="bold"))
    table.add_row(lines)
    return table


def by_area(data: Sequence[Document]) -> dict[str, list[Document]]:
    """Group changes of the data by the title of their area."""
    areas: dict[str, list[Document]] = {}
    for change in data:
        areas.setdefault(change["area"], []).append(change)
    return areas


def change_as_text(change: Document) -> str:
    """Return a change of the data: its place, the old and the new value."""
    note = " (wording only)" if change["wording"] else PERIODS.get(change.get("period", ""), "")
    place = f"{change['place']}: " if change["place"] else ""  # a whole area has no place in it
    if "old" in change and "new" in change:
        old, new = differing_parts(value_as_text(change["old"]), value_as_text(change["new"]))
        return f"{place}{old} → {new}{note}"
    for side, label in (("old", "removed"), ("new", "added")):
        if side in change:
            return f"{place}{label}: {cut_off(value_as_text(change[side]))}{note}"
    return str(change["place"])


def rule_as_text(rule: Document) -> str:
    """Return a changed rule: its file, its title or name, and how it changed."""
    name = f"“{rule['title']}”" if rule["title"] else f"`{rule['rule']}`" if rule["rule"] else "its METADATA"
    return f"{rule['file']}: {name}: {RULE_CHANGES[rule['change']]}"


def coverage_as_text(document: Document) -> Iterator[str]:
    """Yield what was decided for each request type and for the examples, with the examples that flip."""
    for name, coverage in document["decided"].items():
        yield f"{name}: {coverage['summary']}"
    flips = document["examples"]["flips"]
    yield f"examples: {document['examples']['decided']}, of which {len(flips)} flip"
    for flip in flips:
        changes = "; ".join(f"{label} {text}" for label, text in decision_change_lines(flip) if text)
        yield f"example “{flip['name']}”: {flip['old_outcome']} → {flip['new_outcome']} ({changes})"


def value_as_text(value: Any) -> str:
    """Return a value as text: a text as it is, another value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def cut_off(text: str) -> str:
    """Return a text, cut off after `MAX_TEXT` characters."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} …"


def differing_parts(old: str, new: str) -> tuple[str, str]:
    """Return two texts; if one is long, only what differs with a few words around, cut off after `MAX_TEXT` characters.

    A text is never cut off before the first difference.
    """
    if max(len(old), len(new)) <= MAX_TEXT:
        return old, new
    same = _same_at_the_beginning(old, new)
    same_at_end = _same_at_the_beginning(old[same:][::-1], new[same:][::-1])
    begin = max(same - AROUND, 0)

    def part(text: str) -> str:
        end = min(len(text) - same_at_end + AROUND, begin + MAX_TEXT)
        return ("… " if begin else "") + text[begin:end] + (" …" if end < len(text) else "")

    return part(old), part(new)


def _same_at_the_beginning(one: str, another: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, another, strict=False)) if a != b), min(len(one), len(another)))
