"""The worked examples: invented requests, each decided by the bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from therapy_policy.client.decision import Decision
from therapy_policy.review.reading import PolicyView
from therapy_policy.review.requests import Layout, fields, layout

EXAMPLES = resources.files("therapy_policy.review") / "examples.json"


@dataclass(frozen=True)
class Example:
    """An invented request, and what the bundle decides."""

    id: str
    title: str
    request: Any
    decision: Decision
    deciding: Any  # the deciding reason, or None
    used: tuple[
        tuple[str, str, tuple[str, ...]], ...
    ]  # clauses, each with a parameter and its entries, for what it gets

    @property
    def request_type(self) -> str:
        """The request type that the request gives."""
        return str(self.request["request_type"])

    @property
    def layout(self) -> Layout:
        """The layout of the request without its type, which is the heading above it."""
        return layout({name: value for name, value in self.request.items() if name != "request_type"})

    @property
    def authorized_under(self) -> list[str]:
        """The clauses that its approval is based on."""
        return list(self.decision.get("authorized_under", []))

    @property
    def codes(self) -> set[str]:
        """The codes of its reasons."""
        return {reason["code"] for reason in self.decision["reasons"]}

    @property
    def clauses(self) -> set[str]:
        """The clauses that its decision cites or authorizes under."""
        return {clause for reason in self.decision["reasons"] for clause in reason["clauses"]} | set(
            self.authorized_under
        )

    @property
    def deciding_clauses(self) -> set[str]:
        """The clauses that decide it: those of the deciding reason, or those that something is authorized under."""
        of_reason = set(self.deciding["clauses"]) if self.deciding else set()
        return of_reason | set(self.authorized_under)


def worked_examples(policy: PolicyView, schema: Mapping[str, Any]) -> list[Example]:
    """Decide the worked examples with the bundle of a policy."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    with policy.bundle.client() as client:
        decisions = client.decide_many(each["request"] for each in examples)
    return [
        Example(
            each["id"],
            each["title"],
            each["request"],
            decision,
            policy.deciding_reason(decision),
            tuple(_used(policy, schema, each["request"], decision)),
        )
        for each, decision in zip(examples, decisions, strict=True)
    ]


def _used(
    policy: PolicyView, schema: Mapping[str, Any], request: Any, decision: Decision
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The clauses under which something is authorized or routed, each with a parameter and its entries.

    They belong to the procedure codes with an authorized unit, and to the entries that a field of the request names, if
    the allowed values of the field are the names of the entries.
    """
    if policy.deciding_reason(decision) and decision["outcome"] != "partially_authorized":
        return
    read = {name for page in policy.pages_of(request["request_type"]) for name in page.parameters}
    for parameter in policy.parameters.values():
        if parameter.name in read:
            entries = dict(parameter.entries)
            chosen = set(decision["authorized"]["procedure_codes"]) | set(_choices(schema, request, set(entries)))
            for clause in policy.clauses:
                if used := tuple(sorted(name for name in chosen & set(entries) if entries[name] == clause)):
                    yield clause, parameter.name, used


def _choices(schema: Mapping[str, Any], request: Any, entries: set[str]) -> Iterator[str]:
    """The values of the fields whose allowed values, by the schema, are exactly the entries."""
    for field in fields(schema, request["request_type"]):
        value = request
        for step in field.steps:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str) and field.choices == entries:
            yield value
