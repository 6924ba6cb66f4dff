package therapy.decision_test

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.lib.table_test as table

nothing := {
	"units": 0,
	"procedure_codes": [],
	"evaluation_visits": 0,
	"treatment_visits": 0,
	"max_units_per_visit": 0,
}

contact := {
	"name": "Authorization and Referral Management",
	"hours": "Monday–Friday 08:00–17:00",
	"fax": ["1-808-432-5691", "1-808-432-5667"],
}

# One request of each type that nothing denies or pends.
requests := {
	"pediatric_ot_claim": {
		"request_type": "pediatric_ot_claim",
		"benefit_status": "covered",
		"service_date": "2024-03-15",
		"medical_necessity": "established",
		"units_already_authorized": 0,
		"service_lines": [{"procedure_code": "97530", "units": 2}],
	},
	"pt_referral": {
		"request_type": "pt_referral",
		"benefit_status": "covered",
		"referral_date": "2024-03-15",
		"specialty": "none",
		"condition": {"category": "acute", "acute_event": "fracture"},
		"expected_improvement": {
			"measurable": true,
			"significant": true,
			"sustainable": true,
			"functional": true,
			"within_reasonable_period": true,
			"result_of_pt": true,
		},
	},
	"pt_treatment_plan": {
		"request_type": "pt_treatment_plan",
		"benefit_status": "covered",
		"service_date": "2024-03-15",
		"specialty": "none",
		"plan_of_care": {
			"diagnosis": "fracture",
			"planned_interventions": ["strengthening"],
			"frequency": "weekly",
			"duration": "5 weeks",
			"goals": [{
				"statement": "walk",
				"measure": "minutes",
				"functional_activity": "shopping",
				"target_date": "2024-05-01",
			}],
			"expected_potential": "good",
			"patient_caregiver_education": true,
		},
	},
	"pt_visit": {
		"request_type": "pt_visit",
		"benefit_status": "covered",
		"service_date": "2024-03-15",
		"specialty": "none",
		"tier": "acute",
		"visit": {"number": 2, "kind": "treatment", "units": 3, "units_already_authorized": 0},
		"progress_note_number": 2,
		"prior_visits": {"evaluation": 1, "treatment": 0},
		"plan_of_care_complete": true,
	},
	"pt_extension": {
		"request_type": "pt_extension",
		"benefit_status": "covered",
		"request_date": "2024-03-15",
		"specialty": "none",
		"requested_visits": 4,
		"documentation": {
			"goals": [{
				"goal_id": "walk",
				"initial_status": {"measure": "minutes", "value": "5"},
				"last_period_status": {"measure": "minutes", "value": "10"},
				"current_status": {"measure": "minutes", "value": "15"},
			}],
			"notes": [{"visit_number": 1, "goals_addressed": ["walk"]}],
			"planned_interventions": [{
				"technique": "gait training",
				"amount": "2 units",
				"frequency": "weekly",
				"duration": "4 weeks",
			}],
			"impeding_factors": {"none_identified": true},
			"response_summary": "steady",
			"limiting_issues": [],
			"prognosis": {"statement": "good", "discharge_criteria": ["walks 30 minutes"]},
			"plan_of_care_changes": {"significant_change": false},
			"extension_form_completed": true,
		},
	},
	"pt_continuation": {
		"request_type": "pt_continuation",
		"benefit_status": "covered",
		"review_date": "2024-03-15",
		"specialty": "none",
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
	},
	"referral_route": {"request_type": "referral_route", "island": "molokai"},
}

decided(request) := decision if decision := data.therapy.decision with input as request

# A route has no date, so the newest period decides it: here, the first of all.
first_routes := array.slice(data.therapy.parameters.referral.routes.periods, 0, 1)

# What every decision has of a request that nothing denies or pends.
fine := {
	"outcome": "authorized",
	"request_id": null,
	"authorized_under": [],
	"authorized": nothing,
	"lines": [],
	"reasons": [],
	"route": null,
	"contact": null,
	"policy_version": data.therapy.register.policy.version,
}

test_each_type[request_type] if {
	some request_type, expected in {
		"pediatric_ot_claim": {
			"authorized_under": ["OT-5"],
			"authorized": {"units": 2, "procedure_codes": ["97530"], "max_units_per_visit": 4},
			"lines": [{
				"line": 1,
				"procedure_code": "97530",
				"status": "authorized",
				"units_requested": 2,
				"units_authorized": 2,
				"reasons": [],
			}],
		},
		"pt_referral": {
			"authorized_under": ["PT-4", "PT-5"],
			"authorized": {"evaluation_visits": 1, "treatment_visits": 11, "max_units_per_visit": 4},
		},
		"pt_treatment_plan": {"authorized_under": ["PT-8"]},
		"pt_visit": {
			"authorized_under": ["PT-4", "PT-5"],
			"authorized": {"units": 3, "treatment_visits": 1, "max_units_per_visit": 4},
		},
		"pt_extension": {
			"outcome": "pended",
			"reasons": reason.details({reason.with_facts("EXT_READY_FOR_CLINICAL_REVIEW", [], {"requested": 4})}),
			"contact": contact,
		},
		"pt_continuation": {"authorized_under": ["DC-1", "DC-2", "DC-3", "DC-4", "DC-5", "DC-6"]},
		"referral_route": {
			"outcome": "routed",
			"authorized_under": ["REF-2"],
			"route": {"chapter": "17", "network": "Neighbor Island Network"},
		},
	}
	decision := data.therapy.decision with input as requests[request_type]
		with data.therapy.parameters.referral.routes.periods as first_routes
	decision == object.union_n([fine, {"request_type": request_type}, expected])
}

# The quick reading and the table of forms are two ways to the same answer.
test_each_type_by_the_table_of_forms[request_type] if {
	some request_type, request in requests
	decision := data.therapy.decision with input as request with data.therapy.request.well_formed as false
	decision == decided(request)
}

test_version_is_semantic if regex.match(`^[0-9]+\.[0-9]+\.[0-9]+$`, decided(requests.pt_visit).policy_version)

# --- What is not a request -------------------------------------------------------------------------------------------

invalid := {
	"outcome": "invalid_request",
	"request_type": null,
	"request_id": null,
	"authorized_under": [],
	"authorized": nothing,
	"lines": [],
	"route": null,
	"contact": newest_contact,
	"policy_version": data.therapy.register.policy.version,
}

# No date says which contact applies to an invalid request.
newest_contact := effective.newest(effective.periods(data.therapy.parameters.contact.periods))

# The one validation error of a request, as its decision gives it.
error_at(place, problem, expected) := reason.details({reason.with_facts(
	"REQUEST_INVALID", place,
	{"problem": problem, "expected": expected},
)})

no_request := object.union(
	invalid,
	{"reasons": error_at([], "not valid", "a JSON object in the published request format")},
)

test_absent_input if data.therapy.decision == no_request

test_no_object[name] if {
	some name, value in {
		"null": null,
		"true": true,
		"false": false,
		"zero": 0,
		"huge number": table.as_written("1e99999999"),
		"text": "pt_visit",
		"empty text": "",
		"empty list": [],
		"list": ["request_type"],
		"list of a request": [requests.pt_visit],
	}
	decided(value) == no_request
}

types := concat(", ", [
	"pediatric_ot_claim", "pt_referral", "pt_treatment_plan", "pt_visit",
	"pt_extension", "pt_continuation", "or referral_route",
])

test_no_type[name] if {
	some name, case in {
		"empty object": {"request": {}, "problem": "missing"},
		"another object": {"request": {"requests": []}, "problem": "missing"},
		"absent": {"request": object.remove(requests.pt_visit, ["request_type"]), "problem": "missing"},
		"null": {"request": {"request_type": null}, "problem": "not valid"},
		"false": {"request": {"request_type": false}, "problem": "not valid"},
		"number": {"request": {"request_type": 1}, "problem": "not valid"},
		"huge number": {"request": table.as_written(`{"request_type": 1e99999999}`), "problem": "not valid"},
		"list": {"request": {"request_type": ["pt_visit"]}, "problem": "not valid"},
		"object": {"request": {"request_type": {"pt_visit": true}}, "problem": "not valid"},
		"none of the seven": {"request": {"request_type": "pt_discharge"}, "problem": "not valid"},
		"in capitals": {"request": {"request_type": "PT_VISIT"}, "problem": "not valid"},
		"with a space": {"request": {"request_type": "pt_visit "}, "problem": "not valid"},
		# Nothing else is looked at.
		"and more is wrong": {
			"request": object.union(requests.pt_visit, {"request_type": "pt_visits", "tier": 5, "x": 1}),
			"problem": "not valid",
		},
	}
	decided(case.request) == object.union(invalid, {"reasons": error_at(["request_type"], case.problem, types)})
}

# --- What is wrong with a request ------------------------------------------------------------------------------------

invalid_at(paths) := [trim_right(concat(" ", ["REQUEST_INVALID", path]), " ") | some path in paths]

reasons_of(decision) := [trim_right(concat(" ", [one.code, one.path]), " ") | some one in decision.reasons]

repeated(element, times) := [element | some _ in numbers.range(1, times)]

unknown_fields(number) := {concat("", ["x", format_int(i, 10)]): {"deep": 1} | some i in numbers.range(0, number - 1)}

text_of(characters) := replace(sprintf("%0*d", [characters, 0]), "0", "é")

# The places that are not valid; none where the change is valid.
places := {
	"claim: nothing stated": {
		"type": "pediatric_ot_claim",
		"without": ["service_date", "units_already_authorized", "service_lines"],
		"wrong": ["/service_date", "/service_lines", "/units_already_authorized"],
	},
	"claim: what may be absent": {
		"type": "pediatric_ot_claim",
		"without": ["benefit_status", "medical_necessity"],
		"wrong": [],
	},
	"claim: what may be null": {
		"type": "pediatric_ot_claim",
		"change": {"request_id": null, "benefit_status": null, "medical_necessity": null},
		"wrong": [],
	},
	"claim: what may not be null": {
		"type": "pediatric_ot_claim",
		"change": {"service_date": null, "units_already_authorized": null, "service_lines": null},
		"wrong": ["/service_date", "/service_lines", "/units_already_authorized"],
	},
	"claim: fields that it does not have": {
		"type": "pediatric_ot_claim",
		"change": {"patient_name": "x", "a/b~c": null, "": {"deep": 1}},
		"wrong": ["/", "/a~1b~0c", "/patient_name"],
	},
	"claim: words": {
		"type": "pediatric_ot_claim",
		"change": {"benefit_status": "Covered", "medical_necessity": "yes"},
		"wrong": ["/benefit_status", "/medical_necessity"],
	},
	"claim: no line": {"type": "pediatric_ot_claim", "change": {"service_lines": []}, "wrong": ["/service_lines"]},
	"claim: 50 lines": {
		"type": "pediatric_ot_claim",
		"change": {"service_lines": repeated({"procedure_code": "97530", "units": 1}, 50)},
		"wrong": [],
	},
	"claim: 51 lines": {
		"type": "pediatric_ot_claim",
		"change": {"service_lines": repeated({"procedure_code": "97530", "units": 0}, 51)},
		"wrong": ["/service_lines"],
	},
	"claim: lines": {
		"type": "pediatric_ot_claim",
		"change": {"service_lines": [
			{"procedure_code": "9753", "units": 0},
			{"procedure_code": "975300", "units": 100},
			{"procedure_code": "9753o", "units": 1.5},
			{"procedure_code": 97530, "units": "1"},
			{"procedure_code": "ABC9Z", "units": 99},
			{"procedure_code": "00000", "units": 1},
			{"procedure_code": null, "units": null},
			{},
			null,
			["97530", 1],
			{"procedure_code": "97530", "units": 1, "charge": 5},
		]},
		"wrong": [
			"/service_lines/0/procedure_code", "/service_lines/0/units",
			"/service_lines/1/procedure_code", "/service_lines/1/units",
			"/service_lines/2/procedure_code", "/service_lines/2/units",
			"/service_lines/3/procedure_code", "/service_lines/3/units",
			"/service_lines/6/procedure_code", "/service_lines/6/units",
			"/service_lines/7/procedure_code", "/service_lines/7/units",
			"/service_lines/8",
			"/service_lines/9",
			"/service_lines/10/charge",
		],
	},
	"claim: modifiers": {
		"type": "pediatric_ot_claim",
		"change": {"service_lines": [
			{"procedure_code": "97530", "units": 1, "modifiers": ["GO", "59", "A1", "00"]},
			{"procedure_code": "97530", "units": 1, "modifiers": ["GO", "59", "A1", "00", "G"]},
			{"procedure_code": "97530", "units": 1, "modifiers": ["go", "G", "GOO", null]},
			{"procedure_code": "97530", "units": 1, "modifiers": "GO"},
		]},
		"wrong": [
			"/service_lines/1/modifiers",
			"/service_lines/2/modifiers/0", "/service_lines/2/modifiers/1",
			"/service_lines/2/modifiers/2", "/service_lines/2/modifiers/3",
			"/service_lines/3/modifiers",
		],
	},
	"claim: 99 units already": {
		"type": "pediatric_ot_claim",
		"change": {"units_already_authorized": 99},
		"wrong": [],
	},
	"claim: 100 units already": {
		"type": "pediatric_ot_claim",
		"change": {"units_already_authorized": 100},
		"wrong": ["/units_already_authorized"],
	},
	"claim: minus one unit already": {
		"type": "pediatric_ot_claim",
		"change": {"units_already_authorized": -1},
		"wrong": ["/units_already_authorized"],
	},
	"claim: units written with an exponent": {
		"type": "pediatric_ot_claim",
		"change": {"units_already_authorized": json.unmarshal("1e0")},
		"wrong": ["/units_already_authorized"],
	},
	"claim: units beyond all measure": {
		"type": "pediatric_ot_claim",
		"change": {"units_already_authorized": table.as_written("1e99999999")},
		"wrong": ["/units_already_authorized"],
	},
	"claim: a leap day": {"type": "pediatric_ot_claim", "change": {"service_date": "2024-02-29"}, "wrong": []},
	"claim: no leap day": {
		"type": "pediatric_ot_claim",
		"change": {"service_date": "2023-02-29"},
		"wrong": ["/service_date"],
	},
	"referral: nothing stated": {
		"type": "pt_referral",
		"without": ["referral_date", "specialty", "condition"],
		"wrong": ["/condition", "/referral_date", "/specialty"],
	},
	"referral: what may be null": {
		"type": "pt_referral",
		"change": {"expected_improvement": null, "island": null, "condition": {"acute_event": null}},
		"wrong": [],
	},
	"referral: words": {
		"type": "pt_referral",
		"change": {
			"island": "niihau",
			"specialty": "sports",
			"condition": {"category": "chronic", "acute_event": "fall", "other": 1},
			"expected_improvement": {"measurable": "yes", "significant": 1, "lasting": true},
		},
		"wrong": [
			"/condition/acute_event", "/condition/category", "/condition/other",
			"/expected_improvement/lasting", "/expected_improvement/measurable", "/expected_improvement/significant",
			"/island",
			"/specialty",
		],
	},
	"referral: a condition of no category": {
		"type": "pt_referral",
		"without": ["condition/category"],
		"wrong": ["/condition/category"],
	},
	"referral: no date of its own": {
		"type": "pt_referral",
		"without": ["referral_date"],
		"change": {"service_date": "2024-03-15"},
		"wrong": ["/referral_date", "/service_date"],
	},
	"plan: nothing stated": {
		"type": "pt_treatment_plan",
		"without": ["service_date", "specialty"],
		"wrong": ["/service_date", "/specialty"],
	},
	"plan: what may be null": {
		"type": "pt_treatment_plan",
		"change": {"plan_of_care": {
			"diagnosis": null,
			"planned_interventions": null,
			"frequency": null,
			"duration": null,
			"goals": [{"statement": null, "measure": null, "functional_activity": null, "target_date": null}, {}],
			"expected_potential": null,
			"patient_caregiver_education": null,
		}},
		"wrong": [],
	},
	"plan: a text and lists as long as they may be": {
		"type": "pt_treatment_plan",
		"change": {"plan_of_care": {
			"diagnosis": text_of(4000),
			"planned_interventions": repeated("", 50),
			"goals": repeated({}, 20),
		}},
		"wrong": [],
	},
	"plan: a text and lists that are too long": {
		"type": "pt_treatment_plan",
		"change": {"plan_of_care": {
			"diagnosis": text_of(4001),
			"planned_interventions": repeated("", 51),
			"goals": repeated(null, 21),
		}},
		"wrong": ["/plan_of_care/diagnosis", "/plan_of_care/goals", "/plan_of_care/planned_interventions"],
	},
	"plan: values": {
		"type": "pt_treatment_plan",
		"change": {"plan_of_care": {
			"frequency": 2,
			"planned_interventions": ["x", null, 3],
			"goals": [{"target_date": "2024-02-30", "measure": 5}, {"target_date": ""}],
			"patient_caregiver_education": "yes",
			"therapist": "x",
		}},
		"wrong": [
			"/plan_of_care/frequency",
			"/plan_of_care/goals/0/measure", "/plan_of_care/goals/0/target_date",
			"/plan_of_care/goals/1/target_date",
			"/plan_of_care/patient_caregiver_education",
			"/plan_of_care/planned_interventions/1", "/plan_of_care/planned_interventions/2",
			"/plan_of_care/therapist",
		],
	},
	"visit: nothing stated": {
		"type": "pt_visit",
		"without": ["service_date", "specialty", "tier", "visit", "prior_visits"],
		"wrong": ["/prior_visits", "/service_date", "/specialty", "/tier", "/visit"],
	},
	"visit: nothing of the visit stated": {
		"type": "pt_visit",
		"without": [
			"visit/number", "visit/kind", "visit/units", "visit/units_already_authorized",
			"prior_visits/evaluation", "prior_visits/treatment",
		],
		"wrong": [
			"/prior_visits/evaluation", "/prior_visits/treatment",
			"/visit/kind", "/visit/number", "/visit/units", "/visit/units_already_authorized",
		],
	},
	"visit: the least": {
		"type": "pt_visit",
		"change": {
			"visit": {"number": 1, "units": 1, "units_already_authorized": 0},
			"progress_note_number": 1,
			"prior_visits": {"evaluation": 0, "treatment": 0},
		},
		"wrong": [],
	},
	"visit: less than the least": {
		"type": "pt_visit",
		"change": {
			"visit": {"number": 0, "units": 0, "units_already_authorized": -1},
			"progress_note_number": 0,
			"prior_visits": {"evaluation": -1, "treatment": -1},
		},
		"wrong": [
			"/prior_visits/evaluation", "/prior_visits/treatment",
			"/progress_note_number",
			"/visit/number", "/visit/units", "/visit/units_already_authorized",
		],
	},
	"visit: the most": {
		"type": "pt_visit",
		"change": {
			"visit": {"number": 999, "units": 99, "units_already_authorized": 99},
			"progress_note_number": 999,
			"prior_visits": {"evaluation": 999, "treatment": 999},
		},
		"wrong": [],
	},
	"visit: more than the most": {
		"type": "pt_visit",
		"change": {
			"visit": {"number": 1000, "units": 100, "units_already_authorized": 100},
			"progress_note_number": 1000,
			"prior_visits": {"evaluation": 1000, "treatment": 1000},
		},
		"wrong": [
			"/prior_visits/evaluation", "/prior_visits/treatment",
			"/progress_note_number",
			"/visit/number", "/visit/units", "/visit/units_already_authorized",
		],
	},
	"visit: what may be null": {
		"type": "pt_visit",
		"change": {"progress_note_number": null, "plan_of_care_complete": null, "discontinuation": null},
		"wrong": [],
	},
	"visit: words": {
		"type": "pt_visit",
		"change": {
			"tier": "chronic",
			"visit": {"kind": "consultation"},
			"plan_of_care_complete": 1,
			"discontinuation": {"goals_achieved": "no", "died": true},
		},
		"wrong": [
			"/discontinuation/died", "/discontinuation/goals_achieved",
			"/plan_of_care_complete",
			"/tier",
			"/visit/kind",
		],
	},
	"visit: nothing below an error": {
		"type": "pt_visit",
		"change": {"visit": [], "prior_visits": "none"},
		"wrong": ["/prior_visits", "/visit"],
	},
	"extension: nothing stated": {
		"type": "pt_extension",
		"without": ["request_date", "specialty", "requested_visits"],
		"wrong": ["/request_date", "/requested_visits", "/specialty"],
	},
	"extension: 1 visit": {"type": "pt_extension", "change": {"requested_visits": 1}, "wrong": []},
	"extension: 999 visits": {"type": "pt_extension", "change": {"requested_visits": 999}, "wrong": []},
	"extension: no visit": {
		"type": "pt_extension",
		"change": {"requested_visits": 0},
		"wrong": ["/requested_visits"],
	},
	"extension: 1000 visits": {
		"type": "pt_extension",
		"change": {"requested_visits": 1000},
		"wrong": ["/requested_visits"],
	},
	"extension: what may be null": {
		"type": "pt_extension",
		"change": {"discontinuation": null, "documentation": {
			"goals": [{
				"goal_id": "",
				"initial_status": null,
				"last_period_status": {"measure": null, "value": null},
				"current_status": {},
			}],
			"notes": null,
			"planned_interventions": [{"technique": null, "amount": null, "frequency": null, "duration": null}],
			"impeding_factors": {"identified": null, "none_identified": null},
			"response_summary": null,
			"limiting_issues": null,
			"prognosis": {"statement": null, "discharge_criteria": null},
			"plan_of_care_changes": {"significant_change": null, "explanation": null, "clinical_rationale": null},
			"extension_form_completed": null,
		}},
		"wrong": [],
	},
	"extension: deep down": {
		"type": "pt_extension",
		"change": {"documentation": {
			"goals": [{}, {"goal_id": null, "initial_status": {"measure": 5, "unit": "x"}, "current_status": []}],
			"notes": [{}, {"visit_number": 0, "goals_addressed": ["walk", null, 7]}],
			"prognosis": {"discharge_criteria": [true]},
			"limiting_issues": "none",
		}},
		"wrong": [
			"/documentation/goals/0/goal_id",
			"/documentation/goals/1/current_status",
			"/documentation/goals/1/goal_id",
			"/documentation/goals/1/initial_status/measure", "/documentation/goals/1/initial_status/unit",
			"/documentation/limiting_issues",
			"/documentation/notes/0/goals_addressed", "/documentation/notes/0/visit_number",
			"/documentation/notes/1/goals_addressed/1", "/documentation/notes/1/goals_addressed/2",
			"/documentation/notes/1/visit_number",
			"/documentation/prognosis/discharge_criteria/0",
		],
	},
	"extension: lists as long as they may be": {
		"type": "pt_extension",
		"change": {"documentation": {
			"goals": repeated({"goal_id": ""}, 20),
			"notes": repeated({"visit_number": 1, "goals_addressed": repeated("", 20)}, 100),
			"planned_interventions": repeated({}, 50),
			"impeding_factors": {"identified": repeated("", 200)},
			"limiting_issues": repeated("", 200),
			"prognosis": {"discharge_criteria": repeated("", 200)},
		}},
		"wrong": [],
	},
	"extension: lists that are too long": {
		"type": "pt_extension",
		"change": {"documentation": {
			"goals": repeated(null, 21),
			"notes": repeated(null, 101),
			"planned_interventions": repeated(null, 51),
			"impeding_factors": {"identified": repeated(null, 201)},
			"limiting_issues": repeated(null, 201),
			"prognosis": {"discharge_criteria": repeated(null, 201)},
		}},
		"wrong": [
			"/documentation/goals",
			"/documentation/impeding_factors/identified",
			"/documentation/limiting_issues",
			"/documentation/notes",
			"/documentation/planned_interventions",
			"/documentation/prognosis/discharge_criteria",
		],
	},
	"extension: a note that addresses too many goals": {
		"type": "pt_extension",
		"change": {"documentation": {"notes": [{"visit_number": 1, "goals_addressed": repeated(null, 21)}]}},
		"wrong": ["/documentation/notes/0/goals_addressed"],
	},
	"visit: the date of its referral": {"type": "pt_visit", "change": {"referral_date": "2024-02-29"}, "wrong": []},
	"visit: no date of its referral": {"type": "pt_visit", "change": {"referral_date": null}, "wrong": []},
	"visit: not a date of a referral": {
		"type": "pt_visit",
		"change": {"referral_date": "2023-02-29"},
		"wrong": ["/referral_date"],
	},
	"plan: 10 fields that it does not have": {
		"type": "pt_treatment_plan",
		"change": unknown_fields(10),
		"wrong": ["/x0", "/x1", "/x2", "/x3", "/x4", "/x5", "/x6", "/x7", "/x8", "/x9"],
	},
	"plan: 11 fields that it does not have": {
		"type": "pt_treatment_plan",
		"change": object.union(unknown_fields(11), {"specialty": "sports", "service_date": null}),
		"wrong": [""],
	},
	"plan: 10 fields that a goal does not have": {
		"type": "pt_treatment_plan",
		"change": {"plan_of_care": {"goals": [{}, object.union(unknown_fields(10), {"measure": 5})]}},
		"wrong": [
			"/plan_of_care/goals/1/measure",
			"/plan_of_care/goals/1/x0", "/plan_of_care/goals/1/x1", "/plan_of_care/goals/1/x2",
			"/plan_of_care/goals/1/x3", "/plan_of_care/goals/1/x4", "/plan_of_care/goals/1/x5",
			"/plan_of_care/goals/1/x6", "/plan_of_care/goals/1/x7", "/plan_of_care/goals/1/x8",
			"/plan_of_care/goals/1/x9",
		],
	},
	"plan: 11 fields that a goal does not have": {
		"type": "pt_treatment_plan",
		"change": {"plan_of_care": {"goals": [{"measure": 5}, object.union(unknown_fields(11), {"measure": 5})]}},
		"wrong": ["/plan_of_care/goals/0/measure", "/plan_of_care/goals/1"],
	},
	"plan: 11 fields that its plan of care does not have": {
		"type": "pt_treatment_plan",
		"change": {"plan_of_care": unknown_fields(11), "specialty": null},
		"wrong": ["/plan_of_care", "/specialty"],
	},
	"continuation: nothing stated": {
		"type": "pt_continuation",
		"without": ["review_date", "specialty", "discontinuation"],
		"wrong": ["/discontinuation", "/review_date", "/specialty"],
	},
	"continuation: null": {
		"type": "pt_continuation",
		"change": {"discontinuation": null},
		"wrong": ["/discontinuation"],
	},
	"route: nothing stated": {"type": "referral_route", "without": ["island"], "wrong": ["/island"]},
	"route: null": {"type": "referral_route", "change": {"island": null}, "wrong": ["/island"]},
	"route: in capitals": {"type": "referral_route", "change": {"island": "Oahu"}, "wrong": ["/island"]},
	"route: no benefits": {
		"type": "referral_route",
		"change": {"benefit_status": "covered"},
		"wrong": ["/benefit_status"],
	},
}

places_of(request_type) := {name: case | some name, case in places; case.type == request_type}

names_its_places(case) if {
	decision := decided(table.request(requests[case.type], case))
	{reasons_of(decision) | decision.outcome == "invalid_request"} == {invalid_at(case.wrong) | count(case.wrong) > 0}
}

test_places_of_every_type if {
	{case.type | some case in places} == object.keys(requests)
}

test_places_of_a_claim[name] if {
	some name, case in places_of("pediatric_ot_claim")
	names_its_places(case)
}

test_places_of_a_referral[name] if {
	some name, case in places_of("pt_referral")
	names_its_places(case)
}

test_places_of_a_plan_of_care[name] if {
	some name, case in places_of("pt_treatment_plan")
	names_its_places(case)
}

test_places_of_a_visit[name] if {
	some name, case in places_of("pt_visit")
	names_its_places(case)
}

test_places_of_an_extension[name] if {
	some name, case in places_of("pt_extension")
	names_its_places(case)
}

test_places_of_a_continuation[name] if {
	some name, case in places_of("pt_continuation")
	names_its_places(case)
}

test_places_of_a_route[name] if {
	some name, case in places_of("referral_route")
	names_its_places(case)
}

test_an_invalid_request_grants_nothing if {
	request := object.union(requests.pt_referral, {"request_id": "r-1", "island": "oahu", "x": 1})
	decided(request) == object.union(invalid, {
		"request_type": "pt_referral",
		"request_id": "r-1",
		"reasons": error_at(["x"], "not part of this request type", "the request without this field"),
	})
}

test_more_than_ten_unknown_fields_are_one_error if {
	request := object.union_n([requests.pt_visit, {"request_id": "r-1", "tier": 5}, unknown_fields(11)])
	decided(request) == object.union(invalid, {
		"request_type": "pt_visit",
		"request_id": "r-1",
		"reasons": error_at([], "an object with more than 10 unknown fields", "only the fields of this request type"),
	})
}

test_an_invalid_claim_has_no_lines if {
	decision := decided(object.union(requests.pediatric_ot_claim, {"units_already_authorized": 100}))
	decision.lines == []
	decision.authorized == nothing
	decision.reasons == error_at(
		["units_already_authorized"],
		"not valid", "a whole number from 0 to 99, in plain digits",
	)
}

test_request_id[name] if {
	some name, case in {
		"absent": {"change": {}, "id": null, "invalid": []},
		"null": {"change": {"request_id": null}, "id": null, "invalid": []},
		"one character": {"change": {"request_id": "x"}, "id": "x", "invalid": []},
		"letters, digits and . _ : -": {
			"change": {"request_id": "AZaz09._:-"},
			"id": "AZaz09._:-",
			"invalid": [],
		},
		"64 characters": {
			"change": {"request_id": concat("", repeated("x", 64))},
			"id": concat("", repeated("x", 64)),
			"invalid": [],
		},
		"a blank": {"change": {"request_id": " "}, "id": null, "invalid": ["/request_id"]},
		"a name": {"change": {"request_id": "Ada Lovelace"}, "id": null, "invalid": ["/request_id"]},
		"another letter": {"change": {"request_id": "é"}, "id": null, "invalid": ["/request_id"]},
		"another sign": {"change": {"request_id": "a/b"}, "id": null, "invalid": ["/request_id"]},
		"a line break at its end": {"change": {"request_id": "x\n"}, "id": null, "invalid": ["/request_id"]},
		"65 characters": {"change": {"request_id": concat("", repeated("x", 65))}, "id": null, "invalid": ["/request_id"]},
		"empty": {"change": {"request_id": ""}, "id": null, "invalid": ["/request_id"]},
		"number": {"change": {"request_id": 7}, "id": null, "invalid": ["/request_id"]},
		"list": {"change": {"request_id": ["x"]}, "id": null, "invalid": ["/request_id"]},
		"false": {"change": {"request_id": false}, "id": null, "invalid": ["/request_id"]},
		"of a request with another error": {
			"change": {"request_id": "x", "island": 5},
			"id": "x",
			"invalid": ["/island"],
		},
		"of a request of no type": {
			"change": {"request_id": "x", "request_type": 5},
			"id": "x",
			"invalid": ["/request_type"],
		},
	}
	decision := decided(object.union(requests.referral_route, case.change))
	decision.request_id == case.id
	reasons_of(decision) == invalid_at(case.invalid)
}

# --- What follows from the reasons -----------------------------------------------------------------------------------

test_outcome[name] if {
	some name, case in {
		"scope alone is listed": {
			"type": "pt_visit",
			"change": {"specialty": "pediatric", "benefit_status": "not_covered", "plan_of_care_complete": false},
			"outcome": "not_applicable",
			"reasons": ["PT_SPECIALTY_EXCLUDED /specialty"],
		},
		"both reasons of scope are listed": {
			"type": "pt_extension",
			"change": {"specialty": "aqua_therapy", "request_date": "2022-05-31", "benefit_status": null},
			"outcome": "not_applicable",
			"reasons": ["PT_BEFORE_EFFECTIVE_DATE /request_date", "PT_SPECIALTY_EXCLUDED /specialty"],
		},
		"invalid comes before scope": {
			"type": "pt_visit",
			"change": {"specialty": "pediatric", "tier": "none"},
			"outcome": "invalid_request",
			"reasons": ["REQUEST_INVALID /tier"],
		},
		"deny comes before pend": {
			"type": "pt_referral",
			"change": {"condition": {"category": "other"}, "expected_improvement": {"functional": null}},
			"outcome": "denied",
			"reasons": [
				"PT_CONDITION_NOT_ELIGIBLE /condition/category",
				"PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/functional",
			],
		},
		"pend comes before the units": {
			"type": "pt_visit",
			"change": {"benefit_status": "unverified", "visit": {"units": 5}},
			"outcome": "pended",
			"reasons": ["BENEFIT_UNVERIFIED /benefit_status", "PT_UNITS_OVER_VISIT_LIMIT /visit/units"],
		},
		"pend comes before the lines": {
			"type": "pediatric_ot_claim",
			"change": {"benefit_status": "unverified", "units_already_authorized": 3},
			"outcome": "pended",
			"reasons": ["BENEFIT_UNVERIFIED /benefit_status", "OT_UNITS_OVER_VISIT_LIMIT /service_lines/0/units"],
		},
		"units": {
			"type": "pt_visit",
			"change": {"visit": {"units": 5}},
			"outcome": "partially_authorized",
			"reasons": ["PT_UNITS_OVER_VISIT_LIMIT /visit/units"],
		},
		"lines": {
			"type": "pediatric_ot_claim",
			"change": {"units_already_authorized": 3},
			"outcome": "partially_authorized",
			"reasons": ["OT_UNITS_OVER_VISIT_LIMIT /service_lines/0/units"],
		},
		"every line denied": {
			"type": "pediatric_ot_claim",
			"change": {"service_lines": [{"procedure_code": "97140", "units": 1}]},
			"outcome": "denied",
			"reasons": ["OT_CODE_NOT_LISTED /service_lines/0/procedure_code"],
		},
		"info takes nothing away": {
			"type": "pt_referral",
			"change": {"condition": {"category": "subacute"}},
			"outcome": "authorized",
			"reasons": ["PT_TIER_NOT_NAMED /condition/category"],
		},
	}
	decision := decided(object.union(requests[case.type], case.change))
	decision.outcome == case.outcome
	reasons_of(decision) == case.reasons
}

# A number that is missing from the policy leaves parts of a page undefined. That must not authorize anything.
test_nothing_is_authorized_without_a_limit_of_units[name] if {
	some name in {"pediatric_ot_claim", "pt_visit", "pt_referral"}
	decision := data.therapy.decision with input as requests[name]
		with data.therapy.parameters.units_per_visit.periods as []
	decision.outcome == "pended"
	decision.authorized == nothing
	decision.route == null
	decision.contact == contact
	every line in decision.lines {
		line.status == "pended"
		line.units_authorized == 0
	}
}

test_other_reasons_are_listed_without_a_limit_of_units[name] if {
	some name in {"pediatric_ot_claim", "pt_visit", "pt_referral"}
	request := object.union(requests[name], {"benefit_status": "not_covered"})
	decision := data.therapy.decision with input as request with data.therapy.parameters.units_per_visit.periods as []
	decision.outcome == "denied"
	reasons_of(decision) == ["BENEFIT_NOT_COVERED /benefit_status", "POLICY_VALUE_UNUSABLE"]
}

# A request type without a page of its own must not be authorized either.
test_pended_where_no_page_evaluates_the_type if {
	decision := data.therapy.decision with input as {"request_type": "another"}
		with data.therapy.request.well_formed as true
	decision.outcome == "pended"
	decision.authorized == nothing
	decision.lines == []
	decision.reasons == []
	decision.route == null
	decision.contact == newest_contact
}

# No outcome comes about by the mere absence of reasons: an extension is never authorized.
test_pended_where_nothing_else_holds if {
	decision := data.therapy.decision with input as requests.pt_extension
		with data.therapy.outpatient_pt.extension.all_reasons as set()
	decision.outcome == "pended"
	decision.authorized == nothing
	decision.contact == contact
}

test_nothing_is_authorized_unless_the_outcome_says_so[name] if {
	some name, case in {
		"denied claim": {"type": "pediatric_ot_claim", "change": {"medical_necessity": "not_established"}},
		"pended claim": {"type": "pediatric_ot_claim", "change": {"medical_necessity": null}},
		"invalid claim": {"type": "pediatric_ot_claim", "change": {"service_date": null}},
		"denied referral": {"type": "pt_referral", "change": {"benefit_status": "not_covered"}},
		"pended referral": {"type": "pt_referral", "change": {"benefit_status": null}},
		"referral out of scope": {"type": "pt_referral", "change": {"specialty": "lymphedema"}},
		"denied visit": {"type": "pt_visit", "change": {"benefit_status": "not_covered"}},
		"pended visit": {"type": "pt_visit", "change": {"benefit_status": null}},
		"visit out of scope": {"type": "pt_visit", "change": {"service_date": "2022-05-31"}},
		"plan": {"type": "pt_treatment_plan", "change": {}},
		"continuation": {"type": "pt_continuation", "change": {}},
		"route": {"type": "referral_route", "change": {}},
	}
	decided(object.union(requests[case.type], case.change)).authorized == nothing
}

test_lines_of_every_valid_claim[name] if {
	some name, case in {
		"denied": {"change": {"benefit_status": "not_covered"}, "status": "denied"},
		"pended": {"change": {"benefit_status": null}, "status": "pended"},
	}
	[line] := decided(object.union(requests.pediatric_ot_claim, case.change)).lines
	line.status == case.status
	line.units_authorized == 0
}

test_route[name] if {
	chapter_11 := {"chapter": "11", "network": null}
	some name, case in {
		"of a referral": {"type": "pt_referral", "change": {"island": "maui"}, "route": chapter_11},
		"of a referral that is denied": {
			"type": "pt_referral",
			"change": {"island": "maui", "benefit_status": "not_covered"},
			"route": chapter_11,
		},
		"of a referral out of scope": {
			"type": "pt_referral",
			"change": {"island": "maui", "referral_date": "1900-01-01"},
			"route": chapter_11,
		},
		"of an invalid referral": {"type": "pt_referral", "change": {"island": "maui", "x": 1}, "route": null},
		"of a referral without an island": {"type": "pt_referral", "change": {"island": null}, "route": null},
		"of an island": {"type": "referral_route", "change": {"island": "maui"}, "route": chapter_11},
		"of an invalid request": {"type": "referral_route", "change": {"island": "maui", "x": 1}, "route": null},
		"of another request": {"type": "pt_visit", "change": {}, "route": null},
	}
	request := object.union(requests[case.type], case.change)
	decision := data.therapy.decision with input as request
		with data.therapy.parameters.referral.routes.periods as first_routes
	decision.route == case.route
}

test_authorized_under[name] if {
	some name, case in {
		"a plan": {"type": "pt_treatment_plan", "change": {}, "under": ["PT-8"]},
		"a plan that is pended": {"type": "pt_treatment_plan", "change": {"plan_of_care": null}, "under": []},
		"a review": {
			"type": "pt_continuation",
			"change": {},
			"under": ["DC-1", "DC-2", "DC-3", "DC-4", "DC-5", "DC-6"],
		},
		"a review that is denied": {
			"type": "pt_continuation",
			"change": {"discontinuation": {"goals_achieved": true}},
			"under": [],
		},
		"a review out of scope": {"type": "pt_continuation", "change": {"specialty": "pediatric"}, "under": []},
		"an extension": {"type": "pt_extension", "change": {}, "under": []},
		"an island": {"type": "referral_route", "change": {"island": "oahu"}, "under": ["REF-1"]},
		"another island": {"type": "referral_route", "change": {"island": "lanai"}, "under": ["REF-2"]},
		"no island": {"type": "referral_route", "change": {"island": null}, "under": []},
	}
	decision := data.therapy.decision with input as object.union(requests[case.type], case.change)
		with data.therapy.parameters.referral.routes.periods as first_routes
	decision.authorized_under == case.under
}

# The order is that of the source, which the register of clauses has.
test_clauses_in_the_order_of_the_source if {
	turned := object.union(data.therapy.register.clauses, {"DC-1": {"order": 999}, "DC-3": {"order": 1}})
	decision := data.therapy.decision with input as requests.pt_continuation with data.therapy.register.clauses as turned
	decision.authorized_under == ["DC-3", "DC-2", "DC-4", "DC-5", "DC-6", "DC-1"]
}

# An approval is based on a clause of the source, or it is none.
test_nothing_is_authorized_without_a_clause if {
	decision := data.therapy.decision with input as requests.pt_treatment_plan
		with data.therapy.register.clauses as object.remove(data.therapy.register.clauses, ["PT-8"])
	decision.outcome == "pended"
	decision.authorized_under == []
}

# A code that the register does not describe pends, whatever its effect was.
test_a_code_that_the_register_does_not_describe_pends[name] if {
	some name, case in {
		"a denial": {"type": "pt_visit", "change": {"benefit_status": "not_covered"}, "code": "BENEFIT_NOT_COVERED"},
		"out of scope": {"type": "pt_visit", "change": {"specialty": "pediatric"}, "code": "PT_SPECIALTY_EXCLUDED"},
		"information": {
			"type": "pt_referral",
			"change": {"condition": {"category": "subacute"}},
			"code": "PT_TIER_NOT_NAMED",
		},
		"a part of the units": {
			"type": "pt_visit",
			"change": {"visit": {"units": 5}},
			"code": "PT_UNITS_OVER_VISIT_LIMIT",
		},
	}
	decision := data.therapy.decision with input as object.union(requests[case.type], case.change)
		with data.therapy.register.reason_codes as object.remove(data.therapy.register.reason_codes, [case.code])
	decision.outcome == "pended"
	decision.authorized == nothing
	[[one.code, one.path] | some one in decision.reasons] == [["POLICY_VALUE_UNUSABLE", ""]]
}

# A request that is not valid stays so, whatever the register says about it.
test_an_invalid_request_without_its_reason_in_the_register if {
	decision := data.therapy.decision with input as object.union(requests.pt_visit, {"tier": 5})
		with data.therapy.register.reason_codes as object.remove(data.therapy.register.reason_codes, ["REQUEST_INVALID"])
	decision.outcome == "invalid_request"
	decision.authorized == nothing
	[one.code | some one in decision.reasons] == ["POLICY_VALUE_UNUSABLE"]
}

# A type that the published schema has and no page evaluates.
new_type(parameters) := decision if {
	decision := data.therapy.decision with input as {"request_type": "pt_discharge"}
		with data.therapy.request.well_formed as true
		with data.therapy.request.forms.request_type.values as ["pt_discharge"]
		with data.therapy.parameters as parameters
}

pended_without_a_page := object.union(fine, {"outcome": "pended", "request_type": "pt_discharge", "contact": newest_contact})

test_a_request_without_a_page_is_pended if new_type(data.therapy.parameters) == pended_without_a_page

test_a_request_without_a_page_says_that_the_contact_cannot_be_used if {
	decision := new_type(object.remove(data.therapy.parameters, ["contact"]))
	decision == object.union(pended_without_a_page, {
		"contact": null,
		"reasons": reason.details({reason.unusable("POLICY_VALUE_UNUSABLE", "contact", [])}),
	})
}

test_contact[name] if {
	some name, case in {
		"authorized": {"type": "pt_visit", "change": {}, "contact": null},
		"routed": {"type": "referral_route", "change": {}, "contact": null},
		"partially authorized": {"type": "pt_visit", "change": {"visit": {"units": 5}}, "contact": contact},
		"denied": {"type": "pt_visit", "change": {"benefit_status": "not_covered"}, "contact": contact},
		"pended": {"type": "pt_visit", "change": {"benefit_status": null}, "contact": contact},
		"not applicable": {"type": "pt_visit", "change": {"specialty": "pediatric"}, "contact": contact},
		"not applicable on the first day of all": {
			"type": "pt_visit",
			"change": {"service_date": "1900-01-01"},
			"contact": contact,
		},
		"invalid": {"type": "pt_visit", "change": {"tier": null}, "contact": newest_contact},
		"an invalid route": {"type": "referral_route", "change": {"island": null}, "contact": newest_contact},
	}
	decided(object.union(requests[case.type], case.change)).contact == case.contact
}

# From 2030 on, somebody else answers.
somebody_else := object.union(contact, {"name": "Somebody Else"})

changed_contact := [{"from": "1900-01-01", "value": contact}, {"from": "2030-01-01", "value": somebody_else}]

test_a_change_of_contact_holds_from_its_date_on[name] if {
	some name, case in {
		"the day before": {"change": {"service_date": "2029-12-31", "benefit_status": null}, "contact": contact},
		"the day": {"change": {"service_date": "2030-01-01", "benefit_status": null}, "contact": somebody_else},
		"invalid, so no date counts": {"change": {"service_date": "2029-12-31", "tier": 5}, "contact": somebody_else},
		"authorized": {"change": {"service_date": "2030-01-01"}, "contact": null},
	}
	request := object.union(requests.pt_visit, case.change)
	decision := data.therapy.decision with input as request
		with data.therapy.parameters.contact.periods as changed_contact
	decision.contact == case.contact
}

# --- Lists of requests -----------------------------------------------------------------------------------------------

all_decided(batch) := decisions if decisions := data.therapy.decisions with input as batch

test_decisions_in_order_and_each_for_itself if {
	list := [
		requests.pt_visit,
		null,
		requests.referral_route,
		object.union(requests.pt_visit, {"tier": 5}),
		requests.pt_visit,
		{"requests": [requests.pt_visit]},
		requests.pediatric_ot_claim,
		object.union(requests.pt_extension, {"request_id": "last"}),
	]
	all_decided({"requests": list}) == [decided(request) | some request in list]
}

test_decisions_of_one_of_each_type if {
	list := [request | some request in requests]
	[decision.request_type | some decision in all_decided({"requests": list})] == [
		"pediatric_ot_claim", "pt_continuation", "pt_extension", "pt_referral",
		"pt_treatment_plan", "pt_visit", "referral_route",
	]
}

test_decisions_of_no_request if all_decided({"requests": []}) == []

test_decisions_beside_other_fields if {
	all_decided({"requests": [requests.pt_visit], "sender": "x"}) == [decided(requests.pt_visit)]
}

test_decisions_of_one_thousand if {
	decisions := data.therapy.decisions with input as {"requests": repeated(null, 1000)}
		with data.therapy.decision as "a decision"
	decisions == repeated("a decision", 1000)
}

no_batch := [object.union(invalid, {"reasons": error_at(["requests"], "not valid", "a list of at most 1,000 requests")})]

test_decisions_of_one_too_many if all_decided({"requests": repeated(requests.referral_route, 1001)}) == no_batch

test_decisions_of_absent_input if data.therapy.decisions == no_batch

test_decisions_of_no_list[name] if {
	some name, value in {
		"null": null,
		"false": false,
		"number": 0,
		"text": "requests",
		"list": [requests.pt_visit],
		"no requests": {},
		"a request": requests.pt_visit,
		"requests null": {"requests": null},
		"requests false": {"requests": false},
		"requests a text": {"requests": "x"},
		"requests a number": {"requests": 1},
		"requests an object": {"requests": {"0": requests.pt_visit}},
		"requests a request": {"requests": requests.pt_visit},
	}
	all_decided(value) == no_batch
}
