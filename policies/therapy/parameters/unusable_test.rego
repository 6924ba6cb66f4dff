# METADATA
# title: A policy with a value that cannot be used
# description: Each parameter in turn is broken in each way that a person might break it. No request that needs it is
#   authorized then, and none is denied for want of it.
package therapy.unusable_parameters_test

import data.therapy.decision_test.requests

# The parameters that every test starts from, so that a change of the policy's own changes nothing here.
sound := {
	"units_per_visit": {"clauses": ["PT-5"], "periods": [{"from": "1900-01-01", "value": 4}]},
	"pediatric_ot": {"procedure_codes": {"clauses": ["OT-3", "OT-4", "OT-5", "OT-6"], "periods": [{
		"from": "1900-01-01",
		"value": {
			"97110": {"clause": "OT-5"},
			"97129": {"clause": "OT-5"},
			"97130": {"clause": "OT-6", "add_on_to": "97129"},
			"97530": {"clause": "OT-5"},
		},
	}]}},
	"outpatient_pt": {
		"effective_date": {"clauses": ["PT-1"], "periods": [{"from": "1900-01-01", "value": "2022-06-01"}]},
		"initial_visits": {"clauses": ["PT-1", "PT-3", "PT-4"], "periods": [{"from": "2022-06-01", "value": {
			"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 5},
			"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11},
		}}]},
		"acute_events": {"clauses": ["PT-4"], "periods": [{
			"from": "1900-01-01",
			"value": ["new_post_operative", "fracture"],
		}]},
		"acute_categories": {"clauses": ["PT-4"], "periods": [{"from": "1900-01-01", "value": ["acute"]}]},
		"eligible_categories": {"clauses": ["PT-6"], "periods": [{"from": "1900-01-01", "value": ["acute", "subacute"]}]},
		"excluded_specialties": {"clauses": ["PT-2"], "periods": [{
			"from": "1900-01-01",
			"value": ["aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"],
		}]},
	},
	"referral": {"routes": {"clauses": ["REF-1", "REF-2"], "periods": [{"from": "1900-01-01", "value": {
		"oahu": {"clause": "REF-1", "chapter": "11", "network": null},
		"maui": {"clause": "REF-1", "chapter": "11", "network": null},
		"hawaii": {"clause": "REF-1", "chapter": "11", "network": null},
		"kauai": {"clause": "REF-2", "chapter": "17", "network": "Neighbor Island Network"},
		"lanai": {"clause": "REF-2", "chapter": "17", "network": "Neighbor Island Network"},
		"molokai": {"clause": "REF-2", "chapter": "17", "network": "Neighbor Island Network"},
	}}]}},
	"contact": {"clauses": ["AUTH-1"], "periods": [{"from": "1900-01-01", "value": {
		"name": "Authorization",
		"hours": "always",
		"fax": ["1", "2"],
	}}]},
}

# How any parameter can be broken, as a patch of it.
ways := {
	"no periods": [{"op": "replace", "path": "periods", "value": []}],
	"periods dropped": [{"op": "remove", "path": "periods"}],
	"periods misspelt": [{"op": "move", "from": "periods", "path": "period"}],
	"periods null": [{"op": "replace", "path": "periods", "value": null}],
	"one period, not in a list": [{"op": "move", "from": "periods/0", "path": "periods"}],
	"a period from the next day on": [{"op": "replace", "path": "periods/0/from", "value": "2024-03-16"}],
	"a period from no real day on": [{"op": "replace", "path": "periods/0/from", "value": "2022-02-30"}],
	"a period from a number on": [{"op": "replace", "path": "periods/0/from", "value": 2022}],
	"a period without its date": [{"op": "remove", "path": "periods/0/from"}],
	"the same date twice": [{"op": "copy", "from": "periods/0", "path": "periods/1"}],
	"no value": [{"op": "remove", "path": "periods/0/value"}],
	"value misspelt": [{"op": "move", "from": "periods/0/value", "path": "periods/0/values"}],
	"null": [{"op": "replace", "path": "periods/0/value", "value": null}],
	"false": [{"op": "replace", "path": "periods/0/value", "value": false}],
	"true": [{"op": "replace", "path": "periods/0/value", "value": true}],
	"an empty text": [{"op": "replace", "path": "periods/0/value", "value": ""}],
	"a text": [{"op": "replace", "path": "periods/0/value", "value": "4"}],
	"a number that is too large": [{"op": "replace", "path": "periods/0/value", "value": 100}],
	"an empty list": [{"op": "replace", "path": "periods/0/value", "value": []}],
	"a list of one": [{"op": "replace", "path": "periods/0/value", "value": [4]}],
	"an empty object": [{"op": "replace", "path": "periods/0/value", "value": {}}],
	"an object": [{"op": "replace", "path": "periods/0/value", "value": {"acute": "acute"}}],
}

# Values that only one parameter could have: those that cannot be used.
values := {
	"units_per_visit": {
		"above the ceiling": 5,
		"none": 0,
		"less than none": -1,
		"half a unit": 3.5,
		"a text": "4",
		"a list": [4],
	},
	"pediatric_ot/procedure_codes": {
		"a code above the ceiling": {"97110": {"clause": "OT-5"}, "97530": {"clause": "OT-5"}, "97140": {"clause": "OT-5"}},
		"a clause that does not exist": {"97110": {"clause": "OT-5"}, "97530": {"clause": "OT-7"}},
		"no clause": {"97110": {"clause": "OT-5"}, "97530": {}},
		"clause misspelt": {"97110": {"clause": "OT-5"}, "97530": {"clauses": "OT-5"}},
		"an add-on to nothing": {
			"97129": {"clause": "OT-5"}, "97130": {"clause": "OT-6"}, "97530": {"clause": "OT-5"},
		},
		"add-on misspelt": {
			"97129": {"clause": "OT-5"}, "97130": {"clause": "OT-6", "addon_to": "97129"}, "97530": {"clause": "OT-5"},
		},
		"an add-on to another code": {
			"97129": {"clause": "OT-5"}, "97130": {"clause": "OT-6", "add_on_to": "97530"}, "97530": {"clause": "OT-5"},
		},
		"a primary code as an add-on": {"97129": {"clause": "OT-5"}, "97530": {"clause": "OT-5", "add_on_to": "97129"}},
		"an add-on without its primary code": {
			"97130": {"clause": "OT-6", "add_on_to": "97129"}, "97530": {"clause": "OT-5"},
		},
		"a code of nothing": {"97110": {"clause": "OT-5"}, "97530": null},
		"a code of a text": {"97110": {"clause": "OT-5"}, "97530": "OT-5"},
		"a list of codes": ["97110", "97129", "97530"],
	},
	"outpatient_pt/effective_date": {
		"no real date": "2022-06-31",
		"another form of date": "June 1, 2022",
		"a number": 20220601,
		"a list": ["2022-06-01"],
	},
	"outpatient_pt/initial_visits": {
		"a tier dropped": {"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11}},
		"treatments above the ceiling": {
			"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 12},
			"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11},
		},
		"evaluations above the ceiling": {
			"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 5},
			"acute": {"clause": "PT-4", "evaluation": 2, "treatment": 11},
		},
		"a clause that does not exist": {
			"nonacute": {"clause": "PT-30", "evaluation": 1, "treatment": 5},
			"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11},
		},
		"treatment as text": {
			"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 5},
			"acute": {"clause": "PT-4", "evaluation": 1, "treatment": "11"},
		},
		"treatment misspelt": {
			"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 5},
			"acute": {"clause": "PT-4", "evaluation": 1, "treatments": 11},
		},
	},
	"outpatient_pt/acute_events": {
		"an unknown name": ["fracture", "fall"],
		"no event": ["fracture", "none"],
		"a text": "fracture",
		"an object": {"first": "fracture"},
	},
	"outpatient_pt/acute_categories": {
		"an unknown name": ["acute", "chronic"],
		"a text": "acute",
		"an object": {"first": "acute"},
	},
	"outpatient_pt/eligible_categories": {
		"an unknown name": ["acute", "chronic"],
		"a text": "acute",
		"an object": {"first": "acute"},
	},
	"outpatient_pt/excluded_specialties": {
		"one left out": ["aqua_therapy", "pelvic_floor", "lymphedema"],
		"an unknown name": ["aqua_therapy", "pelvic_floor", "lymphedema", "paediatric"],
		"a text": "pediatric",
	},
	"referral/routes": {
		"an island alone": {"oahu": {"clause": "REF-1", "chapter": "11", "network": null}},
		"chapters as numbers": {
			"oahu": {"clause": "REF-1", "chapter": 11, "network": null},
			"maui": {"clause": "REF-1", "chapter": 11, "network": null},
			"hawaii": {"clause": "REF-1", "chapter": 11, "network": null},
			"kauai": {"clause": "REF-2", "chapter": 17, "network": null},
			"lanai": {"clause": "REF-2", "chapter": 17, "network": null},
			"molokai": {"clause": "REF-2", "chapter": 17, "network": null},
		},
	},
	"contact": {
		"no name": {"hours": "always", "fax": ["1", "2"]},
		"an empty name": {"name": "", "hours": "always", "fax": ["1", "2"]},
		"a name that is a number": {"name": 5, "hours": "always", "fax": ["1", "2"]},
		"hours misspelt": {"name": "Authorization", "hour": "always", "fax": ["1", "2"]},
		"empty hours": {"name": "Authorization", "hours": "", "fax": ["1", "2"]},
		"one fax number": {"name": "Authorization", "hours": "always", "fax": ["1"]},
		"three fax numbers": {"name": "Authorization", "hours": "always", "fax": ["1", "2", "3"]},
		"an empty fax number": {"name": "Authorization", "hours": "always", "fax": ["1", ""]},
		"fax numbers that are numbers": {"name": "Authorization", "hours": "always", "fax": [1, 2]},
		"fax a text of two characters": {"name": "Authorization", "hours": "always", "fax": "12"},
		"fax a number": {"name": "Authorization", "hours": "always", "fax": 2},
		"no fax number": {"name": "Authorization", "hours": "always"},
	},
}

# The types of request that need each parameter, and its clauses. Only an extension is not authorized otherwise.
needs := {
	"units_per_visit": {"types": ["pediatric_ot_claim", "pt_referral", "pt_visit"], "clauses": ["PT-5"]},
	"pediatric_ot/procedure_codes": {"types": ["pediatric_ot_claim"], "clauses": ["OT-3", "OT-4", "OT-5", "OT-6"]},
	"outpatient_pt/effective_date": {"types": pt_types, "clauses": ["PT-1"]},
	"outpatient_pt/initial_visits": {"types": ["pt_referral", "pt_visit"], "clauses": ["PT-1", "PT-3", "PT-4"]},
	"outpatient_pt/acute_events": {"types": ["pt_referral"], "clauses": ["PT-4"]},
	"outpatient_pt/acute_categories": {"types": ["pt_referral"], "clauses": ["PT-4"]},
	"outpatient_pt/eligible_categories": {"types": ["pt_referral"], "clauses": ["PT-6"]},
	"outpatient_pt/excluded_specialties": {"types": pt_types, "clauses": ["PT-2"]},
	"referral/routes": {"types": ["pt_referral", "referral_route"], "clauses": ["REF-1", "REF-2"]},
	"contact": {"types": array.concat(pt_types, ["pediatric_ot_claim", "referral_route"]), "clauses": ["AUTH-1"]},
}

pt_types := ["pt_referral", "pt_treatment_plan", "pt_visit", "pt_extension", "pt_continuation"]

# The parameters, with one of them patched.
broken(parameter, patches) := json.patch(sound, [object.union(patch, paths) |
	some patch in patches
	paths := {key: concat("/", ["", parameter, patch[key]]) | some key in ["path", "from"]; patch[key]}
])

with_value(value) := [{"op": "replace", "path": "periods/0/value", "value": value}]

# Every way to break a parameter. A route has no date, so it has the newest period, whenever that begins.
ways_of(parameter, type) := object.union(
	object.remove(ways, {"a period from the next day on" | type == "referral_route"}),
	{concat(" ", ["value:", name]): with_value(value) | some name, value in values[parameter]},
)

decided(request, parameters) := decision if {
	decision := data.therapy.decision with input as request with data.therapy.parameters as parameters
}

nothing := {
	"units": 0,
	"procedure_codes": [],
	"evaluation_visits": 0,
	"treatment_visits": 0,
	"max_units_per_visit": 0,
}

pended_for(decision, clauses) if {
	decision.outcome == "pended"
	decision.authorized == nothing
	decision.authorized_under == []
	decision.route in {null, {"chapter": "17", "network": "Neighbor Island Network"}}
	[[one.code, one.effect, one.path, one.clauses] | some one in decision.reasons] == [[
		"POLICY_VALUE_UNUSABLE", "pend", "", clauses,
	]]
	every line in decision.lines {
		line.status == "pended"
		line.units_authorized == 0
		line.reasons == ["POLICY_VALUE_UNUSABLE"]
	}
}

test_every_type_is_fine_otherwise[type] if {
	some type, request in requests
	decision := decided(request, sound)
	decision.outcome == object.get({"pt_extension": "pended", "referral_route": "routed"}, type, "authorized")
	not "POLICY_VALUE_UNUSABLE" in {one.code | some one in decision.reasons}
}

test_every_parameter_is_broken if {
	parameters := {concat("/", path) |
		[path, parameter] := walk(data.therapy.parameters)
		parameter.periods
	}
	parameters == object.keys(needs)
	parameters == object.keys(values)
}

test_units_per_visit[way] if {
	some way, patches in ways_of("units_per_visit", "pt_visit")
	pended_for(decided(requests.pt_visit, broken("units_per_visit", patches)), needs.units_per_visit.clauses)
}

test_procedure_codes[way] if {
	some way, patches in ways_of("pediatric_ot/procedure_codes", "pediatric_ot_claim")
	pended_for(decided(requests.pediatric_ot_claim, broken("pediatric_ot/procedure_codes", patches)), needs["pediatric_ot/procedure_codes"].clauses)
}

test_effective_date[way] if {
	some way, patches in ways_of("outpatient_pt/effective_date", "pt_treatment_plan")
	pended_for(decided(requests.pt_treatment_plan, broken("outpatient_pt/effective_date", patches)), needs["outpatient_pt/effective_date"].clauses)
}

test_initial_visits[way] if {
	some way, patches in ways_of("outpatient_pt/initial_visits", "pt_visit")
	pended_for(decided(requests.pt_visit, broken("outpatient_pt/initial_visits", patches)), needs["outpatient_pt/initial_visits"].clauses)
}

test_acute_events[way] if {
	some way, patches in ways_of("outpatient_pt/acute_events", "pt_referral")
	pended_for(decided(requests.pt_referral, broken("outpatient_pt/acute_events", patches)), needs["outpatient_pt/acute_events"].clauses)
}

test_acute_categories[way] if {
	some way, patches in ways_of("outpatient_pt/acute_categories", "pt_referral")
	pended_for(decided(requests.pt_referral, broken("outpatient_pt/acute_categories", patches)), needs["outpatient_pt/acute_categories"].clauses)
}

test_eligible_categories[way] if {
	some way, patches in ways_of("outpatient_pt/eligible_categories", "pt_referral")
	pended_for(decided(requests.pt_referral, broken("outpatient_pt/eligible_categories", patches)), needs["outpatient_pt/eligible_categories"].clauses)
}

test_excluded_specialties[way] if {
	some way, patches in ways_of("outpatient_pt/excluded_specialties", "pt_treatment_plan")
	pended_for(decided(requests.pt_treatment_plan, broken("outpatient_pt/excluded_specialties", patches)), needs["outpatient_pt/excluded_specialties"].clauses)
}

test_routes[way] if {
	some way, patches in ways_of("referral/routes", "referral_route")
	pended_for(decided(requests.referral_route, broken("referral/routes", patches)), needs["referral/routes"].clauses)
}

test_contact[way] if {
	some way, patches in ways_of("contact", "pt_treatment_plan")
	pended_for(decided(requests.pt_treatment_plan, broken("contact", patches)), needs.contact.clauses)
}

# Each way with one type of request, and one way with each type.
test_each_type_that_needs_a_parameter[name] if {
	some parameter, needed in needs
	some type in needed.types
	name := concat(": ", [type, parameter])
	pended_for(decided(requests[type], broken(parameter, ways["no periods"])), needed.clauses)
}

dropped := [{"op": "remove", "path": "periods"}, {"op": "remove", "path": "clauses"}]

# A parameter that is missing altogether, with its clauses.
test_a_parameter_dropped[name] if {
	some parameter, needed in needs
	some type in needed.types
	name := concat(": ", [type, parameter])
	pended_for(decided(requests[type], broken(parameter, dropped)), [])
}

test_no_parameters[type] if {
	some type in object.keys(requests)
	decision := decided(requests[type], {})
	decision.outcome == "pended"
	decision.authorized == nothing
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
	case.reason in {one.code | some one in decided(request, sound).reasons}
	every way in ["no periods", "null", "a text", "an empty list"] {
		pended_for(decided(request, broken(case.parameter, ways[way])), needs[case.parameter].clauses)
	}
}

# Other reasons stay beside it, and still deny.
test_a_denial_for_another_reason_stays[name] if {
	some parameter, needed in needs
	some type in needed.types
	type != "referral_route"
	name := concat(": ", [type, parameter])
	request := object.union(requests[type], {"benefit_status": "not_covered"})
	decision := decided(request, broken(parameter, ways["no periods"]))
	decision.outcome == "denied"
	decision.authorized == nothing
	[[one.code, one.path] | some one in decision.reasons] == [
		["BENEFIT_NOT_COVERED", "/benefit_status"],
		["POLICY_VALUE_UNUSABLE", ""],
	]
}

# Both lists have the same clause, and a code, path and clause stand once.
test_two_lists_of_one_clause_are_one_reason if {
	parameters := object.union(sound, {"outpatient_pt": {"acute_events": {"periods": []}, "acute_categories": {"periods": []}}})
	pended_for(decided(requests.pt_referral, parameters), ["PT-4"])
}

test_two_parameters_are_two_reasons if {
	parameters := object.union(sound, {"outpatient_pt": {"initial_visits": {"periods": []}}, "units_per_visit": {"periods": []}})
	decision := decided(requests.pt_visit, parameters)
	decision.outcome == "pended"
	[[one.code, one.clauses] | some one in decision.reasons] == [
		["POLICY_VALUE_UNUSABLE", ["PT-1", "PT-3", "PT-4"]],
		["POLICY_VALUE_UNUSABLE", ["PT-5"]],
	]
}

# An invalid request is told what is wrong with it all the same; where the contact cannot be used, it has none.
test_an_invalid_request_of_a_broken_policy[parameter] if {
	some parameter, _ in needs
	decision := decided(object.union(requests.pt_visit, {"tier": 5}), broken(parameter, ways["null"]))
	decision.outcome == "invalid_request"
	[[one.code, one.path] | some one in decision.reasons] == [["REQUEST_INVALID", "/tier"]]
	decision.contact == object.get({"contact": null}, parameter, sound.contact.periods[0].value)
}

test_the_contact_of_a_request_that_the_policy_pends if {
	decision := decided(requests.pt_visit, broken("units_per_visit", ways["null"]))
	decision.contact == {"name": "Authorization", "hours": "always", "fax": ["1", "2"]}
}

test_no_contact_where_it_cannot_be_used if {
	decided(requests.pt_visit, broken("contact", ways["null"])).contact == null
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
			with data.therapy.parameters as sound
			with data.therapy.register.policy as policy
		pended_for(decision, [])
		decision.policy_version == ""
	}
}

test_a_version_that_can_be_used[version] if {
	some version in ["1.1.0", "0.0.1", "10.20.300"]
	decision := data.therapy.decision with input as requests.pt_visit
		with data.therapy.parameters as sound
		with data.therapy.register.policy as {"version": version}
	decision.policy_version == version
	decision.outcome == "authorized"
}
