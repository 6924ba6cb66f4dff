"""The classes of outpatient PT extension requests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from therapy_policy.classes.dimensions import (
    ABSENT,
    BLANKS,
    MISSING,
    PRESENT,
    WORDS,
    Choose,
    Dimension,
    Request,
    answer,
    any_value,
    baseline_first,
    flag,
    list_at,
    one_field,
    parts_of_each,
    present,
    set_value,
    text,
    texts,
)
from therapy_policy.classes.model import DimensionGroup, GroupValue, RequestType, Signatures, dimension_group
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.shared import DISCONTINUATION, REQUEST_ID, benefit, pt_date_and_specialty

# What the notes say about the goals: the ids of the goals, whether the notes are numbered 1 to n, and for each note
# which goals it addresses, by position, or UNKNOWN for a text that is not the id of a goal.
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
    "complete, but not the initial measure",
    "incomplete",
    "incomplete, and not the initial measure",
)
STATUSES: tuple[Status, ...] = tuple(
    (initial, last, current)
    for initial, last, current in itertools.product(INITIAL, LATER, LATER)
    if initial != INITIAL[2] or {last, current} <= {LATER[0], LATER[2]}  # no other measure without a first one
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


COMPLETE_NOTES: dict[int, Notes] = {
    1: (("present",), NUMBERED, ((0,),)),
    2: (("present", "another, present"), NUMBERED, ((0, 1),)),
}


def write_notes(request: Request, value: Notes, choose: Choose) -> None:
    ids, numbering, addressed = value
    names: list[str] = []
    for kind in ids:
        options = PRESENT if kind.endswith("present") else BLANKS
        names.append(names[0] if kind == "the same" else choose([name for name in options if name not in names]))
    set_value(request, "documentation.goals", [{"goal_id": name} for name in names] or choose((ABSENT, None, [])))
    right = list(itertools.permutations(range(1, len(addressed) + 1)))
    numbers = choose(right if numbering == NUMBERED else MISNUMBERINGS[len(addressed)])
    unknown = [name for name in (*WORDS, *BLANKS) if name not in names]
    notes = [
        {"visit_number": number, "goals_addressed": [choose(unknown) if n == UNKNOWN else names[n] for n in goals]}
        for number, goals in zip(numbers, addressed, strict=True)
    ]
    set_value(request, "documentation.notes", notes or choose((ABSENT, None, [])))


def read_notes(request: Request) -> Notes:
    names = [goal["goal_id"] for goal in list_at(request, "documentation.goals")]
    notes = list_at(request, "documentation.notes")
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
    for goal, (initial, *later) in zip(list_at(request, "documentation.goals"), value, strict=True):
        measure = choose(PRESENT)
        initial_options = {
            "complete": [{"measure": measure, "value": choose(PRESENT)}],
            "a measure but no value": [{"measure": measure}, {"measure": measure, "value": choose(BLANKS)}],
            "no measure": NO_MEASURE,
        }
        set_value(goal, "initial_status", choose(initial_options[initial]))
        for name, status in zip(("last_period_status", "current_status"), later, strict=True):
            other = choose([another for another in PRESENT if another != measure])
            options = {
                LATER[0]: [{"measure": measure, "value": choose(PRESENT)}],
                LATER[1]: [{"measure": other, "value": choose(PRESENT)}],
                LATER[2]: [*NO_MEASURE, {"measure": measure}, {"measure": measure, "value": choose(BLANKS)}],
                LATER[3]: [{"measure": other}, {"measure": other, "value": choose(BLANKS)}],
            }
            set_value(goal, name, choose(options[status]))


NO_MEASURE: list[Any] = [ABSENT, None, {}, {"value": "a"}, {"measure": " ", "value": "b"}, {"measure": None}]


def read_statuses(request: Request) -> tuple[Status, ...]:
    return tuple(status_of(goal) for goal in list_at(request, "documentation.goals"))


def status_of(goal: Request) -> Status:
    statuses = [goal.get(name) or {} for name in ("initial_status", "last_period_status", "current_status")]
    measures = [status.get("measure") if present(status.get("measure")) else None for status in statuses]
    complete = [
        measure is not None and present(status.get("value")) for measure, status in zip(measures, statuses, strict=True)
    ]
    initial = INITIAL[0] if complete[0] else INITIAL[1] if measures[0] is not None else INITIAL[2]
    other = [None not in (measures[0], measure) and measure != measures[0] for measure in measures]
    last, current = (LATER[2 * (not complete[n]) + other[n]] for n in (1, 2))
    return initial, last, current


def goals_and_notes() -> DimensionGroup:
    """What the notes say about the goals, with complete statuses; and the statuses, with complete notes."""
    notes = Dimension(
        "documentation.goals and .notes",
        tuple(note_values()),
        write_notes,
        read_notes,
        about="0 to 2 goals, each id present or blank, the second the same as the first or another; 0 to 2 notes, "
        "numbered 1 to n or not; each addresses 0 to 2 goals in every order, listed or unknown",
    )
    statuses = Dimension(
        "documentation.goals' statuses",
        tuple(value for count in range(3) for value in itertools.product(STATUSES, repeat=count)),
        write_statuses,
        read_statuses,
        about="for each goal: the initial status complete, a measure without a value, or no measure; the last-period "
        "and the current status each complete or incomplete, each with the initial measure or another one",
    )
    values = baseline_first(
        (COMPLETE_NOTES[1], (COMPLETE,)),
        itertools.chain(
            ((value, (COMPLETE,) * len(value[0])) for value in notes.values),
            ((COMPLETE_NOTES[n], of_each) for n in COMPLETE_NOTES for of_each in itertools.product(STATUSES, repeat=n)),
        ),
    )

    def draw(choose: Choose) -> GroupValue:
        value = choose(notes.values)
        return value, tuple(choose(STATUSES) for _ in value[0])

    def split(group_value: GroupValue) -> list[GroupValue]:
        value, of_each = group_value
        count = len(of_each)
        return [(value, (COMPLETE,) * count), (COMPLETE_NOTES[count], of_each)] if count else [group_value]

    size = sum(len(STATUSES) ** len(value[0]) for value in notes.values)
    return DimensionGroup("goals and notes", (notes, statuses), values, size, draw, split)


INTERVENTION_PARTS = ("technique", "amount", "frequency", "duration")


def pt_extension(policy: PolicyValues, signatures: Signatures) -> RequestType:
    name = "pt_extension"
    return RequestType(
        name,
        (
            dimension_group(
                "date and specialty",
                *pt_date_and_specialty(policy, name, "request_date"),
                any_value("requested_visits", *range(1, policy.maximum(f"{name}.requested_visits") + 1)),
                REQUEST_ID,
            ),
            dimension_group("benefit", benefit(policy, name)),
            goals_and_notes(),
            dimension_group(
                "interventions",
                parts_of_each(
                    "documentation.planned_interventions",
                    dict.fromkeys(INTERVENTION_PARTS, (PRESENT, MISSING)),
                ),
            ),
            dimension_group(
                "other documentation",
                texts("documentation.impeding_factors.identified", baseline=False),
                flag("documentation.impeding_factors.none_identified", baseline=True),
                text("documentation.response_summary"),
                one_field(
                    "documentation.limiting_issues",
                    {"stated, even if empty": ([], ["a"], [""], [" ", "b"]), "not stated": (ABSENT, None)},
                    lambda content: "not stated" if content is ABSENT else "stated, even if empty",
                ),
                text("documentation.prognosis.statement"),
                texts("documentation.prognosis.discharge_criteria"),
                answer("documentation.plan_of_care_changes.significant_change", baseline=False),
                text("documentation.plan_of_care_changes.explanation"),
                text("documentation.plan_of_care_changes.clinical_rationale"),
                flag("documentation.extension_form_completed", baseline=True),
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
