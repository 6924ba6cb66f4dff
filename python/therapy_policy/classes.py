"""The classes of valid requests that the rules can tell apart.

A request type is a product of dimensions, and one value of each is a class. `write` makes a request of a class: with
`first` for every open choice the smallest one, with random choices any other. `read` finds the class of a request.

Where a product is too large to be enumerated, its dimensions fall into groups such that no rule reads two of them.
Then the reasons for a class are the reasons for its groups put together, and the outcome needs no more of a group than
the effects that it has. So `blocks` enumerates each group whole, against every combination of effects of the others.

What the numbers, dates and lists are that rules hold a request against is read from the data of bundles, in `Policy`:
of one, whose classes these are then, or of several together, so that none of them tells two requests of a class apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from therapy_policy.dimensions import (
    ABSENT,
    BLANKS,
    MISSING,
    PRESENT,
    WORDS,
    Choose,
    Dimension,
    Request,
    Value,
    alike,
    answer,
    anything,
    dates,
    days,
    elements,
    first,
    first_of_all,
    flag,
    intervals,
    look,
    member,
    parts_of_each,
    present,
    put,
    text,
    texts,
)

Class = tuple[Value, ...]  # one value of each dimension
Partial = tuple[Value, ...]  # values of the dimensions of one group
Signatures = Callable[[Sequence[Request]], Sequence[Hashable]]  # the signature of each request


@dataclass(frozen=True, eq=False)
class Group:
    """Dimensions that some rule reads together. `values` are those that are enumerated, the quiet one first."""

    name: str
    dimensions: tuple[Dimension, ...]
    values: tuple[Partial, ...]
    size: int  # of the whole product, which may be more than is enumerated
    draw: Callable[[Choose], Partial]  # from the whole product
    split: Callable[[Partial], list[Partial]]  # into values whose reasons together are those of this one


def group(name: str, *dimensions: Dimension) -> Group:
    values = tuple(itertools.product(*(dimension.values for dimension in dimensions)))
    return Group(name, dimensions, values, len(values), lambda choose: choose(values), lambda value: [value])


@dataclass(frozen=True)
class Block:
    """A product of values of the groups, each class of which is found by its number."""

    name: str
    parts: tuple[tuple[Partial, ...], ...]

    @cached_property
    def size(self) -> int:
        return prod(map(len, self.parts))

    def class_at(self, index: int) -> Class:
        found: list[Partial] = []
        for part in reversed(self.parts):
            index, digit = divmod(index, len(part))
            found.append(part[digit])
        return tuple(itertools.chain.from_iterable(reversed(found)))


@dataclass(frozen=True, eq=False)
class RequestType:
    """A request type. Of a factored one, the first group is the one that says what is granted."""

    name: str
    groups: tuple[Group, ...]
    signatures: Signatures
    factored: bool = False
    always: tuple[str, ...] = ()  # objects that must be there, even if they are empty
    optional: tuple[str, ...] = ()  # objects that may be absent, null or empty where they state nothing, outer first

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        return tuple(dimension for group in self.groups for dimension in group.dimensions)

    @property
    def size(self) -> int:
        return prod(group.size for group in self.groups)

    @property
    def quiet(self) -> Class:
        return self.joined([group.values[0] for group in self.groups])

    def joined(self, partials: Sequence[Partial]) -> Class:
        return tuple(itertools.chain.from_iterable(partials))

    def partials(self, cls: Class) -> list[Partial]:
        values = iter(cls)
        return [tuple(itertools.islice(values, len(group.dimensions))) for group in self.groups]

    def with_group(self, index: int, partial: Partial) -> Class:
        """The class that is quiet but for one group."""
        partials = [group.values[0] for group in self.groups]
        partials[index] = partial
        return self.joined(partials)

    def parts(self, cls: Class) -> list[Class]:
        """Classes that are quiet but for one group each; together they are to have the reasons of this one."""
        return [
            self.with_group(index, part)
            for index, (group, partial) in enumerate(zip(self.groups, self.partials(cls), strict=True))
            for part in group.split(partial)
        ]

    def write(self, cls: Class, choose: Choose = first) -> Request:
        """A request of the class, every choice that the class leaves open made by `choose`."""
        request: Request = {"request_type": self.name, **{name: {} for name in self.always}}
        for dimension, value in zip(self.dimensions, cls, strict=True):
            dimension.write(request, value, choose)
        for path in self.optional:
            *outer, _ = path.split(".")
            if look(request, path) is ABSENT and (not outer or isinstance(look(request, ".".join(outer)), dict)):
                put(request, path, choose((ABSENT, None, {})))
        if choose is first:
            return request
        dressed: Request = dress(request, choose)
        return dressed

    def read(self, request: Request) -> Class:
        """The class of a valid request; one with longer lists than are enumerated has a class that is not."""
        return tuple(dimension.read(request) for dimension in self.dimensions)

    def draw(self, choose: Choose) -> Class:
        """A class of the whole product, enumerated or not."""
        return self.joined([group.draw(choose) for group in self.groups])

    def near_quiet(self, choose: Choose) -> Class:
        """The class that raises nothing, but for up to three members; of a random class one reason hides another."""
        partials = [group.values[0] for group in self.groups]
        members = [(place, n) for place, group in enumerate(self.groups) for n in range(len(group.dimensions))]
        for _ in range(choose(range(4))):
            place, n = choose(members)
            drawn = self.groups[place].draw(choose)
            alone = (*partials[place][:n], drawn[n], *partials[place][n + 1 :])
            partials[place] = alone if alone in self.groups[place].values else drawn  # some go together only
        return self.joined(partials)

    @cached_property
    def representatives(self) -> tuple[tuple[Partial, ...], ...]:
        """Of each group, one value for each effect on the request and each outcome that the group alone can have."""
        found = []
        for index, each in enumerate(self.groups):
            requests = [self.write(self.with_group(index, partial)) for partial in each.values]
            by_signature: dict[Hashable, Partial] = {}
            for signature, partial in zip(self.signatures(requests), each.values, strict=True):
                by_signature.setdefault(signature, partial)
            found.append(tuple(by_signature.values()))
        return tuple(found)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """What is enumerated: no class is in two blocks."""
        whole = tuple(group.values for group in self.groups)
        if not self.factored:
            return (Block("every combination", whole),)
        chosen = self.representatives
        blocks = [Block("every combination of effects", chosen)]
        for index, each in enumerate(self.groups):
            others = tuple(value for value in each.values if value not in set(chosen[index]))
            if others:
                blocks.append(Block(f"{each.name}, whole", (*chosen[:index], others, *chosen[index + 1 :])))
        return tuple(blocks)


def dress(value: Any, choose: Choose) -> Any:
    """The same request written otherwise: members in another order, 4 as 4.0."""
    if isinstance(value, dict):
        items = [(name, dress(stated, choose)) for name, stated in value.items()]
        return dict(reversed(items) if choose((False, True)) else items)
    if isinstance(value, list):
        return [dress(element, choose) for element in value]
    return choose((value, float(value))) if type(value) is int else value


def product(
    name: str,
    signatures: Signatures,
    *dimensions: Dimension,
    always: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> RequestType:
    """A request type that is enumerated whole."""
    groups = tuple(group(dimension.name, dimension) for dimension in dimensions)
    return RequestType(name, groups, signatures, always=always, optional=optional)


def signature(decision: Mapping[str, Any], whole: Collection[str]) -> Hashable:
    """What the other groups can notice of a group: the effects that it has, and what it comes to by itself.

    `whole` are the codes that bear on the whole request. A reason that is given where no group raises anything stands
    at the request itself, and at no member of it.
    """
    reasons = decision["reasons"]
    effects = frozenset(reason["effect"] for reason in reasons if reason["code"] in whole) - {"info"}
    return effects, decision["outcome"], any(reason["path"] == "" for reason in reasons)


# --- What requests are held against ----------------------------------------------------------------------------------

REPEATED = "contact"  # the parameter that decisions repeat as it stands; all that can bear on one is where it begins


class Policy:
    """The numbers, dates and lists of one bundle, or of several together, of all their periods."""

    def __init__(self, bundles: Sequence[Mapping[str, Any]]) -> None:
        """`bundles` holds the data of each, as `Bundle.data` gives it."""
        self.parameters = [data["therapy"]["parameters"] for data in bundles]
        self.forms = [data["therapy"]["request"]["forms"] for data in bundles]
        years = {year for data in bundles for year in data["therapy"]["lib"]["calendar"]["years"]}
        self.every_day = days(min(years), max(years))
        self.recent = max(self.begins())

    def values(self, parameter: str) -> list[Any]:
        """What a parameter, by its dotted path, is in each period of each bundle."""
        return [
            period["value"]
            for parameters in self.parameters
            for path, periods in periods_below(parameters)
            if path == tuple(parameter.split("."))
            for period in periods
        ]

    def begins(self, without: str = "") -> set[str]:
        """The dates on which periods begin, of all parameters but those of the area `without`."""
        return {
            period["from"]
            for parameters in self.parameters
            for path, periods in periods_below(parameters)
            if path[0] != without
            for period in (periods[:1] if path[0] == REPEATED else periods)
        }

    def _forms_at(self, path: str) -> Iterator[Mapping[str, Any]]:
        """The form of a member, by its dotted path from the request type on, in each bundle that has it."""
        for forms in self.forms:
            request_type, *names = path.split(".")
            found = forms.get(request_type, {})
            for name in names:
                members = forms[found["element"]]["members"] if "element" in found else found.get("members", {})
                found = forms.get(members.get(name), {})
            if found:
                yield found

    def choices(self, path: str) -> list[str]:
        """The names that a member may have."""
        return list(dict.fromkeys(name for form in self._forms_at(path) for name in form["values"]))

    def most(self, path: str) -> int:
        """The largest whole number that a member may be."""
        return max(int(form["most"]) for form in self._forms_at(path))

    def most_units(self) -> int:
        return max(map(int, self.values("units_per_visit")))

    def date(self, path: str, without: str) -> Dimension:
        return dates(path, self.every_day, self.begins(without), self.recent)

    def already_authorized(self, request_type: str, path: str) -> Dimension:
        """Units that leave so many of the visit's, down to none."""
        return intervals(path, self.most(f"{request_type}.{path}"), *range(self.most_units() + 1))

    def units(self, request_type: str, path: str) -> Dimension:
        """Units up to the most of a visit, each told from the next, and more."""
        return intervals(path, self.most(f"{request_type}.{path}"), *range(1, self.most_units() + 2))


def periods_below(parameters: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The path and the periods of each parameter."""
    for name, found in parameters.items():
        if "periods" in found:
            yield (*path, name), found["periods"]
        else:
            yield from periods_below(found, (*path, name))


# --- What several request types have in common -----------------------------------------------------------------------

REQUEST_ID = anything("request_id", ABSENT, None, "1", "x" * 64, "a/b~c")


def benefit(policy: Policy, request_type: str) -> Dimension:
    choices = policy.choices(f"{request_type}.benefit_status")
    return member("benefit_status", alike(choices, unstated="unverified"))


def pt_date_and_specialty(policy: Policy, request_type: str, date: str) -> tuple[Dimension, Dimension]:
    excluded = policy.values("outpatient_pt.excluded_specialties")

    def tell(specialty: str) -> Hashable:
        return specialty == "none", tuple(specialty in those for those in excluded)

    choices = policy.choices(f"{request_type}.specialty")
    return policy.date(date, without="pediatric_ot"), member("specialty", alike(choices, tell))


def islands(policy: Policy, request_type: str) -> dict[str, Sequence[Any]]:
    routes = policy.values("referral.routes")

    def tell(island: str) -> Hashable:
        found = [each.get(island, {}) for each in routes]
        return tuple((route.get("chapter"), route.get("network")) for route in found)

    return alike(policy.choices(f"{request_type}.island"), tell)


CRITERIA = (
    "functional_impairment_resolved",
    "goals_achieved",
    "returned_to_prior_function",
    "adapted_with_equipment",
    "extended_period_of_service",
    "progress_cause_indeterminate",
    "unable_to_participate",
    "home_program_noncompliance",
    "lacks_scheduled_participation",
)  # each of them ends therapy when it is true; meets_continuation_criteria does when it is false
HALVES = ("extended_period_of_service", "progress_cause_indeterminate")  # which end it together only
BOTH, NOT_BOTH = "both true", "not both true"


def write_halves(request: Request, value: str, choose: Choose) -> None:
    pairs = itertools.product((ABSENT, None, False, True), repeat=2)
    answers = choose([pair for pair in pairs if (pair == (True, True)) == (value == BOTH)])
    for name, stated in zip(HALVES, answers, strict=True):
        put(request, f"discontinuation.{name}", stated)


def read_halves(request: Request) -> str:
    return BOTH if all(look(request, f"discontinuation.{name}") is True for name in HALVES) else NOT_BOTH


# Where what is not stated says nothing, which is everywhere but in a continuation review.
DISCONTINUATION = group(
    "discontinuation",
    *(flag(f"discontinuation.{name}", quiet=False) for name in CRITERIA if name not in HALVES),
    Dimension(f"discontinuation.{HALVES[0]} and {HALVES[1]}", (NOT_BOTH, BOTH), write_halves, read_halves),
    member(
        "discontinuation.meets_continuation_criteria",
        {"true or not stated": (ABSENT, None, True), "false": (False,)},
    ),
)


# --- pediatric_ot_claim ----------------------------------------------------------------------------------------------

UNLISTED = ("00000", "99999", "ZZZZZ", "9753O", "9712A")  # as long as no list has them
MODIFIERS: Sequence[Any] = (ABSENT, None, [], ["GO"], ["GO", "59", "0Z", "59"])
MOST_LINES = 3
MOST_CLAIMS = 1_000_000  # classes; rather than more of them, claims have fewer lines

Line = tuple[str, str]  # the kind of its code, its units


def kinds_of_codes(policy: Policy) -> dict[str, Sequence[str]]:
    """Procedure codes by what lists say of them: whether they are listed, and which is the add-on to which."""
    lists = policy.values("pediatric_ot.procedure_codes")

    def tell(code: str) -> Hashable:
        return tuple((code in listed, add_on_to(listed, code), add_ons_to(listed, code)) for listed in lists)

    def add_on_to(listed: Mapping[str, Any], code: str) -> Hashable:
        primary: str | None = listed.get(code, {}).get("add_on_to")
        return primary

    def add_ons_to(listed: Mapping[str, Any], code: str) -> Hashable:
        return tuple(each for each in listed if add_on_to(listed, each) == code)

    kinds = alike(sorted({code for listed in lists for code in listed}), tell)
    plain = ((True, None, ()),) * len(lists)
    found = {"listed" if tell(codes[0]) == plain else name: codes for name, codes in kinds.items()}
    return found | {"not listed": [code for code in UNLISTED if not any(code in listed for listed in lists)]}


def service_lines(policy: Policy, beside: int) -> Dimension:
    """The lines of a claim; `beside` is how many classes there are of all else in it."""
    codes = kinds_of_codes(policy)
    units = policy.units("pediatric_ot_claim", "service_lines.units").members
    kinds_of_lines = list(itertools.product(codes, units))

    def write(request: Request, value: tuple[Line, ...], choose: Choose) -> None:
        request["service_lines"] = [
            {"procedure_code": choose(codes[code]), "units": choose(units[asked])} for code, asked in value
        ]
        for line in request["service_lines"]:
            put(line, "modifiers", choose(MODIFIERS))

    def read(request: Request) -> tuple[Line, ...]:
        return tuple(
            (
                next((kind for kind, those in codes.items() if line["procedure_code"] in those), "not listed"),
                next(name for name, those in units.items() if line["units"] in those),
            )
            for line in elements(request, "service_lines")
        )

    def of(most: int) -> Iterator[tuple[Line, ...]]:
        for count in range(1, most + 1):
            yield from itertools.product(kinds_of_lines, repeat=count)

    def number_of(most: int) -> int:
        return sum(len(kinds_of_lines) ** count for count in range(1, most + 1))

    most = max(n for n in range(1, MOST_LINES + 1) if n == 1 or beside * number_of(n) <= MOST_CLAIMS)
    quiet = (next(iter(codes)), str(min(policy.values("units_per_visit"))))
    of_note = ", ".join(name for name in codes if name not in ("listed", "not listed"))
    *fewer, more = units
    return Dimension(
        "service_lines",
        first_of_all((quiet,), of(most)),
        write,
        read,
        about=f"1 to {most} lines in every order; of each, whether its code is {of_note}, another listed one or not "
        f"listed, and whether it asks for {', '.join(fewer)}, or {more} units",
    )


def pediatric_ot_claim(policy: Policy, signatures: Signatures) -> RequestType:
    name = "pediatric_ot_claim"
    before_lines = (
        benefit(policy, name),
        member("medical_necessity", alike(policy.choices(f"{name}.medical_necessity"), unstated="undetermined")),
        policy.already_authorized(name, "units_already_authorized"),
    )
    date = policy.date("service_date", without="outpatient_pt")
    beside = prod(len(each.values) for each in (*before_lines, date))
    return product(
        name,
        signatures,
        *before_lines,
        service_lines(policy, beside),
        date,
        anything("service_lines' modifiers", ABSENT),  # stated with their line
        REQUEST_ID,
    )


# --- pt_referral -----------------------------------------------------------------------------------------------------

IMPROVEMENT_ASPECTS = (
    "measurable",
    "significant",
    "sustainable",
    "functional",
    "within_reasonable_period",
    "result_of_pt",
)


def pt_referral(policy: Policy, signatures: Signatures) -> RequestType:
    name = "pt_referral"
    lists = policy.values("outpatient_pt.acute_categories") + policy.values("outpatient_pt.eligible_categories")
    events = policy.values("outpatient_pt.acute_events")
    return product(
        name,
        signatures,
        *pt_date_and_specialty(policy, name, "referral_date"),
        benefit(policy, name),
        member(
            "condition.category",
            alike(policy.choices(f"{name}.condition.category"), lambda one: tuple(one in those for those in lists)),
        ),
        member(
            "condition.acute_event",
            alike(
                policy.choices(f"{name}.condition.acute_event"),
                lambda one: tuple(one in those for those in events),
                unstated="none",
            ),
        ),
        *(answer(f"expected_improvement.{aspect}", quiet=True) for aspect in IMPROVEMENT_ASPECTS),
        member("island", {"not stated": (ABSENT, None)} | islands(policy, name)),
        REQUEST_ID,
        optional=("expected_improvement",),
    )


# --- pt_treatment_plan -----------------------------------------------------------------------------------------------

PLAN_GOAL_TEXTS = ("statement", "measure", "functional_activity")


def pt_treatment_plan(policy: Policy, signatures: Signatures) -> RequestType:
    name = "pt_treatment_plan"
    return product(
        name,
        signatures,
        *pt_date_and_specialty(policy, name, "service_date"),
        benefit(policy, name),
        text("plan_of_care.diagnosis"),
        texts("plan_of_care.planned_interventions"),
        text("plan_of_care.frequency"),
        text("plan_of_care.duration"),
        parts_of_each(
            "plan_of_care.goals",
            {
                **dict.fromkeys(PLAN_GOAL_TEXTS, (PRESENT, MISSING)),
                "target_date": ((policy.recent, *policy.every_day), (ABSENT, None)),
            },
        ),
        text("plan_of_care.expected_potential"),
        flag("plan_of_care.patient_caregiver_education", quiet=True),
        REQUEST_ID,
        optional=("plan_of_care",),
    )


# --- pt_visit --------------------------------------------------------------------------------------------------------

NEXT, NOT_NEXT = "prior evaluation + prior treatment + 1", "any other number"
SAME, NOT_SAME = "the visit's number", "not stated, or any other number"


def visit_number(most: int) -> Dimension:
    def write(request: Request, value: str, choose: Choose) -> None:
        prior = request["prior_visits"]
        if value == NEXT and sum(prior.values()) >= most:  # the next number would be out of range
            prior |= {name: min(visits, (most - 1) // 2) for name, visits in prior.items()}
        following = sum(prior.values()) + 1
        request["visit"]["number"] = following if value == NEXT else other_than(following, most, choose)

    def read(request: Request) -> str:
        return NEXT if request["visit"]["number"] == sum(request["prior_visits"].values()) + 1 else NOT_NEXT

    return Dimension("visit.number", (NEXT, NOT_NEXT), write, read)


def progress_note_number(most: int) -> Dimension:
    def write(request: Request, value: str, choose: Choose) -> None:
        number = request["visit"]["number"]
        other = (ABSENT, None, other_than(number, most, choose))
        put(request, "progress_note_number", number if value == SAME else choose(other))

    def read(request: Request) -> str:
        return SAME if look(request, "progress_note_number") == request["visit"]["number"] else NOT_SAME

    return Dimension("progress_note_number", (SAME, NOT_SAME), write, read)


def other_than(number: int, most: int, choose: Choose) -> int:
    other: int = choose(range(1, most))
    return other if other < number else other + 1


def pt_visit(policy: Policy, signatures: Signatures) -> RequestType:
    name = "pt_visit"
    tiers = [tier for value in policy.values("outpatient_pt.initial_visits") for tier in value.values()]

    def prior_visits(kind: str) -> Dimension:
        path = f"prior_visits.{kind}"
        return intervals(path, policy.most(f"{name}.{path}"), *sorted({0, *(tier[kind] for tier in tiers)}))

    return RequestType(
        name,
        (
            group(
                "the visit",
                member("tier", alike(sorted(policy.choices(f"{name}.tier"), reverse=True))),
                member("visit.kind", alike(sorted(policy.choices(f"{name}.visit.kind"), reverse=True))),
                prior_visits("evaluation"),
                prior_visits("treatment"),
                visit_number(policy.most(f"{name}.visit.number")),
                progress_note_number(policy.most(f"{name}.progress_note_number")),
                policy.already_authorized(name, "visit.units_already_authorized"),
                policy.units(name, "visit.units"),
                flag("plan_of_care_complete", quiet=True),
            ),
            group("date and specialty", *pt_date_and_specialty(policy, name, "service_date"), REQUEST_ID),
            group("benefit", benefit(policy, name)),
            DISCONTINUATION,
        ),
        signatures,
        factored=True,
        optional=("discontinuation",),
    )


# --- pt_extension ----------------------------------------------------------------------------------------------------

# What the notes say of the goals: how the goals are named, whether the notes are numbered 1 to n, and of each note
# which goals it addresses, by their place, or UNKNOWN for a text that names no goal.
Notes = tuple[tuple[str, ...], str, tuple[tuple[Any, ...], ...]]
UNKNOWN = "unknown"
FIRST_IDS = ("present", "blank")
SECOND_IDS = ("another, present", "another, blank", "the same")
NUMBERED, MISNUMBERED = "numbered", "misnumbered"
MISNUMBERINGS: dict[int, Sequence[tuple[int, ...]]] = {
    1: [(2,), (3,), (999,)],
    2: [(1, 1), (2, 2), (1, 3), (3, 1), (2, 3), (3, 2), (999, 1), (998, 999)],
}

# The status of a goal at three times: initially, in the last period, now.
Status = tuple[str, str, str]
INITIAL = ("complete", "a measure but no value", "no measure")
LATER = (
    "complete",
    "complete, but another measure than initially",
    "incomplete",
    "incomplete, and another measure than initially",
)
STATUSES: tuple[Status, ...] = tuple(
    (initial, last, current)
    for initial, last, current in itertools.product(INITIAL, LATER, LATER)
    if initial != INITIAL[2] or {last, current} <= {LATER[0], LATER[2]}  # none is another than one that is not there
)
COMPLETE = STATUSES[0]


def note_values() -> Iterator[Notes]:
    for count in range(3):
        for ids in itertools.product(*(FIRST_IDS, SECOND_IDS)[:count]):
            named_goals = range(1 if "the same" in ids else count)
            lists = [addressed for n in range(3) for addressed in itertools.product([*named_goals, UNKNOWN], repeat=n)]
            yield ids, NUMBERED, ()
            for numbering in (NUMBERED, MISNUMBERED):
                for notes in range(1, 3):
                    for addressed in itertools.product(lists, repeat=notes):
                        yield ids, numbering, addressed


PLAIN: dict[int, Notes] = {
    1: (("present",), NUMBERED, ((0,),)),
    2: (("present", "another, present"), NUMBERED, ((0, 1),)),
}


def write_notes(request: Request, value: Notes, choose: Choose) -> None:
    ids, numbering, addressed = value
    names: list[str] = []
    for kind in ids:
        options = PRESENT if kind.endswith("present") else BLANKS
        names.append(names[0] if kind == "the same" else choose([name for name in options if name not in names]))
    put(request, "documentation.goals", [{"goal_id": name} for name in names] or choose((ABSENT, None, [])))
    right = list(itertools.permutations(range(1, len(addressed) + 1)))
    numbers = choose(right if numbering == NUMBERED else MISNUMBERINGS[len(addressed)])
    unknown = [name for name in (*WORDS, *BLANKS) if name not in names]
    notes = [
        {"visit_number": number, "goals_addressed": [choose(unknown) if n == UNKNOWN else names[n] for n in goals]}
        for number, goals in zip(numbers, addressed, strict=True)
    ]
    put(request, "documentation.notes", notes or choose((ABSENT, None, [])))


def read_notes(request: Request) -> Notes:
    names = [goal["goal_id"] for goal in elements(request, "documentation.goals")]
    notes = elements(request, "documentation.notes")
    ids: list[str] = []
    for place, name in enumerate(names):
        kind = "present" if present(name) else "blank"
        ids.append(kind if not place else "the same" if name in names[:place] else f"another, {kind}")
    if not notes:
        return tuple(ids), NUMBERED, ()
    right = sorted(note["visit_number"] for note in notes) == list(range(1, len(notes) + 1))
    addressed = tuple(
        tuple(names.index(goal) if goal in names else UNKNOWN for goal in note["goals_addressed"]) for note in notes
    )
    return tuple(ids), NUMBERED if right else MISNUMBERED, addressed


def write_statuses(request: Request, value: tuple[Status, ...], choose: Choose) -> None:
    for goal, (initial, *later) in zip(elements(request, "documentation.goals"), value, strict=True):
        measure = choose(PRESENT)
        said = {
            "complete": [{"measure": measure, "value": choose(PRESENT)}],
            "a measure but no value": [{"measure": measure}, {"measure": measure, "value": choose(BLANKS)}],
            "no measure": NO_MEASURE,
        }
        put(goal, "initial_status", choose(said[initial]))
        for name, status in zip(("last_period_status", "current_status"), later, strict=True):
            other = choose([another for another in PRESENT if another != measure])
            said = {
                LATER[0]: [{"measure": measure, "value": choose(PRESENT)}],
                LATER[1]: [{"measure": other, "value": choose(PRESENT)}],
                LATER[2]: [*NO_MEASURE, {"measure": measure}, {"measure": measure, "value": choose(BLANKS)}],
                LATER[3]: [{"measure": other}, {"measure": other, "value": choose(BLANKS)}],
            }
            put(goal, name, choose(said[status]))


NO_MEASURE: list[Any] = [ABSENT, None, {}, {"value": "a"}, {"measure": " ", "value": "b"}, {"measure": None}]


def read_statuses(request: Request) -> tuple[Status, ...]:
    return tuple(status_of(goal) for goal in elements(request, "documentation.goals"))


def status_of(goal: Request) -> Status:
    stated = [goal.get(name) or {} for name in ("initial_status", "last_period_status", "current_status")]
    measures = [status.get("measure") if present(status.get("measure")) else None for status in stated]
    complete = [
        measure is not None and present(status.get("value")) for measure, status in zip(measures, stated, strict=True)
    ]
    initial = INITIAL[0] if complete[0] else INITIAL[1] if measures[0] is not None else INITIAL[2]
    other = [None not in (measures[0], measure) and measure != measures[0] for measure in measures]
    last, current = (LATER[2 * (not complete[n]) + other[n]] for n in (1, 2))
    return initial, last, current


def goals_and_notes() -> Group:
    """What the notes say of the goals, with complete statuses; and the statuses, with notes that say all."""
    notes = Dimension(
        "documentation.goals and .notes",
        tuple(note_values()),
        write_notes,
        read_notes,
        about="0 to 2 goals, each id present or blank, the second the same as the first or another; 0 to 2 notes, "
        "numbered 1 to n or not; each addresses 0 to 2 goals in every order, of the list or unknown",
    )
    statuses = Dimension(
        "documentation.goals' statuses",
        tuple(value for count in range(3) for value in itertools.product(STATUSES, repeat=count)),
        write_statuses,
        read_statuses,
        about="of each goal: the initial status complete, a measure without a value, or no measure; the last-period "
        "and the current status each complete or incomplete, each with another measure than initially or not",
    )
    values = first_of_all(
        (PLAIN[1], (COMPLETE,)),
        itertools.chain(
            ((value, (COMPLETE,) * len(value[0])) for value in notes.values),
            ((PLAIN[n], of_each) for n in PLAIN for of_each in itertools.product(STATUSES, repeat=n)),
        ),
    )

    def draw(choose: Choose) -> Partial:
        value = choose(notes.values)
        return value, tuple(choose(STATUSES) for _ in value[0])

    def split(partial: Partial) -> list[Partial]:
        value, of_each = partial
        count = len(of_each)
        return [(value, (COMPLETE,) * count), (PLAIN[count], of_each)] if count else [partial]

    size = sum(len(STATUSES) ** len(value[0]) for value in notes.values)
    return Group("goals and notes", (notes, statuses), values, size, draw, split)


INTERVENTION_PARTS = ("technique", "amount", "frequency", "duration")


def pt_extension(policy: Policy, signatures: Signatures) -> RequestType:
    name = "pt_extension"
    return RequestType(
        name,
        (
            group(
                "date and specialty",
                *pt_date_and_specialty(policy, name, "request_date"),
                anything("requested_visits", *range(1, policy.most(f"{name}.requested_visits") + 1)),
                REQUEST_ID,
            ),
            group("benefit", benefit(policy, name)),
            goals_and_notes(),
            group(
                "interventions",
                parts_of_each(
                    "documentation.planned_interventions",
                    dict.fromkeys(INTERVENTION_PARTS, (PRESENT, MISSING)),
                ),
            ),
            group(
                "other papers",
                texts("documentation.impeding_factors.identified", quiet=False),
                flag("documentation.impeding_factors.none_identified", quiet=True),
                text("documentation.response_summary"),
                member(
                    "documentation.limiting_issues",
                    {"stated, even if empty": ([], ["a"], [""], [" ", "b"]), "not stated": (ABSENT, None)},
                    lambda found: "not stated" if found is ABSENT else "stated, even if empty",
                ),
                text("documentation.prognosis.statement"),
                texts("documentation.prognosis.discharge_criteria"),
                answer("documentation.plan_of_care_changes.significant_change", quiet=False),
                text("documentation.plan_of_care_changes.explanation"),
                text("documentation.plan_of_care_changes.clinical_rationale"),
                flag("documentation.extension_form_completed", quiet=True),
            ),
            DISCONTINUATION,
        ),
        signatures,
        factored=True,
        optional=(
            "documentation",
            "documentation.impeding_factors",
            "documentation.prognosis",
            "documentation.plan_of_care_changes",
            "discontinuation",
        ),
    )


# --- pt_continuation, referral_route ---------------------------------------------------------------------------------


def pt_continuation(policy: Policy, signatures: Signatures) -> RequestType:
    name = "pt_continuation"
    return product(
        name,
        signatures,
        *pt_date_and_specialty(policy, name, "review_date"),
        benefit(policy, name),
        *(answer(f"discontinuation.{criterion}", quiet=False) for criterion in CRITERIA),
        answer("discontinuation.meets_continuation_criteria", quiet=True),
        REQUEST_ID,
        always=("discontinuation",),
    )


def referral_route(policy: Policy, signatures: Signatures) -> RequestType:
    name = "referral_route"
    return product(name, signatures, member("island", islands(policy, name)), REQUEST_ID)


REQUEST_TYPES: dict[str, Callable[[Policy, Signatures], RequestType]] = {
    make.__name__: make
    for make in (
        pediatric_ot_claim,
        pt_referral,
        pt_treatment_plan,
        pt_visit,
        pt_extension,
        pt_continuation,
        referral_route,
    )
}


def request_types(bundles: Sequence[Mapping[str, Any]], signatures: Signatures) -> dict[str, RequestType]:
    """The request types, by name, with the classes that none of the bundles' numbers, dates and lists divides.

    `bundles` holds the data of each. `signatures` gives the `signature` of each request, by whatever decides it.
    """
    policy = Policy(bundles)
    return {name: make(policy, signatures) for name, make in REQUEST_TYPES.items()}
