"""FHIR R4 Questionnaires out of schemas/request.json, one for each request that a provider writes.

The linkId of an item is the JSON Pointer of its field in the request, without positions in lists. A list of objects is
a group that repeats; a list of texts is a question that repeats. An item has no code: a fact is what a person answered,
and nothing derives it from a diagnosis or a procedure code.
"""

from __future__ import annotations

from typing import Any

from therapy_policy.interop.questionnaire import OF_THE_PLAN, REQUEST_TYPES
from therapy_policy.wording import name_in_words
from tools.validators import Node, Schema, Validators, as_list

Item = dict[str, Any]

# Lists that say something when they are empty. An unanswered question does not, so these have the option `none`.
WITH_NONE = ("/documentation/limiting_issues", "/documentation/notes/goals_addressed")

# Each plan replaces it with the URL of its own FHIR server.
BASE = "https://therapy-policy.example/fhir"
EXTENSIONS = "http://hl7.org/fhir/StructureDefinition"
# What a question is about, where the schema describes only the type of its field.
ABOUT = {"/documentation/goals/goal_id": "a short name for the goal, which the notes use"}


def questionnaires(schema: Schema, version: str) -> dict[str, Item]:
    """The Questionnaire of each of `REQUEST_TYPES`, with the version of the policy."""
    readings = Validators(schema)
    return {name: questionnaire(readings, name, version) for name in REQUEST_TYPES}


def questionnaire(readings: Validators, request_type: str, version: str) -> Item:
    schema = readings.definitions[request_type]
    fields = {name: field for name, field in schema["properties"].items() if name not in ("request_type", *OF_THE_PLAN)}
    identity = request_type.replace("_", "-")
    return {
        "resourceType": "Questionnaire",
        "id": identity,
        "url": f"{BASE}/Questionnaire/{identity}",
        "version": version,
        "name": "".join(map(str.capitalize, request_type.split("_"))),
        "title": schema["title"],
        "status": "active",
        "subjectType": ["Patient"],
        "description": schema["description"],
        "item": items(readings, fields, schema["required"], ""),
    }


def items(readings: Validators, fields: Schema, required: list[str], parent: str) -> list[Item]:
    return [item(readings, f"{parent}/{name}", field, name in required) for name, field in fields.items()]


def item(readings: Validators, pointer: str, field: Schema, required: bool) -> Item:
    node = readings.node(field, pointer)
    limits, content = kind(readings, pointer, node)
    result: Item = {"extension": [{"url": f"{EXTENSIONS}/{name}", "valueInteger": n} for name, n in limits.items()]}
    result |= {"linkId": pointer, "text": label(pointer, field, node), "required": required, **content}
    return {name: value for name, value in result.items() if value not in ([], False)}


def kind(readings: Validators, pointer: str, node: Node) -> tuple[dict[str, int], Item]:
    """The limits of a field, each the name of an extension, and the type of its item with all that depends on it."""
    schema = node.schema
    if "enum" in schema:
        return {}, {"type": "choice", "answerOption": [option(value) for value in schema["enum"] if value is not None]}
    (name,) = (name for name in as_list(schema["type"]) if name != "null")
    match name:
        case "object":
            inner = items(readings, schema["properties"], schema.get("required", []), pointer)
            return {}, {"type": "group", "item": inner}
        case "array":
            limits, content = kind(readings, pointer, readings.node(schema["items"], pointer))
            if pointer in WITH_NONE:
                content |= {"type": "open-choice", "answerOption": [option("none")]}
            return limits | {"questionnaire-maxOccurs": schema["maxItems"]}, {"repeats": True, **content}
        case "integer":
            return {"minValue": schema["minimum"], "maxValue": schema["maximum"]}, {"type": "integer"}
        case "boolean":
            return {}, {"type": "boolean"}
        case "string" if schema.get("format") == "date":
            return {}, {"type": "date"}
        case "string":
            return {}, {"type": "text", "maxLength": schema["maxLength"]}
    raise ValueError(f"{pointer}: a questionnaire cannot ask for {name}")


def option(value: str) -> Item:
    return {"valueCoding": {"code": value, "display": name_in_words(value)}}


def label(pointer: str, field: Schema, node: Node) -> str:
    """The text of an item: the field's name in words, and what it is about."""
    name = name_in_words(pointer.rpartition("/")[2])
    about: str = ABOUT.get(pointer) or field.get("description") or node.schema["description"]
    if pointer in WITH_NONE:
        about = f"{about.partition(';')[0]}, or none"
    return f"{name[0].upper()}{name[1:]}: {about}"
