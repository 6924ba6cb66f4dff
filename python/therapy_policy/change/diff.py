"""What changed between two bundles, as one document: for programs as it is, for people as text or as a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from therapy_policy.change.changes import NOTHING, Change, ChangedRule, Differences, differences
from therapy_policy.change.flips import Decided, Flip, Found, Outcome, decide_both
from therapy_policy.classes.dimensions import Dimension, Request, Value
from therapy_policy.policy.bundles import Bundle
from therapy_policy.wording import count_of

Document = dict[str, Any]

FEW = 4  # values of a member, up to which they are named where all classes have one of them


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
        "behavior_changed": changed,
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
    return f"Behavior changes. Decided otherwise: {' and '.join(counts) or 'an example'}."


def _verdict(outcome: Outcome, found: Differences, quick: bool) -> str:
    """What to say where nothing flips."""
    if not any(each.can_differ for each in outcome.decided.values()):
        return (
            "No change of behavior. All that decisions rest on is the same, but for comments, METADATA and texts "
            "that decisions only repeat, so that none can come out otherwise. A slice of the classes of requests was "
            "decided by both all the same; nothing flips."
        )
    if quick:
        return (
            "No change of behavior was found, but only a slice of the classes of requests was decided; "
            "leave out --quick to decide all of them."
        )
    if found.in_rules:
        return (
            "No change of behavior was found: nothing flips in any class of requests, nor of those drawn at random. "
            "Where rules differ, and not only numbers and lists, that is a test and no proof."
        )
    return "No change of behavior: every class of requests that can be concerned was decided by both; nothing flips."


def _decided(decided: Decided, quick: bool) -> Document:
    whole = decided.classes == decided.of
    said = f"all {decided.of:,} classes" if whole else f"{decided.classes:,} of {decided.of:,} classes, a fixed slice"
    if not decided.can_differ:
        said += "; nothing that its decisions rest on differs"
    elif not whole:
        said += " (--quick)"
    for number, how in ((decided.drawn, "drawn"), (decided.near, "near"), (decided.misshapen, "form")):
        if number:
            said += f"; {count_of(number, *FOUND_BY[how])}"
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
