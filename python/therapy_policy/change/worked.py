"""Which numbers and lists of a policy no worked example shows.

A worked example shows a period of a parameter, or a listed procedure code, if its decision is another one without it.
The first period of a parameter is left out: without it, nothing can be decided.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from therapy_policy.change.flips import is_date
from therapy_policy.classes.enumeration import decide_each
from therapy_policy.client.decision import Client
from therapy_policy.client.embedded import EmbeddedClient
from therapy_policy.files import from_here
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.parameters import parameters_of

WORKED_EXAMPLES = resources.files("therapy_policy.review") / "examples.json"

LISTED = "pediatric_ot.procedure_codes"  # the parameter whose every entry needs a worked example

Data = Mapping[str, Any]
WorkedExample = dict[str, Any]  # id, title, request


@dataclass(frozen=True)
class Part:
    """A period of a parameter or, if it has a code, that code in the list from this period on."""

    parameter: str  # its dotted name
    start: str  # YYYY-MM-DD
    code: str | None = None

    def __str__(self) -> str:
        return f"{self.parameter}, from {self.start}" + (f": {self.code}" if self.code else "")


@dataclass(frozen=True)
class MissingExample:
    """A part of the policy without a worked example, and an entry that would show it, if one was found."""

    part: Part
    entry: WorkedExample | None

    def as_lines(self) -> Iterator[str]:
        """Yield the part, the place for an example, and the text to put there."""
        place = from_here(Path(str(WORKED_EXAMPLES)))
        if self.entry is None:
            yield f"{self.part}: no worked example depends on it. Add one to {place}."
            return
        line = _line_for(self.entry["request"]["request_type"])
        yield f"{self.part}: no worked example depends on it. Add this before line {line} of {place}:"
        yield from (f"  {each}" for each in f"{json.dumps(self.entry, ensure_ascii=False, indent=2)},".splitlines())


def worked_examples() -> list[WorkedExample]:
    """Return the worked examples of the review."""
    examples: list[WorkedExample] = json.loads(WORKED_EXAMPLES.read_text(encoding="utf-8"))
    return examples


def missing_examples(
    bundle: Bundle, examples: Sequence[WorkedExample], old: Bundle | None = None
) -> list[MissingExample]:
    """List the later periods of each parameter, and the listed codes, that no worked example shows.

    Those that `old` has too are left out.

    Raises `EngineNotAvailable`.
    """
    missing = []
    with bundle.client() as client:
        known = list(examples)
        before = set(_parts(old.data)) if old else set()
        for part in (part for part in _parts(bundle.data) if part not in before):
            with EmbeddedClient(bundle.wasm, json.dumps(_without(bundle.data, part)).encode(), checked=False) as other:
                if _first_that_differs(known, client, other):
                    continue
                entry = _first_that_differs(list(_candidates(examples, part)), client, other)
            missing.append(MissingExample(part, entry))
            known += [entry] if entry else []  # it can show further parts
    return missing


def _first_that_differs(examples: Sequence[WorkedExample], one: Client, other: Client) -> WorkedExample | None:
    requests = [each["request"] for each in examples]
    decisions = zip(examples, decide_each(one, requests), decide_each(other, requests), strict=True)
    return next((example for example, before, after in decisions if before != after), None)


def _parts(data: Data) -> Iterator[Part]:
    for name, parameter in parameters_of(data["therapy"]["parameters"]).items():
        if name == LISTED:
            before: Mapping[str, Any] = {}
            for period in parameter.periods:
                yield from (Part(name, period.start, code) for code in period.value if code not in before)
                before = period.value
        for period in parameter.periods[1:]:
            yield Part(name, period.start)


def _without(data: Data, part: Part) -> Data:
    """The data without a period, or without a code and its add-ons in that period and all later ones."""

    def reduced(periods: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if part.code is None:
            return [period for period in periods if period["from"] != part.start]
        return [
            period
            if period["from"] < part.start
            else period
            | {
                "value": {
                    code: entry
                    for code, entry in period["value"].items()
                    if part.code not in (code, entry.get("add_on_to"))
                }
            }
            for period in periods
        ]

    def changed(tree: Data, path: Sequence[str]) -> Data:
        if not path:
            return {**tree, "periods": reduced(tree["periods"])}
        return {**tree, path[0]: changed(tree[path[0]], path[1:])}

    return changed(data, ("therapy", "parameters", *part.parameter.split(".")))


def _candidates(examples: Sequence[WorkedExample], part: Part) -> Iterator[WorkedExample]:
    """The worked examples, moved to the first date of the period, and with the code in place of each of theirs."""
    name = "-".join(filter(None, (part.code, part.parameter.replace(".", "-").replace("_", "-"), part.start)))
    what = f"from {part.start}" + (f", with {part.code}" if part.code else "")
    for example in examples:
        moved = {field: part.start if is_date(field) else value for field, value in example["request"].items()}
        entry = {"id": name, "title": f"{example['title']}, {what}", "request": moved}
        if part.code is None:
            yield entry
        for n, line in enumerate(moved.get("service_lines", ()) if part.code else ()):
            lines = [*moved["service_lines"]]
            lines[n] = line | {"procedure_code": part.code}
            yield entry | {"request": moved | {"service_lines": lines}}


def _line_for(request_type: str) -> int:
    """The line of the file, counted from 1, on which the first example of a request type begins."""
    first = next(each["id"] for each in worked_examples() if each["request"].get("request_type") == request_type)
    lines = WORKED_EXAMPLES.read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines) if f'"id": "{first}"' in line)
