"""Records that people keep beside the policies: read with the line of each entry, and compared with their schema."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from therapy_policy import nesting
from therapy_policy.data_check import Path as Place
from therapy_policy.data_check import packaged_schemas
from therapy_policy.errors import FileNotUsable
from therapy_policy.policy.yaml_lines import YamlFile, read_yaml


@dataclass(frozen=True)
class Record:
    """The content of a file that matches its schema. `name` is the name of the file in messages."""

    name: str
    file: YamlFile

    @property
    def value(self) -> Any:
        return self.file.value

    def at(self, path: Place, problem: str) -> str:
        """Return a message that begins with the file and the line of an entry."""
        return f"{self.name}:{self.file.line(path)}: {problem}"


def read_record(path: Path, name: str, schema: str) -> Record:
    """Read a YAML file, or a JSON file whose name ends in .json, that matches a schema in schemas/policy.

    Raises `FileNotUsable` if it cannot be read or does not match; the message has every problem with its line.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise FileNotUsable(f"{name} cannot be read: {problem.strerror}.") from None
    record = Record(name, _json(content, name) if name.endswith(".json") else read_yaml(content))
    slips = [(slip.line, slip.message) for slip in record.file.slips]
    if record.value is not None:
        problems = packaged_schemas().problems(schema, record.value, ())
        slips += [(record.file.line(problem.path), problem.message) for problem in problems]
    if slips:
        raise FileNotUsable("\n".join(f"{name}:{line}: {message}" for line, message in sorted(set(slips))))
    return record


def _json(content: bytes, name: str) -> YamlFile:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if repeated := next((key for key in keys if keys.count(key) > 1), None):
            raise FileNotUsable(f"{name}: `{repeated}` is here twice. Remove one of the two.")
        return dict(pairs)

    try:
        return YamlFile(nesting.loads(content, object_pairs_hook=unique))
    except ValueError as problem:
        raise FileNotUsable(f"{name}: This is not JSON: {problem}.") from None
