"""A mutant: one edit in one file, such as a person could make by mistake."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """Replaces the characters from `start` to `end` of a file, whose path is relative to `policies/`."""

    file: str
    operator: str
    start: int
    end: int
    replacement: str

    def identity(self) -> str:
        """The same in every run, as long as the edit is the same."""
        text = json.dumps([self.file, self.operator, self.start, self.end, self.replacement])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def applied(self, text: str) -> str:
        return text[: self.start] + self.replacement + text[self.end :]

    def diff(self, text: str) -> list[str]:
        """The lines of a unified diff, for a person."""
        before, after = text.splitlines(), self.applied(text).splitlines()
        return list(difflib.unified_diff(before, after, self.file, f"{self.file}, mutated", lineterm="", n=2))

    def lines(self, text: str) -> tuple[str, str]:
        """The lines removed and the lines added, without indentation: how a list names the edit."""
        changed = [line for line in self.diff(text)[2:] if line[:1] in "+-"]
        was, becomes = ([line[1:].strip() for line in changed if line[0] == sign] for sign in "-+")
        return "\n".join(filter(None, was)), "\n".join(filter(None, becomes))

    def heading(self, text: str) -> str:
        """The first line of the rule, the parameter or the reason code that contains the edit."""
        comments = re.compile(r"(?:#.*\n|\s)*").match(text, self.start, self.end)
        lines = text[: text.find("\n", comments.end() if comments else self.start)].splitlines()
        return next(line for line in reversed(lines) if re.match(r"(?!else\b)[A-Za-z_]", line))


class Vocabularies:
    """The fixed lists of names in the published schemas: the values of an enum, the fields of an object.

    With them, a mutant adds a name that requests can really have, or replaces a name with another real one.
    """

    def __init__(self, schemas: Path) -> None:
        whole = [json.loads((schemas / name).read_text(encoding="utf-8")) for name in ("request.json", "decision.json")]
        self.enums = sorted(
            {each for schema in whole for each in _lists(schema, "enum")}, key=lambda each: (len(each), each)
        )
        fields = {each for schema in whole for each in _lists(schema, "properties")}
        self._all = [*self.enums, *sorted(fields, key=lambda each: (len(each), each))]

    def another(self, value: str) -> str | None:
        """The next value of the smallest enum that has this one."""
        for enum in self.enums:
            if value in enum and len(enum) > 1:
                return enum[(enum.index(value) + 1) % len(enum)]
        return None

    def smallest_list_with(self, values: list[str]) -> tuple[str, ...] | None:
        """The smallest list that has all the values; None if no list has them."""
        return next((each for each in self._all if values and set(values) <= set(each)), None)

    def addition(self, values: list[str]) -> str | None:
        """A name that is not among the values, from the smallest list that has them all and more."""
        larger = (each for each in self._all if values and set(values) < set(each))
        return next((name for each in larger for name in each if name not in values), None)


def _lists(schema: Any, keyword: str) -> Iterator[tuple[str, ...]]:
    if isinstance(schema, dict):
        if isinstance(schema.get(keyword), list | dict):
            names = tuple(name for name in schema[keyword] if isinstance(name, str))
            if names:
                yield names
        for value in schema.values():
            yield from _lists(value, keyword)
    elif isinstance(schema, list):
        for value in schema:
            yield from _lists(value, keyword)
