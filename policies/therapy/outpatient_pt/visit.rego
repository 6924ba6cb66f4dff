# METADATA
# title: Outpatient PT visit
# description: One numbered visit, held against the visits that a referral starts with and the units of an hour.
# schemas:
#   - input: schema.pt_visit
package therapy.outpatient_pt.visit

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.member.benefit
import data.therapy.outpatient_pt.discontinuation
import data.therapy.outpatient_pt.rules_in_force

visits_before := input.prior_visits.evaluation + input.prior_visits.treatment

initial_visits := rules_in_force.initial_visits[input.tier]

units_per_visit := effective.holding(data.therapy.parameters.units_per_visit.periods)

# METADATA
# title: The reasons of the visit
reasons contains found if some found in rules_in_force.reasons

reasons contains found if some found in benefit.reasons

reasons contains found if some found in discontinuation.reasons

# METADATA
# title: A treatment visit without a complete plan of care on file pends
# custom:
#   code: PT_PLAN_OF_CARE_MISSING
reasons contains reason.at("PT_PLAN_OF_CARE_MISSING", ["plan_of_care_complete"]) if {
	input.visit.kind == "treatment"
	not plan_complete
}

plan_complete if input.plan_of_care_complete == true

# METADATA
# title: An evaluation beyond those that the referral starts with is denied
# custom:
#   code: PT_EVALUATION_VISIT_LIMIT
reasons contains reason.under(
	initial_visits.clause, "PT_EVALUATION_VISIT_LIMIT", ["prior_visits", "evaluation"],
	{"limit": initial_visits.evaluation, "used": input.prior_visits.evaluation},
) if {
	input.visit.kind == "evaluation"
	not evaluation_left
}

evaluation_left if input.prior_visits.evaluation < initial_visits.evaluation

# METADATA
# title: A treatment visit beyond those that the referral starts with is denied
# custom:
#   code: PT_TREATMENT_VISIT_LIMIT
reasons contains reason.under(
	initial_visits.clause, "PT_TREATMENT_VISIT_LIMIT", ["prior_visits", "treatment"],
	{"limit": initial_visits.treatment, "used": input.prior_visits.treatment},
) if {
	input.visit.kind == "treatment"
	not treatment_left
}

treatment_left if input.prior_visits.treatment < initial_visits.treatment

# METADATA
# title: Units beyond the visit's limit are denied
# custom:
#   code: PT_UNITS_OVER_VISIT_LIMIT
reasons contains reason.with_facts(
	"PT_UNITS_OVER_VISIT_LIMIT", ["visit", "units"],
	{"asked": input.visit.units, "available": units_left, "limit": units_per_visit},
) if {
	not within_limit
}

within_limit if input.visit.units <= units_left

# METADATA
# title: A visit that is not numbered as the next one pends
# custom:
#   code: PT_VISIT_OUT_OF_SEQUENCE
reasons contains reason.with_facts(
	"PT_VISIT_OUT_OF_SEQUENCE", ["visit", "number"],
	{"number": input.visit.number, "before": visits_before, "expected": visits_before + 1},
) if {
	not in_sequence
}

in_sequence if input.visit.number == visits_before + 1

# METADATA
# title: A progress note that does not carry the visit's number pends it
# custom:
#   code: PT_NOTE_NOT_NUMBERED
reasons contains reason.with_facts("PT_NOTE_NOT_NUMBERED", ["progress_note_number"], {"number": input.visit.number}) if not note_numbered

note_numbered if input.progress_note_number == input.visit.number

units_left := max([0, units_per_visit - input.visit.units_already_authorized])

# A whole number is the same however it was written: 4.0 units are 4.
units_granted := floor(min([input.visit.units, units_left]))

# METADATA
# title: What the units come to where nothing stands against the visit
outcome_by_units := "authorized" if {
	units_granted == input.visit.units
} else := "partially_authorized" if {
	units_granted > 0
} else := "denied"

# METADATA
# title: The visit and its units, as far as the limit goes
grant := {
	"units": units_granted,
	concat("_", [input.visit.kind, "visits"]): 1,
	"max_units_per_visit": units_per_visit,
}
