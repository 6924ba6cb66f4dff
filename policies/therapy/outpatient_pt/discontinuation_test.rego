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

summary(request) := table.summary(reasons) if reasons := discontinuation.reasons with input as request

cases := {
	"impairment resolved": {
		"change": {"functional_impairment_resolved": true},
		"reasons": ["DC_NO_LONGER_NEEDED /discontinuation/functional_impairment_resolved"],
	},
	"goals achieved": {
		"change": {"goals_achieved": true},
		"reasons": ["DC_NO_LONGER_NEEDED /discontinuation/goals_achieved"],
	},
	"back to prior function": {
		"change": {"returned_to_prior_function": true},
		"reasons": ["DC_NO_LONGER_NEEDED /discontinuation/returned_to_prior_function"],
	},
	"all of the first criterion": {
		"change": {
			"functional_impairment_resolved": true,
			"goals_achieved": true,
			"returned_to_prior_function": true,
		},
		"reasons": [
			"DC_NO_LONGER_NEEDED /discontinuation/functional_impairment_resolved",
			"DC_NO_LONGER_NEEDED /discontinuation/goals_achieved",
			"DC_NO_LONGER_NEEDED /discontinuation/returned_to_prior_function",
		],
	},
	"adapted": {
		"change": {"adapted_with_equipment": true},
		"reasons": ["DC_ADAPTED /discontinuation/adapted_with_equipment"],
	},
	"long period alone": {"change": {"extended_period_of_service": true}, "reasons": []},
	"cause cannot be determined alone": {"change": {"progress_cause_indeterminate": true}, "reasons": []},
	"long period and cause cannot be determined": {
		"change": {"extended_period_of_service": true, "progress_cause_indeterminate": true},
		"reasons": ["DC_PROGRESS_INDETERMINATE /discontinuation/progress_cause_indeterminate"],
	},
	"long period, cause not stated": {
		"change": {"extended_period_of_service": true, "progress_cause_indeterminate": null},
		"reasons": [],
	},
	"period not stated, cause cannot be determined": {
		"change": {"extended_period_of_service": null, "progress_cause_indeterminate": true},
		"reasons": [],
	},
	"unable to participate": {
		"change": {"unable_to_participate": true},
		"reasons": ["DC_UNABLE_TO_PARTICIPATE /discontinuation/unable_to_participate"],
	},
	"home program not followed": {
		"change": {"home_program_noncompliance": true},
		"reasons": ["DC_NONCOMPLIANT /discontinuation/home_program_noncompliance"],
	},
	"appointments not kept": {
		"change": {"lacks_scheduled_participation": true},
		"reasons": ["DC_NONCOMPLIANT /discontinuation/lacks_scheduled_participation"],
	},
	"both of the fifth criterion": {
		"change": {"home_program_noncompliance": true, "lacks_scheduled_participation": true},
		"reasons": [
			"DC_NONCOMPLIANT /discontinuation/home_program_noncompliance",
			"DC_NONCOMPLIANT /discontinuation/lacks_scheduled_participation",
		],
	},
	"continuation criteria not met": {
		"change": {"meets_continuation_criteria": false},
		"reasons": ["DC_CONTINUATION_CRITERIA_NOT_MET /discontinuation/meets_continuation_criteria"],
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
		"reasons": [
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
	summary(table.request(none_met, {"change": {"discontinuation": case.change}})) == case.reasons
}

test_met_though_nothing_else_is_stated[name] if {
	some name, case in cases
	summary({"discontinuation": case.change}) == case.reasons
}

test_none_met if summary(none_met) == []

test_each_alone_not_met_says_nothing[field] if {
	some field, value in none_met.discontinuation
	summary({"discontinuation": {field: value}}) == []
}

test_not_stated_says_nothing[name] if {
	some name, request in {
		"absent": {},
		"null": {"discontinuation": null},
		"empty": {"discontinuation": {}},
		"every field null": {"discontinuation": {field: null | some field, _ in none_met.discontinuation}},
	}
	summary(request) == []
}
