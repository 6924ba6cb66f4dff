# METADATA
# title: A policy with a value that cannot be used
# description: Each parameter in turn is broken in each way that a person might break it. No request that needs it is
#   authorized then, and none is denied for want of it.
package therapy.unusable_parameters_test

import data.therapy.broken_parameters_test as broken
import data.therapy.decision_test.requests
import data.therapy.outpatient_pt.referral

test_every_type_is_fine_otherwise[type] if {
	some type, request in requests
	decision := broken.decided(request, broken.sound)
	decision.outcome == object.get({"pt_extension": "pended", "referral_route": "routed"}, type, "authorized")
	not "POLICY_VALUE_UNUSABLE" in {one.code | some one in decision.reasons}
}

test_every_parameter_is_broken if {
	parameters := {concat("/", path) |
		[path, parameter] := walk(data.therapy.parameters)
		parameter.periods
	}
	parameters == object.keys(broken.needs)
	parameters == object.keys(broken.values)
}

test_units_per_visit[way] if {
	some way, patches in broken.ways_of("units_per_visit", "pt_visit")
	broken.pends("pt_visit", "units_per_visit", patches)
}

test_procedure_codes[way] if {
	some way, patches in broken.ways_of("pediatric_ot/procedure_codes", "pediatric_ot_claim")
	broken.pends("pediatric_ot_claim", "pediatric_ot/procedure_codes", patches)
}

test_effective_date[way] if {
	some way, patches in broken.ways_of("outpatient_pt/effective_date", "pt_treatment_plan")
	broken.pends("pt_treatment_plan", "outpatient_pt/effective_date", patches)
}

test_initial_visits[way] if {
	some way, patches in broken.ways_of("outpatient_pt/initial_visits", "pt_visit")
	broken.pends("pt_visit", "outpatient_pt/initial_visits", patches)
}

test_acute_events[way] if {
	some way, patches in broken.ways_of("outpatient_pt/acute_events", "pt_referral")
	broken.pends("pt_referral", "outpatient_pt/acute_events", patches)
}

test_acute_categories[way] if {
	some way, patches in broken.ways_of("outpatient_pt/acute_categories", "pt_referral")
	broken.pends("pt_referral", "outpatient_pt/acute_categories", patches)
}

test_eligible_categories[way] if {
	some way, patches in broken.ways_of("outpatient_pt/eligible_categories", "pt_referral")
	broken.pends("pt_referral", "outpatient_pt/eligible_categories", patches)
}

test_excluded_specialties[way] if {
	some way, patches in broken.ways_of("outpatient_pt/excluded_specialties", "pt_treatment_plan")
	broken.pends("pt_treatment_plan", "outpatient_pt/excluded_specialties", patches)
}

test_routes[way] if {
	some way, patches in broken.ways_of("referral/routes", "referral_route")
	broken.pends("referral_route", "referral/routes", patches)
}

test_contact[way] if {
	some way, patches in broken.ways_of("contact", "pt_treatment_plan")
	broken.pends("pt_treatment_plan", "contact", patches)
}

# Each way with one type of request, and one way with each type.
test_each_type_that_needs_a_parameter[name] if {
	some parameter, needed in broken.needs
	some type in needed.types
	name := concat(": ", [type, parameter])
	broken.pends(type, parameter, broken.ways["no periods"])
}

# Even without the reason that pends it, a referral would start with no visit.
test_a_referral_grants_nothing_by_itself[parameter] if {
	some parameter in ["units_per_visit", "outpatient_pt/initial_visits", "outpatient_pt/acute_events", "outpatient_pt/acute_categories"]
	parameters := broken.parameters(parameter, broken.ways["no periods"])
	referral.authorized == {} with input as requests.pt_referral with data.therapy.parameters as parameters
	referral.outcome == "pended" with input as requests.pt_referral with data.therapy.parameters as parameters
}

# A parameter that is missing altogether, with its clauses.
test_a_parameter_dropped[name] if {
	some parameter, needed in broken.needs
	some type in needed.types
	name := concat(": ", [type, parameter])
	broken.pended_for(broken.decided(requests[type], broken.parameters(parameter, broken.dropped)), [])
}

test_no_parameters[type] if {
	some type in object.keys(requests)
	decision := broken.decided(requests[type], {})
	decision.outcome == "pended"
	decision.authorized == broken.nothing
	decision.authorized_under == []
	decision.contact == null
	{[one.code, one.path] | some one in decision.reasons} == {["POLICY_VALUE_UNUSABLE", ""]}
}

# Requests that a sound policy denies or leaves out for a reason that needs a value: the policy's fault takes its place.
test_the_reason_that_needs_the_value_gives_way[name] if {
	some name, case in {
		"the 71st treatment visit": {
			"type": "pt_visit",
			"change": {
				"visit": {"number": 72},
				"progress_note_number": 72,
				"prior_visits": {"evaluation": 1, "treatment": 70},
			},
			"reason": "PT_TREATMENT_VISIT_LIMIT",
			"parameter": "outpatient_pt/initial_visits",
		},
		"a second evaluation": {
			"type": "pt_visit",
			"change": {"visit": {"kind": "evaluation"}},
			"reason": "PT_EVALUATION_VISIT_LIMIT",
			"parameter": "outpatient_pt/initial_visits",
		},
		"a fifth unit of a visit": {
			"type": "pt_visit",
			"change": {"visit": {"units": 1, "units_already_authorized": 4}},
			"reason": "PT_UNITS_OVER_VISIT_LIMIT",
			"parameter": "units_per_visit",
		},
		"a fifth unit of a claim": {
			"type": "pediatric_ot_claim",
			"change": {"units_already_authorized": 4},
			"reason": "OT_UNITS_OVER_VISIT_LIMIT",
			"parameter": "units_per_visit",
		},
		"a code that is not listed": {
			"type": "pediatric_ot_claim",
			"change": {"service_lines": [{"procedure_code": "97140", "units": 1}]},
			"reason": "OT_CODE_NOT_LISTED",
			"parameter": "pediatric_ot/procedure_codes",
		},
		"an add-on without its primary code": {
			"type": "pediatric_ot_claim",
			"change": {"service_lines": [{"procedure_code": "97130", "units": 1}]},
			"reason": "OT_ADD_ON_WITHOUT_PRIMARY",
			"parameter": "pediatric_ot/procedure_codes",
		},
		"a category that is not eligible": {
			"type": "pt_referral",
			"change": {"condition": {"category": "other"}},
			"reason": "PT_CONDITION_NOT_ELIGIBLE",
			"parameter": "outpatient_pt/eligible_categories",
		},
		"an event that is not listed": {
			"type": "pt_referral",
			"change": {"condition": {"acute_event": "new_stroke"}},
			"reason": "PT_ACUTE_EVENT_NOT_LISTED",
			"parameter": "outpatient_pt/acute_events",
		},
		"an event while no category is acute": {
			"type": "pt_referral",
			"change": {"condition": {"acute_event": "new_stroke"}},
			"reason": "PT_ACUTE_EVENT_NOT_LISTED",
			"parameter": "outpatient_pt/acute_categories",
		},
		"a category without a tier": {
			"type": "pt_referral",
			"change": {"condition": {"category": "subacute"}},
			"reason": "PT_TIER_NOT_NAMED",
			"parameter": "outpatient_pt/acute_categories",
		},
		"an excluded specialty": {
			"type": "pt_treatment_plan",
			"change": {"specialty": "lymphedema"},
			"reason": "PT_SPECIALTY_EXCLUDED",
			"parameter": "outpatient_pt/excluded_specialties",
		},
		"a review before the rules": {
			"type": "pt_continuation",
			"change": {"review_date": "2022-05-31"},
			"reason": "PT_BEFORE_EFFECTIVE_DATE",
			"parameter": "outpatient_pt/effective_date",
		},
	}
	request := object.union(requests[case.type], case.change)
	case.reason in {one.code | some one in broken.decided(request, broken.sound).reasons}
	every way in ["no periods", "null", "a text", "an empty list"] {
		broken.pended_for(broken.decided(request, broken.parameters(case.parameter, broken.ways[way])), broken.needs[case.parameter].clauses)
	}
}

# Other reasons stay beside it, and still deny.
test_a_denial_for_another_reason_stays[name] if {
	some parameter, needed in broken.needs
	some type in needed.types
	type != "referral_route"
	name := concat(": ", [type, parameter])
	request := object.union(requests[type], {"benefit_status": "not_covered"})
	decision := broken.decided(request, broken.parameters(parameter, broken.ways["no periods"]))
	decision.outcome == "denied"
	decision.authorized == broken.nothing
	[[one.code, one.path] | some one in decision.reasons] == [
		["BENEFIT_NOT_COVERED", "/benefit_status"],
		["POLICY_VALUE_UNUSABLE", ""],
	]
}

# Both lists have the same clause, and a decision lists a code, path and clause once.
test_two_lists_of_one_clause_are_one_reason if {
	parameters := object.union(broken.sound, {"outpatient_pt": {"acute_events": {"periods": []}, "acute_categories": {"periods": []}}})
	broken.pended_for(broken.decided(requests.pt_referral, parameters), ["PT-4"])
}

test_two_parameters_are_two_reasons if {
	parameters := object.union(broken.sound, {"outpatient_pt": {"initial_visits": {"periods": []}}, "units_per_visit": {"periods": []}})
	decision := broken.decided(requests.pt_visit, parameters)
	decision.outcome == "pended"
	[[one.code, one.clauses] | some one in decision.reasons] == [
		["POLICY_VALUE_UNUSABLE", ["PT-1", "PT-3", "PT-4"]],
		["POLICY_VALUE_UNUSABLE", ["PT-5"]],
	]
}

# An invalid request is told what is wrong with it all the same; where the contact cannot be used, it has none.
test_an_invalid_request_of_a_broken_policy[parameter] if {
	some parameter, _ in broken.needs
	decision := broken.decided(object.union(requests.pt_visit, {"tier": 5}), broken.parameters(parameter, broken.ways["null"]))
	decision.outcome == "invalid_request"
	[[one.code, one.path] | some one in decision.reasons] == [["REQUEST_INVALID", "/tier"]]
	decision.contact == object.get({"contact": null}, parameter, broken.sound.contact.periods[0].value)
}

test_the_contact_of_a_request_that_the_policy_pends if {
	decision := broken.decided(requests.pt_visit, broken.parameters("units_per_visit", broken.ways["null"]))
	decision.contact == {"name": "Authorization", "hours": "always", "fax": ["1", "2"]}
}

test_no_contact_where_it_cannot_be_used if {
	broken.decided(requests.pt_visit, broken.parameters("contact", broken.ways["null"])).contact == null
}

test_a_version_that_cannot_be_used[name] if {
	some name, policy in {
		"none": {},
		"null": {"version": null},
		"a number": {"version": 1.1},
		"two numbers": {"version": "1.1"},
		"four numbers": {"version": "1.1.0.0"},
		"no numbers": {"version": ".."},
		"a word": {"version": "1.1.x"},
		"empty": {"version": ""},
		"list": {"version": ["1", "1", "0"]},
	}
	every request in requests {
		decision := data.therapy.decision with input as request
			with data.therapy.parameters as broken.sound
			with data.therapy.register.policy as policy
		broken.pended_for(decision, [])
		broken.names(decision, "version")
		decision.policy_version == ""
	}
}

test_a_version_that_can_be_used[version] if {
	some version in ["1.1.0", "0.0.1", "10.20.300"]
	decision := data.therapy.decision with input as requests.pt_visit
		with data.therapy.parameters as broken.sound
		with data.therapy.register.policy as {"version": version}
	decision.policy_version == version
	decision.outcome == "authorized"
}
