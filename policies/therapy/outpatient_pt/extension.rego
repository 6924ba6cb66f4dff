# METADATA
# title: Outpatient PT extension
# description: A request for more visits is checked for the seven parts of its documentation. Complete documentation is
#   pended for clinical review; no extension visit is authorized here.
# schemas:
#   - input: schema.pt_extension
package therapy.outpatient_pt.extension

import data.therapy.lib.policy
import data.therapy.lib.reason
import data.therapy.lib.text
import data.therapy.member.benefit
import data.therapy.outpatient_pt.discontinuation
import data.therapy.outpatient_pt.rules_in_force

_documentation := object.get(input, "documentation", null)

# METADATA
# title: An extension without goals is pended
reasons contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals"]) if not _has_goals

_has_goals if some _ in _documentation.goals

# METADATA
# title: An extension with a goal that has no id is pended
reasons contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i, "goal_id"]) if {
	some i, goal in _documentation.goals
	not text.has(goal, "goal_id")
}

# METADATA
# title: An extension with a goal that has the id of an earlier goal is pended
reasons contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i, "goal_id"]) if {
	some i, goal in _documentation.goals
	goal.goal_id in array.slice(_goal_ids, 0, i)
}

_goal_ids := [goal.goal_id | some goal in _documentation.goals]

# METADATA
# title: An extension is pended for each initial, last-period or current status without a measure and its value
reasons contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i, period]) if {
	some i, goal in _documentation.goals
	some period in {"initial_status", "last_period_status", "current_status"}
	not _complete_status(goal, period)
}

_complete_status(goal, period) if {
	text.has(goal[period], "measure")
	text.has(goal[period], "value")
}

# METADATA
# title: An extension with a goal whose measure changes is pended
reasons contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i, period, "measure"]) if {
	some i, goal in _documentation.goals
	text.has(goal.initial_status, "measure")
	some period in {"last_period_status", "current_status"}
	text.has(goal[period], "measure")
	goal[period].measure != goal.initial_status.measure
}

# METADATA
# title: An extension whose notes are not numbered 1, 2, and so on, each number once, is pended
reasons contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "notes"]) if not _notes_numbered

# Without notes the range is [1, 0], which does not match.
_notes_numbered if {
	numbers_of_notes := sort([note.visit_number | some note in _documentation.notes])
	numbers_of_notes == numbers.range(1, count(numbers_of_notes))
}

# METADATA
# title: An extension with a goal that no note addresses is pended
reasons contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i]) if {
	some i, goal_id in _goal_ids
	not goal_id in _goals_addressed
}

_goals_addressed := {goal_id | some goal_id in _documentation.notes[_].goals_addressed}

# METADATA
# title: An extension with a note that addresses a goal not on the list is pended
reasons contains reason.at_path("EXT_PROGRESS_NOTES_INCOMPLETE", place, path) if {
	some j, note in _documentation.notes
	some k, goal_id in note.goals_addressed
	not goal_id in _distinct_goal_ids
	place := ["documentation", "notes", j, "goals_addressed", k]
	path := concat("/", ["/documentation/notes", format_int(j, 10), "goals_addressed", format_int(k, 10)])
}

_distinct_goal_ids := {goal_id | some goal_id in _goal_ids}

# METADATA
# title: An extension without planned interventions is pended
reasons contains reason.at("EXT_INTERVENTIONS_INCOMPLETE", ["documentation", "planned_interventions"]) if {
	not _has_interventions
}

_has_interventions if some _ in _documentation.planned_interventions

# METADATA
# title: An extension is pended for each missing part of a planned intervention
reasons contains reason.at("EXT_INTERVENTIONS_INCOMPLETE", ["documentation", "planned_interventions", i, part]) if {
	some i, intervention in _documentation.planned_interventions
	some part in {"technique", "amount", "frequency", "duration"}
	not text.has(intervention, part)
}

# METADATA
# title: An extension is pended until impeding factors are either named or ruled out
reasons contains reason.at("EXT_IMPEDING_FACTORS_MISSING", ["documentation", "impeding_factors"]) if {
	_factors_named == _factors_ruled_out
}

default _factors_named := false

_factors_named if text.has_any(_documentation.impeding_factors, "identified")

default _factors_ruled_out := false

_factors_ruled_out if _documentation.impeding_factors.none_identified == true

# METADATA
# title: An extension without a summary of the response to therapy is pended
reasons contains reason.at("EXT_RESPONSE_SUMMARY_MISSING", ["documentation", "response_summary"]) if {
	not text.has(_documentation, "response_summary")
}

# METADATA
# title: An extension that does not say what limited progress is pended
reasons contains reason.at("EXT_RESPONSE_SUMMARY_MISSING", ["documentation", "limiting_issues"]) if {
	not _issues_stated
}

_issues_stated if is_array(_documentation.limiting_issues)

# METADATA
# title: An extension without a prognosis is pended
reasons contains reason.at("EXT_PROGNOSIS_INCOMPLETE", ["documentation", "prognosis", "statement"]) if {
	not text.has(_prognosis, "statement")
}

_prognosis := object.get(input, ["documentation", "prognosis"], null)

# METADATA
# title: An extension without discharge criteria is pended
reasons contains reason.at("EXT_PROGNOSIS_INCOMPLETE", ["documentation", "prognosis", "discharge_criteria"]) if {
	not text.has_any(_prognosis, "discharge_criteria")
}

# METADATA
# title: An extension that does not say whether the plan of care changed is pended
reasons contains reason.at("EXT_PLAN_CHANGES_UNEXPLAINED", array.concat(_changes_place, ["significant_change"])) if {
	not _change_stated
}

_change_stated if is_boolean(_changes.significant_change)

# METADATA
# title: An extension is pended for each missing part of the explanation of a significant change
reasons contains reason.at("EXT_PLAN_CHANGES_UNEXPLAINED", array.concat(_changes_place, [part])) if {
	_changes.significant_change == true
	some part in {"explanation", "clinical_rationale"}
	not text.has(_changes, part)
}

_changes := object.get(input, ["documentation", "plan_of_care_changes"], null)

_changes_place := ["documentation", "plan_of_care_changes"]

# METADATA
# title: An extension without the completed form is pended
reasons contains reason.at("EXT_FORM_MISSING", ["documentation", "extension_form_completed"]) if {
	not _form_completed
}

_form_completed if _documentation.extension_form_completed == true

# An extension may have 2,000 reasons of its own, and WebAssembly is slow to put a long set into another set.
_obstacles := reasons | union({policy.reasons, rules_in_force.reasons, benefit.reasons, discontinuation.reasons})

# METADATA
# title: An extension with complete documentation is pended for clinical review
_ready contains reason.with_facts("EXT_READY_FOR_CLINICAL_REVIEW", [], {"requested": input.requested_visits}) if {
	count(_obstacles) == 0
}

all_reasons := _obstacles | _ready

# METADATA
# title: What an extension request gets, which is never an authorization
determination := {"reasons": all_reasons}
