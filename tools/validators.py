"""Turns the published form of requests, schemas/request.json, into what the policy validates with.

The one schema is turned into two checks. The table of forms is data: therapy/lib/validation.rego compares a request
with it and lists every field that is not valid. The `well_formed` rules are one conjunction for each request type,
quick to say yes; only a request that they do not recognize is compared with the table.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
Form = dict[str, Any]

DECISION_DATE = "x-decision-date"  # marks the date of a request that chooses the periods of parameters
UNDERSTOOD = frozenset(
    [
        "title",
        "description",
        "type",
        "enum",
        "const",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "pattern",
        "format",
        "$ref",
        "anyOf",
        DECISION_DATE,
    ]
)
DIGITS, CAPITALS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# The patterns that the validators understand, and the characters that each allows. `length` is the largest length.
PATTERNS = {
    "^[0-9A-Z]{{{length}}}$": DIGITS + CAPITALS,
    r"^[A-Za-z0-9._:-]{{1,{length}}}(?!\n)$": DIGITS + CAPITALS + CAPITALS.lower() + "._:-",
}
MOST_UNKNOWN = "x-most-unknown-fields"  # an object with more unknown fields is one validation error


@dataclass(frozen=True)
class Node:
    """One place of the schema with its references followed. `name` is its definition, or its path in the schema."""

    schema: Schema
    may_be_null: bool
    name: str


def rego(value: Any) -> str:
    """A JSON value as a Rego literal."""
    return json.dumps(value, ensure_ascii=False)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Validators:
    """Both readings of one published schema."""

    def __init__(self, schema: Schema) -> None:
        self.definitions: dict[str, Schema] = schema["definitions"]
        self.request_types: list[str] = schema["properties"]["request_type"]["enum"]
        self.most_unknown_fields: int = schema[MOST_UNKNOWN]
        self.forms: dict[str, Form] = {}
        self.add_form(self.node(schema["properties"]["request_type"], "request_type"))
        for name in self.request_types:
            self.add_form(self.node(self.definitions[name], name))

    def node(self, schema: Schema, path: str) -> Node:
        """Follows the references of a schema; an unknown keyword is an error, for it would go unchecked."""
        may_be_null, name = False, path
        while True:
            unknown = schema.keys() - UNDERSTOOD
            if unknown:
                raise ValueError(f"{path}: the validators do not understand {sorted(unknown)}")
            if "$ref" in schema:
                name = schema["$ref"].removeprefix("#/definitions/")
                schema = self.definitions[name]
            elif "anyOf" in schema:
                schema, null = schema["anyOf"]
                if null != {"type": "null"}:
                    raise ValueError(f"{path}: anyOf is understood only as this, or null")
                may_be_null = True
            else:
                null_listed = None in schema.get("enum", ()) or "null" in as_list(schema.get("type"))
                return Node(schema, may_be_null or null_listed, name)

    # The table of forms.

    def add_form(self, node: Node) -> str:
        """Adds the form of a node, and of all inside it, to the table; returns its name there."""
        name = f"{node.name}?" if node.may_be_null else node.name
        if name not in self.forms:
            self.forms[name] = {}
            form = self.form(node)
            self.forms[name] = {**form, "expected": in_words(node, form), "may_be_null": node.may_be_null}
        return name

    def form(self, node: Node) -> Form:
        schema = node.schema
        if "enum" in schema or "const" in schema:
            return {"kind": "one_of", "values": [v for v in schema.get("enum", [schema.get("const")]) if v is not None]}
        (kind,) = (kind for kind in as_list(schema["type"]) if kind != "null")
        match kind:
            case "object":
                if schema["additionalProperties"] is not False:
                    raise ValueError(f"{node.name}: unknown fields must be forbidden")
                fields = {
                    field: self.add_form(self.node(inner, f"{node.name}.{field}"))
                    for field, inner in schema["properties"].items()
                }
                return {"kind": "object", "fields": fields, "required": schema.get("required", [])}
            case "array":
                element = self.add_form(self.node(schema["items"], f"{node.name}.element"))
                least = schema.get("minItems", 0)
                return {"kind": "list", "least": least, "most": schema["maxItems"], "element": element}
            case "boolean":
                return {"kind": "yes_or_no"}
            case "integer":
                return {"kind": "whole_number", "least": schema["minimum"], "most": schema["maximum"]}
            case "string" if schema.get("format") == "date":
                return {"kind": "date"}
            case "string" if "pattern" in schema:
                length = schema["maxLength"]
                allowed = {pattern.format(length=length): characters for pattern, characters in PATTERNS.items()}
                if schema["pattern"] not in allowed:
                    raise ValueError(f"{node.name}: the validators do not understand {schema['pattern']}")
                least = schema.get("minLength", length)
                return {"kind": "text", "least": least, "most": length, "characters": allowed[schema["pattern"]]}
            case "string":
                return {"kind": "text", "least": schema.get("minLength", 0), "most": schema["maxLength"]}
        raise ValueError(f"{node.name}: the validators do not understand the type {kind}")

    # The quick check has no functions: OPA remembers what a function returned for its arguments and compares them as
    # numbers, so 2e0 would be taken for 2, and 1e-99999999 would bring OPA down. Regular expressions are slow in
    # WebAssembly, so it looks values up. What is rare (4.0, or February 29) it leaves to the table of forms.

    def whole_numbers(self) -> dict[str, dict[str, bool]]:
        """The texts of the whole numbers that each form allows, as they are usually written."""
        return {
            name: {str(number): True for number in range(form["least"], form["most"] + 1)}
            for name, form in self.forms.items()
            if form["kind"] == "whole_number"
        }

    def fields(self) -> list[str]:
        """The names of all fields that requests may have."""
        return sorted({name for form in self.forms.values() if form["kind"] == "object" for name in form["fields"]})

    def plain_fields(self) -> list[str]:
        """The names of those fields that never hold free text; the caller's own reference is not one of them."""
        free = {
            field
            for form in self.forms.values()
            if form["kind"] == "object"
            for field, inner in form["fields"].items()
            if field != "request_id" and self.holds_free_text(inner)
        }
        return [name for name in self.fields() if name not in free]

    def types_without_free_text(self) -> list[str]:
        """The request types without any field for a free text."""
        return [name for name in self.request_types if not self.holds_text(name)]

    def date_fields(self) -> dict[str, str]:
        """The field of each request type whose date chooses the periods of parameters; a type may have none."""
        return {
            name: field
            for name in self.request_types
            for field, inner in self.definitions[name]["properties"].items()
            if inner.get(DECISION_DATE)
        }

    def holds_free_text(self, form_name: str) -> bool:
        form = self.forms[form_name]
        if form["kind"] == "list":
            return self.holds_free_text(form["element"])
        return form["kind"] == "text" and "characters" not in form

    def well_formed(self) -> str:
        """The Rego of package therapy.request."""
        rules = []
        for name in self.request_types:
            body = [f"input.request_type == {rego(name)}", *self.object_conditions(name, "input", 0)]
            rules.append(f"well_formed if {{\n{indented(body)}\n}}\n")
        return "\n".join(
            [
                "# Generated from schemas/request.json by `make generate`; do not edit.",
                "",
                "# METADATA",
                "# title: Quick check of requests",
                "# description: One conjunction for each request type recognizes most valid requests. Any other",
                "#   request is compared with the table of forms.",
                "package therapy.request",
                "",
                *rules,
            ]
        )

    def object_conditions(self, form_name: str, value: str, depth: int) -> list[str]:
        form = self.forms[form_name]
        fields, required = form["fields"], form["required"]
        lines = [f"is_object({value})"]
        if len(required) == len(fields):
            lines.append(f"count({value}) == {len(required)}")
        else:
            lines.append(f"object.remove({value}, {listed(fields)}) == {{}}")
        kinds = {(self.forms[name]["kind"], self.forms[name]["may_be_null"]) for name in fields.values()}
        if kinds == {("yes_or_no", True)}:
            return [*lines, f"every answer in {value} {{\nanswer in {{true, false, null}}\n}}"]
        for field, inner in fields.items():
            if field != "request_type":
                or_null = None if field in required else f'object.get({value}, "{field}", null)'
                lines += self.conditions(inner, f"{value}.{field}", depth, or_null)
        return lines

    def conditions(self, form_name: str, value: str, depth: int, or_null: str | None = None) -> list[str]:
        """Conditions that hold only if the value is of the form; `depth` tells the variables of `every` apart.

        `or_null` is the value too, but null where it is not stated and `value` is undefined.
        """
        form = self.forms[form_name]
        null = ["null"] if form["may_be_null"] else []
        if form["kind"] == "one_of":
            return [f"{or_null or value} in {listed([*form['values'], *([None] if null else [])], '{', '}')}"]
        if form["kind"] == "yes_or_no":
            return [f"{or_null or value} in {{{', '.join(['true', 'false', *null])}}}"]
        if not null:
            return self.body(form_name, value, depth)
        stated = f"stated_{depth}"
        body = "\n".join(self.body(form_name, stated, depth + 1))
        return [f"every {stated} in [value | value := {value}; value != null] {{\n{body}\n}}"]

    def body(self, form_name: str, value: str, depth: int) -> list[str]:
        form = self.forms[form_name]
        match form["kind"]:
            case "object":
                return self.object_conditions(form_name, value, depth)
            case "list":
                element = f"element_{depth}"
                body = "\n".join(self.conditions(form["element"], element, depth + 1))
                return [
                    f"is_array({value})",
                    *([f"count({value}) >= {form['least']}"] if form["least"] else []),
                    f"count({value}) <= {form['most']}",
                    f"every {element} in {value} {{\n{body}\n}}",
                ]
            case "whole_number":
                return [f"data.therapy.request.whole_numbers[{rego(form_name)}][json.marshal({value})]"]
            case "date":
                return [
                    f"is_string({value})",
                    f"data.therapy.lib.calendar.years[substring({value}, 0, 4)]",
                    f"data.therapy.lib.calendar.days.common[substring({value}, 4, -1)]",
                ]
        conditions = [f"is_string({value})"]
        if form["least"] == form["most"]:
            conditions.append(f"count({value}) == {form['most']}")
        else:
            conditions += [f"count({value}) >= {form['least']}"] if form["least"] else []
            conditions.append(f"count({value}) <= {form['most']}")
        if "characters" in form:
            conditions.append(f'trim({value}, "{form["characters"]}") == ""')
        return conditions

    def free_texts(self) -> str:
        """The Rego that finds each free text of a request, for the decision log."""
        rules = []
        for name in self.request_types:
            if self.holds_text(name):
                title = self.definitions[name]["title"]
                found = ",\n".join(self.texts_in(name, [], "request", []))
                rules.append(
                    f"# METADATA\n# title: {title}, each free text of a valid request and its place\n"
                    f"free_texts(request) := union({{\n{found},\n}}) if request.request_type == {rego(name)}\n"
                )
        return "\n".join(
            [
                "# Generated from schemas/request.json by `make generate`; do not edit.",
                "",
                "package therapy.request",
                "",
                *rules,
            ]
        )

    def texts_in(self, form_name: str, loops: list[str], value: str, place: list[str]) -> list[str]:
        """The comprehensions that find all free texts in a value of the form; `place` is its place, as Rego terms."""
        form, depth = self.forms[form_name], len(place)
        if form["kind"] == "list":
            over = [*loops, f"some i_{depth}, element_{depth} in {value}"]
            return self.texts_in(form["element"], over, f"element_{depth}", [*place, f"i_{depth}"])
        if form["kind"] == "text":
            return [comprehension(f"[[{', '.join(place)}], text]", [*loops, f"text := {value}", "is_string(text)"])]
        groups: dict[str, list[str]] = {}
        for field, inner in form["fields"].items():
            if self.holds_text(inner):
                groups.setdefault(inner, []).append(field)
        comprehensions = []
        for inner, fields in groups.items():
            if len(fields) == 1:
                over, where, step = loops, f"{value}.{fields[0]}", rego(fields[0])
            else:
                over, where, step = (
                    [*loops, f"some field_{depth} in {listed(fields)}"],
                    f"{value}[field_{depth}]",
                    f"field_{depth}",
                )
            comprehensions += self.texts_in(inner, over, where, [*place, step])
        return comprehensions

    def holds_text(self, form_name: str) -> bool:
        """Whether a value of the form may have a free text in it."""
        form = self.forms[form_name]
        inner = [*form.get("fields", {}).values(), *([form["element"]] if "element" in form else [])]
        return self.holds_free_text(form_name) or any(map(self.holds_text, inner))


def comprehension(value: str, body: list[str]) -> str:
    return f"{{{value} | {'; '.join(body)}}}"


def listed(values: Iterable[Any], opening: str = "[", closing: str = "]") -> str:
    """A Rego list or set, on several lines if it is long."""
    items = ", ".join(map(rego, values))
    if len(items) <= 60:
        return f"{opening}{items}{closing}"
    return "\n".join([opening, *textwrap.wrap(f"{items},", 90, break_on_hyphens=False), closing])


def indented(lines: list[str]) -> str:
    return "\n".join(f"\t{line}" for line in lines)


def in_words(node: Node, form: Form) -> str:
    """What a form expects, as the object of "Send …"."""
    match form["kind"]:
        case "one_of":
            words = any_of(form["values"])
        case "whole_number":
            words = f"a whole number from {form['least']} to {form['most']}, in plain digits"
        case "yes_or_no":
            words = any_of(["true", "false"])
        case "object":
            words = f"an object ({node.schema['description'].rstrip('.')})"
        case "list":
            bounds = f"{form['least']} to" if form["least"] else "at most"
            words = f"a list of {bounds} {form['most']} items ({node.schema['description']})"
        case _:
            words = node.schema["description"]
    return f"{words}, or omit the field" if node.may_be_null else str(words)


def any_of(choices: list[str]) -> str:
    """Choices in a sentence: "a", "a or b", "a, b, or c"."""
    *others, last = choices
    return f"{', '.join(others)}{',' * (len(others) > 1)} or {last}" if others else last
