"""The classes of valid requests that the rules can tell apart, and what must hold of the decision on each.

A request type is a product of dimensions. A dimension is something that a rule asks of a request, such as whether its
date lies before the rules begin; its values are the answers that a rule can tell apart. One value of each dimension
is a class. `write` makes a concrete request of a class, and every choice that the class leaves open (which text, which
date of the interval, absent or null) is made by the caller, so that the first choice everywhere is the smallest
request of the class and random choices give any other. `read` finds the class of a concrete request.

Where a whole product is too large, its dimensions fall into groups such that no rule reads two of them. Then the
reasons for a class are the reasons for its groups put together, and the outcome needs no more of a group than the
effects that it has. `blocks` enumerates each group whole, against every combination of such effects of the others.
"""

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from math import prod
from typing import Any

import oracle

Request = dict[str, Any]
Decision = Mapping[str, Any]
Value = Hashable
Class = tuple[Value, ...]  # one value of each dimension
Choose = Callable[[Sequence[Any]], Any]

ABSENT: Any = object()  # stands for a member that is not there


def first(options: Sequence[Any]) -> Any:
    """The choice that makes the smallest request of a class."""
    return options[0]


# --- Dimensions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Dimension:
    """What rules ask of a request, and the answers that they can tell apart, the one that raises no reason first."""

    name: str  # of the member of the request
    values: tuple[Value, ...]
    write: Callable[[Request, Any, Choose], None]
    read: Callable[[Request], Value]
    members: Mapping[Any, Sequence[Any]] = field(default_factory=dict)  # of a value: what may stand in the member
    about: str = ""  # the values in words, where they are too many to be listed


def look(request: Request, path: str) -> Any:
    """What stands at a dotted path, or ABSENT; null is the same as nothing."""
    found: Any = request
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return ABSENT if found is None else found


def put(request: Request, path: str, value: Any) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        request = request.setdefault(parent, {})
    if value is not ABSENT:
        request[name] = value


def member(path: str, members: Mapping[str, Sequence[Any]], tell: Callable[[Any], str] | None = None) -> Dimension:
    """One member of the request. `tell` names the value of what stands there, where `members` are but examples."""

    def write(request: Request, value: str, choose: Choose) -> None:
        chosen = choose(members[value])
        if chosen is not ABSENT:
            put(request, path, chosen)

    def read(request: Request) -> str:
        found = look(request, path)
        if tell is not None:
            return tell(found)
        return next(value for value, those in members.items() if found in those)

    return Dimension(path, tuple(members), write, read, members)


def days(begin: str, end: str) -> tuple[str, ...]:
    start = date.fromisoformat(begin)
    return tuple(str(start + timedelta(n)) for n in range((date.fromisoformat(end) - start).days + 1))


BEFORE, SINCE = days("1900-01-01", "2022-05-31")[::-1], days("2022-06-01", "2099-12-31")

BLANKS = ("", " ", "\t\n", "\u00a0\u3000", "\u2028\u0085")
WORDS = ("a", "b", "knee flexion 90°", "\x1c", "\u200b", "😀")  # \x1c and \u200b are no White_Space
PRESENT = tuple(before + word + after for before in BLANKS[:3] for after in BLANKS[:3] for word in WORDS)
MISSING = (ABSENT, None, *BLANKS)
PRESENT_LISTS = (["a"], ["", "a"], ["\x1c", " ", "b"], ["a", "a"])
MISSING_LISTS = (ABSENT, None, [], [""], [" ", "\t\n"])


def text(path: str) -> Dimension:
    return member(
        path,
        {"present": PRESENT, "missing (absent, null or blank)": MISSING},
        lambda found: "present" if found is not ABSENT and oracle.present(found) else "missing (absent, null or blank)",
    )


def texts(path: str, *, first_missing: bool = False) -> Dimension:
    some, none = "at least one present text", "none (absent, null, empty or all blank)"
    members: dict[str, Sequence[Any]] = {some: PRESENT_LISTS, none: MISSING_LISTS}
    return member(
        path,
        dict(reversed(members.items())) if first_missing else members,
        lambda found: some if found is not ABSENT and oracle.any_present(found) else none,
    )


def true_or_not(path: str) -> Dimension:
    return member(path, {"true": (True,), "not true (false or not stated)": (ABSENT, None, False)})


def either_way(path: str, quiet: bool) -> Dimension:
    named = {str(quiet).lower(): (quiet,), str(not quiet).lower(): (not quiet,)}
    return member(path, named | {"not stated": (ABSENT, None)})


def named(interval: range) -> str:
    low, high = interval[0], interval[-1]
    return str(low) if low == high else f"{low} or more" if high in (99, 999) else f"{low} to {high}"


def intervals(path: str, most: int, *begins: int) -> Dimension:
    """One value for each interval; an interval ends where the next one begins, the last one at `most`."""
    ends = (*begins[1:], most + 1)
    ranges = [range(begin, end) for begin, end in zip(begins, ends, strict=True)]
    return member(path, {named(interval): interval for interval in ranges})


def anything(path: str, *options: Any) -> Dimension:
    """A member that no rule reads: one value, whatever stands there."""
    return member(path, {"anything": options}, lambda found: "anything")


REQUEST_ID = anything("request_id", ABSENT, None, "1", "x" * 64, "a/b~c")
BENEFIT = member(
    "benefit_status",
    {
        "covered": ("covered",),
        "not_covered": ("not_covered",),
        "unverified or not stated": (ABSENT, None, "unverified"),
    },
)
SPECIALTY = member(
    "specialty", {"none": ("none",), "any other": ("aqua_therapy", "pelvic_floor", "lymphedema", "pediatric")}
)


def pt_date(path: str) -> Dimension:
    return member(path, {"2022-06-01 or later": SINCE, "2022-05-31 or earlier": BEFORE})


def parts_of_each(path: str, parts: Mapping[str, tuple[Sequence[Any], Sequence[Any]]]) -> Dimension:
    """A list of up to two objects; of each, which parts are present. For each part: what is present, what is not."""
    which = tuple(itertools.product((True, False), repeat=len(parts)))
    values = first_of_all((which[0],), (value for n in range(3) for value in itertools.product(which, repeat=n)))

    def write(request: Request, value: tuple[tuple[bool, ...], ...], choose: Choose) -> None:
        if not value:
            put(request, path, choose((ABSENT, None, [])))
            return
        elements = []
        for has in value:
            drawn = {name: choose(parts[name][not there]) for name, there in zip(parts, has, strict=True)}
            elements.append({name: stated for name, stated in drawn.items() if stated is not ABSENT})
        put(request, path, elements)

    def read(request: Request) -> Value:
        return tuple(tuple(oracle.present(each.get(name)) for name in parts) for each in elements_of(request, path))

    about = f"none (absent, null or empty), 1 or 2; of each, whether it has its {', '.join(parts)}"
    return Dimension(path, values, write, read, about=about)


def elements_of(request: Request, path: str) -> list[Any]:
    found = look(request, path)
    return [] if found is ABSENT else list(found)


def first_of_all(quiet: Value, values: Iterable[Value]) -> tuple[Any, ...]:
    """Each value once, `quiet` before the others."""
    return tuple(dict.fromkeys((quiet, *values)))


# --- Request types ---------------------------------------------------------------------------------------------------

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
class Kind:
    """A request type. Of a factored one, the first group is the one that settles what is granted."""

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


def signature(decision: Decision) -> Value:
    """What the other groups can notice of a group: the effects that it has, and what it comes to by itself."""
    if any(reason["code"] == READY for reason in decision["reasons"]):
        return READY  # that nothing at all was raised
    return frozenset(effects_on_the_whole(decision)), decision["outcome"]


def dress(value: Any, choose: Choose) -> Any:
    """The same request written otherwise: members in another order, 4 as 4.0."""
    if isinstance(value, dict):
        items = [(name, dress(stated, choose)) for name, stated in value.items()]
        return dict(reversed(items) if choose((False, True)) else items)
    if isinstance(value, list):
        return [dress(element, choose) for element in value]
    return choose((value, float(value))) if type(value) is int else value


def product(name: str, *dimensions: Dimension, **objects: tuple[str, ...]) -> Kind:
    return Kind(name, tuple(group(dimension.name, dimension) for dimension in dimensions), **objects)  # type: ignore[arg-type]


# --- pediatric_ot_claim ----------------------------------------------------------------------------------------------

CODES: dict[str, Sequence[str]] = {
    "listed": ("97530", "97110", "97112", "92526", "97535", "97165", "97166", "97167", "97168"),
    "97129": ("97129",),
    "97130": ("97130",),
    "not listed": ("97140", "00000", "ZZZZZ", "9753O", "97161"),
}
CODE_KIND = {code: kind for kind, codes in CODES.items() for code in codes}
LINE_UNITS: dict[str, Sequence[int]] = {named(units): units for units in map(range, (1, 2, 3, 4, 5), (2, 3, 4, 5, 100))}
MODIFIERS: Sequence[Any] = (ABSENT, None, [], ["GO"], ["GO", "59", "0Z", "59"])
MOST_LINES = 3

Line = tuple[str, str]  # the kind of its code, its units


def write_lines(request: Request, value: tuple[Line, ...], choose: Choose) -> None:
    request["service_lines"] = []
    for kind, units in value:
        line = {"procedure_code": choose(CODES[kind]), "units": choose(LINE_UNITS[units])}
        modifiers = choose(MODIFIERS)
        request["service_lines"].append(line if modifiers is ABSENT else line | {"modifiers": modifiers})


def read_lines(request: Request) -> Value:
    return tuple(
        (
            CODE_KIND.get(line["procedure_code"], "not listed"),
            next(name for name, units in LINE_UNITS.items() if line["units"] in units),
        )
        for line in request["service_lines"]
    )


LINES = Dimension(
    "service_lines",
    first_of_all(
        (("listed", "4"),),
        (
            lines
            for count in range(1, MOST_LINES + 1)
            for lines in itertools.product(itertools.product(CODES, LINE_UNITS), repeat=count)
        ),
    ),
    write_lines,
    read_lines,
    about=f"1 to {MOST_LINES} lines in every order; of each, whether its code is 97129, 97130, another listed one or "
    "not listed, and whether it asks for 1, 2, 3, 4, or 5 or more units",
)

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
    LINES,
    anything("service_date", "2022-06-01", *BEFORE, *SINCE),
    anything("service_lines.modifiers", ABSENT),  # written with their line
    REQUEST_ID,
)


# --- pt_referral -----------------------------------------------------------------------------------------------------

PT_REFERRAL = product(
    "pt_referral",
    pt_date("referral_date"),
    SPECIALTY,
    BENEFIT,
    member(
        "condition.category",
        {
            "acute or acute_exacerbation_of_chronic": ("acute", "acute_exacerbation_of_chronic"),
            "subacute, neurodevelopmental or function_limiting_chronic": (
                "subacute",
                "neurodevelopmental",
                "function_limiting_chronic",
            ),
            "other": ("other",),
        },
    ),
    member(
        "condition.acute_event",
        {
            "new_post_operative, fracture, new_stroke or exacerbation_due_to_event": (
                "new_post_operative",
                "fracture",
                "new_stroke",
                "exacerbation_due_to_event",
            ),
            "none or not stated": (ABSENT, None, "none"),
        },
    ),
    *(either_way(f"expected_improvement.{aspect}", True) for aspect in oracle.IMPROVEMENT_ASPECTS),
    member(
        "island",
        {
            "not stated": (ABSENT, None),
            "oahu, maui or hawaii": ("oahu", "maui", "hawaii"),
            "kauai, lanai or molokai": ("kauai", "lanai", "molokai"),
        },
    ),
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
            "statement": (PRESENT, MISSING),
            "measure": (PRESENT, MISSING),
            "functional_activity": (PRESENT, MISSING),
            "target_date": (SINCE + BEFORE, (ABSENT, None)),
        },
    ),
    text("plan_of_care.expected_potential"),
    true_or_not("plan_of_care.patient_caregiver_education"),
    REQUEST_ID,
    optional=("plan_of_care",),
)


# --- Discontinuation -------------------------------------------------------------------------------------------------

BOTH, NOT_BOTH = "both true", "not both true"


def write_indeterminate(request: Request, value: str, choose: Choose) -> None:
    answers = (ABSENT, None, False, True)
    pairs = [pair for pair in itertools.product(answers, answers) if (pair == (True, True)) == (value == BOTH)]
    for name, answer in zip(("extended_period_of_service", "progress_cause_indeterminate"), choose(pairs), strict=True):
        if answer is not ABSENT:
            put(request, f"discontinuation.{name}", answer)


def read_indeterminate(request: Request) -> str:
    stated = [
        look(request, f"discontinuation.{name}")
        for name in ("extended_period_of_service", "progress_cause_indeterminate")
    ]
    return BOTH if stated == [True, True] else NOT_BOTH


def criterion(name: str) -> Dimension:
    unmet = {"not true (false or not stated)": (ABSENT, None, False)}
    return member(f"discontinuation.{name}", unmet | {"true": (True,)})


# Where an unstated field says nothing, which it does in a continuation review only.
DISCONTINUATION = group(
    "discontinuation",
    criterion("functional_impairment_resolved"),
    criterion("goals_achieved"),
    criterion("returned_to_prior_function"),
    criterion("adapted_with_equipment"),
    Dimension(
        "discontinuation.extended_period_of_service and .progress_cause_indeterminate",
        (NOT_BOTH, BOTH),
        write_indeterminate,
        read_indeterminate,
    ),
    criterion("unable_to_participate"),
    criterion("home_program_noncompliance"),
    criterion("lacks_scheduled_participation"),
    member(
        "discontinuation.meets_continuation_criteria",
        {"true or not stated": (ABSENT, None, True), "false": (False,)},
    ),
)

PT_CONTINUATION = product(
    "pt_continuation",
    pt_date("review_date"),
    SPECIALTY,
    BENEFIT,
    *(
        either_way(f"discontinuation.{name}", name == "meets_continuation_criteria")
        for name in (
            "functional_impairment_resolved",
            "goals_achieved",
            "returned_to_prior_function",
            "adapted_with_equipment",
            "extended_period_of_service",
            "progress_cause_indeterminate",
            "unable_to_participate",
            "home_program_noncompliance",
            "lacks_scheduled_participation",
            "meets_continuation_criteria",
        )
    ),
    REQUEST_ID,
    always=("discontinuation",),
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


PT_VISIT = Kind(
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
            true_or_not("plan_of_care_complete"),
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
    goals = [{"goal_id": name} for name in names]
    put(request, "documentation.goals", goals or choose((ABSENT, None, [])))
    if not addressed:
        put(request, "documentation.notes", choose((ABSENT, None, [])))
        return
    right = list(itertools.permutations(range(1, len(addressed) + 1)))
    numbers = choose(right if numbering == NUMBERED else MISNUMBERINGS[len(addressed)])
    unknown = [name for name in (*WORDS, *BLANKS) if name not in names]
    request["documentation"]["notes"] = [
        {
            "visit_number": number,
            "goals_addressed": [choose(unknown) if goal == UNKNOWN else names[goal] for goal in goals_of_note],
        }
        for number, goals_of_note in zip(numbers, addressed, strict=True)
    ]


def read_notes(request: Request) -> Notes:
    names = [goal["goal_id"] for goal in elements_of(request, "documentation.goals")]
    notes = elements_of(request, "documentation.notes")
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
    for goal, (initial, *later) in zip(elements_of(request, "documentation.goals"), value, strict=True):
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
    return tuple(status_of(goal) for goal in elements_of(request, "documentation.goals"))


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
        "numbered 1 to n or not; each note addresses 0 to 2 goals, in every order, a goal of the list or an unknown one",
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
        value: Any = choose(notes.values)
        return value, tuple(choose(STATUSES) for _ in value[0])

    def split(partial: Partial) -> list[Partial]:
        value: Any = partial[0]
        count = len(value[0])
        return [(value, (COMPLETE,) * count), (PLAIN[count], partial[1])] if count else [partial]

    size = sum(len(STATUSES) ** len(value[0]) for value in notes.values)
    return Group("goals and notes", (notes, statuses), values, size, draw, split)


PT_EXTENSION = Kind(
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
                {name: (PRESENT, MISSING) for name in oracle.INTERVENTION_PARTS},
            ),
        ),
        group(
            "other papers",
            texts("documentation.impeding_factors.identified", first_missing=True),
            true_or_not("documentation.impeding_factors.none_identified"),
            text("documentation.response_summary"),
            member(
                "documentation.limiting_issues",
                {"stated, even if empty": ([], ["a"], [""], [" ", "b"]), "not stated": (ABSENT, None)},
                lambda found: "not stated" if found is ABSENT else "stated, even if empty",
            ),
            text("documentation.prognosis.statement"),
            texts("documentation.prognosis.discharge_criteria"),
            either_way("documentation.plan_of_care_changes.significant_change", False),
            text("documentation.plan_of_care_changes.explanation"),
            text("documentation.plan_of_care_changes.clinical_rationale"),
            true_or_not("documentation.extension_form_completed"),
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


# --- referral_route --------------------------------------------------------------------------------------------------

REFERRAL_ROUTE = product(
    "referral_route",
    member(
        "island",
        {
            "oahu, maui or hawaii": ("oahu", "maui", "hawaii"),
            "kauai, lanai or molokai": ("kauai", "lanai", "molokai"),
        },
    ),
    REQUEST_ID,
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        PEDIATRIC_OT_CLAIM,
        PT_REFERRAL,
        PT_TREATMENT_PLAN,
        PT_VISIT,
        PT_EXTENSION,
        PT_CONTINUATION,
        REFERRAL_ROUTE,
    )
}


# --- What must hold of a decision ------------------------------------------------------------------------------------

NO_REASON = "no reason stands against it"
READY = "EXT_READY_FOR_CLINICAL_REVIEW"

# Of each of these at most one is ever given: they answer one question, each in its own way.
EXCLUSIVE = (
    {"BENEFIT_NOT_COVERED", "BENEFIT_UNVERIFIED"},
    {"OT_NOT_MEDICALLY_NECESSARY", "OT_MEDICAL_NECESSITY_UNDETERMINED"},
    {"PT_CONDITION_NOT_ELIGIBLE", "PT_ACUTE_EVENT_NOT_LISTED", "PT_TIER_NOT_NAMED"},
    {"PT_EVALUATION_VISIT_LIMIT", "PT_TREATMENT_VISIT_LIMIT"},
    {"PT_EVALUATION_VISIT_LIMIT", "PT_PLAN_OF_CARE_MISSING"},
)
GRANTING = ("pediatric_ot_claim", "pt_referral", "pt_visit")


def on_the_whole(decision: Decision) -> list[Any]:
    return [reason for reason in decision["reasons"] if oracle.REASONS[reason["code"]].whole_request]


def effects_on_the_whole(decision: Decision) -> set[str]:
    """The effects of reasons on the whole request that can bear on the outcome, which `info` cannot."""
    return {reason["effect"] for reason in on_the_whole(decision)} - {"info"}


def normal(decision: Decision) -> tuple[Any, ...]:
    """What two requests of one class must have in common.

    It is all of the decision but what repeats the request (its id, a line's code and the units that it asked for, the
    codes that got a unit) and the sentences for people, which repeat its numbers.
    """
    granted = decision["authorized"]
    return (
        decision["outcome"],
        tuple(granted[name] for name in sorted(granted) if name != "procedure_codes"),
        tuple((line["status"], line["units_authorized"], tuple(line["reasons"])) for line in decision["lines"]),
        tuple(
            (each["code"], each["effect"], tuple(each["clauses"]), each["interpretation"], each["path"])
            for each in decision["reasons"]
        ),
        decision["route"] and tuple(sorted(decision["route"].items())),
        decision["contact"] is not None,
    )


def without_prose(decision: Decision) -> dict[str, Any]:
    """A decision as the oracle gives it."""
    kept = {name: stated for name, stated in decision.items() if name != "policy_version"}
    kept["reasons"] = [
        {name: stated for name, stated in reason.items() if name not in ("message", "remedy")}
        for reason in decision["reasons"]
    ]
    return kept


def deciding(decision: Decision) -> str | None:
    """The code that decides: the first, in table order, of the effect that the outcome is of.

    A reason on the whole request goes before one on a line or on units. None where nothing accounts for the outcome.
    """
    outcome = decision["outcome"]
    if outcome in ("authorized", "routed"):
        return NO_REASON
    effects = {
        "invalid_request": ("invalid",),
        "not_applicable": ("scope",),
        "denied": ("deny",),
        "pended": ("pend",),
        "partially_authorized": ("deny", "pend"),
    }[outcome]
    for reasons in (on_the_whole(decision), decision["reasons"]):
        for reason in reasons:
            if reason["effect"] in effects:
                return str(reason["code"])
    return None


def following(decision: Decision) -> str:
    """The outcome that follows from the reasons, by the first that matches."""
    effects, lines = effects_on_the_whole(decision), decision["lines"]
    if "invalid" in effects:
        return "invalid_request"
    if "scope" in effects:
        return "not_applicable"
    if "deny" in effects or (lines and all(line["status"] == "denied" for line in lines)):
        return "denied"
    if "pend" in effects:
        return "pended"
    if decision["request_type"] == "referral_route":
        return "routed"
    over = any(reason["code"] == "PT_UNITS_OVER_VISIT_LIMIT" for reason in decision["reasons"])
    if over:
        return "partially_authorized" if decision["authorized"]["units"] else "denied"
    if lines and any(line["status"] != "authorized" for line in lines):
        return "partially_authorized" if any(line["units_authorized"] for line in lines) else "pended"
    return "authorized"


def gaps(decision: Decision) -> Iterator[str]:
    """In what way a class is left undecided."""
    if decision["outcome"] == "invalid_request":
        yield "a valid request is answered as an invalid one"
    if deciding(decision) is None:
        yield f"no reason accounts for the outcome {decision['outcome']}"


def contradictions(decision: Decision) -> Iterator[str]:
    """In what way a decision disagrees with itself."""
    outcome, reasons = decision["outcome"], decision["reasons"]
    codes = {reason["code"] for reason in reasons}
    effects = {reason["effect"] for reason in reasons}
    places: dict[str, set[str]] = {}
    for reason in reasons:
        places.setdefault(reason["path"], set()).add(reason["code"])
    if any(len(found) > 1 for found in places.values()):
        yield "two codes at one place"
    if len({(reason["path"], reason["code"]) for reason in reasons if reason["code"] != "DC_UNDETERMINED"}) < len(
        [reason for reason in reasons if reason["code"] != "DC_UNDETERMINED"]
    ):
        yield "a code twice at one place"
    for exclusive in EXCLUSIVE:
        if len(codes & exclusive) > 1:
            yield f"together: {', '.join(sorted(codes & exclusive))}"
    if "scope" in effects and len(effects) > 1:
        yield "a scope reason beside others"
    if READY in codes and codes - {READY}:
        yield "complete papers beside a reason against them"
    if "DC_UNDETERMINED" in codes and any(code.startswith("DC_") for code in codes - {"DC_UNDETERMINED"}):
        yield "a criterion that cannot be told beside one that is met"
    for line in decision["lines"]:
        if sum(not oracle.REASONS[code].whole_request for code in line["reasons"]) > 1:
            yield "two reasons on one line"
    if following(decision) != outcome:
        yield f"the outcome is {outcome}, but {following(decision)} follows from the reasons"
    granted = any(decision["authorized"].values())
    if granted and outcome not in ("authorized", "partially_authorized"):
        yield f"{outcome}, but something is authorized"
    if outcome in ("authorized", "partially_authorized"):
        if not granted and decision["request_type"] in GRANTING:
            yield f"{outcome}, but nothing is authorized"
    elif outcome == "denied" and not all(reason["clauses"] for reason in reasons if reason["effect"] == "deny"):
        yield "denied without a clause"


def composed(parts: Sequence[Decision]) -> tuple[str, frozenset[Any], Any]:
    """The outcome, the reasons and the grant that the decisions on the groups of a class come to."""
    found = {reason for part in parts for reason in reasons_of(part)}
    if scope := {reason for reason in found if oracle.REASONS[reason[0]].effect == "scope"}:
        return "not_applicable", frozenset(scope), NOTHING
    # Complete papers are what is left where no group raises anything.
    if others := {reason for reason in found if reason[0] != READY}:
        found = others
    effects = {oracle.REASONS[code].effect for code, _, _ in found if oracle.REASONS[code].whole_request}
    if "deny" in effects:
        return "denied", frozenset(found), NOTHING
    if "pend" in effects:
        return "pended", frozenset(found), NOTHING
    return parts[0]["outcome"], frozenset(found), parts[0]["authorized"]


def whole(decision: Decision) -> tuple[str, frozenset[Any], Any]:
    """A decision as `composed` gives it."""
    return decision["outcome"], frozenset(reasons_of(decision)), decision["authorized"]


def reasons_of(decision: Decision) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    return ((reason["code"], reason["path"], tuple(reason["clauses"])) for reason in decision["reasons"])


NOTHING = {
    "units": 0,
    "procedure_codes": [],
    "evaluation_visits": 0,
    "treatment_visits": 0,
    "max_units_per_visit": 0,
}


# --- Values that no rule tells apart ---------------------------------------------------------------------------------

FEW = 20  # values of a dimension that is looked at for values that no rule tells apart


def told_apart(kind: Kind, decide_many: Callable[[list[Request]], Sequence[Decision]]) -> dict[str, int]:
    """Of each dimension of few values: how many of them some two classes show to be told apart.

    The classes that are compared differ in that dimension alone, and from the quiet class in one other at most.
    """
    found = {}
    for place, dimension in enumerate(kind.dimensions):
        if len(dimension.values) > FEW:
            continue
        alike: list[list[Value]] = [list(dimension.values)]  # values not told apart so far
        for context in contexts(kind, place):
            if all(len(values) == 1 for values in alike):
                break
            finer = []
            for values in alike:
                requests = [kind.write((*context[:place], value, *context[place + 1 :])) for value in values]
                by_decision: dict[Value, list[Value]] = {}
                for value, decision in zip(values, decide_many(requests), strict=True):
                    by_decision.setdefault(normal(decision), []).append(value)
                finer += list(by_decision.values())
            alike = finer
        found[dimension.name] = len(alike)
    return found


def contexts(kind: Kind, place: int) -> Iterator[Class]:
    yield kind.quiet
    for other, dimension in enumerate(kind.dimensions):
        if other != place and len(dimension.values) <= FEW:
            for value in dimension.values[1:]:
                yield (*kind.quiet[:other], value, *kind.quiet[other + 1 :])
