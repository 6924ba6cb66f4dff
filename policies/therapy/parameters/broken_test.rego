# METADATA
# title: Broken parameters
# description: Each parameter, each way that a person might break it, and the requests that need it.
package therapy.broken_parameters_test

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
	"periods misspelled": [{"op": "move", "from": "periods", "path": "period"}],
	"periods null": [{"op": "replace", "path": "periods", "value": null}],
	"one period, not in a list": [{"op": "move", "from": "periods/0", "path": "periods"}],
	"a period from the next day on": [{"op": "replace", "path": "periods/0/from", "value": "2024-03-16"}],
	"a period from no real day on": [{"op": "replace", "path": "periods/0/from", "value": "2022-02-30"}],
	"a period from a number on": [{"op": "replace", "path": "periods/0/from", "value": 2022}],
	"a period without its date": [{"op": "remove", "path": "periods/0/from"}],
	"the same date twice": [{"op": "copy", "from": "periods/0", "path": "periods/1"}],
	"no value": [{"op": "remove", "path": "periods/0/value"}],
	"value misspelled": [{"op": "move", "from": "periods/0/value", "path": "periods/0/values"}],
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
		"clause misspelled": {"97110": {"clause": "OT-5"}, "97530": {"clauses": "OT-5"}},
		"an add-on to nothing": {
			"97129": {"clause": "OT-5"}, "97130": {"clause": "OT-6"}, "97530": {"clause": "OT-5"},
		},
		"add-on misspelled": {
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
		"treatment misspelled": {
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
		"hours misspelled": {"name": "Authorization", "hour": "always", "fax": ["1", "2"]},
		"empty hours": {"name": "Authorization", "hours": "", "fax": ["1", "2"]},
		"one fax number": {"name": "Authorization", "hours": "always", "fax": ["1"]},
		"three fax numbers": {"name": "Authorization", "hours": "always", "fax": ["1", "2", "3"]},
		"an empty first fax number": {"name": "Authorization", "hours": "always", "fax": ["", "2"]},
		"an empty second fax number": {"name": "Authorization", "hours": "always", "fax": ["1", ""]},
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
parameters(parameter, patches) := json.patch(sound, [object.union(patch, paths) |
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

dropped := [{"op": "remove", "path": "periods"}, {"op": "remove", "path": "clauses"}]

# Whether a request that is fine otherwise is pended for a parameter that is broken in a way.
pends(type, parameter, patches) if {
	decision := decided(requests[type], parameters(parameter, patches))
	pended_for(decision, needs[parameter].clauses)
	names(decision, replace(parameter, "/", "."))
}

# Whether the only reason names what is broken.
names(decision, broken) if {
	template := data.therapy.register.reason_codes.POLICY_VALUE_UNUSABLE.message
	[one.message | some one in decision.reasons] == [replace(template, "{parameter}", broken)]
}
