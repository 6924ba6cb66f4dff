package therapy.standard_answer_test

import data.therapy.standard_answer

# A register of its own, so that a plan can change the real one.
register := {
	"OT_CODE_NOT_LISTED": {
		"review_reason": "D1",
		"adjustment": {"group": "CO", "carc": "1", "rarc": "N1"},
		"claim_status": null,
		"documents": [],
		"determination": "administrative",
	},
	"OT_ADD_ON_WITHOUT_PRIMARY": {
		"review_reason": "D1",
		"adjustment": {"group": "CO", "carc": "1", "rarc": "N1"},
		"claim_status": null,
		"documents": [],
		"determination": "administrative",
	},
	"OT_UNITS_OVER_VISIT_LIMIT": {
		"review_reason": "P1",
		"adjustment": null,
		"claim_status": "P2",
		"documents": [],
		"determination": "administrative",
	},
	"PT_TIER_NOT_NAMED": {
		"review_reason": null,
		"adjustment": null,
		"claim_status": null,
		"documents": [],
		"determination": null,
	},
	"PT_REFERRAL_VISIT_LIMIT": {
		"review_reason": "D2",
		"adjustment": null,
		"claim_status": null,
		"documents": [],
		"determination": "administrative",
	},
	"PT_IMPROVEMENT_NOT_EXPECTED": {
		"review_reason": "D3",
		"adjustment": null,
		"claim_status": null,
		"documents": [],
		"determination": "clinician_attested",
	},
	"PT_IMPROVEMENT_UNDOCUMENTED": {
		"review_reason": "P2",
		"adjustment": null,
		"claim_status": null,
		"documents": [{"report_type": "07", "loinc": "1-1"}, {"report_type": "08", "loinc": null}],
		"determination": "clinician_attested",
	},
	"BENEFIT_UNVERIFIED": {
		"review_reason": "P3",
		"adjustment": null,
		"claim_status": "P1",
		"documents": [{"report_type": "08", "loinc": null}],
		"determination": "administrative",
	},
	"EXT_READY_FOR_CLINICAL_REVIEW": {
		"review_reason": "P4",
		"adjustment": null,
		"claim_status": null,
		"documents": [],
		"determination": "clinical_review",
	},
}

answer(decision) := result if {
	result := standard_answer.of(decision) with data.therapy.register.standard_answers as register
}

nothing := {"units": 0, "procedure_codes": [], "evaluation_visits": 0, "treatment_visits": 0, "max_units_per_visit": 0}

because(code, effect, clauses, path) := {
	"code": code,
	"effect": effect,
	"clauses": clauses,
	"message": concat(" ", [code, "applies."]),
	"path": path,
}

decision(outcome, request_type, reasons) := {
	"outcome": outcome,
	"request_type": request_type,
	"authorized_under": [],
	"authorized": nothing,
	"lines": [],
	"reasons": reasons,
}

test_a_denial_in_full if {
	denied := because("PT_IMPROVEMENT_NOT_EXPECTED", "deny", ["PT-7"], "/expected_improvement/functional")
	pended := because("PT_IMPROVEMENT_UNDOCUMENTED", "pend", ["PT-7"], "/expected_improvement/measurable")
	informed := because("PT_TIER_NOT_NAMED", "info", ["PT-3"], "/condition/category")
	result := answer(decision("denied", "pt_referral", [denied, pended, informed])) with input as {"requested_visits": 7}
	result == {
		"action": "A3",
		"review_reasons": ["D3"],
		"asked": {"visits": 7, "units": null},
		"granted": {"visits": 0, "units": 0},
		"lines": [],
		"reasons": [
			{
				"code": "PT_IMPROVEMENT_NOT_EXPECTED",
				"path": "/expected_improvement/functional",
				"action": "A3",
				"review_reason": "D3",
				"adjustment": null,
				"claim_status": null,
				"documents": [],
				"determination": "clinician_attested",
			},
			{
				"code": "PT_IMPROVEMENT_UNDOCUMENTED",
				"path": "/expected_improvement/measurable",
				"action": "A4",
				"review_reason": "P2",
				"adjustment": null,
				"claim_status": null,
				"documents": [{"report_type": "07", "loinc": "1-1"}, {"report_type": "08", "loinc": null}],
				"determination": "clinician_attested",
			},
			{
				"code": "PT_TIER_NOT_NAMED",
				"path": "/condition/category",
				"action": null,
				"review_reason": null,
				"adjustment": null,
				"claim_status": null,
				"documents": [],
				"determination": null,
			},
		],
		"documents": [{"report_type": "07", "loinc": "1-1"}, {"report_type": "08", "loinc": null}],
		"human_reviewed": false,
		"determination": "clinician_attested",
		"ends": null,
		"text": "This is denied. PT-7: PT_IMPROVEMENT_NOT_EXPECTED applies.",
	}
}

line(number, code, status, requested, authorized, reasons) := {
	"line": number,
	"procedure_code": code,
	"status": status,
	"units_requested": requested,
	"units_authorized": authorized,
	"reasons": reasons,
}

test_the_lines_of_a_claim_in_full if {
	claim := object.union(
		decision("partially_authorized", "pediatric_ot_claim", [
			because("OT_CODE_NOT_LISTED", "deny", ["OT-3"], "/service_lines/2/procedure_code"),
			because("OT_ADD_ON_WITHOUT_PRIMARY", "deny", ["OT-6"], "/service_lines/2/procedure_code"),
			because("OT_UNITS_OVER_VISIT_LIMIT", "pend", ["PT-5", "OT-3"], "/service_lines/1/units"),
			because("OT_UNITS_OVER_VISIT_LIMIT", "pend", ["PT-5", "OT-3"], "/service_lines/3/units"),
		]),
		{
			"authorized_under": ["OT-4", "OT-5"],
			"authorized": {"units": 4},
			"lines": [
				line(1, "97110", "authorized", 2, 2, []),
				line(2, "97112", "partially_authorized", 3, 2, ["OT_UNITS_OVER_VISIT_LIMIT"]),
				line(3, "99999", "denied", 1, 0, ["OT_CODE_NOT_LISTED", "OT_ADD_ON_WITHOUT_PRIMARY", "OT_UNITS_OVER_VISIT_LIMIT"]),
				line(4, "97530", "pended", 5, 0, ["OT_UNITS_OVER_VISIT_LIMIT", "PT_TIER_NOT_NAMED"]),
			],
		},
	)
	result := answer(claim) with input as null
	result.action == "A6"
	result.review_reasons == ["D1", "P1"]
	result.asked == {"visits": null, "units": 11}
	result.granted == {"visits": 0, "units": 4}
	result.determination == "administrative"
	result.documents == []
	result.ends == {"circumstance": "this visit", "visit": null}
	result.text == concat(" ", [
		"A part of this is authorized under OT-4, OT-5.",
		"OT-3: OT_CODE_NOT_LISTED applies.",
		"OT-6: OT_ADD_ON_WITHOUT_PRIMARY applies.",
		"PT-5, OT-3: OT_UNITS_OVER_VISIT_LIMIT applies.",
	])
	result.lines == [
		{
			"line": 1, "procedure_code": "97110", "action": "A1", "review_reasons": [],
			"units_requested": 2, "units_authorized": 2, "units_pended": 0,
			"adjustments": [], "claim_statuses": [],
		},
		{
			"line": 2, "procedure_code": "97112", "action": "A6", "review_reasons": ["P1"],
			"units_requested": 3, "units_authorized": 2, "units_pended": 1,
			"adjustments": [], "claim_statuses": ["P2"],
		},
		{
			"line": 3, "procedure_code": "99999", "action": "A3", "review_reasons": ["D1"],
			"units_requested": 1, "units_authorized": 0, "units_pended": 0,
			"adjustments": [{"group": "CO", "carc": "1", "rarc": "N1"}], "claim_statuses": [],
		},
		{
			"line": 4, "procedure_code": "97530", "action": "A4", "review_reasons": ["P1"],
			"units_requested": 5, "units_authorized": 0, "units_pended": 5,
			"adjustments": [], "claim_statuses": ["P2"],
		},
	]
}

test_the_action_of_each_outcome[outcome] if {
	some outcome, action in {
		"authorized": "A1",
		"partially_authorized": "A6",
		"denied": "A3",
		"pended": "A4",
		"not_applicable": "CT",
		"routed": "CT",
		"invalid_request": null,
	}
	result := answer(decision(outcome, "pt_continuation", [])) with input as null
	result.action == action
	result.human_reviewed == false
}

test_the_action_of_each_reason[effect] if {
	some effect, action in {"deny": "A3", "pend": "A4", "scope": "CT", "info": null, "invalid": null}
	reasons := [because("BENEFIT_UNVERIFIED", effect, [], "")]
	result := answer(decision("pended", "pt_continuation", reasons)) with input as null
	[each.action | some each in result.reasons] == [action]
}

# Only the reasons that an outcome is based on give it its codes, its determination and its text.
test_what_an_outcome_rests_on[outcome] if {
	some outcome, case in {
		"authorized": {"codes": [], "kind": null, "says": ["This is authorized under ."]},
		"partially_authorized": {
			"codes": ["P3", "D3"],
			"kind": "clinician_attested",
			"says": [
				"A part of this is authorized under .", "BENEFIT_UNVERIFIED applies.",
				"PT_IMPROVEMENT_NOT_EXPECTED applies.",
			],
		},
		"denied": {
			"codes": ["D3"],
			"kind": "clinician_attested",
			"says": ["This is denied.", "PT_IMPROVEMENT_NOT_EXPECTED applies."],
		},
		"pended": {
			"codes": ["P3"],
			"kind": "administrative",
			"says": ["A decision is pending.", "BENEFIT_UNVERIFIED applies."],
		},
		"not_applicable": {
			"codes": [],
			"kind": null,
			"says": ["These rules do not apply to this request.", "PT_SPECIALTY_EXCLUDED applies."],
		},
		"routed": {"codes": [], "kind": null, "says": ["This is handled under ."]},
		"invalid_request": {"codes": [], "kind": null, "says": ["The request is not valid, so it was not decided."]},
	}
	reasons := [
		because("REQUEST_INVALID", "invalid", [], ""),
		because("PT_SPECIALTY_EXCLUDED", "scope", [], ""),
		because("BENEFIT_UNVERIFIED", "pend", [], ""),
		because("PT_IMPROVEMENT_NOT_EXPECTED", "deny", [], ""),
		because("PT_TIER_NOT_NAMED", "info", [], ""),
	]
	result := answer(decision(outcome, "referral_route", reasons)) with input as null
	result.review_reasons == case.codes
	result.determination == case.kind
	result.text == concat(" ", case.says)
}

test_a_line_that_waits_has_the_codes_of_what_it_waits_for[name] if {
	some name, case in {
		"pended": {"status": "pended", "reasons": ["P3"], "adjustments": [], "statuses": ["P1"]},
		"denied": {"status": "denied", "reasons": ["D1"], "adjustments": [{"group": "CO", "carc": "1", "rarc": "N1"}], "statuses": []},
		"authorized": {"status": "authorized", "reasons": [], "adjustments": [], "statuses": []},
	}
	reasons := [
		because("OT_CODE_NOT_LISTED", "deny", ["OT-3"], ""),
		because("BENEFIT_UNVERIFIED", "pend", ["UM-2"], ""),
		because("PT_TIER_NOT_NAMED", "info", ["UM-2"], ""),
	]
	codes := ["BENEFIT_UNVERIFIED", "OT_CODE_NOT_LISTED", "PT_TIER_NOT_NAMED"]
	whole := object.union(
		decision("pended", "pediatric_ot_claim", reasons),
		{"lines": [line(1, "97110", case.status, 3, 0, codes)]},
	)
	[result] := answer(whole).lines with input as null
	result.review_reasons == case.reasons
	result.adjustments == case.adjustments
	result.claim_statuses == case.statuses
}

# What denies a line is told, whatever the claim as a whole waits for; what only informs, or does not decide, is not.
test_the_text_tells_why_each_line_is_denied[name] if {
	some name, case in {
		"a line that is denied": {
			"lines": [
				line(1, "97110", "pended", 1, 0, ["BENEFIT_UNVERIFIED", "PT_TIER_NOT_NAMED"]),
				line(2, "99999", "denied", 1, 0, ["BENEFIT_UNVERIFIED", "OT_CODE_NOT_LISTED"]),
			],
			"says": [
				"A decision is pending, and a part of this is denied.", "UM-2: BENEFIT_UNVERIFIED applies.",
				"OT-3: OT_CODE_NOT_LISTED applies.",
			],
		},
		"a line that waits": {
			"lines": [line(1, "97110", "pended", 1, 0, ["BENEFIT_UNVERIFIED", "OT_CODE_NOT_LISTED"])],
			"says": ["A decision is pending.", "UM-2: BENEFIT_UNVERIFIED applies."],
		},
	}
	reasons := [
		because("OT_CODE_NOT_LISTED", "deny", ["OT-3"], ""),
		because("BENEFIT_UNVERIFIED", "pend", ["UM-2"], ""),
		because("PT_TIER_NOT_NAMED", "info", ["UM-2"], ""),
	]
	whole := object.union(decision("pended", "pediatric_ot_claim", reasons), {"lines": case.lines})
	result := answer(whole) with input as null
	result.text == concat(" ", case.says)
}

test_documents_are_listed_once_and_only_for_what_is_pended if {
	reasons := [
		because("BENEFIT_UNVERIFIED", "pend", ["UM-2"], ""),
		because("PT_IMPROVEMENT_UNDOCUMENTED", "pend", ["PT-7"], "/a"),
		because("PT_IMPROVEMENT_UNDOCUMENTED", "pend", ["PT-7"], "/b"),
	]
	result := answer(decision("pended", "pt_referral", reasons)) with input as {}
	result.documents == [{"report_type": "08", "loinc": null}, {"report_type": "07", "loinc": "1-1"}]
	result.text == concat(" ", [
		"A decision is pending.", "UM-2: BENEFIT_UNVERIFIED applies.",
		"PT-7: PT_IMPROVEMENT_UNDOCUMENTED applies.",
	])
	denials := [because("PT_IMPROVEMENT_UNDOCUMENTED", "deny", ["PT-7"], "/a")]
	denied := answer(decision("denied", "pt_referral", denials)) with input as {}
	denied.documents == []
}

test_the_determination_furthest_from_a_rule[name] if {
	some name, case in {
		"a clinician must decide": {
			"codes": ["BENEFIT_UNVERIFIED", "PT_IMPROVEMENT_UNDOCUMENTED", "EXT_READY_FOR_CLINICAL_REVIEW"],
			"kind": "clinical_review",
		},
		"a clinician stated it": {
			"codes": ["BENEFIT_UNVERIFIED", "PT_IMPROVEMENT_UNDOCUMENTED"],
			"kind": "clinician_attested",
		},
		"a rule": {"codes": ["BENEFIT_UNVERIFIED"], "kind": "administrative"},
		"not known": {"codes": ["PT_TIER_NOT_NAMED"], "kind": null},
	}
	reasons := [because(code, "pend", [], "") | some code in case.codes]
	result := answer(decision("pended", "pt_extension", reasons)) with input as {"requested_visits": 1}
	result.determination == case.kind
}

test_what_is_asked[name] if {
	some name, case in {
		"visit": {"type": "pt_visit", "input": {"visit": {"units": 3.0}}, "asked": {"visits": 1, "units": 3}},
		"referral": {"type": "pt_referral", "input": {"requested_visits": 12.0}, "asked": {"visits": 12, "units": null}},
		"referral that states no number": {"type": "pt_referral", "input": {}, "asked": {"visits": null, "units": null}},
		"referral whose number is null": {
			"type": "pt_referral",
			"input": {"requested_visits": null},
			"asked": {"visits": null, "units": null},
		},
		"extension": {"type": "pt_extension", "input": {"requested_visits": 6}, "asked": {"visits": 6, "units": null}},
		"plan of care": {
			"type": "pt_treatment_plan",
			"input": {"requested_visits": 6, "visit": {"units": 3}},
			"asked": {"visits": null, "units": null},
		},
	}
	result := answer(decision("pended", case.type, [])) with input as case.input
	json.marshal(result.asked) == json.marshal(case.asked)
	invalid := answer(decision("invalid_request", case.type, [])) with input as case.input
	invalid.asked == {"visits": null, "units": null}
}

granting(outcome, request_type, evaluation, treatment) := object.union(
	decision(outcome, request_type, []),
	{"authorized": {"evaluation_visits": evaluation, "treatment_visits": treatment, "units": 3}},
)

test_what_is_granted_and_when_it_ends[name] if {
	some name, case in {
		"referral": {
			"decision": granting("authorized", "pt_referral", 1, 11),
			"visits": 12,
			"ends": {"circumstance": "visit 12 of the referral", "visit": 12},
		},
		"referral in part": {
			"decision": granting("partially_authorized", "pt_referral", 1, 5),
			"visits": 6,
			"ends": {"circumstance": "visit 6 of the referral", "visit": 6},
		},
		"visit": {
			"decision": granting("authorized", "pt_visit", 0, 1),
			"visits": 1,
			"ends": {"circumstance": "this visit", "visit": null},
		},
		"visit in part": {
			"decision": granting("partially_authorized", "pt_visit", 1, 0),
			"visits": 1,
			"ends": {"circumstance": "this visit", "visit": null},
		},
		"claim": {
			"decision": granting("authorized", "pediatric_ot_claim", 0, 0),
			"visits": 0,
			"ends": {"circumstance": "this visit", "visit": null},
		},
		"plan of care": {
			"decision": granting("authorized", "pt_treatment_plan", 0, 0),
			"visits": 0,
			"ends": {"circumstance": "the last visit of the referral", "visit": null},
		},
		"pended referral": {"decision": granting("pended", "pt_referral", 0, 0), "visits": 0, "ends": null},
		"denied visit": {"decision": granting("denied", "pt_visit", 0, 0), "visits": 0, "ends": null},
		"pended claim": {"decision": granting("pended", "pediatric_ot_claim", 0, 0), "visits": 0, "ends": null},
		"plan of care in part": {
			"decision": granting("partially_authorized", "pt_treatment_plan", 0, 0),
			"visits": 0,
			"ends": null,
		},
	}
	result := answer(case.decision) with input as {"visit": {"units": 1}}
	result.granted == {"visits": case.visits, "units": 3}
	result.ends == case.ends
}

# An entry that cannot be used gives no codes. The action stays, because it follows from the outcome alone.
test_an_entry_that_cannot_be_used[name] if {
	whole := register.BENEFIT_UNVERIFIED
	some name, entry in {
		"no entry": null,
		"a number that was to be a code": object.union(whole, {"review_reason": 14}),
		"no review reason": object.remove(whole, {"review_reason"}),
		"a number that was to be a status": object.union(whole, {"claim_status": 2}),
		"no status": object.remove(whole, {"claim_status"}),
		"an adjustment that is a text": object.union(whole, {"adjustment": "CO-96"}),
		"no adjustment": object.remove(whole, {"adjustment"}),
		"a list that was to be a determination": object.union(whole, {"determination": []}),
		"no determination": object.remove(whole, {"determination"}),
		"documents that are a text": object.union(whole, {"documents": "08"}),
		"no documents": object.remove(whole, {"documents"}),
	}
	pended := decision("pended", "pt_continuation", [because("BENEFIT_UNVERIFIED", "pend", ["UM-2"], "/a")])
	result := standard_answer.of(pended) with input as null
		with data.therapy.register.standard_answers as {"BENEFIT_UNVERIFIED": entry}
	result.action == "A4"
	result.review_reasons == []
	result.documents == []
	result.determination == null
	result.reasons == [{
		"code": "BENEFIT_UNVERIFIED",
		"path": "/a",
		"action": "A4",
		"review_reason": null,
		"adjustment": null,
		"claim_status": null,
		"documents": [],
		"determination": null,
	}]
}

# --- The entry points

visit := {
	"request_type": "pt_visit",
	"service_date": "2024-03-15",
	"specialty": "none",
	"benefit_status": "covered",
	"tier": "nonacute",
	"visit": {"number": 2, "kind": "treatment", "units": 3, "units_already_authorized": 0},
	"prior_visits": {"evaluation": 1, "treatment": 0},
	"progress_note_number": 2,
	"plan_of_care_complete": true,
}

test_an_answer_has_the_decision_beside_it if {
	result := data.therapy.answer with input as visit
	result.decision == data.therapy.decision with input as visit
	result.answer.action == "A1"
	result.answer.asked == {"visits": 1, "units": 3}
	result.answer.granted == {"visits": 1, "units": 3}
	result.answer.text == "This is authorized under PT-3, PT-5."
}

test_every_input_has_an_answer[name] if {
	some name, request in {"null": null, "a text": "x", "an empty object": {}, "a list": [1]}
	result := data.therapy.answer with input as request
	result.decision.outcome == "invalid_request"
	result.answer.action == null
	result.answer.text == "The request is not valid, so it was not decided."
}

test_answers_in_order if {
	requests := [visit, null, object.union(visit, {"benefit_status": "not_covered"})]
	results := data.therapy.answers with input as {"requests": requests}
	[result.answer.action | some result in results] == ["A1", null, "A3"]
	[result.decision | some result in results] == data.therapy.decisions with input as {"requests": requests}
	every i, request in requests {
		results[i] == data.therapy.answer with input as request
	}
}

test_answers_to_no_list[name] if {
	some name, batch in {"null": null, "no list": {"requests": {}}, "missing": {}}
	[result] := data.therapy.answers with input as batch
	[result.decision] == data.therapy.decisions with input as batch
	result.answer.action == null
	result.answer.reasons[0].path == "/requests"
}

test_only_a_reason_that_pends_wants_documents[effect] if {
	some effect, wanted in {"pend": register.BENEFIT_UNVERIFIED.documents, "deny": [], "scope": [], "info": [], "invalid": []}
	reasons := [because("BENEFIT_UNVERIFIED", effect, [], "")]
	result := answer(decision("pended", "pt_visit", reasons)) with input as {"visit": {"units": 1}}
	result.documents == wanted
}
