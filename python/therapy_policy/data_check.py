"""Whether the data of a policy can be used.

The parameters and registers are compared with the published JSON Schemas, with each other, and with the ceiling.

This module reads plain data, so that a client can check the data that it is given. `therapy_policy.policy.check` finds
the files and lines, and compares the data with the rules.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT7

from therapy_policy.files import packaged_json

Path = tuple[str | int, ...]

# The documents of a policy that have a schema, each with the path of its document below `data.therapy`.
DOCUMENTS: Mapping[str, Path] = {
    "parameters": ("parameters",),
    **{
        name: ("register", name)
        for name in ("reason_codes", "clauses", "interpretations", "standard_answers", "episode", "source", "policy")
    },
}
# The records beside the policies.
RECORDS = ("release", "reviewers", "sign_off", "source_checks", "verdicts")
SCHEMAS = ("request.json", "decision.json", *(f"policy/{name}.json" for name in (*DOCUMENTS, "ceiling", *RECORDS)))
FIRST_DATE = "1900-01-01"  # the first date that a request can have
INITIAL_VISITS: Path = ("parameters", "outpatient_pt", "initial_visits")
EFFECTIVE_DATE: Path = ("parameters", "outpatient_pt", "effective_date")
# This version has the first policy that was checked. Earlier ones can still be compared with it.
FIRST_CHECKED = (1, 1, 0)
# The version that brought a document. Policies before it do without.
ADDED_IN = {"episode": FIRST_CHECKED, "source": FIRST_CHECKED, "standard_answers": (2, 1, 0)}
RENAMED_LATER = {"bears_on": "applies_to", "rests_on": "visible_in"}
NAMES_SHOWN = 12


class UnquotedDate(str):
    """A date without quotes, which YAML does not read as text."""


class OddScalar(str):
    """A value in a notation of YAML that programs read in different ways, such as 0x4, 1_000 or !tag."""


@dataclass(frozen=True)
class Problem:
    """Something that cannot be used, at a path in a document such as `data.therapy` or the ceiling."""

    path: Path
    message: str


@dataclass(frozen=True)
class Finding:
    """Something in a policy that cannot be used, with its file and its line, counted from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"

    def as_dict(self) -> dict[str, str | int]:
        return {"file": self.file, "line": self.line, "message": self.message}


# --- The schemas ------------------------------------------------------------------------------------------------------


class Schemas:
    """The published schemas of policies, with the names that they take from the schemas of requests and decisions."""

    BASE = "file:///schemas/"  # so that a schema can refer to ../request.json, as an editor reads it

    def __init__(self, read: Callable[[str], Any]) -> None:
        """`read` returns the schema of a name in SCHEMAS."""
        # Without "$schema", which would select the validator of draft 7 for it, instead of the one below.
        contents = ({key: value for key, value in read(name).items() if key != "$schema"} for name in SCHEMAS)
        resources = zip(SCHEMAS, (DRAFT7.create_resource(each) for each in contents), strict=True)
        self._registry: Registry[Any] = Registry().with_resources(
            (self.BASE + name, resource) for name, resource in resources
        )

    def problems(self, name: str, document: Any, path: Path) -> Iterator[Problem]:
        """Compare a document, which is at `path`, with its schema."""
        validator = _Validator({"$ref": f"{self.BASE}policy/{name}.json"}, registry=self._registry)
        return (problem for error in validator.iter_errors(document) for problem in _problems(error, path))


@cache
def packaged_schemas() -> Schemas:
    """Return the schemas that this package ships."""
    return Schemas(lambda name: packaged_json("request.schema.json" if name == "request.json" else f"schemas/{name}"))


def packaged_ceiling() -> Any:
    """Return the ceiling that this package ships."""
    return packaged_json("ceiling.json")


def _every_name(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """`x-every-name`: an object has an entry for each name of the enum that its `propertyNames` refers to."""
    if wanted and isinstance(instance, dict):
        for error in validator.descend("", schema["propertyNames"]):  # which names the enum, because "" is not in it
            for name in error.validator_value:
                if name not in instance:
                    yield ValidationError(f"{name} is missing", validator="required", validator_value=[name])


_extend: Any = extend  # its type is not published
_Validator = _extend(
    Draft7Validator,
    {"x-every-name": _every_name},
    type_checker=Draft7Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ).redefine("string", lambda _, value: isinstance(value, str) and not isinstance(value, UnquotedDate | OddScalar)),
)


def _problems(error: ValidationError, document: Path) -> Iterator[Problem]:
    path = (*document, *error.absolute_path)
    instance: Any = error.instance
    schema: Any = error.schema
    wanted: Any = error.validator_value
    if "propertyNames" in error.relative_schema_path:
        yield Problem((*path, instance), f"`{instance}` cannot be used here. {_expected(error)}")
    elif error.validator == "anyOf":  # a schema or null
        for inner in error.context or ():
            if inner.schema_path[0] == 0:
                inner.parent = None
                yield from _problems(inner, path)
    elif error.validator == "additionalProperties":
        for name in instance:
            if name not in schema["properties"]:
                yield Problem((*path, name), f"`{name}` is not a known key. {_choice(name, schema['properties'])}")
    elif error.validator == "required":
        for name in wanted:
            if name not in instance:
                about = schema.get("properties", {}).get(name, {}).get("description", "").rstrip(".")
                where = f"in `{path[-1]}`" if path and isinstance(path[-1], str) else "here"
                yield Problem(path, f"`{name}` is missing {where}." + (f" Add {name}: {about}." if about else ""))
    elif error.validator == "uniqueItems":
        for i, each in enumerate(instance):
            if each in instance[:i]:
                yield Problem((*path, i), f"{shown(each)} is listed twice. Remove one of them.")
    else:
        yield Problem(path, f"{_named(path)}{shown(instance)}. {_expected(error)}")


def _named(path: Path) -> str:
    key = next((step for step in reversed(path) if isinstance(step, str)), None)
    if key is None:
        return "Here is "
    return f"`{key}` has " if isinstance(path[-1], int) else f"`{key}` is "


def _expected(error: ValidationError) -> str:
    instance: Any = error.instance
    schema: Any = error.schema
    wanted: Any = error.validator_value
    if isinstance(instance, UnquotedDate):
        return f'Write the date in quotes: "{instance}".'
    if error.validator == "type" and isinstance(instance, OddScalar):
        return f"Write it plainly: {schema.get('description', 'a plain value')}."
    if error.validator == "type" and wanted == "integer" and isinstance(instance, str) and instance.isdecimal():
        return f"Write the number without quotes: {instance}."
    if error.validator == "type" and "string" in wanted and isinstance(instance, int | float):
        return f'Write it in quotes: "{str(instance).lower()}".'
    if error.validator == "enum":
        return _choice(instance, wanted)
    return f"Expected: {(schema.get('description') or error.message).rstrip('.')}."


def _choice(name: Any, names: Iterable[Any]) -> str:
    """The near word, if there is one, and the names that can be used."""
    known = ["null" if each is None else str(each) for each in names]
    # In a long list, the nearest names help more than the first ones.
    listed = difflib.get_close_matches(str(name), known, NAMES_SHOWN, 0) if len(known) > NAMES_SHOWN else known
    more = " …" if len(known) > len(listed) else ""
    return f"{near_word(name, known)}Choose one of: {', '.join(listed)}{more}."


def near_word(name: Any, names: Iterable[str]) -> str:
    """Return "Did you mean `…`? " if one of the names is near, whatever its capitals, else an empty text."""
    by_capitals = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(str(name).casefold(), by_capitals, 1, 0.6)
    return f"Did you mean `{by_capitals[near[0]]}`? " if near else ""


def shown(value: Any) -> str:
    """Return a value of a policy as a message shows it."""
    match value:
        case UnquotedDate():
            return f"{value} without quotes"
        case OddScalar():
            return f"{value}, which programs read in different ways"
        case dict():
            return "a group of keys" if value else "an empty group of keys"
        case list():
            return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


# --- What a schema cannot say -----------------------------------------------------------------------------------------


def problems_of(
    therapy: Mapping[str, Any], ceiling: Mapping[str, Any], schemas: Schemas, *, keys_in_order: bool
) -> list[Problem]:
    """List everything that cannot be used in the document `data.therapy`, below a ceiling.

    `keys_in_order` says whether the keys are in the order of the file: a bundle sorts them.
    """
    policy = _Policy(therapy, ceiling, keys_in_order)
    shapes: list[Problem] = []
    for name, path in DOCUMENTS.items():
        document = _at(policy.therapy, path)
        if document is not None:
            shapes += schemas.problems(name, document, path)
        elif not is_before(therapy, ADDED_IN.get(name, (0, 0, 0))):
            shapes.append(Problem(path, f"`{name}` is missing."))
    unknown = (
        Problem(("register", name), f"`{name}` is not a known register. {_choice(name, list(DOCUMENTS)[1:])}")
        for name in _dict(therapy.get("register"))
        if name not in DOCUMENTS
    )
    return list(dict.fromkeys(itertools.chain(shapes, unknown, policy.problems())))


def problems_of_ceiling(ceiling: Any, schemas: Schemas) -> list[Problem]:
    """List everything that cannot be used in a ceiling."""
    problems = list(schemas.problems("ceiling", ceiling, ()))
    codes = _dict(_dict(ceiling).get("procedure_codes"))
    for code, entry in codes.items():
        primary = _dict(entry).get("add_on_to")
        if isinstance(primary, str) and primary not in codes:
            path = ("procedure_codes", code, "add_on_to")
            problems.append(
                Problem(path, f"`add_on_to` is {shown(primary)}, which is not listed. {_choice(primary, codes)}")
            )
    return problems


def is_early(therapy: Mapping[str, Any]) -> bool:
    """Whether a policy has a version from before policies were checked."""
    return is_before(therapy, FIRST_CHECKED)


def is_before(therapy: Mapping[str, Any], version: tuple[int, int, int]) -> bool:
    """Whether a policy has an earlier version than this one."""
    text = _at(therapy, ("register", "policy", "version"))
    plain = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text) if isinstance(text, str) else None
    return bool(plain and tuple(map(int, plain.groups())) < version)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(document: Any, path: Path) -> Any:
    for step in path:
        document = _dict(document).get(str(step))
    return document


def _renamed(value: Any) -> Any:
    """Data of an early version with the key names of today."""
    if isinstance(value, dict):
        return {
            RENAMED_LATER.get(name, name): _renamed(each)
            for name, each in value.items()
            if (name, each) != ("bears_on", "request") and not (name in {"order", "review"} and "silence" in value)
        }
    return [_renamed(each) for each in value] if isinstance(value, list) else value


class _Policy:
    """The data of a policy; each method reads whatever has the right shape and leaves the rest to the schemas."""

    def __init__(self, therapy: Mapping[str, Any], ceiling: Mapping[str, Any], keys_in_order: bool) -> None:
        self.is_early = is_early(therapy)
        self.therapy = _renamed(therapy) if self.is_early else therapy
        self.ceiling = ceiling
        self.keys_in_order = keys_in_order

    def register(self, name: str) -> dict[str, Any]:
        return _dict(_at(self.therapy, ("register", name)))

    def problems(self) -> Iterator[Problem]:
        """Everything that the parts of the policy say differently from each other, or beyond the ceiling."""
        yield from self.parameters()
        yield from self.first_visits()
        for name in ("reason_codes", "clauses"):
            yield from self.order(name)
        yield from self.reason_codes()
        yield from self.coverage_of_the_source()
        yield from self.standard_answers()
        yield from self.episode()

    # --- parameters

    @cached_property
    def all_parameters(self) -> dict[Path, dict[str, Any]]:
        def below(tree: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
            for name, value in _dict(tree).items():
                if "periods" in _dict(value):
                    yield (*path, name), value
                else:
                    yield from below(value, (*path, name))

        return dict(below(self.therapy.get("parameters"), ("parameters",)))

    def periods(self, path: Path) -> Iterator[tuple[Path, Any, Any]]:
        """The path, the first date and the value of each period of a parameter."""
        for i, period in enumerate(_list(self.all_parameters.get(path, {}).get("periods"))):
            yield (*path, "periods", i), _dict(period).get("from"), _dict(period).get("value")

    def parameters(self) -> Iterator[Problem]:
        for path, parameter in self.all_parameters.items():
            clauses = _list(parameter.get("clauses"))
            yield from self.known(clauses, "clauses", (*path, "clauses"))
            yield from self.dates(path)
            for place, _, value in self.periods(path):
                for name, entry in _dict(value).items():
                    clause = _dict(entry).get("clause")
                    if isinstance(clause, str) and clause not in clauses:
                        yield Problem(
                            (*place, "value", name, "clause"),
                            f"`clause` is {shown(clause)}, which is not one of the parameter's clauses. "
                            f"{_choice(clause, clauses)}",
                        )
        yield from self.below_the_ceiling()
        yield from self.procedure_codes()
        yield from self.specialties()

    def dates(self, path: Path) -> Iterator[Problem]:
        starts = [(place, start) for place, start, _ in self.periods(path) if type(start) is str]
        for (_, before), (place, start) in itertools.pairwise(starts):
            if start == before:
                yield Problem(
                    (*place, "from"), f"`from` is {shown(start)}, as in the period before. Keep one of the two."
                )
            elif start < before:
                yield Problem(
                    (*place, "from"),
                    f"`from` is {shown(start)}, which is before {shown(before)} of the period before. "
                    "List the periods oldest first.",
                )
        if path != INITIAL_VISITS and starts and starts[0][1] != FIRST_DATE:
            yield Problem(
                (*starts[0][0], "from"),
                f"`from` of the first period is {shown(starts[0][1])}, so earlier requests have no value. "
                f"Write {shown(FIRST_DATE)}.",
            )

    def first_visits(self) -> Iterator[Problem]:
        effective = [value for _, _, value in self.periods(EFFECTIVE_DATE) if type(value) is str]
        first = next(self.periods(INITIAL_VISITS), None)
        if EFFECTIVE_DATE not in self.all_parameters and not self.is_early:
            yield Problem(EFFECTIVE_DATE[:-1], f"`{EFFECTIVE_DATE[-1]}` is missing in `{EFFECTIVE_DATE[-2]}`.")
        elif effective and first and type(first[1]) is str and first[1] > min(effective):
            yield Problem(
                (*first[0], "from"),
                f"`from` of the first period is {shown(first[1])}, but the rules apply from {shown(min(effective))} "
                f"(outpatient_pt.effective_date). Begin no later than that.",
            )

    def below_the_ceiling(self) -> Iterator[Problem]:
        for place, _, value in self.periods(("parameters", "units_per_visit")):
            yield from self.at_most("units_per_visit", value, (*place, "value"))
        for place, _, value in self.periods(INITIAL_VISITS):
            for tier, visits in _dict(value).items():
                for kind in ("evaluation", "treatment"):
                    yield from self.at_most(f"{kind}_visits", _dict(visits).get(kind), (*place, "value", tier, kind))

    def at_most(self, limit: str, value: Any, path: Path) -> Iterator[Problem]:
        most = _at(self.ceiling, (limit, "most"))
        if type(value) is int and type(most) is int and value > most:
            yield Problem(path, f"`{path[-1]}` is {value}, above the ceiling of {most} ({limit} in ceiling.yaml).")

    def procedure_codes(self) -> Iterator[Problem]:
        ceiling = self.ceiling.get("procedure_codes")
        for place, _, value in self.periods(("parameters", "pediatric_ot", "procedure_codes")):
            codes = _dict(value)
            allowed = ceiling if isinstance(ceiling, dict) else codes  # a ceiling that cannot be read limits nothing
            for code, entry in codes.items():
                path = (*place, "value", code)
                if code not in allowed:
                    yield Problem(
                        path,
                        f"`{code}` is not a code of the ceiling. {_choice(code, allowed)} To authorize a new code, add "
                        "it to ceiling.yaml too, with the reason; a second person reviews that file.",
                    )
                    continue
                primary, wanted = _dict(entry).get("add_on_to"), _dict(allowed[code]).get("add_on_to")
                if primary != wanted:
                    remedy = f"Write add_on_to: {shown(wanted)}." if wanted else "Remove it."
                    stated = f"`add_on_to` is {shown(primary)}" if primary else "`add_on_to` is missing"
                    where = (*path, "add_on_to") if "add_on_to" in _dict(entry) else path
                    yield Problem(where, f"{stated}, unlike in the ceiling (ceiling.yaml). {remedy}")
                elif isinstance(primary, str) and primary not in codes:
                    yield Problem(
                        (*path, "add_on_to"),
                        f"`add_on_to` is {shown(primary)}, which this period does not list. {_choice(primary, codes)}",
                    )

    def specialties(self) -> Iterator[Problem]:
        every = _list(_at(self.therapy, ("request", "forms", "specialty", "values")))
        for place, _, value in self.periods(("parameters", "outpatient_pt", "excluded_specialties")):
            left_out = [shown(name) for name in every if name != "none" and name not in _list(value)]
            if isinstance(value, list) and left_out:
                yield Problem(
                    (*place, "value"),
                    f"`value` leaves out {', '.join(left_out)}. List every specialty that a request can name.",
                )

    # --- registers

    def known(self, names: Iterable[Any], register: str, path: Path) -> Iterator[Problem]:
        """Each name of a list that a register does not have."""
        entries = self.register(register)
        for i, name in enumerate(names):
            if isinstance(name, str) and entries and name not in entries:
                yield Problem(
                    (*path, i), f"{shown(name)} is not in the register `{register}`. {_choice(name, entries)}"
                )

    def order(self, register: str) -> Iterator[Problem]:
        seen: dict[int, str] = {}
        before = 0
        for name, entry in self.register(register).items():
            order = _dict(entry).get("order")
            if type(order) is not int:
                continue
            path = ("register", register, name, "order")
            if order in seen:
                yield Problem(path, f"`order` is {order}, as in `{seen[order]}`. Give each entry its own number.")
            elif self.keys_in_order and order < before:
                yield Problem(path, f"`order` is {order}, after {before}. List the entries in their order.")
            seen.setdefault(order, name)
            before = max(order, before)

    def reason_codes(self) -> Iterator[Problem]:
        codes = self.register("reason_codes")
        clauses = self.register("clauses")
        limits = _dict(self.ceiling.get("reason_codes"))
        for code, entry in codes.items():
            path = ("register", "reason_codes", code)
            entry = _dict(entry)
            cited, effect = _list(entry.get("clauses")), entry.get("effect")
            yield from self.known(cited, "clauses", (*path, "clauses"))
            for i, clause in enumerate(cited):
                kind = _dict(clauses.get(clause) if isinstance(clause, str) else None).get("kind")
                if kind in ("info", "external"):
                    message = f"{shown(clause)} is a clause of the kind {kind}, which decides nothing. Cite another."
                    yield Problem((*path, "clauses", i), message)
            interpretation = entry.get("interpretation")
            yield from self.known([interpretation], "interpretations", (*path, "interpretation"))
            if effect == "deny" and cited == [] and "clauses" in entry:
                yield Problem(
                    (*path, "clauses"), "`clauses` is empty, but a code that denies cites at least one clause."
                )
            if code in limits and effect in ("invalid", "scope", "info"):
                yield Problem(
                    (*path, "effect"),
                    f"`effect` is {effect}, but this code keeps a limit of the ceiling. Choose one of: deny, pend.",
                )
            if (
                effect in ("scope", "deny", "pend")
                and entry.get("remedy", "") is None
                and not entry.get("no_remedy_because")
            ):
                yield Problem((*path, "remedy"), "`remedy` is null. Write a remedy, or add no_remedy_because.")
            if entry.get("remedy") and entry.get("no_remedy_because"):
                yield Problem((*path, "no_remedy_because"), "`no_remedy_because` is for a code whose remedy is null.")
        for code in limits:
            if codes and code not in codes and not self.is_early:
                message = f"`{code}` is missing in the register: it keeps a limit of the ceiling (ceiling.yaml)."
                yield Problem(("register", "reason_codes"), message)

    def standard_answers(self) -> Iterator[Problem]:
        """Each reason code has an entry, with the codes that its effect calls for."""
        answers, path = self.register("standard_answers"), ("register", "standard_answers")
        codes = self.register("reason_codes") if answers else {}
        for code in answers:
            if codes and code not in codes:
                message = f"`{code}` is not in the register `reason_codes`. {_choice(code, codes)}"
                yield Problem((*path, code), message)
        for code, entry in codes.items():
            if code not in answers:
                yield Problem(path, f"`{code}` is missing: each reason code has an entry.")
                continue
            effect, answer = _dict(entry).get("effect"), _dict(answers[code])
            for name in ("review_reason", "determination"):
                if (effect in ("deny", "pend")) != (answer.get(name) is not None) and name in answer:
                    expected = "cannot be null, because" if effect in ("deny", "pend") else "must be null, because"
                    yield Problem((*path, code, name), f"`{name}` {expected} the effect of the code is {effect}.")
            if effect != "deny" and answer.get("adjustment") is not None:
                yield Problem((*path, code, "adjustment"), "`adjustment` must be null, because only a denial has one.")
            if effect == "deny" and answer.get("claim_status") is not None:
                message = "`claim_status` must be null, because a denial is final. Write an adjustment."
                yield Problem((*path, code, "claim_status"), message)

    def coverage_of_the_source(self) -> Iterator[Problem]:
        """Every clause that decides is cited, each clause is in a paragraph, each visible interpretation is used."""
        codes = [_dict(entry) for entry in self.register("reason_codes").values()]
        listed = [_list(each.get("clauses")) for each in (*codes, *self.all_parameters.values())]
        cited = {clause for clauses in listed for clause in clauses if isinstance(clause, str)}
        paragraphs = _list(self.register("source").get("paragraphs"))
        for i, paragraph in enumerate(paragraphs):
            place = ("register", "source", "paragraphs", i, "clauses")
            yield from self.known(_list(_dict(paragraph).get("clauses")), "clauses", place)
        placed = {str(clause) for paragraph in paragraphs for clause in _list(_dict(paragraph).get("clauses"))}
        for clause, entry in self.register("clauses").items():
            kind = _dict(entry).get("kind")
            if kind in ("rule", "attested") and codes and self.all_parameters and clause not in cited:
                yield Problem(
                    ("register", "clauses", clause),
                    f"`{clause}` is of the kind {kind}, but no reason code and no parameter cites it.",
                )
            if paragraphs and clause not in placed:
                yield Problem(
                    ("register", "clauses", clause), f"`{clause}` is in no paragraph of the register `source`."
                )
        used = {each.get("interpretation") for each in codes if isinstance(each.get("interpretation"), str)}
        for name, entry in self.register("interpretations").items():
            visible_in = _dict(entry).get("visible_in")
            path = ("register", "interpretations", name, "visible_in")
            if visible_in == "reasons" and codes and name not in used:
                yield Problem(path, "`visible_in` is reasons, but no reason code has this interpretation.")
            elif visible_in in ("requests", "rules") and name in used:
                yield Problem(
                    path, f"`visible_in` is {visible_in}, but a reason code has this interpretation. Write reasons."
                )

    def episode(self) -> Iterator[Problem]:
        steps = _dict(self.register("episode").get("steps"))
        for i, way in enumerate(_list(self.register("episode").get("leads_to"))):
            for end in ("from", "to"):
                step = _dict(way).get(end)
                if isinstance(step, str) and step not in steps:
                    path = ("register", "episode", "leads_to", i, end)
                    yield Problem(path, f"`{end}` is {shown(step)}, which is not a step. {_choice(step, steps)}")


# --- Data of a foreign policy -----------------------------------------------------------------------------------------


def findings_in_data(data: Any) -> list[Finding]:
    """List everything that cannot be used in the data document of a bundle, by the packaged schemas and ceiling."""
    therapy = _dict(_dict(data).get("therapy"))
    problems = problems_of(therapy, packaged_ceiling(), packaged_schemas(), keys_in_order=False)
    return [finding_in_data(problem) for problem in problems]


def finding_in_data(problem: Problem) -> Finding:
    """A problem below `data.therapy`, in the file of a bundle that has all its data in one line."""
    return Finding("data.json", 1, f"/{'/'.join(map(str, ('therapy', *problem.path)))}: {problem.message}")
