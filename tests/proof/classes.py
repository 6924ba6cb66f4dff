"""The classes of valid requests that the rules can tell apart.

A request type is a product of dimensions, and one value of each is a class. `write` makes a request of a class: with
`first` for every open choice the smallest one, with random choices any other. `read` finds the class of a request.

Where a product is too large to be enumerated, its dimensions fall into groups such that no rule reads two of them.
Then the reasons for a class are the reasons for its groups put together, and the outcome needs no more of a group than
the effects that it has. So `blocks` enumerates each group whole, against every combination of effects of the others.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import oracle
from proof.dimensions import (
    ABSENT,
    BEFORE,
    BLANKS,
    MISSING,
    PRESENT,
    SINCE,
    WORDS,
    Choose,
    Dimension,
    Request,
    Value,
    answer,
    any_of,
    anything,
    elements,
    first,
    first_of_all,
    flag,
    intervals,
    look,
    member,
    parts_of_each,
    pt_date,
    put,
    text,
    texts,
)
from proof.judged import signature

Class = tuple[Value, ...]  # one value of each dimension
Partial = tuple[Value, ...]  # values of the dimensions of one group


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
        dressed: Request = dress(request, choose)
        return dressed

    def read(self, request: Request) -> Class:
        """The class of a valid request; one with longer lists than are enumerated has a class that is not."""
        return tuple(dimension.read(request) for dimension in self.dimensions)

    def draw(self, choose: Choose) -> Class:
        """A class of the whole product, enumerated or not."""
        return self.joined([group.draw(choose) for group in self.groups])

    @cached_property
    def representatives(self) -> tuple[tuple[Partial, ...], ...]:
        """Of each group, one value for each effect on the request and each outcome that the group alone can have."""
        found = []
        for index, each in enumerate(self.groups):
            by_signature: dict[Value, Partial] = {}
            for partial in each.values:
                decision = oracle.decide(self.write(self.with_group(index, partial)))
                by_signature.setdefault(signature(decision), partial)
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
    name: str, *dimensions: Dimension, always: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> RequestType:
    """A request type that is enumerated whole."""
    groups = tuple(group(dimension.name, dimension) for dimension in dimensions)
    return RequestType(name, groups, always=always, optional=optional)


# --- What several request types have in common -----------------------------------------------------------------------

REQUEST_ID = anything("request_id", ABSENT, None, "1", "x" * 64, "a/b~c")
BENEFIT = member(
    "benefit_status",
    {
        "covered": ("covered",),
        "not_covered": ("not_covered",),
        "unverified or not stated": (ABSENT, None, "unverified"),
    },
)
SPECIALTY = member("specialty", {"none": ("none",)} | any_of("aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"))
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

CODES: dict[str, Sequence[str]] = {
    "listed": ("97530", "97110", "97112", "92526", "97535", "97165", "97166", "97167", "97168"),
    "97129": ("97129",),
    "97130": ("97130",),
    "not listed": ("97140", "00000", "ZZZZZ", "9753O", "97161"),
}
LINE_UNITS: dict[str, Sequence[int]] = {"1": (1,), "2": (2,), "3": (3,), "4": (4,), "5 or more": range(5, 100)}
MODIFIERS: Sequence[Any] = (ABSENT, None, [], ["GO"], ["GO", "59", "0Z", "59"])
MOST_LINES = 3

Line = tuple[str, str]  # the kind of its code, its units


def write_lines(request: Request, value: tuple[Line, ...], choose: Choose) -> None:
    request["service_lines"] = [
        {"procedure_code": choose(CODES[code]), "units": choose(LINE_UNITS[units])} for code, units in value
    ]
    for line in request["service_lines"]:
        put(line, "modifiers", choose(MODIFIERS))


def read_lines(request: Request) -> tuple[Line, ...]:
    return tuple(
        (
            next((kind for kind, codes in CODES.items() if line["procedure_code"] in codes), "not listed"),
            next(name for name, units in LINE_UNITS.items() if line["units"] in units),
        )
        for line in elements(request, "service_lines")
    )


def lines_of_claims() -> Iterator[tuple[Line, ...]]:
    for count in range(1, MOST_LINES + 1):
        yield from itertools.product(itertools.product(CODES, LINE_UNITS), repeat=count)


PEDIATRIC_OT_CLAIM = product(
    "pediatric_ot_claim",
    BENEFIT,
    member(
        "medical_necessity",
        {
            "established": ("established",),
            "not_established": ("not_established",),
            "undetermined or not stated": (ABSENT, None, "undetermined"),
        },
    ),
    intervals("units_already_authorized", 99, 0, 1, 2, 3, 4),
    Dimension(
        "service_lines",
        first_of_all((("listed", "4"),), lines_of_claims()),
        write_lines,
        read_lines,
        about=f"1 to {MOST_LINES} lines in every order; of each, whether its code is 97129, 97130, another listed one "
        "or not listed, and whether it asks for 1, 2, 3, 4, or 5 or more units",
    ),
    anything("service_date", "2022-06-01", *BEFORE, *SINCE),
    anything("service_lines' modifiers", ABSENT),  # stated with their line
    REQUEST_ID,
)


# --- pt_referral -----------------------------------------------------------------------------------------------------

ISLANDS = any_of("oahu", "maui", "hawaii") | any_of("kauai", "lanai", "molokai")

PT_REFERRAL = product(
    "pt_referral",
    pt_date("referral_date"),
    SPECIALTY,
    BENEFIT,
    member(
        "condition.category",
        any_of("acute", "acute_exacerbation_of_chronic")
        | any_of("subacute", "neurodevelopmental", "function_limiting_chronic")
        | {"other": ("other",)},
    ),
    member(
        "condition.acute_event",
        any_of("new_post_operative", "fracture", "new_stroke", "exacerbation_due_to_event")
        | {"none or not stated": (ABSENT, None, "none")},
    ),
    *(answer(f"expected_improvement.{aspect}", quiet=True) for aspect in oracle.IMPROVEMENT_ASPECTS),
    member("island", {"not stated": (ABSENT, None)} | ISLANDS),
    REQUEST_ID,
    optional=("expected_improvement",),
)


# --- pt_treatment_plan -----------------------------------------------------------------------------------------------

PT_TREATMENT_PLAN = product(
    "pt_treatment_plan",
    pt_date("service_date"),
    SPECIALTY,
    BENEFIT,
    text("plan_of_care.diagnosis"),
    texts("plan_of_care.planned_interventions"),
    text("plan_of_care.frequency"),
    text("plan_of_care.duration"),
    parts_of_each(
        "plan_of_care.goals",
        {
            **dict.fromkeys(oracle.PLAN_GOAL_TEXTS, (PRESENT, MISSING)),
            "target_date": (SINCE + BEFORE, (ABSENT, None)),
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


def write_number(request: Request, value: str, choose: Choose) -> None:
    prior = request["prior_visits"]
    if value == NEXT and sum(prior.values()) > 998:  # the next number would be out of range
        prior |= {name: min(visits, 499) for name, visits in prior.items()}
    following = sum(prior.values()) + 1
    request["visit"]["number"] = following if value == NEXT else other_than(following, choose)


def other_than(number: int, choose: Choose) -> int:
    other: int = choose(range(1, 999))
    return other if other < number else other + 1


def read_number(request: Request) -> str:
    return NEXT if request["visit"]["number"] == sum(request["prior_visits"].values()) + 1 else NOT_NEXT


def write_note(request: Request, value: str, choose: Choose) -> None:
    number = request["visit"]["number"]
    put(
        request,
        "progress_note_number",
        number if value == SAME else choose((ABSENT, None, other_than(number, choose))),
    )


def read_note(request: Request) -> str:
    return SAME if look(request, "progress_note_number") == request["visit"]["number"] else NOT_SAME


PT_VISIT = RequestType(
    "pt_visit",
    (
        group(
            "the visit",
            member("tier", {"nonacute": ("nonacute",), "acute": ("acute",)}),
            member("visit.kind", {"treatment": ("treatment",), "evaluation": ("evaluation",)}),
            intervals("prior_visits.evaluation", 999, 0, 1),
            intervals("prior_visits.treatment", 999, 0, 5, 11),
            Dimension("visit.number", (NEXT, NOT_NEXT), write_number, read_number),
            Dimension("progress_note_number", (SAME, NOT_SAME), write_note, read_note),
            intervals("visit.units_already_authorized", 99, 0, 1, 2, 3, 4),
            intervals("visit.units", 99, 1, 2, 3, 4, 5),
            flag("plan_of_care_complete", quiet=True),
        ),
        group("date and specialty", pt_date("service_date"), SPECIALTY, REQUEST_ID),
        group("benefit", BENEFIT),
        DISCONTINUATION,
    ),
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
        kind = "present" if oracle.present(name) else "blank"
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
    stated = [goal.get(name) or {} for name in oracle.STATUSES]
    measures = [status.get("measure") if oracle.present(status.get("measure")) else None for status in stated]
    complete = [
        measure is not None and oracle.present(status.get("value"))
        for measure, status in zip(measures, stated, strict=True)
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


PT_EXTENSION = RequestType(
    "pt_extension",
    (
        group(
            "date and specialty",
            pt_date("request_date"),
            SPECIALTY,
            anything("requested_visits", *range(1, 1000)),
            REQUEST_ID,
        ),
        group("benefit", BENEFIT),
        goals_and_notes(),
        group(
            "interventions",
            parts_of_each(
                "documentation.planned_interventions",
                dict.fromkeys(oracle.INTERVENTION_PARTS, (PRESENT, MISSING)),
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

PT_CONTINUATION = product(
    "pt_continuation",
    pt_date("review_date"),
    SPECIALTY,
    BENEFIT,
    *(answer(f"discontinuation.{name}", quiet=False) for name in CRITERIA),
    answer("discontinuation.meets_continuation_criteria", quiet=True),
    REQUEST_ID,
    always=("discontinuation",),
)

REFERRAL_ROUTE = product("referral_route", member("island", ISLANDS), REQUEST_ID)

REQUEST_TYPES: dict[str, RequestType] = {
    each.name: each
    for each in (
        PEDIATRIC_OT_CLAIM,
        PT_REFERRAL,
        PT_TREATMENT_PLAN,
        PT_VISIT,
        PT_EXTENSION,
        PT_CONTINUATION,
        REFERRAL_ROUTE,
    )
}
