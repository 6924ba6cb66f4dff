"""Compare two bundles: one document with all that changed, which render.py renders for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from therapy_policy.change.changes import (
    NOTHING,
    Change,
    ChangedRule,
    Differences,
    compare_bundles,
    data_changes,
)
from therapy_policy.change.flips import Comparison, Coverage, Flip, FlippedClasses, decide_both
from therapy_policy.change.worked import worked_examples
from therapy_policy.classes.dimensions import Dimension, Request, Value
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.parameters import day_before
from therapy_policy.wording import count_of

Document = dict[str, Any]

ANSWERS_CHANGED = "The standard answers changed. Only decisions were compared, not answers."
FEW = 4  # list the values of a field that classes share, if there are at most this many


def diff(
    old: Bundle,
    new: Bundle,
    request_types: Sequence[str],
    examples: Mapping[str, Request],
    *,
    quick: bool,
    as_of: str | None = None,
) -> Document:
    """Compare two bundles: their data, their rules, and their decisions on requests of these types and on examples.

    With `quick`, only a sample of the classes of requests is decided. With a date `as_of` (YYYY-MM-DD), each flip has a
    field `passed`, which says whether all dates of its requests are on or before that date. The document is a JSON
    value.

    Raises `BundleNotUsable`, `OpaNotAvailable` and `EngineNotAvailable`.
    """
    differences = compare_bundles(old, new, request_types)
    can_differ = differences.can_differ
    of_types = {name: request for name, request in examples.items() if request.get("request_type") in can_differ}
    comparison = decide_both(
        old, new, can_differ, of_types, rules_differ=differences.rules_decide_differently, quick=quick, as_of=as_of
    )
    changed = bool(comparison.flips) or any(comparison.examples.values())
    data = list(_data(differences, old.data, new.data))
    answers_changed = differences.rules_answer_differently or any(
        each["area"] == AREAS["register", "standard_answers"] and not each["wording"] for each in data
    )
    verdict = (
        _verdict_with_flips(comparison, quick) if changed else _verdict_without_flips(comparison, differences, quick)
    )
    return {
        "old": {"name": old.name, "policy_version": old.version, "digest": old.digest},
        "new": {"name": new.name, "policy_version": new.version, "digest": new.digest},
        "behavior_changed": changed,
        "answers_changed": answers_changed,
        "verdict": f"{verdict} {ANSWERS_CHANGED}" if answers_changed else verdict,
        "outcomes": _outcomes(comparison),
        "flips": list(_flips(comparison)),
        "examples": {
            "decided": len(comparison.examples),
            "flips": [{"name": name} | _decision_changes(flip) for name, flip in comparison.examples.items() if flip],
        },
        "data": data,
        "rules": [_rule(each) for each in differences.rules],
        "decided": {name: _coverage(coverage, quick) for name, coverage in comparison.coverage.items()},
    }


def examples() -> dict[str, Request]:
    """Return the examples in the package: those in files by file name, the worked ones by title."""
    installed = resources.files("therapy_policy") / "examples"
    folder = installed if installed.is_dir() else Path(__file__).parents[3] / "examples"  # in the repository
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files} | {
        each["title"]: each["request"] for each in worked_examples()
    }


# --- In words --------------------------------------------------------------------------------------------------------


def _verdict_with_flips(comparison: Comparison, quick: bool) -> str:
    flips = Counter[str]()
    for flip, each in comparison.flips.items():
        flips[flip.found_by] += each.count
    decided = Counter(
        classes=sum(each.classes for each in comparison.coverage.values()),
        drawn=sum(each.drawn for each in comparison.coverage.values()),
        near=sum(each.near for each in comparison.coverage.values()),
        form=sum(each.malformed for each in comparison.coverage.values()),
    )
    counts = [f"{flips[by]:,} of {decided[by]:,} {what}" for by, (_, what) in FOUND_BY.items() if flips[by]]
    verdict = f"Behavior changes. Decided differently: {' and '.join(counts) or 'an example'}."
    return f"{verdict} Only a sample of the classes was decided; others may change, too." if quick else verdict


def _verdict_without_flips(comparison: Comparison, differences: Differences, quick: bool) -> str:
    if not any(each.can_differ for each in comparison.coverage.values()):
        rules_differ = any(rule.change != "metadata" for rule in differences.rules)
        if rules_differ or not all(change.wording for change in differences.data):
            return "No change in behavior: nothing that changed can change a decision on these types of requests."
        return (
            "No change in behavior. The policies differ at most in comments, METADATA and texts that decisions only "
            "repeat, so no decision can differ. A sample of the classes of requests was decided by both policies "
            "anyway: no decision differs."
        )
    if quick:
        return (
            "No change in behavior was found, but only a sample of the classes of requests was decided. "
            "Leave out --quick to decide all of them."
        )
    if differences.rules_decide_differently:
        return (
            "No change in behavior was found, in any class of requests or in requests drawn at random. "
            "Because rules differ, and not only numbers and lists, this is a test and not a proof."
        )
    return "No change in behavior. Both policies decided every class of requests that can differ: no decision differs."


def _coverage(coverage: Coverage, quick: bool) -> Document:
    which = "all" if coverage.complete else "a fixed sample of"
    summary = f"{which} {count_of(coverage.classes, 'class', 'classes')}"
    if not coverage.can_differ:
        summary += "; its decisions cannot differ"
    for number, by in ((coverage.drawn, "drawn"), (coverage.near, "near"), (coverage.malformed, "form")):
        if number:
            summary += f"; {count_of(number, *FOUND_BY[by])}"
    return asdict(coverage) | {"summary": summary}


AREAS = {
    ("parameters",): "Numbers, codes and lists",
    ("ceiling",): "Ceiling",
    ("register", "reason_codes"): "Reason codes",
    ("register", "standard_answers"): "Standard answers",
    ("register", "clauses"): "Clauses",
    ("register", "interpretations"): "Interpretations",
    ("request", "forms"): "Request fields",
}
TABLES = (("lib",), ("request",))  # generated; their changes are only counted


def _data(differences: Differences, old: Any, new: Any) -> Iterator[Document]:
    tables = Counter[str]()
    for change in differences.data:
        fields = change.fields[1:]
        for area, title in AREAS.items():
            if fields[: len(area)] == area:
                yield from _changes(change, title, len(area) + 1, old, new)
                break
        else:
            if any(fields[: len(table)] == table for table in TABLES):
                tables[".".join(fields[:2])] += 1
            else:
                yield from _changes(change, "Other registers", 2, old, new)
    for table, count in tables.items():
        yield {"area": "Tables", "place": f"{table}: {count_of(count, 'difference')}", "wording": False}


def _changes(change: Change, area: str, above: int, old: Any, new: Any) -> Iterator[Document]:
    """A change as JSON. A period that only one policy has is compared with the value that applies in the other one."""
    step = next((step for step in change.path if isinstance(step, tuple)), None)
    through, period, parts = None, None, [change]
    if step:
        at, (_, begin) = change.path.index(step), step
        before, after = (_by_begin(_at(data, change.path[:at])) for data in (old, new))
        through = min((day_before(each) for each in {*before, *after} if each > begin), default=None)
        if change.path[-1] == step and NOTHING in (change.old, change.new):
            period, other = ("added", before) if change.old is NOTHING else ("removed", after)
            if applies := max((each for each in other if each <= begin), default=None):
                sides = (other[applies], change.new) if period == "added" else (change.old, other[applies])
                parts = list(data_changes(*sides, change.path)) or [Change(change.path, *sides)]
    about = {"wording": change.wording} | ({"period": period} if period else {})
    for each in parts:
        values = {side: value for side, value in (("old", each.old), ("new", each.new)) if value is not NOTHING}
        yield {"area": area, "place": _place(each.path[above:], through), **values, **about}


def _at(data: Any, path: Sequence[Any]) -> Any:
    for step in path:
        data = data.get(step, {})
    return data


def _by_begin(periods: Sequence[Document]) -> dict[str, Any]:
    return {period["from"]: period["value"] for period in periods}


def _place(steps: Sequence[Any], through: str | None = None) -> str:
    parts: list[str] = [""]
    for step in steps:
        if isinstance(step, tuple):
            parts[-1] = parts[-1].removesuffix(".periods")
            parts += [f"{step[0]} {step[1]}" + (f" through {through}" if through else ""), ""]
        elif isinstance(step, int):
            parts[-1] += f"[{step}]"
        else:
            parts[-1] += f".{step}" if parts[-1] else step
    return ", ".join(part for part in parts if part)


RULE_CHANGES = {
    "removed": "removed",
    "added": "added",
    "changed": "changed",
    "metadata": "only METADATA changed",
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


# The requests that show flips, in words: one, and several.
FOUND_BY = {
    "classes": ("class of requests", "classes of requests"),
    "drawn": ("request drawn at random", "requests drawn at random"),
    "near": ("valid request similar to the smallest one", "valid requests similar to the smallest one"),
    "form": ("malformed request", "malformed requests"),
}


def _outcomes(comparison: Comparison) -> list[Document]:
    """Count the classes that change from one outcome to another, the most serious first."""
    counts = Counter[tuple[str, str]]()
    for flip, each in comparison.sorted_flips():
        if flip.found_by == "classes":
            counts[flip.old_outcome, flip.new_outcome] += each.count
    return [{"old": old, "new": new, "classes": count} for (old, new), count in counts.items()]


def _decision_changes(flip: Flip) -> Document:
    return {
        "old_outcome": flip.old_outcome,
        "new_outcome": flip.new_outcome,
        "reasons_removed": list(flip.removed),
        "reasons_added": list(flip.added),
        "reasons_changed": list(flip.changed),
        "other_changes": list(flip.other),
        "authorizes_more": flip.authorizes_more,
    } | ({} if flip.passed is None else {"passed": flip.passed})


def _flips(comparison: Comparison) -> Iterator[Document]:
    """Group the flips by request type, the type with the most serious flips first."""
    by_type: dict[str, list[tuple[Flip, FlippedClasses]]] = {}
    for flip, classes in comparison.sorted_flips():
        by_type.setdefault(flip.request_type, []).append((flip, classes))
    for name, flips in by_type.items():
        complete = comparison.coverage[name].complete
        dimensions = comparison.dimensions[name]
        kinds = [
            _decision_changes(flip)
            | {
                "found_by": flip.found_by,
                "count": classes.count,
                "shared": _shared(dimensions, classes.values, complete),
                "witness": {"request": classes.witness.request, "old": classes.witness.old, "new": classes.witness.new},
            }
            for flip, classes in flips
        ]
        enumerated = [classes for flip, classes in flips if flip.found_by == "classes"]
        values = [set().union(*each) for each in zip(*(classes.values for classes in enumerated), strict=True)]
        yield {
            "request_type": name,
            "classes": sum(classes.count for classes in enumerated),
            "all_decided": complete,
            "shared": _shared(dimensions, values, complete),
            "kinds": kinds,
        }


def _shared(dimensions: Sequence[Dimension], values: Sequence[set[Value]], complete: bool) -> dict[str, str]:
    """Describe what classes have in common, by field; fields in which they have any value are left out.

    In a sample of classes, it says little that a field has one of several values, so those are left out too.
    """
    shared = {}
    for dimension, those in zip(dimensions, values, strict=False):
        if len(those) < len(dimension.values):
            if all(isinstance(value, str) for value in those):
                if len(those) <= (FEW if complete else 1):
                    shared[dimension.name] = " / ".join(value for value in dimension.values if value in those)
            elif common := set.intersection(*(set(_words(value)) for value in those)):
                shared[dimension.name] = f"with {', '.join(sorted(common))}"
    return shared


def _words(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _words(each)
