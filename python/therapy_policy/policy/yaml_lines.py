"""A reader of YAML that knows the line of each value, and names what YAML would read silently."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from therapy_policy.data_check import OddScalar, Path, UnquotedDate

TAG = "tag:yaml.org,2002:"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where the platform has it
MOST_DIGITS = 15
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True)
class Slip:
    """Something in a YAML file that a reader would pass over, at a line counted from 1."""

    line: int
    message: str


@dataclass
class YamlFile:
    """The value of a YAML file, the line of each path in it, and its slips."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    slips: list[Slip] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a path or, if the file does not have it, of the nearest value around it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(content: bytes) -> YamlFile:
    """Read one YAML document, which may be JSON. What cannot be read becomes a slip and leaves the value None."""
    file = YamlFile()
    try:
        text = content.decode()
        aliases = [event for event in yaml.parse(text, LOADER) if isinstance(event, yaml.AliasEvent)]
        if aliases:
            mark = aliases[0].start_mark
            line = mark.line + 1 if mark else 1
            file.slips.append(Slip(line, f"`*{aliases[0].anchor}` refers to another place. Write the value itself."))
            return file
        node = yaml.compose(text, LOADER)
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        file.slips.append(Slip(line, "The file is not UTF-8 text. Save it as UTF-8."))
    except yaml.reader.ReaderError as problem:
        line = text[: problem.position].count("\n") + 1
        file.slips.append(Slip(line, f"The character U+{problem.character:04X} is not allowed in YAML. Remove it."))
    except yaml.MarkedYAMLError as problem:
        to_the_end = "end of stream" in (problem.problem or "")  # then the place where it begins says more
        mark = (problem.context_mark if to_the_end else None) or problem.problem_mark
        what = ", ".join(filter(None, (problem.context, problem.problem)))
        file.slips.append(
            Slip(mark.line + 1 if mark else 1, f"This is not YAML: {what}. Check indentation and quotes.")
        )
    else:
        if node is None:
            file.slips.append(Slip(1, "The file is empty."))
        else:
            file.lines[()] = node.start_mark.line + 1
            file.value = _value(node, (), file)
    return file


def _value(node: yaml.Node, path: Path, file: YamlFile) -> Any:
    if isinstance(node, yaml.MappingNode):
        return dict(_entries(node, path, file))
    if isinstance(node, yaml.SequenceNode):
        for i, each in enumerate(node.value):
            file.lines[*path, i] = each.start_mark.line + 1
        return [_value(each, (*path, i), file) for i, each in enumerate(node.value)]
    return _scalar(node)


def _entries(node: yaml.MappingNode, path: Path, file: YamlFile) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not isinstance(key, yaml.ScalarNode) or key.tag != f"{TAG}str":
            file.slips.append(Slip(line, f'The key {name or "here"} is not text. Write it in quotes: "{name}".'))
        if name in seen:
            first = seen[name]
            file.slips.append(Slip(line, f"`{name}` is here twice, first in line {first}. Remove one of the two."))
            continue  # the line of the first one, and its value, are those of every other finding
        seen[name] = file.lines[*path, name] = line
        yield name, _value(value, (*path, name), file)


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    match node.tag.removeprefix(TAG):
        case "str":
            return text
        case "null":
            return None
        case "bool" if text in ("true", "false"):
            return text == "true"
        case "int" | "float" if PLAIN_NUMBER.fullmatch(text) and len(text) <= MOST_DIGITS:
            return float(text) if "." in text else int(text)
        case "timestamp":
            return UnquotedDate(text)
    return OddScalar(text)
