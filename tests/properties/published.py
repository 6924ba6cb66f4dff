"""The published form of requests, read from schemas/request.json, and the requests that the properties are tried on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from proof import strategies
from proof.strategies import FieldPath, Json
from therapy_policy.client.request_text import MAX_REQUEST_BYTES

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/request.json").read_text(encoding="utf-8"))
TEXT = SCHEMA["definitions"]["text"]
CEILING = yaml.safe_load((Path(__file__).parents[2] / "policies/ceiling.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Stated:
    """A value that a request states at a place, with the form that is published for it."""

    place: FieldPath
    value: Json
    form: dict[str, Any]
    optional: bool  # whether it may be left out

    @property
    def path(self) -> str:
        return pointer(self.place)


def resolved(form: dict[str, Any]) -> dict[str, Any]:
    """Return the form itself, for one that is a reference, or that may also be null."""
    while "$ref" in form or "anyOf" in form:
        form = SCHEMA["definitions"][form["$ref"].rpartition("/")[2]] if "$ref" in form else form["anyOf"][0]
    return form


def form_of(request_type: str) -> dict[str, Any]:
    return resolved(SCHEMA["definitions"][request_type])


def stated(value: Json, form: dict[str, Any], place: FieldPath = ()) -> Iterator[Stated]:
    """Each value inside `value`, which is of the form, that is not null."""
    if isinstance(value, dict):
        for name, member in value.items():
            if member is not None:
                inner = resolved(form["properties"][name])
                yield Stated((*place, name), member, inner, name not in form.get("required", ()))
                yield from stated(member, inner, (*place, name))
    elif isinstance(value, list):
        inner = resolved(form["items"])
        for index, element in enumerate(value):
            yield Stated((*place, index), element, inner, False)
            yield from stated(element, inner, (*place, index))


def stated_in(request: dict[str, Any]) -> list[Stated]:
    """Everything that a valid request states, the request itself and its type aside."""
    return [one for one in stated(request, form_of(request["request_type"])) if one.place != ("request_type",)]


def expected_at(request: dict[str, Any], place: FieldPath) -> dict[str, Any] | None:
    """Return the form of what belongs at a path of a request of a known type; None for an unknown field."""
    form: dict[str, Any] = form_of(request["request_type"])
    for step in place:
        if isinstance(step, str) and step not in form["properties"]:
            return None
        form = resolved(form["properties"][step] if isinstance(step, str) else form["items"])
    return form


def date_field(request_type: str) -> str:
    """The field whose date decides; a referral route has none."""
    (field,) = (name for name, form in form_of(request_type)["properties"].items() if "x-decision-date" in form)
    return str(field)


def date_of(request: dict[str, Any]) -> str:
    return str(request[date_field(request["request_type"])])


def smallest(form: dict[str, Any]) -> Json:
    """Return a short value of a form, complete in its optional parts and without a blank text."""
    form = resolved(form)
    if "const" in form:
        return form["const"]
    if "enum" in form:
        return form["enum"][0]
    kind = form["type"] if isinstance(form["type"], str) else form["type"][0]
    if kind == "object":
        return {name: smallest(member) for name, member in form["properties"].items()}
    if kind == "array":
        return [smallest(form["items"])]
    if kind == "string":
        return "2024-02-29" if form.get("format") == "date" else {2: "GO", 5: "97530"}.get(form["maxLength"], "stated")
    return True if kind == "boolean" else form["minimum"]


def pointer(place: FieldPath) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


def place_of(path: str, request: Json) -> FieldPath:
    """Return the place that a JSON Pointer names in a request; its last step may be missing there."""
    place: list[str | int] = []
    for written in path.split("/")[1:]:
        step = written.replace("~1", "/").replace("~0", "~")
        place.append(int(step) if isinstance(request, list) else step)
        if isinstance(request, list):
            request = request[int(step)]
        else:
            request = request.get(step) if isinstance(request, dict) else None
    return tuple(place)


def put(request: Json, place: FieldPath, value: Json) -> None:
    """State a value at a place, with whatever objects lead there that are not stated yet."""
    *parents, last = place
    for step in parents:
        if isinstance(step, str) and request.get(step) is None:
            request[step] = {}
        request = request[step]
    request[last] = value


def remove(request: Json, place: FieldPath) -> None:
    *parents, last = place
    for step in parents:
        request = request[step]
    del request[last]


def fits(value: Json) -> bool:
    """Whether a client takes the value. A list that was drawn too long, of long texts, can have some ten megabytes."""
    return len(json.dumps(value)) <= MAX_REQUEST_BYTES


nearly_valid_requests = strategies.nearly_valid_requests().filter(fits)
any_requests = st.one_of(strategies.valid_requests(), nearly_valid_requests, strategies.json_values())
