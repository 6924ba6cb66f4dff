# METADATA
# title: Outpatient PT extension
# description: A request for more visits, held against the seven parts of its documentation. Complete documentation
#   pends for clinical review; the engine authorizes no extension visit.
# schemas:
#   - input: schema.pt_extension
package therapy.outpatient_pt.extension

import data.therapy.lib.reason
import data.therapy.lib.text
import data.therapy.member.benefit
import data.therapy.outpatient_pt.discontinuation
import data.therapy.outpatient_pt.rules_in_force

documentation := object.get(input, "documentation", null)

# METADATA
# title: The reasons of the extension
reasons contains found if some found in obstacles

# METADATA
# title: What stands against the extension, or out of its scope
obstacles contains found if some found in rules_in_force.reasons

obstacles contains found if some found in benefit.reasons

obstacles contains found if some found in discontinuation.reasons

# METADATA
# title: An extension without goals pends
# custom:
#   code: EXT_PROGRESS_NOTES_INCOMPLETE
obstacles contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals"]) if not has_goals

has_goals if some _ in documentation.goals

# METADATA
# title: A goal without an id of its own pends the extension
# custom:
#   code: EXT_PROGRESS_NOTES_INCOMPLETE
obstacles contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i, "goal_id"]) if {
	some i, goal in documentation.goals
	not text.has(goal, "goal_id")
}

obstacles contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i, "goal_id"]) if {
	some i, goal in documentation.goals
	goal.goal_id in array.slice(goal_ids, 0, i)
}

goal_ids := [goal.goal_id | some goal in documentation.goals]

# METADATA
# title: A goal without its initial, last-period or current status, each a value of a measure, pends the extension
# custom:
#   code: EXT_PROGRESS_NOTES_INCOMPLETE
obstacles contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i, period]) if {
	some i, goal in documentation.goals
	some period in {"initial_status", "last_period_status", "current_status"}
	not complete_status(goal, period)
}

complete_status(goal, period) if {
	text.has(goal[period], "measure")
	text.has(goal[period], "value")
}

# METADATA
# title: A goal whose measure changes pends the extension
# custom:
#   code: EXT_PROGRESS_NOTES_INCOMPLETE
obstacles contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i, period, "measure"]) if {
	some i, goal in documentation.goals
	text.has(goal.initial_status, "measure")
	some period in {"last_period_status", "current_status"}
	text.has(goal[period], "measure")
	goal[period].measure != goal.initial_status.measure
}

# METADATA
# title: Notes that are not numbered 1, 2, and so on, each number once, pend the extension
# custom:
#   code: EXT_PROGRESS_NOTES_INCOMPLETE
obstacles contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "notes"]) if not notes_numbered

# Of no notes the range is [1, 0], which they are not.
notes_numbered if {
	numbers_of_notes := sort([note.visit_number | some note in documentation.notes])
	numbers_of_notes == numbers.range(1, count(numbers_of_notes))
}

# METADATA
# title: A goal that no note addresses pends the extension
# custom:
#   code: EXT_PROGRESS_NOTES_INCOMPLETE
obstacles contains reason.at("EXT_PROGRESS_NOTES_INCOMPLETE", ["documentation", "goals", i]) if {
	some i, goal_id in goal_ids
	not goal_id in goals_addressed
}

goals_addressed := {goal_id | some goal_id in documentation.notes[_].goals_addressed}

# METADATA
# title: A note that addresses a goal that is not there pends the extension
# custom:
#   code: EXT_PROGRESS_NOTES_INCOMPLETE
obstacles contains reason.at_path("EXT_PROGRESS_NOTES_INCOMPLETE", place, path) if {
	some j, note in documentation.notes
	some k, goal_id in note.goals_addressed
	not goal_id in distinct_goal_ids
	place := ["documentation", "notes", j, "goals_addressed", k]
	path := concat("/", ["/documentation/notes", format_int(j, 10), "goals_addressed", format_int(k, 10)])
}

distinct_goal_ids := {goal_id | some goal_id in goal_ids}

# METADATA
# title: An extension without planned interventions pends
# custom:
#   code: EXT_INTERVENTIONS_INCOMPLETE
obstacles contains reason.at("EXT_INTERVENTIONS_INCOMPLETE", ["documentation", "planned_interventions"]) if {
	not has_interventions
}

has_interventions if some _ in documentation.planned_interventions

# METADATA
# title: Each part that a planned intervention lacks pends the extension
# custom:
#   code: EXT_INTERVENTIONS_INCOMPLETE
obstacles contains reason.at("EXT_INTERVENTIONS_INCOMPLETE", ["documentation", "planned_interventions", i, part]) if {
	some i, intervention in documentation.planned_interventions
	some part in {"technique", "amount", "frequency", "duration"}
	not text.has(intervention, part)
}

# METADATA
# title: An extension pends until impeding factors are either named or ruled out
# custom:
#   code: EXT_IMPEDING_FACTORS_MISSING
obstacles contains reason.at("EXT_IMPEDING_FACTORS_MISSING", ["documentation", "impeding_factors"]) if {
	factors_named == factors_ruled_out
}

default factors_named := false

factors_named if text.has_any(documentation.impeding_factors, "identified")

default factors_ruled_out := false

factors_ruled_out if documentation.impeding_factors.none_identified == true

# METADATA
# title: An extension without a summary of the response to therapy pends
# custom:
#   code: EXT_RESPONSE_SUMMARY_MISSING
obstacles contains reason.at("EXT_RESPONSE_SUMMARY_MISSING", ["documentation", "response_summary"]) if {
	not text.has(documentation, "response_summary")
}

# METADATA
# title: An extension that does not say what limited progress pends
# custom:
#   code: EXT_RESPONSE_SUMMARY_MISSING
obstacles contains reason.at("EXT_RESPONSE_SUMMARY_MISSING", ["documentation", "limiting_issues"]) if {
	not issues_stated
}

issues_stated if is_array(documentation.limiting_issues)

# METADATA
# title: An extension without a prognosis pends
# custom:
#   code: EXT_PROGNOSIS_INCOMPLETE
obstacles contains reason.at("EXT_PROGNOSIS_INCOMPLETE", ["documentation", "prognosis", "statement"]) if {
	not text.has(prognosis, "statement")
}

prognosis := object.get(input, ["documentation", "prognosis"], null)

# METADATA
# title: An extension without criteria for discharge pends
# custom:
#   code: EXT_PROGNOSIS_INCOMPLETE
obstacles contains reason.at("EXT_PROGNOSIS_INCOMPLETE", ["documentation", "prognosis", "discharge_criteria"]) if {
	not text.has_any(prognosis, "discharge_criteria")
}

# METADATA
# title: An extension that does not say whether the plan of care changed pends
# custom:
#   code: EXT_PLAN_CHANGES_UNEXPLAINED
obstacles contains reason.at("EXT_PLAN_CHANGES_UNEXPLAINED", array.concat(changes_place, ["significant_change"])) if {
	not change_stated
}

change_stated if is_boolean(changes.significant_change)

# METADATA
# title: Each part that the explanation of a significant change lacks pends the extension
# custom:
#   code: EXT_PLAN_CHANGES_UNEXPLAINED
obstacles contains reason.at("EXT_PLAN_CHANGES_UNEXPLAINED", array.concat(changes_place, [part])) if {
	changes.significant_change == true
	some part in {"explanation", "clinical_rationale"}
	not text.has(changes, part)
}

changes := object.get(input, ["documentation", "plan_of_care_changes"], null)

changes_place := ["documentation", "plan_of_care_changes"]

# METADATA
# title: An extension without the completed form pends
# custom:
#   code: EXT_FORM_MISSING
obstacles contains reason.at("EXT_FORM_MISSING", ["documentation", "extension_form_completed"]) if {
	not form_completed
}

form_completed if documentation.extension_form_completed == true

# METADATA
# title: A complete extension pends for clinical review
# custom:
#   code: EXT_READY_FOR_CLINICAL_REVIEW
reasons contains reason.with_facts("EXT_READY_FOR_CLINICAL_REVIEW", [], {"requested": input.requested_visits}) if {
	count(obstacles) == 0
}
