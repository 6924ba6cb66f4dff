"""What changed between two bundles, as one document: for programs as it is, for people as text or as a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from therapy_policy.bundles import Bundle
from therapy_policy.diff.changes import NOTHING, Change, ChangedRule, Differences, differences
from therapy_policy.diff.flips import Decided, Flip, Found, Outcome, decide_both
from therapy_policy.dimensions import Dimension, Request, Value
from therapy_policy.explain import authorized, counted, shown

Document = dict[str, Any]

FEW = 4  # values of a member, up to which they are named where all classes have one of them
LONGEST = 300  # characters of something new or gone that are shown to people
SHOWN = 12  # kinds of flips of a request type that are shown as text; the others are counted


def difference(
    old: Bundle, new: Bundle, request_types: Sequence[str], examples: Mapping[str, Request], *, quick: bool
) -> Document:
    """All that changed between two bundles, in what they say and in how they decide requests of these types.

    With `quick` only a slice of the classes of requests is decided.

    Raises `OpaNotAvailable` or `EngineNotAvailable`.
    """
    found = differences(old, new)
    can_differ = {name: found.can_bear_on(name) for name in request_types}
    of_types = {name: request for name, request in examples.items() if request.get("request_type") in can_differ}
    outcome = decide_both(old, new, can_differ, of_types, rules=found.in_rules, quick=quick)
    changed = bool(outcome.flips) or any(outcome.examples.values())
    return {
        "old": {"name": old.name, "policy_version": old.version},
        "new": {"name": new.name, "policy_version": new.version},
        "behaviour_changed": changed,
        "verdict": _verdict(outcome, found, quick) if not changed else _verdict_on_flips(outcome),
        "outcomes": _outcomes(outcome),
        "flips": list(_flips(outcome)),
        "examples": {
            "decided": len(outcome.examples),
            "flips": [{"name": name} | _about(flip) for name, flip in outcome.examples.items() if flip],
        },
        "data": list(_data(found)),
        "rules": [_rule(each) for each in found.rules],
        "decided": {name: _decided(decided, quick) for name, decided in outcome.decided.items()},
    }


def examples() -> dict[str, Request]:
    """The examples that come with the package: those in files by the files' names, the worked ones by their titles."""
    package = Path(__file__).parents[1]
    folders = (package / "examples", package.parents[1] / "examples")  # as installed, and in the repository
    files = sorted(file for folder in folders for file in folder.glob("*.json"))
    worked = json.loads((package / "review" / "examples.json").read_text(encoding="utf-8"))
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files} | {
        each["title"]: each["request"] for each in worked
    }


# --- In words --------------------------------------------------------------------------------------------------------


def _verdict_on_flips(outcome: Outcome) -> str:
    flips = Counter[str]()
    for flip, each in outcome.flips.items():
        flips[flip.found] += each.count
    decided = Counter(
        classes=sum(each.classes for each in outcome.decided.values()),
        drawn=sum(each.drawn for each in outcome.decided.values()),
        near=sum(each.near for each in outcome.decided.values()),
        form=sum(each.misshapen for each in outcome.decided.values()),
    )
    counts = [f"{flips[by]:,} of {decided[by]:,} {what}" for by, (_, what) in FOUND_BY.items() if flips[by]]
    return f"Behaviour changes. Decided otherwise: {' and '.join(counts) or 'an example'}."


def _verdict(outcome: Outcome, found: Differences, quick: bool) -> str:
    """What to say where nothing flips."""
    if not any(each.can_differ for each in outcome.decided.values()):
        return (
            "No change of behaviour. All that decisions rest on is the same, but for comments, METADATA and texts "
            "that decisions only repeat, so that none can come out otherwise. A slice of the classes of requests was "
            "decided by both all the same; nothing flips."
        )
    if quick:
        return (
            "No change of behaviour was found, but only a slice of the classes of requests was decided; "
            "leave out --quick to decide all of them."
        )
    if found.in_rules:
        return (
            "No change of behaviour was found: nothing flips in any class of requests, nor of those drawn at random. "
            "Where rules differ, and not only numbers and lists, that is a test and no proof."
        )
    return "No change of behaviour: every class of requests that can be concerned was decided by both; nothing flips."


def _decided(decided: Decided, quick: bool) -> Document:
    whole = decided.classes == decided.of
    said = f"all {decided.of:,} classes" if whole else f"{decided.classes:,} of {decided.of:,} classes, a fixed slice"
    if not decided.can_differ:
        said += "; nothing that its decisions rest on differs"
    elif not whole:
        said += " (--quick)"
    for number, how in ((decided.drawn, "drawn"), (decided.near, "near"), (decided.misshapen, "form")):
        if number:
            said += f"; {counted(number, *FOUND_BY[how])}"
    return asdict(decided) | {"said": said}


AREAS = {
    ("parameters",): "Numbers, codes and lists",
    ("register", "reason_codes"): "Reason codes",
    ("register", "clauses"): "Clauses",
    ("register", "interpretations"): "Interpretations",
    ("request", "forms"): "Form of requests",
}
TABLES = (("lib",), ("request",))  # generated; they are counted only


def _data(found: Differences) -> Iterator[Document]:
    tables = Counter[str]()
    for change in found.data:
        place = change.members[1:]
        for area, title in AREAS.items():
            if place[: len(area)] == area:
                yield _change(change, title, len(area) + 1, found)
                break
        else:
            if any(place[: len(table)] == table for table in TABLES):
                tables[".".join(place[:2])] += 1
            else:
                yield _change(change, "Other registers", 2, found)
    for table, count in tables.items():
        yield {"area": "Tables", "place": f"{table}: {count:,} places differ", "wording": False}


def _change(change: Change, area: str, above: int, found: Differences) -> Document:
    sides = {side: each for side, each in (("old", change.old), ("new", change.new)) if each is not NOTHING}
    return {"area": area, "place": _place(change.path[above:]), **sides, "wording": found.is_wording(change)}


def _place(steps: Sequence[Any]) -> str:
    parts: list[str] = [""]
    for step in steps:
        if isinstance(step, tuple):
            parts[-1] = parts[-1].removesuffix(".periods")
            parts += [f"{step[0]} {step[1]}", ""]
        elif isinstance(step, int):
            parts[-1] += f"[{step}]"
        else:
            parts[-1] += f".{step}" if parts[-1] else step
    return ", ".join(part for part in parts if part)


RULE_CHANGES = {
    "gone": "gone",
    "come": "new",
    "other": "says something else",
    "words": "other METADATA, says the same",
}


def _rule(changed: ChangedRule) -> Document:
    return {
        "file": changed.file,
        "package": changed.package,
        "rule": changed.name or None,
        "title": changed.title or None,
        "change": changed.change,
    }


# --- Flips -----------------------------------------------------------------------------------------------------------


# What was decided by both when a flip was found, in words: one of it, and several.
FOUND_BY = {
    "classes": ("class of requests", "classes of requests"),
    "drawn": ("request drawn at random, for rules differ", "requests drawn at random, for rules differ"),
    "near": ("valid request near the smallest one", "valid requests near the smallest one"),
    "form": ("request of a wrong form", "requests of a wrong form"),
}


def _outcomes(outcome: Outcome) -> list[Document]:
    """How many classes go from one outcome to another, the gravest first."""
    found = Counter[tuple[str, str]]()
    for flip, each in outcome.sorted_flips():
        if flip.found == "classes":
            found[flip.old_outcome, flip.new_outcome] += each.count
    return [{"old": old, "new": new, "classes": count} for (old, new), count in found.items()]


def _about(flip: Flip) -> Document:
    return {
        "old_outcome": flip.old_outcome,
        "new_outcome": flip.new_outcome,
        "reasons_gone": list(flip.gone),
        "reasons_come": list(flip.come),
        "reasons_restated": list(flip.restated),
        "other_changes": list(flip.other),
        "grants_more": flip.grants_more,
    }


def _flips(outcome: Outcome) -> Iterator[Document]:
    """What flips, by request type, the type with the gravest flips first."""
    by_type: dict[str, list[tuple[Flip, Found]]] = {}
    for flip, found in outcome.sorted_flips():
        by_type.setdefault(flip.request_type, []).append((flip, found))
    for name, flips in by_type.items():
        whole = outcome.decided[name].classes == outcome.decided[name].of
        dimensions = outcome.dimensions[name]
        kinds = [
            _about(flip)
            | {
                "found_by": flip.found,
                "count": found.count,
                "shared": _shared(dimensions, found.values, whole),
                "witness": {"request": found.witness.request, "old": found.witness.old, "new": found.witness.new},
            }
            for flip, found in flips
        ]
        classes = [found for flip, found in flips if flip.found == "classes"]
        values = [set().union(*each) for each in zip(*(found.values for found in classes), strict=True)]
        yield {
            "request_type": name,
            "classes": sum(found.count for found in classes),
            "all_decided": whole,
            "shared": _shared(dimensions, values, whole),
            "kinds": kinds,
        }


def _shared(dimensions: Sequence[Dimension], values: Sequence[set[Value]], whole: bool) -> dict[str, str]:
    """Of each member, by its path, what all classes have of it; members of which they have anything are left out.

    Where not the whole was decided, to have one of several values says little.
    """
    found = {}
    for dimension, those in zip(dimensions, values, strict=False):
        if len(those) < len(dimension.values):
            if all(isinstance(value, str) for value in those):
                if len(those) <= (FEW if whole else 1):
                    found[dimension.name] = " / ".join(value for value in dimension.values if value in those)
            elif common := set.intersection(*(set(_words(value)) for value in those)):
                found[dimension.name] = f"with {', '.join(sorted(common))}"
    return found


def _words(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _words(each)


# --- As text ---------------------------------------------------------------------------------------------------------


def print_difference(document: Document, console: Console) -> None:
    """Print it to a console, at its width; without colours where it has none."""

    def below(title: str, lines: Iterable[str]) -> None:
        console.print()
        console.print(Text(title, style="bold"))
        for line in lines:
            console.print(Padding(Text(shown(line)), (0, 0, 0, 2)))

    console.print()
    console.print(Text(shown(f"{said_of_bundle(document['old'])}  →  {said_of_bundle(document['new'])}"), style="dim"))
    console.print()
    console.print(Text(document["verdict"], style="bold red" if document["behaviour_changed"] else "bold green"))
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
    return f"{of_type['request_type']}: {counted(of_type['classes'], 'class', 'classes')} of requests"


def said_of_kind(kind: Document) -> str:
    """The outcomes of a kind of flip, and how many there are."""
    return f"{kind['old_outcome']} → {kind['new_outcome']}: {counted(kind['count'], *FOUND_BY[kind['found_by']])}"


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
    granted = f": {authorized(decision)}" if any(decision["authorized"].values()) else ""  # type: ignore[arg-type]
    return "; ".join([decision["outcome"] + granted, *reasons])


def _kind(kind: Document, shared_by_all: Mapping[str, str]) -> Table:
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True, style="dim", min_width=16)
    lines.add_column(overflow="fold")
    for label, said in lines_about(kind, shared_by_all):
        lines.add_row(f"  {label}", Text(shown(said)))
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

    template = (resources.files("therapy_policy.diff") / "page.html.jinja").read_text(encoding="utf-8")
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
