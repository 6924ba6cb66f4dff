# METADATA
# title: Outpatient PT continuation review
# description: Therapy goes on where every criterion for ending it is known not to be met.
# schemas:
#   - input: schema.pt_continuation
package therapy.outpatient_pt.continuation

import data.therapy.lib.reason
import data.therapy.member.benefit
import data.therapy.outpatient_pt.discontinuation
import data.therapy.outpatient_pt.rules_in_force

# METADATA
# title: The reasons of the review
reasons contains found if some found in rules_in_force.reasons

reasons contains found if some found in benefit.reasons

reasons contains found if some found in discontinuation.reasons

# METADATA
# title: A criterion that cannot be told pends the review, where none is met
# custom:
#   code: DC_UNDETERMINED
reasons contains reason.under(clause, "DC_UNDETERMINED", ["discontinuation"], {"members": concat(" and ", members)}) if {
	count(discontinuation.reasons) == 0
	some clause, members in members_of
	not told(clause)
}

members_of := {
	"DC-1": ["functional_impairment_resolved", "goals_achieved", "returned_to_prior_function"],
	"DC-2": ["adapted_with_equipment"],
	"DC-3": ["extended_period_of_service", "progress_cause_indeterminate"],
	"DC-4": ["unable_to_participate"],
	"DC-5": ["home_program_noncompliance", "lacks_scheduled_participation"],
	"DC-6": ["meets_continuation_criteria"],
}

# One half that is false is enough to tell that a criterion of two halves is not met.
told("DC-3") if {
	some member in members_of["DC-3"]
	input.discontinuation[member] == false
}

told(clause) if {
	every member in members_of[clause] {
		is_boolean(input.discontinuation[member])
	}
}
