# METADATA
# title: Outpatient PT plan of care
# description: Treatment may begin with a plan of care that has all its parts. A plan that is not stated lacks them all.
# schemas:
#   - input: schema.pt_treatment_plan
package therapy.outpatient_pt.treatment_plan

import data.therapy.lib.reason
import data.therapy.lib.text
import data.therapy.member.benefit
import data.therapy.outpatient_pt.rules_in_force

# METADATA
# title: The reasons of the plan of care
reasons contains found if some found in rules_in_force.reasons

reasons contains found if some found in benefit.reasons

# METADATA
# title: Each part that the plan of care lacks pends it
# custom:
#   code: PT_PLAN_OF_CARE_INCOMPLETE
reasons contains reason.at("PT_PLAN_OF_CARE_INCOMPLETE", ["plan_of_care", part]) if {
	some part in {
		"diagnosis", "planned_interventions", "frequency", "duration",
		"goals", "expected_potential", "patient_caregiver_education",
	}
	not has_part(part)
}

has_part(part) if text.has(input.plan_of_care, part)

has_part("planned_interventions") if text.has_any(input.plan_of_care, "planned_interventions")

has_part("goals") if some _ in input.plan_of_care.goals

has_part("patient_caregiver_education") if input.plan_of_care.patient_caregiver_education == true

# METADATA
# title: Each part that a goal lacks pends the plan of care
# custom:
#   code: PT_PLAN_OF_CARE_INCOMPLETE
reasons contains reason.at("PT_PLAN_OF_CARE_INCOMPLETE", ["plan_of_care", "goals", i, part]) if {
	some i, goal in input.plan_of_care.goals
	some part in {"statement", "measure", "functional_activity", "target_date"}
	not text.has(goal, part)
}
