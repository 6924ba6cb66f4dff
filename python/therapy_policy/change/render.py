"""The report of a comparison of two policies, for people: as text for a terminal, and as a web page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from therapy_policy.change.diff import FEW, FOUND_BY, RULE_CHANGES, Document
from therapy_policy.wording import authorized_in_words, count_of, printable

LONGEST = 300  # characters of something new or gone that are shown to people
SHOWN = 12  # kinds of flips of a request type that are shown as text; the others are counted


# --- As text ---------------------------------------------------------------------------------------------------------


def print_difference(document: Document, console: Console) -> None:
    """Print it to a console, at its width; without colours where it has none."""

    def below(title: str, lines: Iterable[str]) -> None:
        console.print()
        console.print(Text(title, style="bold"))
        for line in lines:
            console.print(Padding(Text(printable(line)), (0, 0, 0, 2)))

    console.print()
    console.print(
        Text(printable(f"{said_of_bundle(document['old'])}  →  {said_of_bundle(document['new'])}"), style="dim")
    )
    console.print()
    console.print(Text(document["verdict"], style="bold red" if document["behavior_changed"] else "bold green"))
    if document["outcomes"]:
        below("Classes of requests", map(said_of_outcomes, document["outcomes"]))
    for of_type in document["flips"]:
        shared = of_type["shared"]
        below(said_of_type(of_type), [f"all of them: {said_of_shared(shared)}"] if shared else [])
        for kind in of_type["kinds"][:SHOWN]:
            console.print(Padding(_kind(kind, shared), (1, 0, 0, 2)))
        if (more := len(of_type["kinds"]) - SHOWN) > 0:
            console.print(Padding(Text(f"… and {more} more kinds of flips; --json and --html have all"), (1, 0, 0, 2)))
    for area, changes in by_area(document["data"]).items():
        below(area, map(said_of_change, changes))
    if document["rules"]:
        below("Rules", map(said_of_rule, document["rules"]))
    below("What was decided by both", said_of_decided(document))
    console.print()


def said_of_bundle(bundle: Document) -> str:
    """A bundle's name and version."""
    return f"{bundle['name']} (version {bundle['policy_version']})"


def said_of_outcomes(outcomes: Document) -> str:
    """Two outcomes, and how many classes go from the one to the other."""
    return f"{outcomes['old']} → {outcomes['new']}: {outcomes['classes']:,}"


def said_of_type(of_type: Document) -> str:
    """A request type, and how many of its classes flip."""
    if not of_type["classes"]:
        none = "no class of requests does" if of_type["all_decided"] else "no class of the slice that was decided does"
        return f"{of_type['request_type']}: flips, though {none}"
    return f"{of_type['request_type']}: {count_of(of_type['classes'], 'class', 'classes')} of requests"


def said_of_kind(kind: Document) -> str:
    """The outcomes of a kind of flip, and how many there are."""
    return f"{kind['old_outcome']} → {kind['new_outcome']}: {count_of(kind['count'], *FOUND_BY[kind['found_by']])}"


def lines_about(kind: Document, shared_by_all: Mapping[str, str]) -> list[tuple[str, str]]:
    """What there is to say of a kind of flip, each with its label."""
    own = {name: value for name, value in kind["shared"].items() if shared_by_all.get(name) != value}
    witness = kind["witness"]
    lines = [
        *lines_about_reasons(kind),
        ("all of them", said_of_shared(own)),
        ("for example", json.dumps(witness["request"], ensure_ascii=False)),
        ("old", said_of_decision(witness["old"])),
        ("new", said_of_decision(witness["new"])),
    ]
    return [(label, said) for label, said in lines if said]


def lines_about_reasons(flip: Document) -> list[tuple[str, str]]:
    """How reasons and what is granted differ, each with its label; what does not differ says nothing."""
    return [
        ("reasons gone", ", ".join(flip["reasons_gone"])),
        ("reasons come", ", ".join(flip["reasons_come"])),
        ("reasons restated", ", ".join(flip["reasons_restated"])),
        ("also differs", ", ".join(flip["other_changes"])),
        ("grants", "more than before" if flip["grants_more"] else ""),
    ]


def said_of_shared(shared: Mapping[str, str]) -> str:
    """What classes share, member by member; where they share many members of one object, the example has them."""
    one_value = Counter(name.split(".")[0] for name, value in shared.items() if " / " not in value)
    said = []
    for name, value in shared.items():
        holder = name.split(".")[0]
        as_in_example = one_value[holder] > FEW and " / " not in value
        said.append(f"{holder} as in the example" if as_in_example else f"{name} {value}")
    return "; ".join(dict.fromkeys(said))


def said_of_decision(decision: Document | None) -> str:
    """A decision in a line: its outcome, what it authorizes, and its reasons with their clauses."""
    if decision is None:
        return "no decision"
    reasons = [
        f"{each['code']} ({', '.join(each['clauses'])}) at {each['path'] or 'the whole request'}"
        for each in decision["reasons"]
    ]
    granted = f": {authorized_in_words(decision['authorized'])}" if any(decision["authorized"].values()) else ""
    return "; ".join([decision["outcome"] + granted, *reasons])


def _kind(kind: Document, shared_by_all: Mapping[str, str]) -> Table:
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True, style="dim", min_width=16)
    lines.add_column(overflow="fold")
    for label, said in lines_about(kind, shared_by_all):
        lines.add_row(f"  {label}", Text(printable(said)))
    table = Table.grid()
    table.add_row(Text(said_of_kind(kind), style="bold"))
    table.add_row(lines)
    return table


def by_area(data: Sequence[Document]) -> dict[str, list[Document]]:
    """The changes of data, by the title of the area that they are in."""
    areas: dict[str, list[Document]] = {}
    for change in data:
        areas.setdefault(change["area"], []).append(change)
    return areas


def said_of_change(change: Document) -> str:
    """A change of data: its place, what was there and what is."""
    wording = " (decides nothing)" if change["wording"] else ""
    if "old" in change and "new" in change:
        return f"{change['place']}: {written(change['old'])} → {written(change['new'])}{wording}"
    for side, sign in (("old", "gone"), ("new", "new")):
        if side in change:
            return f"{change['place']}: {sign}: {written(change[side])}{wording}"
    return str(change["place"])


def said_of_rule(rule: Document) -> str:
    """A changed rule: its file, its title or name, and what became of it."""
    name = f"“{rule['title']}”" if rule["title"] else f"`{rule['rule']}`" if rule["rule"] else "its METADATA"
    return f"{rule['file']}: {name}: {RULE_CHANGES[rule['change']]}"


def said_of_decided(document: Document) -> Iterator[str]:
    """What was decided of each request type and of the examples, with the examples that flip."""
    for name, decided in document["decided"].items():
        yield f"{name}: {decided['said']}"
    flips = document["examples"]["flips"]
    yield f"examples: {document['examples']['decided']}, of which {len(flips)} flip"
    for flip in flips:
        about = "; ".join(f"{label} {said}" for label, said in lines_about_reasons(flip) if said)
        yield f"example “{flip['name']}”: {flip['old_outcome']} → {flip['new_outcome']} ({about})"


def written(value: Any) -> str:
    """A value as text, cut off after `LONGEST` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


# --- As a page -------------------------------------------------------------------------------------------------------


def page(document: Document) -> str:
    """It as one HTML page that needs nothing else."""
    from jinja2 import Environment

    template = (resources.files("therapy_policy.change") / "page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["said"] = lambda value, say: say(value)
    says = (
        by_area,
        lines_about,
        said_of_bundle,
        said_of_change,
        said_of_decided,
        said_of_kind,
        said_of_outcomes,
        said_of_rule,
        said_of_shared,
        said_of_type,
    )
    return environment.from_string(template).render(document=document, **{each.__name__: each for each in says})
