"""What the remedy of each reason code says, done to the request.

A repair changes the request at the place that the reason names, with the numbers and names that the reason states. It
returns False where the remedy says that there is nothing more to ask for.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from proof.policy_in_force import POLICY
from proof.strategies import FieldPath, Json
from tests.properties.published import SCHEMA, date_of, expected_at, place_of, put, remove, smallest
from therapy_policy.client.decision import Reason
from therapy_policy.policy.bundles import packaged_bundle

CODES = packaged_bundle().data["therapy"]["register"]["reason_codes"]

Request = dict[str, Any]
Repair = Callable[[Request, Reason, FieldPath], bool]


def state(value: Json) -> Repair:
    """State this at the place of the reason."""

    def repair(request: Request, reason: Reason, place: FieldPath) -> bool:
        put(request, place, value)
        return True

    return repair


def complete(request: Request, reason: Reason, place: FieldPath) -> bool:
    """Complete what belongs at the place of the reason."""
    form = expected_at(request, place)
    assert form is not None
    put(request, place, smallest(form))
    return True


def facts(reason: Reason) -> dict[str, str]:
    """The numbers and names that the message and the remedy of a reason state, by their names in the register."""
    registered = CODES[reason["code"]]
    stated: dict[str, str] = {}
    for template, text in ((registered["message"], reason["message"]), (registered["remedy"], reason["remedy"])):
        pattern = re.escape(template or "")
        for name in re.findall(r"\{(\w+)\}", template or ""):
            placeholder = re.escape(f"{{{name}}}")
            pattern = pattern.replace(placeholder, f"(?P<{name}>.+)", 1).replace(placeholder, f"(?P={name})")
        found = re.fullmatch(pattern, text or "")
        assert found, f"not as the register says: {text}"
        stated |= found.groupdict()
    return stated


def effective_date(request: Request, reason: Reason, place: FieldPath) -> bool:
    put(request, place, facts(reason)["effective_date"])
    return True


def listed_code(request: Request, reason: Reason, place: FieldPath) -> bool:
    """Bill a code that is on the list on the date of the claim."""
    listed = POLICY.on(date_of(request), "pediatric_ot", "procedure_codes")
    put(request, place, next(code for code, entry in listed.items() if "add_on_to" not in entry))
    return True


def qualifying_category(request: Request, reason: Reason, place: FieldPath) -> bool:
    put(request, place, POLICY.on(date_of(request), "outpatient_pt", "eligible_categories")[-1])
    return True


def dates_of_visit(request: Request, reason: Reason, place: FieldPath) -> bool:
    """The visit was on the day of its referral."""
    request["service_date"] = request["referral_date"]
    return True


def not_by_a_request(request: Request, reason: Reason, place: FieldPath) -> bool:
    """The policy must be corrected."""
    return False


def bill_with_primary(request: Request, reason: Reason, place: FieldPath) -> bool:
    """Bill the add-on on the same claim as the code that it adds to."""
    request["service_lines"].append({"procedure_code": facts(reason)["primary"], "units": 1})
    return True


def fewer_units_on_line(request: Request, reason: Reason, place: FieldPath) -> bool:
    available = int(facts(reason)["available"])
    if available:
        put(request, place, available)
    else:
        del request["service_lines"][place[1]]
    return bool(request["service_lines"])


def fewer_units_in_visit(request: Request, reason: Reason, place: FieldPath) -> bool:
    available = int(facts(reason)["available"])
    put(request, place, available)
    return available > 0


def fewer_visits(request: Request, reason: Reason, place: FieldPath) -> bool:
    put(request, place, int(facts(reason)["limit"]))
    return True


def number_visit(request: Request, reason: Reason, place: FieldPath) -> bool:
    expected = int(facts(reason)["expected"])
    if expected > 999:  # no visit has such a number, so the counts must be wrong
        request["prior_visits"] = {"evaluation": 0, "treatment": request["visit"]["number"] - 1}
    else:
        put(request, place, expected)
    return True


def number_note(request: Request, reason: Reason, place: FieldPath) -> bool:
    put(request, place, int(facts(reason)["number"]))
    return True


def complete_notes(request: Request, reason: Reason, place: FieldPath) -> bool:
    documentation = request.get("documentation") or {}
    goals, notes = documentation.get("goals") or [], documentation.get("notes") or []
    match place:
        case (_, "goals"):
            put(request, place, [{"goal_id": "stated"}])
        case (_, "goals", int(i)):
            if not notes:
                put(request, ("documentation", "notes"), [{"visit_number": 1, "goals_addressed": []}])
            request["documentation"]["notes"][0]["goals_addressed"].append(goals[i]["goal_id"])
        case (_, "goals", int(i), "goal_id"):
            put(request, place, f"goal {i + 1}")
        case (_, "goals", int(), str()):
            put(request, place, {"measure": "stated", "value": "stated"})
        case (_, "goals", int(i), _, "measure"):
            put(request, place, goals[i]["initial_status"]["measure"])
        case (_, "notes"):
            addressed = [note["goals_addressed"] for note in notes] or [[]]
            put(request, place, [{"visit_number": n, "goals_addressed": ids} for n, ids in enumerate(addressed, 1)])
        case (_, "notes", int(j), _, int(k)):
            if goals:
                put(request, place, goals[0]["goal_id"])
            else:
                put(request, ("documentation", "goals"), [{"goal_id": notes[j]["goals_addressed"][k]}])
        case _:
            raise AssertionError(f"no way to repair {place}")
    return True


def answer_criteria(request: Request, reason: Reason, place: FieldPath) -> bool:
    """State the fields that the remedy names."""
    for field in facts(reason)["fields"].split(" and "):
        put(request, (*place, field), field == "meets_continuation_criteria")
    return True


def of_the_published_form(request: Request, reason: Reason, place: FieldPath) -> bool:
    """State what belongs there, or leave out what does not."""
    form = SCHEMA["properties"]["request_type"] if place == ("request_type",) else expected_at(request, place)
    if form is None:
        remove(request, place)
    else:
        put(request, place, smallest(form))
    return True


REPAIRS: dict[str, Repair] = {
    "REQUEST_INVALID": of_the_published_form,
    "PT_BEFORE_EFFECTIVE_DATE": effective_date,
    "PT_SPECIALTY_EXCLUDED": state("none"),
    "BENEFIT_NOT_COVERED": state("covered"),
    "BENEFIT_UNVERIFIED": state("covered"),
    "OT_NOT_MEDICALLY_NECESSARY": state("established"),
    "OT_MEDICAL_NECESSITY_UNDETERMINED": state("established"),
    "OT_CODE_NOT_LISTED": listed_code,
    "OT_ADD_ON_WITHOUT_PRIMARY": bill_with_primary,
    "OT_UNITS_OVER_VISIT_LIMIT": fewer_units_on_line,
    "PT_CONDITION_NOT_ELIGIBLE": qualifying_category,
    "PT_IMPROVEMENT_NOT_EXPECTED": state(True),
    "PT_IMPROVEMENT_UNDOCUMENTED": state(True),
    "PT_REFERRAL_VISIT_LIMIT": fewer_visits,
    "PT_PLAN_OF_CARE_INCOMPLETE": complete,
    "PT_PLAN_OF_CARE_MISSING": state(True),
    "PT_EVALUATION_VISIT_LIMIT": state(0),
    "PT_TREATMENT_VISIT_LIMIT": state(0),
    "PT_UNITS_OVER_VISIT_LIMIT": fewer_units_in_visit,
    "PT_VISIT_OUT_OF_SEQUENCE": number_visit,
    "PT_NOTE_NOT_NUMBERED": number_note,
    "PT_VISIT_BEFORE_REFERRAL": dates_of_visit,
    "EXT_PROGRESS_NOTES_INCOMPLETE": complete_notes,
    "EXT_INTERVENTIONS_INCOMPLETE": complete,
    "EXT_IMPEDING_FACTORS_MISSING": state({"none_identified": True}),
    "EXT_RESPONSE_SUMMARY_MISSING": complete,
    "EXT_PROGNOSIS_INCOMPLETE": complete,
    "EXT_PLAN_CHANGES_UNEXPLAINED": complete,
    "EXT_FORM_MISSING": state(True),
    "DC_NO_LONGER_NEEDED": state(False),
    "DC_ADAPTED": state(False),
    "DC_PROGRESS_INDETERMINATE": state(False),
    "DC_UNABLE_TO_PARTICIPATE": state(False),
    "DC_NONCOMPLIANT": state(False),
    "DC_CONTINUATION_CRITERIA_NOT_MET": state(True),
    "DC_UNDETERMINED": answer_criteria,
    "POLICY_VALUE_UNUSABLE": not_by_a_request,
}


def repaired(request: Json, reason: Reason) -> Json | None:
    """Do to a copy of the request what the remedy of one of its reasons says; None if it says not to ask any more."""
    request = copy.deepcopy(request)
    place = place_of(reason["path"], request)
    if not place and reason["code"] == "REQUEST_INVALID":
        return {"request_type": "referral_route", "island": "oahu"}
    return request if REPAIRS[reason["code"]](request, reason, place) else None
