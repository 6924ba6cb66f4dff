package therapy.outpatient_pt.discontinuation_test

import data.therapy.lib.table_test as table
import data.therapy.outpatient_pt.discontinuation

# Every criterion is known not to be met.
none_met := {"discontinuation": {
	"functional_impairment_resolved": false,
	"goals_achieved": false,
	"returned_to_prior_function": false,
	"adapted_with_equipment": false,
	"extended_period_of_service": false,
	"progress_cause_indeterminate": false,
	"unable_to_participate": false,
	"home_program_noncompliance": false,
	"lacks_scheduled_participation": false,
	"meets_continuation_criteria": true,
}}

shown(request) := table.shown(findings) if findings := discontinuation.reasons with input as request

cases := {
	"impairment resolved": {
		"change": {"functional_impairment_resolved": true},
		"shows": ["DC_NO_LONGER_NEEDED /discontinuation/functional_impairment_resolved"],
	},
	"goals achieved": {
		"change": {"goals_achieved": true},
		"shows": ["DC_NO_LONGER_NEEDED /discontinuation/goals_achieved"],
	},
	"back to prior function": {
		"change": {"returned_to_prior_function": true},
		"shows": ["DC_NO_LONGER_NEEDED /discontinuation/returned_to_prior_function"],
	},
	"all of the first criterion": {
		"change": {
			"functional_impairment_resolved": true,
			"goals_achieved": true,
			"returned_to_prior_function": true,
		},
		"shows": [
			"DC_NO_LONGER_NEEDED /discontinuation/functional_impairment_resolved",
			"DC_NO_LONGER_NEEDED /discontinuation/goals_achieved",
			"DC_NO_LONGER_NEEDED /discontinuation/returned_to_prior_function",
		],
	},
	"adapted": {
		"change": {"adapted_with_equipment": true},
		"shows": ["DC_ADAPTED /discontinuation/adapted_with_equipment"],
	},
	"long period alone": {"change": {"extended_period_of_service": true}, "shows": []},
	"cause cannot be told alone": {"change": {"progress_cause_indeterminate": true}, "shows": []},
	"long period and cause cannot be told": {
		"change": {"extended_period_of_service": true, "progress_cause_indeterminate": true},
		"shows": ["DC_PROGRESS_INDETERMINATE /discontinuation/progress_cause_indeterminate"],
	},
	"long period, cause not stated": {
		"change": {"extended_period_of_service": true, "progress_cause_indeterminate": null},
		"shows": [],
	},
	"period not stated, cause cannot be told": {
		"change": {"extended_period_of_service": null, "progress_cause_indeterminate": true},
		"shows": [],
	},
	"unable to take part": {
		"change": {"unable_to_participate": true},
		"shows": ["DC_UNABLE_TO_PARTICIPATE /discontinuation/unable_to_participate"],
	},
	"home program not followed": {
		"change": {"home_program_noncompliance": true},
		"shows": ["DC_NONCOMPLIANT /discontinuation/home_program_noncompliance"],
	},
	"appointments not taken part in": {
		"change": {"lacks_scheduled_participation": true},
		"shows": ["DC_NONCOMPLIANT /discontinuation/lacks_scheduled_participation"],
	},
	"both of the fifth criterion": {
		"change": {"home_program_noncompliance": true, "lacks_scheduled_participation": true},
		"shows": [
			"DC_NONCOMPLIANT /discontinuation/home_program_noncompliance",
			"DC_NONCOMPLIANT /discontinuation/lacks_scheduled_participation",
		],
	},
	"continuation criteria not met": {
		"change": {"meets_continuation_criteria": false},
		"shows": ["DC_CONTINUATION_CRITERIA_NOT_MET /discontinuation/meets_continuation_criteria"],
	},
	"every criterion": {
		"change": {
			"functional_impairment_resolved": true,
			"goals_achieved": true,
			"returned_to_prior_function": true,
			"adapted_with_equipment": true,
			"extended_period_of_service": true,
			"progress_cause_indeterminate": true,
			"unable_to_participate": true,
			"home_program_noncompliance": true,
			"lacks_scheduled_participation": true,
			"meets_continuation_criteria": false,
		},
		"shows": [
			"DC_NO_LONGER_NEEDED /discontinuation/functional_impairment_resolved",
			"DC_NO_LONGER_NEEDED /discontinuation/goals_achieved",
			"DC_NO_LONGER_NEEDED /discontinuation/returned_to_prior_function",
			"DC_ADAPTED /discontinuation/adapted_with_equipment",
			"DC_PROGRESS_INDETERMINATE /discontinuation/progress_cause_indeterminate",
			"DC_UNABLE_TO_PARTICIPATE /discontinuation/unable_to_participate",
			"DC_NONCOMPLIANT /discontinuation/home_program_noncompliance",
			"DC_NONCOMPLIANT /discontinuation/lacks_scheduled_participation",
			"DC_CONTINUATION_CRITERIA_NOT_MET /discontinuation/meets_continuation_criteria",
		],
	},
}

test_met[name] if {
	some name, case in cases
	shown(table.request(none_met, {"change": {"discontinuation": case.change}})) == case.shows
}

test_met_though_nothing_else_is_stated[name] if {
	some name, case in cases
	shown({"discontinuation": case.change}) == case.shows
}

test_none_met if shown(none_met) == []

test_each_alone_not_met_says_nothing[member] if {
	some member, value in none_met.discontinuation
	shown({"discontinuation": {member: value}}) == []
}

test_not_stated_says_nothing[name] if {
	some name, request in {
		"absent": {},
		"null": {"discontinuation": null},
		"empty": {"discontinuation": {}},
		"every field null": {"discontinuation": {member: null | some member, _ in none_met.discontinuation}},
	}
	shown(request) == []
}
