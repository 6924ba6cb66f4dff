# METADATA
# title: Discontinuation of outpatient PT
# description: The criteria for ending therapy. If one is met, a visit, an extension and a continuation review are
#   denied alike. A field that is not stated meets no criterion.
package therapy.outpatient_pt.discontinuation

import data.therapy.lib.reason

# METADATA
# title: The fields of a request that say whether each criterion for ending therapy is met
fields_of_criterion := {
	"DC-1": ["functional_impairment_resolved", "goals_achieved", "returned_to_prior_function"],
	"DC-2": ["adapted_with_equipment"],
	"DC-3": ["extended_period_of_service", "progress_cause_indeterminate"],
	"DC-4": ["unable_to_participate"],
	"DC-5": ["home_program_noncompliance", "lacks_scheduled_participation"],
	"DC-6": ["meets_continuation_criteria"],
}

# METADATA
# title: Therapy that is no longer needed ends
reasons contains reason.at("DC_NO_LONGER_NEEDED", ["discontinuation", field]) if {
	some field in fields_of_criterion["DC-1"]
	input.discontinuation[field] == true
}

# METADATA
# title: Therapy ends when the member has adapted with equipment
reasons contains reason.at("DC_ADAPTED", ["discontinuation", field]) if {
	some field in fields_of_criterion["DC-2"]
	input.discontinuation[field] == true
}

# METADATA
# title: Therapy ends when, after a long period of service, the cause of progress cannot be determined
reasons contains reason.at("DC_PROGRESS_INDETERMINATE", ["discontinuation", "progress_cause_indeterminate"]) if {
	every field in fields_of_criterion["DC-3"] {
		input.discontinuation[field] == true
	}
}

# METADATA
# title: Therapy ends when the member is unable to participate
reasons contains reason.at("DC_UNABLE_TO_PARTICIPATE", ["discontinuation", field]) if {
	some field in fields_of_criterion["DC-4"]
	input.discontinuation[field] == true
}

# METADATA
# title: Therapy ends when the home program is not followed or appointments are not kept
reasons contains reason.at("DC_NONCOMPLIANT", ["discontinuation", field]) if {
	some field in fields_of_criterion["DC-5"]
	input.discontinuation[field] == true
}

# METADATA
# title: Therapy ends when the continuation criteria are not met
reasons contains reason.at("DC_CONTINUATION_CRITERIA_NOT_MET", ["discontinuation", field]) if {
	some field in fields_of_criterion["DC-6"]
	input.discontinuation[field] == false
}

# METADATA
# title: Whether a request says if a criterion is met
# description: It does when it states all fields of the criterion. The cause of progress (DC-3) takes both of its
#   parts, so one part that is false is enough.
determined("DC-3") if {
	some field in fields_of_criterion["DC-3"]
	input.discontinuation[field] == false
}

determined(clause) if {
	every field in fields_of_criterion[clause] {
		is_boolean(input.discontinuation[field])
	}
}
