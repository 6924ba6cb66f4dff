"""The decision table of each request type: what the policy checks, in its order, with the numbers that it uses.

Nothing is typed here: conditions are the titles of rules, values come from the parameters that a rule reads (see
`tracing`), and clauses, messages and remedies come from the registers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from markupsafe import Markup

from therapy_policy.files import packaged_json
from therapy_policy.policy.rego import ENTRY_PACKAGE, RegoRule
from therapy_policy.review.figures import Figures
from therapy_policy.review.policy_values import PolicyValue, clauses_from, in_a_row, parts_read, values_from
from therapy_policy.review.reading import DETERMINATION, OutcomeBranch, PolicyView, TitledRule
from therapy_policy.review.requests import in_words
from therapy_policy.review.tracing import Origin, Tracing

# The heading over the reasons of each effect in a decision table.
GROUP_TITLES = {
    "invalid": "The request does not match the published format",
    "scope": "The request is outside the rules",
    "deny": "A reason to deny the request",
    "pend": "A reason to pend the request",
}
OUTCOMES = {  # where the words for a sentence are not those of the name
    "invalid_request": "not evaluated",
    "not_applicable": "outside the rules",
    "partially_authorized": "authorized in part",
}
ON_A_PART = {
    "line": "the line is",
    "units": "the units beyond the limit are",
    "visits": "the visits beyond the limit are",
}
EFFECT_ON_A_PART = {"deny": "denied", "pend": "pended"}
GRANTED = "row-granted"  # the anchor of the row for requests that no reason decides
NO_REASON = "No reason applies to the request as a whole"
INFORMATIONAL = "Informational only"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
NO_REMEDY = "Nothing needs to be resolved."


@dataclass(frozen=True)
class Part:
    """A piece of a message: its own words, a value of the policy, or a fact of the request."""

    kind: str  # words, value or fact
    text: str


@dataclass(frozen=True)
class Message:
    """A message or remedy with the values of the policy filled in; facts of a request stay as words in brackets."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        """The message as plain text, such as "… are used up: [used] used, 5 (nonacute) or 11 (acute) authorized."."""
        return "".join(f"[{part.text}]" if part.kind == "fact" else part.text for part in self.parts)

    def __html__(self) -> str:
        """The message as HTML, with facts as `<var>` and values as `<strong>`."""
        forms = {"words": "{}", "fact": "<var>[{}]</var>", "value": "<strong>{}</strong>"}
        return str(Markup("").join(Markup(forms[part.kind]).format(part.text) for part in self.parts))


@dataclass(frozen=True)
class Condition:
    """One condition in words, and the values of the policy that it depends on."""

    text: str
    description: str
    values: tuple[PolicyValue, ...]
    rule: TitledRule
    clauses: tuple[str, ...] = ()
    message: Message = Message(())
    remedy: Message = Message(())


@dataclass(frozen=True)
class Grant:
    """Something that an approval grants, such as treatment visits."""

    name: str  # in words, such as "treatment visits"
    amount: str  # in words, such as "5 (nonacute) or 11 (acute)"
    values: tuple[PolicyValue, ...]  # of the policy that the amount is or depends on

    @property
    def in_words(self) -> str:
        """What is authorized, such as "treatment visits: 5 (nonacute) or 11 (acute)"."""
        return f"{self.name}: {self.amount}"


@dataclass(frozen=True)
class Row:
    """A row of a decision table: a reason, or what happens when there is none."""

    number: int  # counted from 1 in its table
    anchor: str  # of the row on the page of its request type
    conditions: tuple[Condition, ...]  # any of them is enough; of the last row, what else the rules say
    outcomes: tuple[str, ...]  # the outcome that follows; several where it depends on the request
    code: str | None
    effect: str | None  # of the reason code
    applies_to: str | None  # request, line or units
    clauses: tuple[str, ...]
    interpretation: str | None
    message: Message
    remedy: Message
    grants: tuple[Grant, ...]
    decided: tuple[tuple[str, int], ...]  # outcomes, with the number of classes that the row decides

    @property
    def values(self) -> tuple[PolicyValue, ...]:
        """The values of the policy that its conditions depend on and its grants are made of, each once."""
        of_conditions = [value for condition in self.conditions for value in condition.values]
        of_grants = [value for grant in self.grants for value in grant.values]
        return tuple(dict.fromkeys([*of_conditions, *of_grants]))

    @property
    def rules(self) -> tuple[TitledRule, ...]:
        """The rules of its conditions."""
        return tuple(condition.rule for condition in self.conditions)

    @property
    def granting(self) -> bool:
        """Whether it says what happens to a request that no other row decides."""
        return self.anchor == GRANTED

    @property
    def result(self) -> str:
        """What follows from it, in words, such as "the request is denied"."""
        outcomes = in_a_row([OUTCOMES.get(each) or in_words(each) for each in self.outcomes], "or")
        if self.effect == "info":
            return "nothing changes; the decision says so"
        if self.applies_to in ON_A_PART and self.effect in EFFECT_ON_A_PART:
            of_request = f"; the request is {outcomes}" if outcomes else ""
            return f"{ON_A_PART[self.applies_to]} {EFFECT_ON_A_PART[self.effect]}{of_request}"
        return f"the request is {outcomes}" if outcomes else "nothing is authorized"


@dataclass(frozen=True)
class Group:
    """Rows that the policy checks at the same time, because they lead to the same outcome."""

    title: str
    outcome: str | None  # None if the rows differ
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class DecisionTable:
    """What the policy checks for a request type, in its order: the first group with a row that applies decides."""

    request_type: str
    groups: tuple[Group, ...]

    @property
    def rows(self) -> list[Row]:
        """All rows, in order."""
        return [row for group in self.groups for row in group.rows]


class DecisionTables:
    """The decision tables of one policy."""

    def __init__(self, policy: PolicyView, figures: Figures) -> None:
        """Make tables for this policy; `figures` counts the classes that each row decides."""
        self.policy = policy
        self.figures = figures
        self.tracing = Tracing(policy)
        self.tables = {kind: self._table(kind) for kind in policy.request_types}

    def message(self, code: str) -> tuple[Message, Message]:
        """The message and the remedy of a reason code, with the values of the policy, for all request types."""
        rules = self.policy.rules_of_code[code]
        return self._texts(code, self._giving(code, rules))

    # --- Tables

    def _table(self, kind: str) -> DecisionTable:
        rows = {code: self._row_of_code(kind, code) for code in self.policy.codes_of(kind)}
        groups: list[Group] = []
        for branch in self.policy.branches:
            group = self._group(kind, branch, rows)
            for row in group.rows:
                rows.pop(row.code or "", None)
            if group.rows:
                groups.append(group)
        if rows:
            groups.append(Group(INFORMATIONAL, None, tuple(rows.values())))
        return DecisionTable(kind, tuple(_numbered(groups)))

    def _group(self, kind: str, branch: OutcomeBranch, rows: Mapping[str, Row]) -> Group:
        deciding = [row for row in rows.values() if row.effect != "info"]
        if branch.effect:
            outcome = (branch.outcome,) if branch.outcome else ()
            of_effect = [row for row in deciding if row.effect == branch.effect and row.applies_to == "request"]
            return Group(
                GROUP_TITLES[branch.effect], branch.outcome, tuple(replace(row, outcomes=outcome) for row in of_effect)
            )
        if branch.outcome:
            rules = self.policy.rules_of_part(kind, branch.part)
            title = rules[0].title if rules else ""
            row = self._row(f"row-{branch.part}", rules, outcomes=(branch.outcome,)) if rules else None
            return Group(title, branch.outcome, (row,) if row else ())
        partial = [row for row in deciding if row.applies_to != "request"]
        return Group(NO_REASON, None, (*partial, self._granting(kind)))

    def _row_of_code(self, kind: str, code: str) -> Row:
        packages, _ = self.policy.bundle.rego.reachable({ENTRY_PACKAGE}, kind)
        pages = {page.path for page in self.policy.pages.values() if page.package in packages}
        rules = [rule for rule in self.policy.rules_of_code[code] if rule.page in pages]
        entry = self.policy.codes[code]
        giving = self._giving(code, rules or self.policy.rules_of_code[code])
        message, remedy = self._texts(code, giving)
        decided = tuple(self.figures.decided_by(code, kind))
        conditions = tuple(self._condition(rule, code) for rule in giving)
        given = {clause for condition in conditions for clause in condition.clauses}
        return Row(
            number=0,
            anchor=f"row-{code}",
            conditions=conditions,
            outcomes=tuple(outcome for outcome, _ in decided) if entry["applies_to"] != "request" else (),
            code=code,
            effect=entry["effect"],
            applies_to=entry["applies_to"],
            clauses=tuple(clause for clause in self.policy.clauses if clause in given),
            interpretation=entry["interpretation"],
            message=message,
            remedy=remedy,
            grants=(),
            decided=decided,
        )

    def _granting(self, kind: str) -> Row:
        """The row for what happens when no reason applies to the request as a whole."""
        elsewhere = [
            rule
            for branch in self.policy.branches
            if branch.outcome and branch.part
            for rule in self.policy.rules_of_part(kind, branch.part)
        ]
        rules = [
            rule
            for rule in self.policy.rules_of_part(kind)
            if not rule.codes and rule.name != "reasons" and rule not in elsewhere
        ] or [rule for page in self.policy.roots[kind] for rule in page.rules if rule.name == DETERMINATION]
        origins = [
            origin
            for page in self.policy.roots[kind]
            for _, found in self.tracing.determined(page, "authorized_under")
            for origin in found
        ]
        decided = tuple(self.figures.decided_by(None, kind))
        return self._row(
            GRANTED,
            rules,
            outcomes=tuple(outcome for outcome, _ in decided),
            clauses=clauses_from(self.policy, origins),
            grants=tuple(self._grants(kind)),
            decided=decided,
        )

    def _grants(self, kind: str) -> list[Grant]:
        order = [*packaged_json("schemas/decision.json")["properties"]["authorized"]["properties"]]
        found = [
            (name, origins)
            for page in self.policy.roots[kind]
            for part in ("authorized", "route")
            for name, origins in self.tracing.determined(page, part)
            if name and origins
        ]
        found.sort(key=lambda each: order.index(each[0]) if each[0] in order else len(order))
        return [self._grant(name, origins) for name, origins in found]

    def _grant(self, name: str, origins: list[Origin]) -> Grant:
        values = values_from(self.policy, origins)
        amount = " · ".join(value.in_a_sentence for value in values)
        if any(origin.kind == "request" for origin in origins):
            amount = f"as requested, within the limit of {amount}" if amount else "as requested"
        elif not values:
            amount = in_a_row([in_words(origin.name) for origin in origins], "or")
        return Grant(in_words(name), amount, values)

    def _row(
        self,
        anchor: str,
        rules: list[TitledRule],
        *,
        outcomes: tuple[str, ...] = (),
        clauses: tuple[str, ...] = (),
        grants: tuple[Grant, ...] = (),
        decided: tuple[tuple[str, int], ...] = (),
    ) -> Row:
        """A row without a reason code."""
        nothing = Message(())
        return Row(
            number=0,
            anchor=anchor,
            conditions=tuple(self._condition(rule) for rule in rules),
            outcomes=outcomes,
            code=None,
            effect=None,
            applies_to=None,
            clauses=clauses,
            interpretation=None,
            message=nothing,
            remedy=nothing,
            grants=grants,
            decided=decided,
        )

    def _condition(self, rule: TitledRule, code: str | None = None) -> Condition:
        """A condition, with the values that it depends on; not those that its reason says cannot be used."""
        regos = self._rego_of(rule)
        names = [name for text in self._templates(code) for name in PLACEHOLDER.findall(text)]
        facts = [origin for rego in regos[:1] for name in names for origin in self.tracing.fact(rego, name)]
        unusable = {origin.name for origin in facts if origin.kind == "constant"}
        read = [] if rule.name == DETERMINATION else [each for rego in regos for each in self.tracing.read_by(rego)]
        values = parts_read(self.policy, (origin for origin in read if origin.name not in unusable))
        if not code:
            return Condition(rule.title, rule.description, values, rule)
        given = [origin for rego in regos[:1] for origin in self.tracing.clauses(rego)]
        clauses = tuple(self.policy.codes[code]["clauses"]) or clauses_from(self.policy, given)
        return Condition(rule.title, rule.description, values, rule, clauses, *self._texts(code, [rule]))

    # --- Messages

    def _rego_of(self, rule: TitledRule) -> list[RegoRule]:
        """The definition with the title, and those with that name and without one, such as the one after a default."""
        rules = [each for each in self.policy.bundle.rego.rules if each.file == rule.page and each.name == rule.name]
        titled = [each for each in rules if each.row == rule.row]
        return [*titled, *(each for each in rules if not each.title)] if titled else []

    def _giving(self, code: str, rules: list[TitledRule]) -> list[TitledRule]:
        """Those rules that give a code rather than only name it; all of them if none does so by itself."""
        return [
            rule for rule in rules if any(self.tracing.gives(rego, code) for rego in self._rego_of(rule)[:1])
        ] or rules

    def _templates(self, code: str | None) -> list[str]:
        entry = self.policy.codes[code] if code else {}
        return [text for text in (entry.get("message"), entry.get("remedy")) if text]

    def _texts(self, code: str, rules: list[TitledRule]) -> tuple[Message, Message]:
        entry = self.policy.codes[code]
        no_remedy = entry.get("no_remedy_because") or NO_REMEDY
        return (
            Message(tuple(self._parts(entry["message"], rules))),
            Message(tuple(self._parts(entry["remedy"] or no_remedy, rules))),
        )

    def _parts(self, text: str, rules: list[TitledRule]) -> Iterable[Part]:
        at = 0
        for match in PLACEHOLDER.finditer(text):
            yield Part("words", text[at : match.start()])
            value = self._filled(match[1], rules)
            yield Part("value", value) if value else Part("fact", in_words(match[1]))
            at = match.end()
        yield Part("words", text[at:])

    def _filled(self, name: str, rules: list[TitledRule]) -> str | None:
        """What a placeholder stands for, if the policy alone says it; None if it is a fact of the request."""
        regos = [rego for rule in rules for rego in self._rego_of(rule)[:1]]
        origins = [origin for rego in regos for origin in self.tracing.fact(rego, name)]
        if not origins or any(origin.kind == "request" for origin in origins):
            return None
        values = [value.in_a_sentence for value in values_from(self.policy, origins)]
        titles = {name: f"“{parameter.title}”" for name, parameter in self.policy.parameters.items()}
        names = [titles.get(each.name, in_words(each.name)) for each in origins if each.kind == "constant"]
        return in_a_row(list(dict.fromkeys([*values, *names])), "or")


def _numbered(groups: list[Group]) -> Iterable[Group]:
    number = 0
    for group in groups:
        rows = []
        for row in group.rows:
            number += 1
            rows.append(replace(row, number=number))
        yield Group(group.title, group.outcome, tuple(rows))
