package therapy.outpatient_pt.continuation_test

import data.therapy.lib.reason
import data.therapy.lib.table_test as table
import data.therapy.outpatient_pt.continuation

# Every criterion for ending therapy is known not to be met.
review := {
	"request_type": "pt_continuation",
	"review_date": "2024-03-15",
	"specialty": "none",
	"benefit_status": "covered",
	"discontinuation": {
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
	},
}

fields_of := {
	"DC-1": "functional_impairment_resolved and goals_achieved and returned_to_prior_function",
	"DC-2": "adapted_with_equipment",
	"DC-3": "extended_period_of_service and progress_cause_indeterminate",
	"DC-4": "unable_to_participate",
	"DC-5": "home_program_noncompliance and lacks_scheduled_participation",
	"DC-6": "meets_continuation_criteria",
}

reasons_of(request) := reasons if reasons := continuation.all_reasons with input as request

test_continues if reasons_of(review) == set()

cases := {
	"impairment": {"fields": ["functional_impairment_resolved"], "undetermined": ["DC-1"]},
	"goals": {"fields": ["goals_achieved"], "undetermined": ["DC-1"]},
	"prior function": {"fields": ["returned_to_prior_function"], "undetermined": ["DC-1"]},
	"equipment": {"fields": ["adapted_with_equipment"], "undetermined": ["DC-2"]},
	"period, while the cause can be determined": {"fields": ["extended_period_of_service"], "undetermined": []},
	"cause, while the period is short": {"fields": ["progress_cause_indeterminate"], "undetermined": []},
	"period and cause": {
		"fields": ["extended_period_of_service", "progress_cause_indeterminate"],
		"undetermined": ["DC-3"],
	},
	"able to participate": {"fields": ["unable_to_participate"], "undetermined": ["DC-4"]},
	"home program": {"fields": ["home_program_noncompliance"], "undetermined": ["DC-5"]},
	"appointments": {"fields": ["lacks_scheduled_participation"], "undetermined": ["DC-5"]},
	"continuation criteria": {"fields": ["meets_continuation_criteria"], "undetermined": ["DC-6"]},
	"two criteria": {
		"fields": ["meets_continuation_criteria", "goals_achieved"],
		"undetermined": ["DC-1", "DC-6"],
	},
	"all": {
		"fields": [
			"functional_impairment_resolved", "goals_achieved", "returned_to_prior_function",
			"adapted_with_equipment",
			"extended_period_of_service", "progress_cause_indeterminate",
			"unable_to_participate",
			"home_program_noncompliance", "lacks_scheduled_participation",
			"meets_continuation_criteria",
		],
		"undetermined": ["DC-1", "DC-2", "DC-3", "DC-4", "DC-5", "DC-6"],
	},
}

# A reason for each of these clauses, with the fields that it asks for.
are_undetermined(reasons, clauses) if {
	table.facts(reasons) == [{"fields": fields_of[clause]} | some clause in clauses]
	[[one.code, one.clauses, one.path] | some one in reason.details(reasons)] == [
	["DC_UNDETERMINED", [clause], "/discontinuation"] |
		some clause in clauses
	]
}

test_null_undetermined[name] if {
	some name, case in cases
	request := object.union(review, {"discontinuation": {field: null | some field in case.fields}})
	are_undetermined(reasons_of(request), case.undetermined)
}

test_absent_undetermined[name] if {
	some name, case in cases
	request := json.remove(review, [concat("/", ["/discontinuation", field]) | some field in case.fields])
	are_undetermined(reasons_of(request), case.undetermined)
}

test_reasons[name] if {
	some name, case in {
		"a long period, and the cause not stated": {
			"change": {"discontinuation": {"extended_period_of_service": true, "progress_cause_indeterminate": null}},
			"reasons": ["DC_UNDETERMINED /discontinuation"],
		},
		"the period not stated, and the cause cannot be determined": {
			"change": {"discontinuation": {"extended_period_of_service": null, "progress_cause_indeterminate": true}},
			"reasons": ["DC_UNDETERMINED /discontinuation"],
		},
		"a long period, and the cause can be determined": {
			"change": {"discontinuation": {"extended_period_of_service": true}},
			"reasons": [],
		},
		"a short period, and the cause cannot be determined": {
			"change": {"discontinuation": {"progress_cause_indeterminate": true}},
			"reasons": [],
		},
		"a met criterion": {
			"change": {"discontinuation": {"goals_achieved": true}},
			"reasons": ["DC_NO_LONGER_NEEDED /discontinuation/goals_achieved"],
		},
		"a met criterion, while others cannot be determined": {
			"change": {"discontinuation": {
				"goals_achieved": true, "adapted_with_equipment": null, "unable_to_participate": null,
			}},
			"reasons": ["DC_NO_LONGER_NEEDED /discontinuation/goals_achieved"],
		},
		"criteria not met, while others cannot be determined": {
			"change": {"discontinuation": {"meets_continuation_criteria": false, "home_program_noncompliance": null}},
			"reasons": ["DC_CONTINUATION_CRITERIA_NOT_MET /discontinuation/meets_continuation_criteria"],
		},
		"benefits not covered": {
			"change": {"benefit_status": "not_covered"},
			"reasons": ["BENEFIT_NOT_COVERED /benefit_status"],
		},
		"benefits unverified, and a criterion cannot be determined": {
			"change": {"benefit_status": null, "discontinuation": {"adapted_with_equipment": null}},
			"reasons": ["BENEFIT_UNVERIFIED /benefit_status", "DC_UNDETERMINED /discontinuation"],
		},
		"before the rules begin": {
			"change": {"review_date": "2022-05-31"},
			"reasons": ["PT_BEFORE_EFFECTIVE_DATE /review_date"],
		},
		"the day that the rules begin": {"change": {"review_date": "2022-06-01"}, "reasons": []},
		"specialty": {"change": {"specialty": "lymphedema"}, "reasons": ["PT_SPECIALTY_EXCLUDED /specialty"]},
	}
	reasons := continuation.all_reasons with input as table.request(review, case)
	table.summary(reasons) == case.reasons
}

test_outcome[name] if {
	some name, case in {
		"continues": {"change": {}, "outcome": "authorized"},
		"met": {"change": {"discontinuation": {"goals_achieved": true}}, "outcome": "denied"},
		"cannot be determined": {"change": {"discontinuation": {"goals_achieved": null}}, "outcome": "pended"},
		"benefits unverified": {"change": {"benefit_status": null}, "outcome": "pended"},
		"benefits not covered": {"change": {"benefit_status": "not_covered"}, "outcome": "denied"},
		"specialty": {"change": {"specialty": "pediatric"}, "outcome": "not_applicable"},
	}
	decision := data.therapy.decision with input as table.request(review, case)
	decision.outcome == case.outcome
	decision.authorized == {
		"units": 0,
		"procedure_codes": [],
		"evaluation_visits": 0,
		"treatment_visits": 0,
		"max_units_per_visit": 0,
	}
}
