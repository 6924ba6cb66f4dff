"""YAML and JSON files that people write, read with the line of each entry, so that every problem names its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml
from jsonschema import Draft7Validator

from therapy_policy.errors import FileNotUsable
from therapy_policy.files import packaged_json

Place = tuple[str | int, ...]  # the keys and indexes that lead to an entry

TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Reads a date as text, with or without quotes."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """The content of a file. `name` is the name of the file in messages."""

    name: str
    value: Any
    lines: Mapping[Place, int]

    def at(self, path: Place, problem: str) -> str:
        """Return a message that begins with the file and the line of an entry."""
        while path not in self.lines and path:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}: {problem}"

    def problems(self, schema: str) -> list[str]:
        """List what breaks a schema in schemas/policy, each with its line."""
        errors = sorted(_validator(schema).iter_errors(self.value), key=lambda error: list(map(str, error.path)))
        return [self.at(tuple(error.absolute_path), text) for error in errors for text in _in_words(error)]


def read(file: Path, name: str) -> Document:
    """Read a YAML file, or a JSON file whose name ends in .json.

    Raises `FileNotUsable` if the file cannot be read, is not YAML or JSON, or has a key twice.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise FileNotUsable(f"{name} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise FileNotUsable(f"{name} is not text in UTF-8. Save it as UTF-8.") from None
    if name.endswith(".json"):
        return Document(name, _from_json(text, name), {})
    lines: dict[Place, int] = {}
    try:
        node = yaml.compose(text, _Loader)
        value = None if node is None else _value(node, (), lines, name)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise FileNotUsable(f"{name}:{line}: this is not YAML: {problem.problem}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise FileNotUsable(f"{name}: this is not YAML: {shorten(str(problem), 200)}.") from None
    return Document(name, value, lines)


def near(word: str, words: Iterable[str]) -> str:
    """Return a question with the nearest of some words, such as "; did you mean INT-1?"; "" if none is near."""
    by_capitals = {each.upper(): each for each in words}
    found = get_close_matches(word.upper(), by_capitals, n=1)
    return f"; did you mean {by_capitals[found[0]]}?" if found else ""


def _from_json(text: str, name: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if repeated := next((key for key in keys if keys.count(key) > 1), None):
            raise FileNotUsable(f"{name}: the key {repeated!r} is there twice. Keep one.")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as problem:
        raise FileNotUsable(f"{name}: this is not JSON: {problem}.") from None


def _value(node: yaml.Node, path: Place, lines: dict[Place, int], name: str) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, (*path, at), lines, name) for at, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, each in node.value:
            key = str(key_node.value)
            if key in found:
                line = key_node.start_mark.line + 1
                raise FileNotUsable(f"{name}:{line}: the key {key!r} is there twice. Keep one.")
            found[key] = _value(each, (*path, key), lines, name)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return found
    return _Loader("").construct_object(node)


@cache
def _validator(schema: str) -> Draft7Validator:
    return Draft7Validator(packaged_json(f"schemas/policy/{schema}.json"))


def _in_words(error: Any) -> Iterator[str]:
    value, rule = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        fields = list(error.schema["properties"])
        for name in value:
            if name not in fields:
                yield f"{name} is not a field here{near(name, fields) or '; the fields are ' + ', '.join(fields)}"
    elif error.validator == "required":
        missing = [name for name in rule if name not in value]
        if error.message.startswith(repr(missing[0])):  # once, though each missing field is an error of its own
            yield f"{' and '.join(missing)} missing; add {'it' if len(missing) == 1 else 'them'}"
    elif error.validator == "enum":
        allowed = [str(each) for each in rule]
        yield f"{value!r} is not one of {', '.join(allowed)}{near(str(value), allowed)}"
    elif error.validator == "pattern" and error.path and error.path[-1] in ("date", "from", "until"):
        yield f"{value!r} is not a date in the form YYYY-MM-DD"
    else:
        yield shorten(error.message, 200, placeholder=" …")
