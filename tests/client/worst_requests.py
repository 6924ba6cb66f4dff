"""Find the requests that take the longest to decide: the worst valid and the worst invalid one of each type.

    python -m tests.client.worst_requests [REQUEST_TYPE …]

A request is described by one choice for each form of the published schema: how long a list is, what its elements are,
whether a field is there. The search starts with choices at random, changes one at a time, and keeps what takes longer.
The worst ones of each engine go to tests/client/worst_requests.json, where a test decides them within a limit.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.running import RunningSidecar, running_sidecar
from tests.sidecar.processes import child_named
from therapy_policy import EmbeddedClient, SidecarClient
from therapy_policy.client.decision import Client
from therapy_policy.client.request_text import MAX_REQUEST_BYTES
from therapy_policy.files import packaged_json

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_suffix(".json")
STARTS = 2
SEARCH_SECONDS = 40.0  # for one type and engine, valid or invalid
SEED = 1

Choices = dict[str, int]  # for each form, by its name, the position of an option


def forms() -> dict[str, Any]:
    """Return the forms of all requests, by name."""
    found: dict[str, Any] = packaged_json("data.json")["therapy"]["request"]["forms"]
    return found


def request_types() -> list[str]:
    return list(forms()["request_type"]["values"])


def forms_of(request_type: str) -> list[str]:
    """Return the names of the forms that a request of a type consists of."""
    names: list[str] = []
    waiting = [request_type]
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.append(name)
            form = forms()[name]
            waiting += [*form.get("fields", {}).values(), *([form["element"]] if "element" in form else [])]
    return names


class _RequestWriter:
    """Writes the JSON text of the request that choices describe."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._count = 0  # of the texts so far, so that each can be another
        self._forms = forms()

    def write(self, name: str) -> str | None:
        """Write a value of a form; None leaves out the field, or the element of a list."""
        options = OPTIONS[self._forms[name]["kind"]]
        return options[self._choices[name] % len(options)](self, name, self._forms[name])

    def fields(self, name: str, form: Any, unknown: int = 0, value: str = "1") -> str:
        fields = [f'"{field}":{text}' for field, inner in form["fields"].items() if (text := self.write(inner))]
        fields += [f'"unknown {number}":{value}' for number in range(unknown)]
        return "{" + ",".join(fields) + "}"

    def elements(self, form: Any, count: int) -> str:
        return "[" + ",".join(text for _ in range(count) if (text := self.write(form["element"]))) + "]"

    def text(self, form: Any, length: int, character: str, *, different: bool = False) -> str:
        if characters := form.get("characters"):
            character = characters[0]
        length = max(form["least"], min(length, form["most"]))
        self._count += different
        number = str(self._count) if different else ""
        return json.dumps((number + character * length)[:length], ensure_ascii=False)


def _wrong(writer: _RequestWriter, name: str, form: Any) -> str:
    return '{"a":[1]}' if form["kind"] in ("text", "whole_number") else "7"


def _absent(writer: _RequestWriter, name: str, form: Any) -> None:
    return None


Option = Callable[[_RequestWriter, str, Any], str | None]

OPTIONS: dict[str, list[Option]] = {
    "object": [
        lambda writer, name, form: writer.fields(name, form),
        lambda writer, name, form: writer.fields(name, form, unknown=10),
        lambda writer, name, form: writer.fields(name, form, unknown=10, value="[" * 90 + "]" * 90),
        lambda writer, name, form: writer.fields(name, form, unknown=11),
        lambda writer, name, form: writer.fields(name, form, unknown=1000),
        lambda writer, name, form: writer.fields(name, form, unknown=40_000),
        lambda writer, name, form: "{}",
        lambda writer, name, form: "null",
        _wrong,
        _absent,
    ],
    "list": [
        lambda writer, name, form: writer.elements(form, form["most"]),
        lambda writer, name, form: writer.elements(form, form["most"] + 1),
        lambda writer, name, form: writer.elements(form, 1),
        lambda writer, name, form: "[" + "0," * 200_000 + "0]",
        lambda writer, name, form: "[]",
        lambda writer, name, form: "null",
        _wrong,
        _absent,
    ],
    "text": [
        lambda writer, name, form: writer.text(form, 12, "x", different=True),
        lambda writer, name, form: writer.text(form, 12, "x"),
        lambda writer, name, form: writer.text(form, 100, "x", different=True),
        lambda writer, name, form: writer.text(form, 4000, "x", different=True),
        lambda writer, name, form: writer.text(form, 4000, " "),
        lambda writer, name, form: writer.text(form, 300, "\u3000"),
        lambda writer, name, form: writer.text(form, 4000, "\u3000"),
        lambda writer, name, form: writer.text(form, 1000, "\U0001f9e1", different=True),
        lambda writer, name, form: writer.text(form, 0, ""),
        lambda writer, name, form: json.dumps("x" * 4001),
        lambda writer, name, form: json.dumps("x" * 100_000),
        lambda writer, name, form: "null",
        _wrong,
        _absent,
    ],
    "one_of": [
        *((lambda writer, name, form, n=n: json.dumps(form["values"][n % len(form["values"])])) for n in range(7)),
        lambda writer, name, form: json.dumps("x" * 10_000),
        _wrong,
        _absent,
    ],
    "date": [
        lambda writer, name, form: '"2026-03-02"',
        lambda writer, name, form: '"1900-01-01"',
        lambda writer, name, form: '"2026-02-30"',
        lambda writer, name, form: json.dumps("2026-03-02" * 1000),
        _wrong,
        _absent,
    ],
    "whole_number": [
        lambda writer, name, form: str(form["least"]),
        lambda writer, name, form: str(form["most"]),
        lambda writer, name, form: f"{form['least']}." + "0" * 1000,
        lambda writer, name, form: f"{form['most']}." + "0" * 50_000,
        lambda writer, name, form: "9" * 10_000,
        lambda writer, name, form: "1e999",
        lambda writer, name, form: "1e-999",
        _wrong,
        _absent,
    ],
    "yes_or_no": [
        lambda writer, name, form: "true",
        lambda writer, name, form: "false",
        lambda writer, name, form: "null",
        _wrong,
        _absent,
    ],
}


def request_of(request_type: str, choices: Choices) -> str:
    """Return the JSON text of a request of a type."""
    return _RequestWriter(choices).write(request_type) or "null"


class Engine(NamedTuple):
    """An engine, and its processor time so far, in seconds: other work on the machine does not change it."""

    client: Client
    processor_seconds: Callable[[], float]

    def decide(self, text: str) -> tuple[float, bool]:
        """Return the processor time that a decision takes, the shorter of two, and whether the request is valid."""
        times = []
        for _ in range(2):
            start = self.processor_seconds()
            decision = self.client.decide_text(text)
            times.append(self.processor_seconds() - start)
        return min(times), decision["outcome"] != "invalid_request"


@contextmanager
def both_engines(directory: Path) -> Iterator[dict[str, Engine]]:
    """Start the sidecar, whose log goes to the directory, and yield it and the embedded engine."""
    with (
        running_sidecar(directory / "log") as sidecar,
        EmbeddedClient() as embedded,
        SidecarClient(sidecar.url, deadline_seconds=60) as asking,
    ):
        opa = opa_of(sidecar)
        yield {
            "embedded": Engine(embedded, time.process_time),
            "sidecar": Engine(asking, lambda: processor_seconds_of(opa)),
        }


def opa_of(sidecar: RunningSidecar) -> int:
    opa = child_named(sidecar.process.pid, "opa")
    assert opa is not None
    return opa


def processor_seconds_of(process: int) -> float:
    """Return the processor time of a process (Linux), in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def search(engine: Engine, request_type: str, *, valid: bool, chance: random.Random) -> tuple[float, Choices]:
    """Return the longest time found for a valid or invalid request of a type, and the choices of that request."""
    names = [name for name in forms_of(request_type) if not name.endswith(".request_type")]
    longest: tuple[float, Choices] = (0.0, {})
    end = time.monotonic() + SEARCH_SECONDS
    for start in range(1 if valid else STARTS):  # a valid one starts with the largest of everything
        choices = dict.fromkeys(forms_of(request_type), 0)
        if start:
            choices |= {name: chance.randrange(len(OPTIONS[forms()[name]["kind"]])) for name in names}
        best = _cost(engine, request_type, choices, valid)
        for name in chance.sample(names, len(names)):
            for option in range(len(OPTIONS[forms()[name]["kind"]])):
                if time.monotonic() > end:
                    break
                tried = choices | {name: option}
                if option != choices[name] and (cost := _cost(engine, request_type, tried, valid)) > 1.03 * best:
                    best, choices = cost, tried
        longest = max((best, choices), longest, key=lambda found: found[0])
    return longest


def _cost(engine: Engine, request_type: str, choices: Choices, valid: bool) -> float:
    text = request_of(request_type, choices)
    if len(text.encode()) > MAX_REQUEST_BYTES:
        return 0.0
    taken, is_valid = engine.decide(text)
    return taken if is_valid == valid else 0.0


def kept() -> Iterator[tuple[str, str, str]]:
    """Yield the request type, a description and the JSON text of each request that was found."""
    for entry in json.loads(KEPT.read_text(encoding="utf-8")):
        what = f"{'valid' if entry['valid'] else 'invalid'}, {entry['engine']}"
        yield entry["request_type"], what, request_of(entry["request_type"], entry["choices"])


def main() -> int:
    chance = random.Random(SEED)
    types = sys.argv[1:] or request_types()
    before = json.loads(KEPT.read_text(encoding="utf-8")) if sys.argv[1:] and KEPT.exists() else []
    found = [entry for entry in before if entry["request_type"] not in types]
    with tempfile.TemporaryDirectory() as directory, both_engines(Path(directory)) as engines:
        for request_type in types:
            for valid in (True, False):
                for name, engine in engines.items():
                    longest, choices = search(engine, request_type, valid=valid, chance=chance)
                    length = len(request_of(request_type, choices).encode())
                    print(
                        f"{request_type}, {'valid' if valid else 'invalid'}, {name}: "
                        f"{1000 * longest:.0f} ms, {length:,} bytes",
                        file=sys.stderr,
                        flush=True,
                    )
                    found.append({"request_type": request_type, "valid": valid, "engine": name, "choices": choices})
                    KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(KEPT.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
