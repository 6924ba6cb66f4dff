"""Hypothesis strategies for requests: valid ones of every type, invalid ones, and any JSON value.

Most random requests are ordinary except for one or two details, so that every outcome and every reason occurs often.
All of them shrink to few fields and short values. All values are plain JSON, which `json.dumps` can write.
"""

import copy
import string
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from proof.policy_in_force import POLICY

Json = Any
FieldPath = tuple[str | int, ...]

_ABSENT = object()


def mostly(usual: SearchStrategy[Any], odd: SearchStrategy[Any], times: int = 9) -> SearchStrategy[Any]:
    """`usual`, `times` times as often as `odd`; st.one_of drops repeated branches, so it cannot have weights."""
    return st.sampled_from([usual] * times + [odd]).flatmap(lambda chosen: chosen)


def pick(*values: Any) -> SearchStrategy[Any]:
    return st.sampled_from(values)


def maybe(content: SearchStrategy[Any], times: int = 9) -> SearchStrategy[Any]:
    """An optional field: usually with content, sometimes absent or null."""
    return mostly(content, pick(_ABSENT, None), times)


def record(**fields: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields).map(
        lambda value: {name: content for name, content in value.items() if content is not _ABSENT}
    )


# --- Values ----------------------------------------------------------------------------------------------------------

# Blank texts, and texts that only look blank: U+001C and U+200B are not White_Space, unlike for str.isspace.
blanks = pick("", " ", "\t\n", "\u00a0\u3000", "\u2028\u0085")
texts = mostly(pick("a", "b", "knee flexion 90°"), pick("\x1c", "\u200b", "\x00", "😀", " a ", "x" * 4000, "😀" * 4000))
any_texts = mostly(texts, blanks, 4)
flags = pick(True, False)
# Around each change of the policy: the day of the change and the day before it.
changes = POLICY.dates_of_change()
in_force = [date for date in changes if POLICY.on(date, "outpatient_pt", "initial_visits")]
not_in_force = [date for date in changes if date not in in_force]
dates = mostly(pick("2024-02-29", "2099-12-31", *in_force), pick("1900-01-01", *not_in_force))
ot_dates = pick("2024-02-29", *changes)
specialties = mostly(pick("none"), pick("aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"), 14)
islands = pick("oahu", "maui", "hawaii", "kauai", "lanai", "molokai")
request_ids = pick("1", "x" * 64, "A-b.c:_9")


def request(request_type: str, **fields: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    benefit = mostly(pick("covered"), pick("not_covered", "unverified", None, _ABSENT), 6)
    if request_type != "referral_route":
        fields = {"benefit_status": benefit, **fields}
    return record(request_type=st.just(request_type), request_id=mostly(pick(_ABSENT, None), request_ids, 2), **fields)


# --- Complete lists and documents, and documents with one part missing ----------------------------------------------


def paths(value: Json, path: FieldPath = ()) -> list[FieldPath]:
    """The path of every value inside `value`, without `value` itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [each for step, inner in items for each in ((*path, step), *paths(inner, (*path, step)))]


def value_at(value: Json, path: FieldPath) -> Json:
    for step in path:
        value = value[step]
    return value


REQUIRED = {"goal_id", "visit_number", "goals_addressed"}  # inside a plan or a documentation


@st.composite
def missing_one_part(draw: DrawFn, complete: SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """A complete document with one part removed, made blank or negated; it stays valid."""
    document = copy.deepcopy(draw(complete))
    *parents, step = draw(st.sampled_from(paths(document)))
    holder = value_at(document, tuple(parents))
    value = holder[step]
    if isinstance(value, bool):
        holder[step] = draw(pick(not value, None))
    elif isinstance(value, str) and step != "target_date":
        holder[step] = draw(st.one_of(blanks, texts))
    elif isinstance(value, int):
        holder[step] = draw(pick(1, 2, 3, 999))
    elif isinstance(value, list) and (step in REQUIRED or draw(flags)):
        holder[step] = []
    else:
        del holder[step]
    return document


def document(complete: SearchStrategy[dict[str, Any]], loose: SearchStrategy[dict[str, Any]]) -> SearchStrategy[Any]:
    """An optional document: a complete one, one with a part missing, or any valid one."""
    complete_or_nearly = st.one_of(complete, missing_one_part(complete), missing_one_part(missing_one_part(complete)))
    return maybe(mostly(complete_or_nearly, loose, 5))


def discontinuations(nothing_met: bool) -> SearchStrategy[dict[str, Any]]:
    fields = {
        "functional_impairment_resolved": False,
        "goals_achieved": False,
        "returned_to_prior_function": False,
        "adapted_with_equipment": False,
        "extended_period_of_service": False,
        "progress_cause_indeterminate": False,
        "unable_to_participate": False,
        "home_program_noncompliance": False,
        "lacks_scheduled_participation": False,
        "meets_continuation_criteria": True,
    }
    unmet = {name: st.just(value) for name, value in fields.items()}
    one_half = pick("extended_period_of_service", "progress_cause_indeterminate").map(lambda name: {name: True})
    one_other = pick(*fields).flatmap(lambda name: pick({name: not fields[name]}, {name: None}))
    partly = st.fixed_dictionaries({}, optional={name: pick(value, None) for name, value in fields.items()})
    loose = st.fixed_dictionaries({}, optional={name: pick(True, False, None) for name in fields})
    complete = st.fixed_dictionaries(unmet)
    changed = st.builds(lambda whole, *changes: whole | changes[0] | changes[1], complete, one_other, one_other)
    halved = st.builds(lambda whole, change: whole | change, complete, one_half)
    both = st.builds(
        lambda whole: whole | {"extended_period_of_service": True, "progress_cause_indeterminate": True}, complete
    )
    if nothing_met:
        return mostly(st.one_of(partly, complete, halved), st.one_of(changed, both, loose), 1)
    return st.one_of(partly, complete, halved, changed, both, loose)


# --- Valid requests --------------------------------------------------------------------------------------------------

OT_LISTED = tuple(dict.fromkeys(code for codes in POLICY.values("pediatric_ot", "procedure_codes") for code in codes))
codes = mostly(
    # Often together, so that the add-on has its primary procedure.
    mostly(pick("97530", "97129", "97130"), pick(*OT_LISTED), 1),
    pick("97140", "00000", "ZZZZZ", "9753O"),
    6,
)

service_lines = record(
    procedure_code=codes,
    units=mostly(pick(1, 2, 3, 4, 5), pick(8, 99, 2.0)),
    modifiers=mostly(pick(_ABSENT), st.none() | st.lists(pick("GO", "59", "0Z"), max_size=4), 4),
)

pediatric_ot_claims = request(
    "pediatric_ot_claim",
    service_date=ot_dates,
    medical_necessity=mostly(pick("established"), pick("not_established", "undetermined", None, _ABSENT), 3),
    units_already_authorized=mostly(pick(0), pick(1, 2, 3, 4, 5, 99, 1.0), 2),
    service_lines=st.lists(service_lines, min_size=1, max_size=4),
)

aspects = ("measurable", "significant", "sustainable", "functional", "within_reasonable_period", "result_of_pt")
improvement = st.fixed_dictionaries({aspect: st.just(True) for aspect in aspects})
improvements = mostly(
    improvement,
    st.one_of(
        missing_one_part(improvement),
        st.fixed_dictionaries({}, optional={aspect: pick(True, False, None) for aspect in aspects}),
    ),
    2,
)

pt_referrals = request(
    "pt_referral",
    referral_date=dates,
    specialty=specialties,
    condition=record(
        category=pick(
            "acute",
            "acute_exacerbation_of_chronic",
            "subacute",
            "neurodevelopmental",
            "function_limiting_chronic",
            "other",
        ),
        acute_event=maybe(pick("fracture", "none", "new_stroke", "new_post_operative", "exacerbation_due_to_event"), 4),
    ),
    expected_improvement=maybe(improvements),
    island=mostly(pick(_ABSENT, None), islands, 1),
    requested_visits=mostly(pick(_ABSENT, None), pick(1, 5, 6, 7, 11, 12, 13, 999), 1),
)

plan_goals = record(statement=texts, measure=texts, functional_activity=texts, target_date=dates)
loose_plan_goals = record(
    statement=maybe(any_texts), measure=maybe(any_texts), functional_activity=maybe(any_texts), target_date=maybe(dates)
)
complete_plans = record(
    diagnosis=texts,
    planned_interventions=st.lists(texts, min_size=1, max_size=2),
    frequency=texts,
    duration=texts,
    goals=st.lists(plan_goals, min_size=1, max_size=2),
    expected_potential=texts,
    patient_caregiver_education=st.just(True),
)
loose_plans = record(
    diagnosis=maybe(any_texts),
    planned_interventions=maybe(st.lists(any_texts, max_size=2)),
    frequency=maybe(any_texts),
    duration=maybe(any_texts),
    goals=maybe(st.lists(loose_plan_goals, max_size=2)),
    expected_potential=maybe(any_texts),
    patient_caregiver_education=maybe(flags),
)

pt_treatment_plans = request(
    "pt_treatment_plan",
    service_date=dates,
    specialty=specialties,
    plan_of_care=document(complete_plans, loose_plans),
)


# The numbers of a visit depend on each other, so pt_visits draws them; the fields here are independent.
visits_without_numbers = request(
    "pt_visit",
    service_date=dates,
    referral_date=mostly(pick(_ABSENT, None), dates, 1),
    specialty=specialties,
    tier=pick("acute", "nonacute"),
    visit=record(
        units=mostly(pick(1, 2, 3, 4), pick(5, 99, 4.0), 3),
        units_already_authorized=mostly(pick(0), pick(1, 2, 3, 4, 5, 99, 2.0), 1),
    ),
    plan_of_care_complete=maybe(mostly(pick(True), pick(False))),
    discontinuation=mostly(pick(_ABSENT, None), discontinuations(nothing_met=True), 1),
)
prior_evaluation = mostly(pick((0, 0)), pick((1, 0), (1, 4), (0, 1), (2, 11), (999, 999)), 4)
# Around each limit of treatment visits: the last visit within it, and the first ones beyond it.
limits = {tier["treatment"] for tiers in POLICY.values("outpatient_pt", "initial_visits") for tier in tiers.values()}
around_limits = sorted({limit + more for limit in limits for more in (-1, 0, 1)})
prior_treatment = st.tuples(mostly(pick(1), pick(0, 2)), mostly(pick(0, 1, min(limits) - 1), pick(*around_limits), 1))


@st.composite
def pt_visits(draw: DrawFn) -> dict[str, Any]:
    kind = draw(pick("evaluation", "treatment", "treatment"))
    evaluations, treatments = draw(prior_evaluation if kind == "evaluation" else prior_treatment)
    next_number = min(evaluations + treatments + 1, 999)
    number = draw(mostly(st.just(next_number), pick(1, 2, 5, 6, 11, 12, 999)))
    note_number = draw(maybe(mostly(st.just(number), pick(1, 2, 999))))
    visit = draw(visits_without_numbers)
    visit["visit"] |= {"number": number, "kind": kind}
    visit["prior_visits"] = {"evaluation": evaluations, "treatment": treatments}
    if note_number is not _ABSENT:
        visit["progress_note_number"] = note_number
    return visit


goal_ids = ("1", "2", "3")


complete_remainders = record(
    planned_interventions=st.lists(
        record(technique=texts, amount=texts, frequency=texts, duration=texts), min_size=1, max_size=2
    ),
    impeding_factors=pick({"none_identified": True}, {"identified": ["a"], "none_identified": False}),
    response_summary=texts,
    limiting_issues=st.lists(texts, max_size=1),
    prognosis=record(statement=texts, discharge_criteria=st.lists(texts, min_size=1, max_size=2)),
    plan_of_care_changes=pick(
        {"significant_change": False},
        {"significant_change": True, "explanation": "a", "clinical_rationale": "b"},
    ),
    extension_form_completed=st.just(True),
)


@st.composite
def complete_documentation(draw: DrawFn) -> dict[str, Any]:
    ids = draw(st.lists(pick(*goal_ids), min_size=1, max_size=2, unique=True))
    note_count = draw(st.integers(1, 3))
    numbers = draw(st.permutations(range(1, note_count + 1)))
    notes = [
        {"visit_number": number, "goals_addressed": draw(st.lists(pick(*ids), max_size=2, unique=True))}
        for number in numbers
    ]
    notes[-1]["goals_addressed"] = ids  # so that at least one note addresses each goal
    goals: list[dict[str, Any]] = []
    for goal_id in ids:
        measure = draw(texts)
        status = {"measure": measure, "value": draw(texts)}
        goals.append(
            {
                "goal_id": goal_id,
                "initial_status": status,
                "last_period_status": {**status, "value": draw(texts)},
                "current_status": {**status, "value": draw(texts)},
            }
        )
    # A copy, because no two parts of a document may be the same object.
    return copy.deepcopy(
        {
            "goals": goals,
            "notes": notes,
            **draw(complete_remainders),
        }
    )


loose_statuses = record(measure=maybe(pick("a", "b", " ")), value=maybe(any_texts))
loose_documentation = record(
    goals=maybe(
        st.lists(
            record(
                goal_id=mostly(pick(*goal_ids), blanks),
                initial_status=maybe(loose_statuses),
                last_period_status=maybe(loose_statuses),
                current_status=maybe(loose_statuses),
            ),
            max_size=3,
        )
    ),
    notes=maybe(
        st.lists(
            record(
                visit_number=mostly(pick(1, 2, 3), pick(999, 1.0)),
                goals_addressed=st.lists(mostly(pick(*goal_ids), blanks), max_size=2),
            ),
            max_size=3,
        )
    ),
    planned_interventions=maybe(
        st.lists(
            record(
                technique=maybe(any_texts),
                amount=maybe(any_texts),
                frequency=maybe(any_texts),
                duration=maybe(any_texts),
            ),
            max_size=2,
        )
    ),
    impeding_factors=maybe(record(identified=maybe(st.lists(any_texts, max_size=2)), none_identified=maybe(flags))),
    response_summary=maybe(any_texts),
    limiting_issues=maybe(st.lists(any_texts, max_size=2)),
    prognosis=maybe(record(statement=maybe(any_texts), discharge_criteria=maybe(st.lists(any_texts, max_size=2)))),
    plan_of_care_changes=maybe(
        record(significant_change=maybe(flags), explanation=maybe(any_texts), clinical_rationale=maybe(any_texts))
    ),
    extension_form_completed=maybe(flags),
)

pt_extensions = request(
    "pt_extension",
    request_date=dates,
    specialty=specialties,
    requested_visits=pick(1, 6, 12, 999),
    documentation=document(complete_documentation(), loose_documentation),
    discontinuation=mostly(pick(_ABSENT, None), discontinuations(nothing_met=True), 1),
)

pt_continuations = request(
    "pt_continuation",
    review_date=dates,
    specialty=specialties,
    discontinuation=discontinuations(nothing_met=False),
)

REQUESTS: dict[str, SearchStrategy[dict[str, Any]]] = {
    "referral_route": request("referral_route", island=islands),
    "pt_continuation": pt_continuations,
    "pediatric_ot_claim": pediatric_ot_claims,
    "pt_referral": pt_referrals,
    "pt_visit": pt_visits(),
    "pt_treatment_plan": pt_treatment_plans,
    "pt_extension": pt_extensions,
}


def valid_requests() -> SearchStrategy[dict[str, Any]]:
    """Valid requests of every type."""
    return st.one_of(*REQUESTS.values())


# --- Invalid requests, and any JSON value ----------------------------------------------------------------------------

UNKNOWN_NAMES = ("x", "", "a/b", "a~b", "~1", "0", "requestType", "é", "😀", "\x00")
WRONG_NUMBERS = (0, -1, 100, 1000, 4.5, -0.0, 4.0, 1e22, 1e16, 0.1, 10**30, 2**63)
WRONG_DATES = (
    "2023-02-29",
    "1900-02-29",
    "1899-12-31",
    "2100-01-01",
    "2024-06-31",
    "2024-13-01",
    "2024-00-10",
    "2024-01-00",
    "2024-01-01\n",
    "2024-1-01",
    "20240101",
    "2024-01-01T00:00:00Z",
    "\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0661",  # Arabic-Indic digits
)
WRONG_TEXTS = (
    "",
    " ",
    "4",
    "unknown",
    "Oahu",
    "oahu ",
    "x" * 63 + "\n",
    "a b",
    "97130\n",
    "9713a",
    "\uff19\uff17\uff11\uff13\uff10",  # fullwidth digits
    "x" * 65,
    "x" * 4001,
    "😀" * 4001,
)
OTHERS: tuple[Json, ...] = (None, True, False, "x", 1, [], {}, [None], [[]], {"x": 1})


def wrong_value(draw: DrawFn, value: Json) -> Json:
    """A replacement for `value` that is often not valid in its field."""
    if isinstance(value, str):
        return draw(st.one_of(pick(*OTHERS), pick(*WRONG_DATES), pick(*WRONG_TEXTS)))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return draw(st.one_of(pick(*OTHERS), pick(*WRONG_NUMBERS), pick(str(value))))
    if isinstance(value, list):
        too_many = pick(5, 21, 51, 101, 201).map(
            lambda count: [copy.deepcopy((value or [""])[0]) for _ in range(count)]
        )
        return draw(st.one_of(pick(*OTHERS), too_many))
    return draw(pick(*OTHERS, "true", "false", 0))


@st.composite
def nearly_valid_requests(draw: DrawFn) -> dict[str, Any]:
    """A valid request with one to three random changes; sometimes it stays valid."""
    value: dict[str, Any] = copy.deepcopy(draw(valid_requests()))
    for _ in range(draw(pick(1, 1, 2, 3))):
        all_paths = paths(value)
        if not all_paths:
            break
        # Mostly not request_type: a wrong one hides everything else.
        usual = [path for path in all_paths if path != ("request_type",)] or all_paths
        *parents, step = draw(mostly(st.sampled_from(usual), st.sampled_from(all_paths)))
        holder = value_at(value, tuple(parents))
        change = draw(pick("delete", "null", "replace", "replace", "replace", "add", "crowd"))
        if change == "delete":
            del holder[step]
        elif change == "null":
            holder[step] = None
        elif change == "replace":
            holder[step] = copy.deepcopy(wrong_value(draw, holder[step]))
        elif change == "crowd":
            objects = [path for path in [(), *all_paths] if isinstance(value_at(value, path), dict)]
            crowd = {f"unknown {n}": None for n in range(draw(pick(9, 10, 11)))}
            value_at(value, draw(st.sampled_from(objects))).update(crowd)
        else:
            objects = [path for path in [(), *all_paths] if isinstance(value_at(value, path), dict)]
            value_at(value, draw(st.sampled_from(objects)))[draw(pick(*UNKNOWN_NAMES))] = copy.deepcopy(
                draw(pick(None, 1, "x", {}))
            )
    return value


FIELD_NAMES = (
    "request_type",
    "request_id",
    "requests",
    "service_date",
    "specialty",
    "visit",
    "goals",
    "discontinuation",
    "island",
)


def json_values() -> SearchStrategy[Json]:
    """Any JSON value that `json.dumps` can write: no NaN, no lone surrogate, no integer of thousands of digits."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        pick(*REQUESTS),
        pick("", "/", "~", string.digits),
    )
    names = st.one_of(pick(*FIELD_NAMES), st.text(max_size=3))

    def compound(inner: SearchStrategy[Json]) -> SearchStrategy[Json]:
        objects = st.dictionaries(names, inner, max_size=4)
        typed = st.builds(lambda kind, rest: rest | {"request_type": kind}, pick(*REQUESTS), objects)
        return st.one_of(st.lists(inner, max_size=3), objects, typed)

    return st.recursive(scalars, compound, max_leaves=12)
