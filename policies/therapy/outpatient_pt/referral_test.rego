package therapy.outpatient_pt.referral_test

import data.therapy.lib.effective
import data.therapy.lib.table_test as table
import data.therapy.outpatient_pt.referral

base := {
	"request_type": "pt_referral",
	"referral_date": "2024-03-15",
	"specialty": "none",
	"benefit_status": "covered",
	"condition": {"category": "acute", "acute_event": "fracture"},
	"expected_improvement": {
		"measurable": true,
		"significant": true,
		"sustainable": true,
		"functional": true,
		"within_reasonable_period": true,
		"result_of_pt": true,
	},
}

aspects := [
	"functional", "measurable", "result_of_pt",
	"significant", "sustainable", "within_reasonable_period",
]

summary(request) := table.summary(reasons) if reasons := referral.all_reasons with input as request

acute_visits := {"evaluation_visits": 1, "treatment_visits": 11, "max_units_per_visit": 4}

nonacute_visits := {"evaluation_visits": 1, "treatment_visits": 5, "max_units_per_visit": 4}

event_not_listed := ["PT_ACUTE_EVENT_NOT_LISTED /condition/acute_event"]

tier_not_named := ["PT_TIER_NOT_NAMED /condition/category"]

listed_events := ["new_post_operative", "fracture", "new_stroke", "exacerbation_due_to_event"]

test_acute_tier[name] if {
	some category in ["acute", "acute_exacerbation_of_chronic"]
	some event in listed_events
	name := concat(" ", [category, event])
	request := object.union(base, {"condition": {"category": category, "acute_event": event}})
	summary(request) == []
	referral.authorized == acute_visits with input as request
}

test_acute_without_a_listed_event[name] if {
	some category in ["acute", "acute_exacerbation_of_chronic"]
	some stated, condition in {"none": {"acute_event": "none"}, "null": {"acute_event": null}, "not stated": {}}
	name := concat(" ", [category, stated])
	request := object.union(
		json.remove(base, ["/condition/acute_event"]),
		{"condition": object.union(condition, {"category": category})},
	)
	summary(request) == event_not_listed
	referral.authorized == nonacute_visits with input as request
}

test_nonacute_whatever_the_event[name] if {
	some category in ["subacute", "neurodevelopmental", "function_limiting_chronic"]
	some event in array.concat(listed_events, ["none", null])
	name := concat(" ", [category, json.marshal(event)])
	request := object.union(base, {"condition": {"category": category, "acute_event": event}})
	summary(request) == tier_not_named
	referral.authorized == nonacute_visits with input as request
}

test_nonacute_without_an_event[category] if {
	some category in ["subacute", "neurodevelopmental", "function_limiting_chronic"]
	request := object.union(base, {"condition": {"category": category}})
	summary(json.remove(request, ["/condition/acute_event"])) == tier_not_named
}

test_not_eligible_whatever_the_event[name] if {
	some event in array.concat(listed_events, ["none", null])
	name := json.marshal(event)
	summary(object.union(base, {"condition": {"category": "other", "acute_event": event}})) == [
		"PT_CONDITION_NOT_ELIGIBLE /condition/category",
	]
}

test_these_values_alone[name] if {
	some name, values in {
		"acute_events": {"new_post_operative", "fracture", "new_stroke", "exacerbation_due_to_event"},
		"acute_categories": {"acute", "acute_exacerbation_of_chronic"},
		"eligible_categories": {
			"acute", "subacute", "neurodevelopmental",
			"acute_exacerbation_of_chronic", "function_limiting_chronic",
		},
	}
	listed := effective.value(effective.periods(data.therapy.parameters.outpatient_pt[name].periods)) with input as base
	{value | some value in listed} == values
}

test_an_aspect_that_is_not_expected[aspect] if {
	some aspect in aspects
	summary(object.union(base, {"expected_improvement": {aspect: false}})) == [
		concat("/", ["PT_IMPROVEMENT_NOT_EXPECTED ", "expected_improvement", aspect]),
	]
}

test_an_aspect_that_is_null[aspect] if {
	some aspect in aspects
	summary(object.union(base, {"expected_improvement": {aspect: null}})) == [
		concat("/", ["PT_IMPROVEMENT_UNDOCUMENTED ", "expected_improvement", aspect]),
	]
}

test_an_aspect_that_is_absent[aspect] if {
	some aspect in aspects
	summary(json.remove(base, [concat("/", ["expected_improvement", aspect])])) == [
		concat("/", ["PT_IMPROVEMENT_UNDOCUMENTED ", "expected_improvement", aspect]),
	]
}

test_no_aspect_is_expected if {
	summary(object.union(base, {"expected_improvement": {aspect: false | some aspect in aspects}})) == [
		"PT_IMPROVEMENT_NOT_EXPECTED /expected_improvement/functional",
		"PT_IMPROVEMENT_NOT_EXPECTED /expected_improvement/measurable",
		"PT_IMPROVEMENT_NOT_EXPECTED /expected_improvement/result_of_pt",
		"PT_IMPROVEMENT_NOT_EXPECTED /expected_improvement/significant",
		"PT_IMPROVEMENT_NOT_EXPECTED /expected_improvement/sustainable",
		"PT_IMPROVEMENT_NOT_EXPECTED /expected_improvement/within_reasonable_period",
	]
}

test_no_aspect_is_stated[name] if {
	some name, request in {
		"absent": object.remove(base, ["expected_improvement"]),
		"null": object.union(base, {"expected_improvement": null}),
		"empty": json.patch(base, [{"op": "replace", "path": "/expected_improvement", "value": {}}]),
	}
	summary(request) == [
		"PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/functional",
		"PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/measurable",
		"PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/result_of_pt",
		"PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/significant",
		"PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/sustainable",
		"PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/within_reasonable_period",
	]
}

test_reasons_together[name] if {
	some name, case in {
		"benefits not covered": {
			"change": {"benefit_status": "not_covered"},
			"reasons": ["BENEFIT_NOT_COVERED /benefit_status"],
		},
		"benefits unverified": {"without": ["/benefit_status"], "reasons": ["BENEFIT_UNVERIFIED /benefit_status"]},
		"before the rules begin": {
			"change": {"referral_date": "2022-05-31"},
			"reasons": ["PT_BEFORE_EFFECTIVE_DATE /referral_date", "POLICY_VALUE_UNUSABLE"],
		},
		"the day that the rules begin": {"change": {"referral_date": "2022-06-01"}, "reasons": []},
		"specialty": {"change": {"specialty": "aqua_therapy"}, "reasons": ["PT_SPECIALTY_EXCLUDED /specialty"]},
		"everything at once": {
			"change": {
				"referral_date": "2022-05-31",
				"specialty": "pelvic_floor",
				"benefit_status": "unverified",
				"condition": {"category": "other"},
				"expected_improvement": {"sustainable": false, "functional": null},
			},
			"reasons": [
				"PT_BEFORE_EFFECTIVE_DATE /referral_date",
				"PT_SPECIALTY_EXCLUDED /specialty",
				"BENEFIT_UNVERIFIED /benefit_status",
				"PT_CONDITION_NOT_ELIGIBLE /condition/category",
				"PT_IMPROVEMENT_NOT_EXPECTED /expected_improvement/sustainable",
				"PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/functional",
				"POLICY_VALUE_UNUSABLE",
			],
		},
	}
	summary(table.request(base, case)) == case.reasons
}

test_decision[name] if {
	some name, case in {
		"acute": {"change": {}, "outcome": "authorized", "visits": [1, 11, 4]},
		"acute without event": {
			"change": {"condition": {"acute_event": "none"}},
			"outcome": "authorized",
			"visits": [1, 5, 4],
		},
		"nonacute": {"change": {"condition": {"category": "subacute"}}, "outcome": "authorized", "visits": [1, 5, 4]},
		"the first day": {"change": {"referral_date": "2022-06-01"}, "outcome": "authorized", "visits": [1, 11, 4]},
		"the day before": {"change": {"referral_date": "2022-05-31"}, "outcome": "not_applicable", "visits": [0, 0, 0]},
		"other": {"change": {"condition": {"category": "other"}}, "outcome": "denied", "visits": [0, 0, 0]},
		"not expected": {
			"change": {"expected_improvement": {"functional": false}},
			"outcome": "denied",
			"visits": [0, 0, 0],
		},
		"not stated": {
			"change": {"expected_improvement": {"functional": null}},
			"outcome": "pended",
			"visits": [0, 0, 0],
		},
		"benefits unverified": {"change": {"benefit_status": null}, "outcome": "pended", "visits": [0, 0, 0]},
	}
	decision := data.therapy.decision with input as table.request(base, case)
	decision.outcome == case.outcome
	decision.authorized == {
		"units": 0,
		"procedure_codes": [],
		"evaluation_visits": case.visits[0],
		"treatment_visits": case.visits[1],
		"max_units_per_visit": case.visits[2],
	}
}

# From 2030 on, everything that a referral depends on is different.
changed := {
	"acute_categories": [{"from": "1900-01-01", "value": ["acute"]}, {"from": "2030-01-01", "value": ["subacute"]}],
	"acute_events": [{"from": "1900-01-01", "value": ["fracture"]}, {"from": "2030-01-01", "value": ["new_stroke"]}],
	"eligible_categories": [{"from": "1900-01-01", "value": ["acute"]}, {"from": "2030-01-01", "value": ["subacute"]}],
	"initial_visits": [
		{"from": "2022-06-01", "value": {
			"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11},
			"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 5},
		}},
		{"from": "2030-01-01", "value": {
			"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 8},
			"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 3},
		}},
	],
	"units_per_visit": [{"from": "1900-01-01", "value": 4}, {"from": "2030-01-01", "value": 3}],
}

test_a_change_holds_from_its_date_on[name] if {
	some name, case in {
		"the day before": {
			"change": {"referral_date": "2029-12-31"},
			"reasons": [],
			"visits": [1, 11, 4],
		},
		"the day": {
			"change": {"referral_date": "2030-01-01", "condition": {"category": "subacute", "acute_event": "new_stroke"}},
			"reasons": [],
			"visits": [1, 8, 3],
		},
		"an event that is no longer listed": {
			"change": {"referral_date": "2030-01-01", "condition": {"category": "subacute", "acute_event": "fracture"}},
			"reasons": event_not_listed,
			"visits": [1, 3, 3],
		},
		"a category that is no longer eligible": {
			"change": {"referral_date": "2030-01-01"},
			"reasons": ["PT_CONDITION_NOT_ELIGIBLE /condition/category"],
			"visits": [1, 3, 3],
		},
	}
	request := table.request(base, case)
	result := {"reasons": table.summary(referral.all_reasons), "grant": referral.authorized} with input as request
		with data.therapy.parameters.outpatient_pt.acute_categories.periods as changed.acute_categories
		with data.therapy.parameters.outpatient_pt.acute_events.periods as changed.acute_events
		with data.therapy.parameters.outpatient_pt.eligible_categories.periods as changed.eligible_categories
		with data.therapy.parameters.outpatient_pt.initial_visits.periods as changed.initial_visits
		with data.therapy.parameters.units_per_visit.periods as changed.units_per_visit
	result.reasons == case.reasons
	result.grant == {
		"evaluation_visits": case.visits[0],
		"treatment_visits": case.visits[1],
		"max_units_per_visit": case.visits[2],
	}
}

test_requested_visits[name] if {
	some name, case in {
		"fewer than the tier": {"change": {"requested_visits": 1}, "outcome": "authorized", "visits": 12, "facts": []},
		"as many as the tier": {"change": {"requested_visits": 12}, "outcome": "authorized", "visits": 12, "facts": []},
		"written in another way": {"change": {"requested_visits": 12.0}, "outcome": "authorized", "visits": 12, "facts": []},
		"one more than the tier": {
			"change": {"requested_visits": 13},
			"outcome": "partially_authorized",
			"visits": 12,
			"facts": [{"requested": 13, "limit": 12}],
		},
		"one more than the nonacute tier": {
			"change": {"requested_visits": 7, "condition": {"category": "subacute"}},
			"outcome": "partially_authorized",
			"visits": 6,
			"facts": [{"requested": 7, "limit": 6}],
		},
		"null": {"change": {"requested_visits": null}, "outcome": "authorized", "visits": 12, "facts": []},
		"not stated": {"change": {}, "outcome": "authorized", "visits": 12, "facts": []},
	}
	request := table.request(base, case)
	decision := data.therapy.decision with input as request
	decision.outcome == case.outcome
	decision.authorized.evaluation_visits + decision.authorized.treatment_visits == case.visits
	decision.authorized_under[0] in {"PT-3", "PT-4"}
	facts := [each.facts | some each in referral.reasons; each.code == "PT_REFERRAL_VISIT_LIMIT"] with input as request
	facts == case.facts
}

# Visits over the limit do not hide what decides about the whole referral.
test_requested_visits_of_a_referral_that_is_not_authorized[name] if {
	some name, case in {
		"denied": {"change": {"condition": {"category": "other"}, "requested_visits": 99}, "outcome": "denied"},
		"pended": {"change": {"benefit_status": null, "requested_visits": 99}, "outcome": "pended"},
		"not applicable": {"change": {"referral_date": "2022-05-31", "requested_visits": 99}, "outcome": "not_applicable"},
		"invalid": {"change": {"requested_visits": 0}, "outcome": "invalid_request"},
	}
	decision := data.therapy.decision with input as table.request(base, case)
	decision.outcome == case.outcome
	decision.authorized.treatment_visits == 0
}

test_the_clause_of_visits_over_the_limit[name] if {
	some name, case in {
		"acute": {"change": {"requested_visits": 13}, "clauses": ["PT-4"]},
		"nonacute": {"change": {"requested_visits": 13, "condition": {"category": "subacute"}}, "clauses": ["PT-3"]},
	}
	decision := data.therapy.decision with input as table.request(base, case)
	[each.clauses | some each in decision.reasons; each.code == "PT_REFERRAL_VISIT_LIMIT"] == [case.clauses]
}

test_authorized_under[name] if {
	some name, case in {
		"acute": {"change": {}, "under": ["PT-4", "PT-5"]},
		"acute without a listed event": {"change": {"condition": {"acute_event": "none"}}, "under": ["PT-3", "PT-5"]},
		"nonacute": {"change": {"condition": {"category": "subacute"}}, "under": ["PT-3", "PT-5"]},
		"denied": {"change": {"condition": {"category": "other"}}, "under": []},
		"pended": {"change": {"benefit_status": null}, "under": []},
		"not applicable": {"change": {"referral_date": "2022-05-31"}, "under": []},
		"invalid": {"change": {"condition": 5}, "under": []},
	}
	decision := data.therapy.decision with input as table.request(base, case)
	decision.authorized_under == case.under
}

# A category that is not eligible is not authorized, whatever the register says of that.
test_no_visits_for_a_category_that_is_not_eligible if {
	entry := {"PT_CONDITION_NOT_ELIGIBLE": {"effect": "info"}}
	decision := data.therapy.decision with input as object.union(base, {"condition": {"category": "other"}})
		with data.therapy.register.reason_codes as object.union(data.therapy.register.reason_codes, entry)
	decision.outcome == "pended"
	decision.authorized.treatment_visits == 0
	decision.authorized_under == []
}
