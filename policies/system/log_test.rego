package system.log_test

import data.system.log

plan := {
	"request_type": "pt_treatment_plan", "request_id": "r-1", "service_date": "2026-03-02", "specialty": "none",
	"plan_of_care": {
		"diagnosis": "a secret", "planned_interventions": ["a secret", "another"], "frequency": "  ", "duration": "",
		"goals": [{"statement": "third", "target_date": "2026-05-01"}], "patient_caregiver_education": true,
	},
}

decided := {
	"outcome": "pended", "request_type": "pt_treatment_plan", "request_id": "r-1",
	"reasons": [{"code": "PT_PLAN_OF_CARE_INCOMPLETE", "path": "/plan_of_care/goals/0/measure"}],
}

refused := {
	"outcome": "invalid_request", "request_type": "pt_treatment_plan", "request_id": "r-1",
	"reasons": [
		{"code": "REQUEST_INVALID", "path": "/plan_of_care/goals/12/measure"},
		{"code": "REQUEST_INVALID", "path": "/name of the patient~1x"},
		{"code": "REQUEST_INVALID", "path": "/808432"},
		{"code": "REQUEST_INVALID", "path": ""},
	],
}

# What `therapy/answer` gives on a request that is evaluated, and on one that is not valid.
answered := {"decision": decided, "answer": {
	"action": "A4",
	"reasons": [{"code": "PT_PLAN_OF_CARE_INCOMPLETE", "path": "/plan_of_care/goals/0/measure"}],
	"text": "A text of the policy.",
}}

not_answered := {"decision": refused, "answer": {
	"action": null,
	"reasons": [{"code": reason.code, "path": reason.path} | some reason in refused.reasons],
	"text": "It may name the field name of the patient/x.",
}}

# What the log would hold of an event.
logged(event) := {
	"/input": object.get(patches, "/input", event.input),
	"/result": object.get(patches, "/result", event.result),
} if {
	patches := masked(event)
}

# What a mask replaces of an event. The rest is logged in clear.
masked(event) := {patch.path: patch.value | some patch in patches} if {
	patches := log.mask with input as event
}

test_free_texts_become_tokens if {
	kept := logged({"input": plan, "result": decided})["/input"]
	kept.plan_of_care.diagnosis == kept.plan_of_care.planned_interventions[0]
	kept.plan_of_care.diagnosis != kept.plan_of_care.planned_interventions[1]
	startswith(kept.plan_of_care.planned_interventions[1], "text ")
	not contains(json.marshal(kept), "secret")
	not contains(json.marshal(kept), "third")
}

test_tokens_number_the_texts_in_their_order if {
	kept := logged({"input": plan, "result": decided})["/input"].plan_of_care
	[kept.duration, kept.frequency] == ["\t", "\t "]
	kept.planned_interventions == ["text 3", "text 4"]
	kept.goals[0].statement == "text 5"
}

test_a_thousand_blank_texts_stay_apart_and_short if {
	spaces := concat("", [" " | some _ in numbers.range(1, 1000)])
	ids := [substring(spaces, 0, n) | some n in numbers.range(0, 999)]
	request := {"request_type": "pt_extension", "documentation": {"notes": [{"goals_addressed": ids}]}}
	kept := logged({"input": request, "result": decided})["/input"].documentation.notes[0].goals_addressed
	count({id | some id in kept}) == 1000
	max([count(id) | some id in kept]) == 10
	every id in kept {
		trim_space(id) == ""
	}
}

test_blank_texts_stay_blank_and_apart if {
	kept := logged({"input": plan, "result": decided})["/input"]
	trim_space(kept.plan_of_care.frequency) == ""
	trim_space(kept.plan_of_care.duration) == ""
	kept.plan_of_care.frequency != kept.plan_of_care.duration
}

test_what_is_no_free_text_is_kept if {
	kept := logged({"input": plan, "result": decided})["/input"]
	object.remove(kept, ["plan_of_care"]) == object.remove(plan, ["plan_of_care"])
	kept.plan_of_care.goals[0].target_date == "2026-05-01"
	kept.plan_of_care.patient_caregiver_education == true
}

test_a_decision_is_kept_whole if logged({"input": plan, "result": decided})["/result"] == decided

test_of_a_refused_request_its_type_is_kept if {
	logged({"input": {"anything": "a secret"}, "result": refused})["/input"] == {"request_type": "pt_treatment_plan"}
}

test_of_a_refusal_known_places_are_kept if {
	kept := logged({"input": {}, "result": refused})["/result"]
	[reason.path | some reason in kept.reasons] == ["/plan_of_care/goals/12/measure", "/*", "/*", ""]
	kept.request_id == null
	[reason.code | some reason in kept.reasons] == [reason.code | some reason in refused.reasons]
}

test_a_batch_is_kept_request_by_request if {
	kept := logged({"input": {"requests": [plan, 1]}, "result": [decided, refused]})
	not contains(json.marshal(kept), "secret")
	kept["/input"].requests[0].request_id == "r-1"
	kept["/input"].requests[1] == {"request_type": "pt_treatment_plan"}
	kept["/result"][0] == decided
	kept["/result"][1].reasons[1].path == "/*"
}

test_an_answer_is_kept_whole if {
	kept := logged({"input": plan, "result": answered})
	kept["/result"] == answered
	kept["/input"] == logged({"input": plan, "result": decided})["/input"]
}

test_of_an_answer_on_a_refused_request_known_places_are_kept if {
	kept := logged({"input": {"anything": "a secret"}, "result": not_answered})
	kept["/input"] == {"request_type": "pt_treatment_plan"}
	kept["/result"].decision == logged({"input": {}, "result": refused})["/result"]
	[reason.path | some reason in kept["/result"].answer.reasons] == [
		"/plan_of_care/goals/12/measure",
		"/*", "/*", "",
	]
	not contains(json.marshal(kept), "name of the patient")
	object.keys(kept["/result"].answer) == {"action", "reasons", "text"}
	kept["/result"].answer.text == "left out"
}

test_a_batch_of_answers_is_kept_request_by_request if {
	kept := logged({"input": {"requests": [plan, 1]}, "result": [answered, not_answered]})
	not contains(json.marshal(kept), "secret")
	not contains(json.marshal(kept), "name of the patient")
	kept["/input"].requests[0].request_id == "r-1"
	kept["/input"].requests[1] == {"request_type": "pt_treatment_plan"}
	kept["/result"][0] == answered
	kept["/result"][1].answer.reasons[1].path == "/*"
}

# The same number of requests and decisions is what pairs them.
test_a_refused_batch_is_left_out if {
	logged({"input": {"requests": "a secret"}, "result": [refused]})["/input"] == "left out"
	logged({"input": {"requests": [plan, plan]}, "result": [refused]})["/input"] == "left out"
}

unforeseen := {
	"no result": {"input": plan},
	"no input": {"result": "a secret"},
	"neither": {},
	"a number": {"input": 1, "result": 2},
	"an answer without a decision": {"input": plan, "result": {"answer": {"text": "a secret"}}},
	"a decision without fields": {"input": plan, "result": {"decision": "a secret", "outcome": "denied"}},
	"a result that is a text as long as the batch": {"input": {"requests": ["a secret", "a secret"]}, "result": "ab"},
}

test_what_is_not_foreseen_is_left_out[name] if {
	some name, event in unforeseen
	masked(event) == {"/input": "left out", "/result": "left out"}
}

claim := {
	"request_type": "pediatric_ot_claim",
	"service_lines": [{"procedure_code": "97110", "modifiers": ["GO", "59"]}],
}

# An event that no mask applies to, or only one, is logged in clear.
test_input_and_result_of_every_other_event_are_replaced[name] if {
	some name, event in object.union(unforeseen, {
		"refused": {"input": plan, "result": refused},
		"refused, of a type without free texts": {"input": claim, "result": refused},
		"refused, of no type": {"input": {"request_type": "unknown"}, "result": refused},
		"a batch": {"input": {"requests": [plan]}, "result": [decided]},
		"refused, with an answer": {"input": plan, "result": not_answered},
		"a batch of answers": {"input": {"requests": [plan]}, "result": [answered]},
	})
	patches := log.mask with input as event
	{[patch.op, patch.path] | some patch in patches} == {["upsert", "/input"], ["upsert", "/result"]}
}

test_an_evaluated_request_of_a_type_without_free_texts_is_kept if {
	masked({"input": claim, "result": {"outcome": "denied"}}) == {
		"/input/request_type": "pediatric_ot_claim",
		"/result/outcome": "denied",
	}
	masked({"input": {"requests": [claim]}, "result": [{"outcome": "denied"}]})["/input"] == {"requests": [claim]}
}

# The mark by which `serve` knows that the mask has seen an entry: a field replaced by itself.
test_what_is_kept_as_it_was_is_marked if {
	patches := log.mask with input as {"input": claim, "result": {"outcome": "denied"}}
	patches == {
		{"op": "upsert", "path": "/input/request_type", "value": "pediatric_ot_claim"},
		{"op": "upsert", "path": "/result/outcome", "value": "denied"},
	}
}

test_an_answer_that_is_kept_as_it_was_is_marked if {
	patches := log.mask with input as {"input": claim, "result": {"decision": {"outcome": "denied"}, "answer": {}}}
	patches == {
		{"op": "upsert", "path": "/input/request_type", "value": "pediatric_ot_claim"},
		{"op": "upsert", "path": "/result/decision/outcome", "value": "denied"},
	}
}

test_of_an_evaluated_request_of_another_type_the_input_is_replaced[request_type] if {
	some request_type in ["pt_treatment_plan", "pt_extension", "unknown"]
	patches := masked({"input": {"request_type": request_type, "plan_of_care": {}}, "result": {"outcome": "denied"}})
	object.keys(patches) == {"/input", "/result/outcome"}
}

test_a_request_with_as_many_requests_as_its_decision_has_fields_is_no_batch if {
	event := {"input": {"requests": [1, 2]}, "result": {"outcome": "pended", "reasons": []}}
	masked(event) == {"/input": "left out", "/result/outcome": "pended"}
}

# The types without free texts are those whose published forms have none.
test_types_without_free_texts if {
	object.keys(data.therapy.request.types_without_free_text) == {
		"pediatric_ot_claim", "pt_referral", "pt_visit", "pt_continuation", "referral_route",
	}
}
