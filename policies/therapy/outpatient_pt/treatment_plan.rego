# METADATA
# title: Outpatient PT plan of care
# description: Treatment may begin with a plan of care that has all its parts. A plan that is not stated has none.
# schemas:
#   - input: schema.pt_treatment_plan
package therapy.outpatient_pt.treatment_plan

import data.therapy.lib.reason
import data.therapy.lib.text
import data.therapy.member.benefit
import data.therapy.outpatient_pt.rules_in_force

# METADATA
# title: A plan of care is pended for each missing part
reasons contains reason.at("PT_PLAN_OF_CARE_INCOMPLETE", ["plan_of_care", part]) if {
	some part in {
		"diagnosis", "planned_interventions", "frequency", "duration",
		"goals", "expected_potential", "patient_caregiver_education",
	}
	not _has_part(part)
}

_has_part(part) if text.has(input.plan_of_care, part)

_has_part("planned_interventions") if text.has_any(input.plan_of_care, "planned_interventions")

_has_part("goals") if some _ in input.plan_of_care.goals

_has_part("patient_caregiver_education") if input.plan_of_care.patient_caregiver_education == true

# METADATA
# title: A plan of care is pended for each missing part of a goal
reasons contains reason.at("PT_PLAN_OF_CARE_INCOMPLETE", ["plan_of_care", "goals", i, part]) if {
	some i, goal in input.plan_of_care.goals
	some part in {"statement", "measure", "functional_activity", "target_date"}
	not text.has(goal, part)
}

all_reasons := union({reasons, rules_in_force.reasons, benefit.reasons})

# METADATA
# title: What a plan of care gets if nothing denies or pends it
determination := {
	"reasons": all_reasons,
	"outcome": "authorized",
	"authorized_under": {"PT-8"},
}
