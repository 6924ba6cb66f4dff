package therapy.outpatient_pt.extension_test

import data.therapy.lib.reason
import data.therapy.lib.table_test as table
import data.therapy.outpatient_pt.extension

# A request with complete documentation.
base := {
	"request_type": "pt_extension",
	"request_date": "2024-03-15",
	"specialty": "none",
	"benefit_status": "covered",
	"requested_visits": 6,
	"documentation": {
		"goals": [
			{
				"goal_id": "reach",
				"initial_status": {"measure": "degrees", "value": "70"},
				"last_period_status": {"measure": "degrees", "value": "95"},
				"current_status": {"measure": "degrees", "value": "120"},
			},
			{
				"goal_id": "sleep",
				"initial_status": {"measure": "hours", "value": "3"},
				"last_period_status": {"measure": "hours", "value": "4"},
				"current_status": {"measure": "hours", "value": "6"},
			},
		],
		"notes": [
			{"visit_number": 1, "goals_addressed": ["reach"]},
			{"visit_number": 2, "goals_addressed": ["sleep"]},
		],
		"planned_interventions": [
			{"technique": "mobilization", "amount": "2 units", "frequency": "weekly", "duration": "4 weeks"},
			{"technique": "strengthening", "amount": "1 unit", "frequency": "daily", "duration": "6 weeks"},
		],
		"impeding_factors": {"identified": ["diabetes"]},
		"response_summary": "steady",
		"limiting_issues": ["pain at night"],
		"prognosis": {"statement": "good", "discharge_criteria": ["reaches a shelf"]},
		"plan_of_care_changes": {
			"significant_change": true,
			"explanation": "heavier loads",
			"clinical_rationale": "pain is less",
		},
		"extension_form_completed": true,
	},
}

ready := ["EXT_READY_FOR_CLINICAL_REVIEW"]

at(code, place) := concat("", [code, " /documentation/", place])

notes_incomplete(place) := at("EXT_PROGRESS_NOTES_INCOMPLETE", place)

interventions_incomplete(place) := at("EXT_INTERVENTIONS_INCOMPLETE", place)

summary(request) := table.summary(reasons) if reasons := extension.all_reasons with input as request

# The base request with one part of its documentation replaced.
documented(part, value) := object.union(
	json.remove(base, [["documentation", part]]),
	{"documentation": {part: value}},
)

# The base request with the first or the second goal changed.
with_goal(i, change) := documented("goals", [object.union(goal, object.get({i: change}, j, {})) |
	some j, goal in base.documentation.goals
])

test_complete if summary(base) == ready

test_facts_of_a_complete_request[written] if {
	some written, number in {"1": 1, "6": 6, "6.0": 6, "12.00": 12, "999": 999}
	reasons := extension.all_reasons with input as object.union(base, {"requested_visits": json.unmarshal(written)})
	table.facts(reasons) == [{"requested": number}]
	[one] := reason.details(reasons)
	one.clauses == ["EXT-1", "EXT-2", "EXT-3", "EXT-4", "EXT-5", "EXT-6", "EXT-7"]
}

statuses := ["initial_status", "last_period_status", "current_status"]

test_goals[name] if {
	some name, case in {
		"one goal is enough": {"goals": [base.documentation.goals[0]], "reasons": []},
		"none": {"goals": [], "reasons": [notes_incomplete("goals")]},
		"null": {"goals": null, "reasons": [notes_incomplete("goals")]},
	}

	# The notes address the goals that are there, and no other.
	notes := [{
		"visit_number": 1,
		"goals_addressed": [goal.goal_id | some goal in case.goals],
	}]
	request := object.union(documented("goals", case.goals), {"documentation": {"notes": notes}})
	summary(request) == array.concat(case.reasons, [code | some code in ready; case.reasons == []])
}

test_goals_that_are_absent if {
	request := json.remove(
		documented("notes", [{"visit_number": 1, "goals_addressed": []}]),
		["/documentation/goals"],
	)
	summary(request) == [notes_incomplete("goals")]
}

test_goal_ids[name] if {
	some name, case in {
		"blank": {"ids": ["", "sleep"], "reasons": [notes_incomplete("goals/0/goal_id")]},
		"white space": {"ids": ["reach", " \u3000"], "reasons": [notes_incomplete("goals/1/goal_id")]},
		"file separator": {"ids": ["\u001c", "sleep"], "reasons": ready},
		"twice": {"ids": ["reach", "reach"], "reasons": [notes_incomplete("goals/1/goal_id")]},
		"three times": {
			"ids": ["reach", "reach", "reach"],
			"reasons": [notes_incomplete("goals/1/goal_id"), notes_incomplete("goals/2/goal_id")],
		},
		"twice, with another between": {
			"ids": ["reach", "sleep", "reach"],
			"reasons": [notes_incomplete("goals/2/goal_id")],
		},
		"two pairs": {
			"ids": ["reach", "sleep", "sleep", "reach"],
			"reasons": [notes_incomplete("goals/2/goal_id"), notes_incomplete("goals/3/goal_id")],
		},
		"blank twice": {
			"ids": [" ", " "],
			"reasons": [notes_incomplete("goals/0/goal_id"), notes_incomplete("goals/1/goal_id")],
		},
		"of other letters": {"ids": ["reach", "Reach"], "reasons": ready},
		"with a space": {"ids": ["reach", "reach "], "reasons": ready},
	}
	goals := [object.union(base.documentation.goals[0], {"goal_id": id}) | some id in case.ids]
	notes := [{"visit_number": 1, "goals_addressed": case.ids}]
	summary(object.union(base, {"documentation": {"goals": goals, "notes": notes}})) == case.reasons
}

test_statuses[name] if {
	some i in [0, 1]
	some status in statuses
	some stated, value in {
		"null": null,
		"no measure": {"measure": null},
		"blank measure": {"measure": " "},
		"no value": {"value": null},
		"blank value": {"value": "\u2028"},
		"nothing": {"measure": "", "value": ""},
	}
	name := concat(" ", [format_int(i, 10), status, stated])
	summary(with_goal(i, {status: value})) == [notes_incomplete(concat("/", ["goals", format_int(i, 10), status]))]
}

test_a_status_that_is_absent[name] if {
	some i in ["0", "1"]
	some status in statuses
	name := concat(" ", [i, status])
	request := json.remove(base, [["documentation", "goals", i, status]])
	summary(request) == [notes_incomplete(concat("/", ["goals", i, status]))]
}

test_a_status_that_lacks_a_part[name] if {
	some status in statuses
	some part in ["measure", "value"]
	name := concat(" ", [status, part])
	request := json.remove(base, [["documentation", "goals", "1", status, part]])
	summary(request) == [notes_incomplete(concat("/", ["goals/1", status]))]
}

test_one_measure_throughout[name] if {
	some name, case in {
		"last period": {
			"change": {"last_period_status": {"measure": "minutes"}},
			"reasons": [notes_incomplete("goals/1/last_period_status/measure")],
		},
		"current": {
			"change": {"current_status": {"measure": "minutes"}},
			"reasons": [notes_incomplete("goals/1/current_status/measure")],
		},
		"initial, so both others differ": {
			"change": {"initial_status": {"measure": "minutes"}},
			"reasons": [
				notes_incomplete("goals/1/current_status/measure"),
				notes_incomplete("goals/1/last_period_status/measure"),
			],
		},
		"other letters": {
			"change": {"current_status": {"measure": "Hours"}},
			"reasons": [notes_incomplete("goals/1/current_status/measure")],
		},
		"all changed alike": {
			"change": {status: {"measure": "minutes"} | some status in statuses},
			"reasons": ready,
		},
		"nothing to compare with": {
			"change": {"initial_status": {"measure": " "}},
			"reasons": [notes_incomplete("goals/1/initial_status")],
		},
		"nothing that could differ": {
			"change": {"current_status": {"measure": " "}},
			"reasons": [notes_incomplete("goals/1/current_status")],
		},
		"differs, and lacks its value": {
			"change": {"current_status": {"measure": "minutes", "value": null}},
			"reasons": [
				notes_incomplete("goals/1/current_status"),
				notes_incomplete("goals/1/current_status/measure"),
			],
		},
		"differs from an initial status without its value": {
			"change": {"initial_status": {"value": ""}, "last_period_status": {"measure": "minutes"}},
			"reasons": [
				notes_incomplete("goals/1/initial_status"),
				notes_incomplete("goals/1/last_period_status/measure"),
			],
		},
	}
	summary(with_goal(1, case.change)) == case.reasons
}

test_notes_numbers[name] if {
	some name, case in {
		"one": {"numbers": "[1]", "reasons": ready},
		"in order": {"numbers": "[1, 2, 3]", "reasons": ready},
		"out of order": {"numbers": "[3, 1, 2]", "reasons": ready},
		"more than nine": {"numbers": "[10, 2, 3, 4, 5, 6, 7, 8, 9, 1]", "reasons": ready},
		"written with a point": {"numbers": "[2.0, 1.00, 3]", "reasons": ready},
		"from 2 on": {"numbers": "[2, 3]", "reasons": [notes_incomplete("notes")]},
		"one is missing": {"numbers": "[1, 3]", "reasons": [notes_incomplete("notes")]},
		"one is twice": {"numbers": "[1, 2, 2]", "reasons": [notes_incomplete("notes")]},
		"one is twice, the last not missing": {"numbers": "[1, 1, 3]", "reasons": [notes_incomplete("notes")]},
		"one is 999": {"numbers": "[1, 2, 999]", "reasons": [notes_incomplete("notes")]},
		"2 alone": {"numbers": "[2]", "reasons": [notes_incomplete("notes")]},
	}
	notes := [{"visit_number": number, "goals_addressed": ["reach", "sleep"]} |
		some number in json.unmarshal(case.numbers)
	]
	summary(documented("notes", notes)) == case.reasons
}

test_no_notes[name] if {
	some name, request in {
		"absent": json.remove(base, ["/documentation/notes"]),
		"null": documented("notes", null),
		"empty": documented("notes", []),
	}
	summary(request) == [
		notes_incomplete("goals/0"),
		notes_incomplete("goals/1"),
		notes_incomplete("notes"),
	]
}

test_goals_addressed[name] if {
	some name, case in {
		"both by one note": {"addressed": [["reach", "sleep"], []], "reasons": ready},
		"both by each note": {"addressed": [["sleep", "reach"], ["reach", "sleep"]], "reasons": ready},
		"one twice by one note": {"addressed": [["reach", "reach"], ["sleep"]], "reasons": ready},
		"the first by none": {"addressed": [["sleep"], ["sleep"]], "reasons": [notes_incomplete("goals/0")]},
		"the second by none": {"addressed": [["reach"], []], "reasons": [notes_incomplete("goals/1")]},
		"none by any": {
			"addressed": [[], []],
			"reasons": [notes_incomplete("goals/0"), notes_incomplete("goals/1")],
		},
		"one that does not exist": {
			"addressed": [["reach"], ["sleep", "walk"]],
			"reasons": [notes_incomplete("notes/1/goals_addressed/1")],
		},
		"some that do not exist": {
			"addressed": [["walk", "reach"], ["Sleep", "sleep", ""]],
			"reasons": [
				notes_incomplete("notes/0/goals_addressed/0"),
				notes_incomplete("notes/1/goals_addressed/0"),
				notes_incomplete("notes/1/goals_addressed/2"),
			],
		},
		"the note before the place in it, and places as numbers": {
			"addressed": [["reach", "sleep", "a", "", "", "", "", "", "", "", "b"], ["c"]],
			"reasons": array.concat(
				[notes_incomplete(concat("", ["notes/0/goals_addressed/", format_int(k, 10)])) | some k in numbers.range(2, 10)],
				[notes_incomplete("notes/1/goals_addressed/0")],
			),
		},
		"one for another": {
			"addressed": [["reach"], ["walk"]],
			"reasons": [notes_incomplete("goals/1"), notes_incomplete("notes/1/goals_addressed/0")],
		},
	}
	notes := [{"visit_number": i + 1, "goals_addressed": ids} | some i, ids in case.addressed]
	summary(documented("notes", notes)) == case.reasons
}

test_place_of_a_goal_that_is_not_there if {
	obstacles := extension._obstacles with input as documented("notes", [
		{"visit_number": 1, "goals_addressed": ["reach"]},
		{"visit_number": 2, "goals_addressed": ["sleep", "reach", "walk"]},
	])
	obstacles == {{
		"code": "EXT_PROGRESS_NOTES_INCOMPLETE",
		"place": ["documentation", "notes", 1, "goals_addressed", 2],
		"path": "/documentation/notes/1/goals_addressed/2",
	}}
}

test_places_in_order if {
	ids := ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]
	goals := [object.union(base.documentation.goals[0], {"goal_id": id}) | some id in ids]
	notes := [{"visit_number": 1, "goals_addressed": ["x", "a", "b", "d", "e", "f", "g", "h", "i", "j", "y"]}]
	summary(object.union(base, {"documentation": {"goals": goals, "notes": notes}})) == [
		notes_incomplete("goals/2"),
		notes_incomplete("goals/10"),
		notes_incomplete("notes/0/goals_addressed/0"),
		notes_incomplete("notes/0/goals_addressed/10"),
	]
}

intervention_parts := ["amount", "duration", "frequency", "technique"]

test_interventions[name] if {
	some name, case in {
		"one": {"planned": [base.documentation.planned_interventions[0]], "reasons": ready},
		"none": {"planned": [], "reasons": [interventions_incomplete("planned_interventions")]},
		"null": {"planned": null, "reasons": [interventions_incomplete("planned_interventions")]},
		"one without parts": {
			"planned": [base.documentation.planned_interventions[0], {}],
			"reasons": [interventions_incomplete(concat("/", ["planned_interventions/1", part])) |
				some part in intervention_parts
			],
		},
	}
	summary(documented("planned_interventions", case.planned)) == case.reasons
}

test_interventions_that_are_absent if {
	summary(json.remove(base, ["/documentation/planned_interventions"])) == [
		interventions_incomplete("planned_interventions"),
	]
}

test_an_intervention_that_lacks_a_part[name] if {
	some i in ["0", "1"]
	some part in intervention_parts
	name := concat(" ", [i, part])
	request := json.remove(base, [["documentation", "planned_interventions", i, part]])
	summary(request) == [interventions_incomplete(concat("/", ["planned_interventions", i, part]))]
}

test_an_intervention_with_a_part_that_says_nothing[name] if {
	some part in intervention_parts
	some nothing in [null, "", "\u2009"]
	name := concat(" ", [part, json.marshal(nothing)])
	planned := [object.union(base.documentation.planned_interventions[0], {part: nothing})]
	summary(documented("planned_interventions", planned)) == [
		interventions_incomplete(concat("/", ["planned_interventions/0", part])),
	]
}

test_impeding_factors[name] if {
	unclear := [at("EXT_IMPEDING_FACTORS_MISSING", "impeding_factors")]
	some name, case in {
		"null": {"factors": null, "reasons": unclear},
		"empty": {"factors": {}, "reasons": unclear},
		"neither stated": {"factors": {"identified": null, "none_identified": null}, "reasons": unclear},
		"named": {"factors": {"identified": ["diabetes"]}, "reasons": ready},
		"named, and not ruled out": {
			"factors": {"identified": ["diabetes"], "none_identified": false},
			"reasons": ready,
		},
		"one of several is blank": {"factors": {"identified": ["", "diabetes"]}, "reasons": ready},
		"ruled out": {"factors": {"none_identified": true}, "reasons": ready},
		"ruled out with an empty list": {"factors": {"identified": [], "none_identified": true}, "reasons": ready},
		"ruled out with blanks": {"factors": {"identified": ["", "\t"], "none_identified": true}, "reasons": ready},
		"both": {"factors": {"identified": ["diabetes"], "none_identified": true}, "reasons": unclear},
		"blanks": {"factors": {"identified": [" ", ""]}, "reasons": unclear},
		"blanks, and not ruled out": {
			"factors": {"identified": [" "], "none_identified": false},
			"reasons": unclear,
		},
		"not ruled out": {"factors": {"none_identified": false}, "reasons": unclear},
	}
	summary(documented("impeding_factors", case.factors)) == case.reasons
}

test_impeding_factors_that_are_absent if {
	summary(json.remove(base, ["/documentation/impeding_factors"])) == [
		at("EXT_IMPEDING_FACTORS_MISSING", "impeding_factors"),
	]
}

test_response[name] if {
	no_summary := [at("EXT_RESPONSE_SUMMARY_MISSING", "response_summary")]
	no_issues := [at("EXT_RESPONSE_SUMMARY_MISSING", "limiting_issues")]
	some name, case in {
		"no summary": {"without": ["/documentation/response_summary"], "reasons": no_summary},
		"summary null": {"change": {"documentation": {"response_summary": null}}, "reasons": no_summary},
		"summary empty": {"change": {"documentation": {"response_summary": ""}}, "reasons": no_summary},
		"summary blank": {"change": {"documentation": {"response_summary": "\u0085\u205f"}}, "reasons": no_summary},
		"summary of a file separator": {"change": {"documentation": {"response_summary": "\u001c"}}, "reasons": ready},
		"no issues stated": {"without": ["/documentation/limiting_issues"], "reasons": no_issues},
		"issues null": {"change": {"documentation": {"limiting_issues": null}}, "reasons": no_issues},
		"an empty list says none": {"change": {"documentation": {"limiting_issues": []}}, "reasons": ready},
		"blank issues": {"change": {"documentation": {"limiting_issues": [""]}}, "reasons": ready},
		"neither": {
			"change": {"documentation": {"response_summary": "", "limiting_issues": null}},
			"reasons": array.concat(no_issues, no_summary),
		},
	}
	summary(table.request(base, case)) == case.reasons
}

test_prognosis[name] if {
	no_statement := [at("EXT_PROGNOSIS_INCOMPLETE", "prognosis/statement")]
	no_criteria := [at("EXT_PROGNOSIS_INCOMPLETE", "prognosis/discharge_criteria")]
	some name, case in {
		"null": {"prognosis": null, "reasons": array.concat(no_criteria, no_statement)},
		"empty": {"prognosis": {}, "reasons": array.concat(no_criteria, no_statement)},
		"no statement": {"prognosis": {"discharge_criteria": ["reaches"]}, "reasons": no_statement},
		"statement null": {"prognosis": {"statement": null, "discharge_criteria": ["reaches"]}, "reasons": no_statement},
		"statement blank": {"prognosis": {"statement": " ", "discharge_criteria": ["reaches"]}, "reasons": no_statement},
		"no criteria": {"prognosis": {"statement": "good"}, "reasons": no_criteria},
		"criteria null": {"prognosis": {"statement": "good", "discharge_criteria": null}, "reasons": no_criteria},
		"criteria empty": {"prognosis": {"statement": "good", "discharge_criteria": []}, "reasons": no_criteria},
		"criteria blank": {"prognosis": {"statement": "good", "discharge_criteria": ["", "\u1680"]}, "reasons": no_criteria},
		"one of the criteria blank": {
			"prognosis": {"statement": "good", "discharge_criteria": ["", "reaches"]},
			"reasons": ready,
		},
	}
	summary(documented("prognosis", case.prognosis)) == case.reasons
}

test_a_prognosis_that_is_absent if {
	summary(json.remove(base, ["/documentation/prognosis"])) == [
		at("EXT_PROGNOSIS_INCOMPLETE", "prognosis/discharge_criteria"),
		at("EXT_PROGNOSIS_INCOMPLETE", "prognosis/statement"),
	]
}

test_plan_of_care_changes[name] if {
	unexplained := "EXT_PLAN_CHANGES_UNEXPLAINED"
	not_stated := [at(unexplained, "plan_of_care_changes/significant_change")]
	no_explanation := [at(unexplained, "plan_of_care_changes/explanation")]
	no_rationale := [at(unexplained, "plan_of_care_changes/clinical_rationale")]
	some name, case in {
		"null": {"changes": null, "reasons": not_stated},
		"empty": {"changes": {}, "reasons": not_stated},
		"change null": {"changes": {"significant_change": null}, "reasons": not_stated},
		"change not stated but explained": {
			"changes": {"explanation": "loads", "clinical_rationale": "pain"},
			"reasons": not_stated,
		},
		"no change": {"changes": {"significant_change": false}, "reasons": ready},
		"no change, and blanks": {
			"changes": {"significant_change": false, "explanation": "", "clinical_rationale": null},
			"reasons": ready,
		},
		"changed and explained": {
			"changes": {"significant_change": true, "explanation": "loads", "clinical_rationale": "pain"},
			"reasons": ready,
		},
		"changed alone": {
			"changes": {"significant_change": true},
			"reasons": array.concat(no_rationale, no_explanation),
		},
		"no explanation": {
			"changes": {"significant_change": true, "clinical_rationale": "pain"},
			"reasons": no_explanation,
		},
		"no rationale": {"changes": {"significant_change": true, "explanation": "loads"}, "reasons": no_rationale},
		"blanks": {
			"changes": {"significant_change": true, "explanation": " ", "clinical_rationale": "\u2029"},
			"reasons": array.concat(no_rationale, no_explanation),
		},
		"nulls": {
			"changes": {"significant_change": true, "explanation": null, "clinical_rationale": null},
			"reasons": array.concat(no_rationale, no_explanation),
		},
	}
	summary(documented("plan_of_care_changes", case.changes)) == case.reasons
}

test_plan_of_care_changes_that_are_absent if {
	summary(json.remove(base, ["/documentation/plan_of_care_changes"])) == [
		at("EXT_PLAN_CHANGES_UNEXPLAINED", "plan_of_care_changes/significant_change"),
	]
}

test_form[name] if {
	some name, case in {
		"completed": {"completed": true, "reasons": ready},
		"not completed": {
			"completed": false,
			"reasons": [at("EXT_FORM_MISSING", "extension_form_completed")],
		},
		"null": {"completed": null, "reasons": [at("EXT_FORM_MISSING", "extension_form_completed")]},
	}
	summary(documented("extension_form_completed", case.completed)) == case.reasons
}

test_a_form_that_is_not_stated if {
	summary(json.remove(base, ["/documentation/extension_form_completed"])) == [
		at("EXT_FORM_MISSING", "extension_form_completed"),
	]
}

test_documentation_that_is_not_stated_lacks_all_parts[name] if {
	some name, request in {
		"absent": object.remove(base, ["documentation"]),
		"null": object.union(base, {"documentation": null}),
		"empty": object.union(object.remove(base, ["documentation"]), {"documentation": {}}),
	}
	summary(request) == [
		notes_incomplete("goals"),
		notes_incomplete("notes"),
		interventions_incomplete("planned_interventions"),
		at("EXT_IMPEDING_FACTORS_MISSING", "impeding_factors"),
		at("EXT_RESPONSE_SUMMARY_MISSING", "limiting_issues"),
		at("EXT_RESPONSE_SUMMARY_MISSING", "response_summary"),
		at("EXT_PROGNOSIS_INCOMPLETE", "prognosis/discharge_criteria"),
		at("EXT_PROGNOSIS_INCOMPLETE", "prognosis/statement"),
		at("EXT_PLAN_CHANGES_UNEXPLAINED", "plan_of_care_changes/significant_change"),
		at("EXT_FORM_MISSING", "extension_form_completed"),
	]
}

test_reasons_together[name] if {
	some name, case in {
		"benefits not covered": {
			"change": {"benefit_status": "not_covered"},
			"reasons": ["BENEFIT_NOT_COVERED /benefit_status"],
		},
		"benefits unverified": {"without": ["/benefit_status"], "reasons": ["BENEFIT_UNVERIFIED /benefit_status"]},
		"discontinued": {
			"change": {"discontinuation": {"goals_achieved": true}},
			"reasons": ["DC_NO_LONGER_NEEDED /discontinuation/goals_achieved"],
		},
		"a criterion that is not stated": {
			"change": {"discontinuation": {"goals_achieved": null}},
			"reasons": ready,
		},
		"before the rules begin": {
			"change": {"request_date": "2022-05-31"},
			"reasons": ["PT_BEFORE_EFFECTIVE_DATE /request_date"],
		},
		"the day that the rules begin": {"change": {"request_date": "2022-06-01"}, "reasons": ready},
		"everything at once": {
			"change": {
				"request_date": "2022-05-31",
				"specialty": "aqua_therapy",
				"benefit_status": null,
				"documentation": {"notes": [], "extension_form_completed": false},
				"discontinuation": {"adapted_with_equipment": true},
			},
			"reasons": [
				"PT_BEFORE_EFFECTIVE_DATE /request_date",
				"PT_SPECIALTY_EXCLUDED /specialty",
				"BENEFIT_UNVERIFIED /benefit_status",
				notes_incomplete("goals/0"),
				notes_incomplete("goals/1"),
				notes_incomplete("notes"),
				at("EXT_FORM_MISSING", "extension_form_completed"),
				"DC_ADAPTED /discontinuation/adapted_with_equipment",
			],
		},
	}
	summary(table.request(base, case)) == case.reasons
}

test_outcome[name] if {
	some name, case in {
		"complete": {"change": {}, "outcome": "pended"},
		"incomplete": {"change": {"documentation": {"response_summary": ""}}, "outcome": "pended"},
		"discontinued": {"change": {"discontinuation": {"meets_continuation_criteria": false}}, "outcome": "denied"},
		"benefits not covered": {"change": {"benefit_status": "not_covered"}, "outcome": "denied"},
		"specialty": {"change": {"specialty": "lymphedema"}, "outcome": "not_applicable"},
	}
	decision := data.therapy.decision with input as object.union(base, case.change)
	decision.outcome == case.outcome

	# No extension visit is ever authorized here.
	decision.authorized == {
		"units": 0,
		"procedure_codes": [],
		"evaluation_visits": 0,
		"treatment_visits": 0,
		"max_units_per_visit": 0,
	}
}
