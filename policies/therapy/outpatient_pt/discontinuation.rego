# METADATA
# title: Discontinuation of outpatient PT
# description: The criteria for ending therapy. A met one denies a visit, an extension and a continuation alike; what is
#   not stated says nothing here.
package therapy.outpatient_pt.discontinuation

import data.therapy.lib.reason

# METADATA
# title: Therapy that is no longer needed ends
# custom:
#   code: DC_NO_LONGER_NEEDED
reasons contains reason.at("DC_NO_LONGER_NEEDED", ["discontinuation", member]) if {
	some member in {"functional_impairment_resolved", "goals_achieved", "returned_to_prior_function"}
	input.discontinuation[member] == true
}

# METADATA
# title: Therapy ends when the member has adapted with equipment
# custom:
#   code: DC_ADAPTED
reasons contains reason.at("DC_ADAPTED", ["discontinuation", "adapted_with_equipment"]) if {
	input.discontinuation.adapted_with_equipment == true
}

# METADATA
# title: Therapy ends when, after a long period of service, the cause of progress cannot be told
# custom:
#   code: DC_PROGRESS_INDETERMINATE
reasons contains reason.at("DC_PROGRESS_INDETERMINATE", ["discontinuation", "progress_cause_indeterminate"]) if {
	input.discontinuation.extended_period_of_service == true
	input.discontinuation.progress_cause_indeterminate == true
}

# METADATA
# title: Therapy ends when the member is unable to take part
# custom:
#   code: DC_UNABLE_TO_PARTICIPATE
reasons contains reason.at("DC_UNABLE_TO_PARTICIPATE", ["discontinuation", "unable_to_participate"]) if {
	input.discontinuation.unable_to_participate == true
}

# METADATA
# title: Therapy ends when the home program or appointments are not kept
# custom:
#   code: DC_NONCOMPLIANT
reasons contains reason.at("DC_NONCOMPLIANT", ["discontinuation", member]) if {
	some member in {"home_program_noncompliance", "lacks_scheduled_participation"}
	input.discontinuation[member] == true
}

# METADATA
# title: Therapy ends when the continuation criteria are not met
# custom:
#   code: DC_CONTINUATION_CRITERIA_NOT_MET
reasons contains reason.at("DC_CONTINUATION_CRITERIA_NOT_MET", ["discontinuation", "meets_continuation_criteria"]) if {
	input.discontinuation.meets_continuation_criteria == false
}
