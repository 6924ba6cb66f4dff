# METADATA
# title: What the decision log keeps
# description: An allow-list. Of an evaluated request the log keeps what the rules read. Each free text becomes a token
#   that shows whether it was present and which texts were the same, never what it said. Of an invalid request the log
#   keeps only the type. Anything else is left out. A decision with its standard answer is kept as the decision is.
package system.log

import data.therapy.lib.text as texts

# METADATA
# title: A log entry has an input and a result as they were only where nothing of them must be left out
# description: An undefined mask would log everything as it was. So both rules apply unless it is certain that nothing
#   must be left out, and what they keep has a default. Where something is kept as it was, one field is replaced by
#   itself. That is the mark by which `serve` knows that the mask has seen the entry; it writes no other.
mask contains {"op": "upsert", "path": "/input", "value": _kept_input} if not _input_may_be_kept

mask contains {"op": "upsert", "path": "/result", "value": _kept_result} if not _result_may_be_kept

mask contains {"op": "upsert", "path": "/input/request_type", "value": input.input.request_type} if _input_may_be_kept

mask contains {"op": "upsert", "path": "/result/outcome", "value": input.result.outcome} if _result_may_be_kept

mask contains {
	"op": "upsert", "path": "/result/decision/outcome",
	"value": input.result.decision.outcome,
} if _result_may_be_kept

_result_may_be_kept if _is_evaluated(_decision)

_input_may_be_kept if {
	_result_may_be_kept
	data.therapy.request.types_without_free_text[input.input.request_type]
}

# METADATA
# title: The decision in the result, or the list of results of a batch
_decision := _decision_in(input.result)

default _kept_input := "left out"

_kept_input := _kept_request(input.input) if _is_evaluated(_decision)

_kept_input := _kept_of_invalid(_decision) if _is_invalid(_decision)

_kept_input := {"requests": [kept |
	some i, result in input.result
	kept := _kept_element(i, _decision_in(result))
]} if {
	is_array(input.result)
	count(input.result) == count(input.input.requests)
}

default _kept_result := "left out"

_kept_result := _kept(input.result)

_kept_result := [_kept(result) | some result in input.result] if is_array(input.result)

_decision_in(result) := result.decision if {
	result.decision
} else := result

_is_evaluated(decision) if decision.outcome != "invalid_request"

_is_invalid(decision) if decision.outcome == "invalid_request"

# OPA compares what it gives to a function, and some numbers bring it down, so no invalid request is given to one.
_kept_element(i, decision) := _kept_request(input.input.requests[i]) if _is_evaluated(decision)

_kept_element(_, decision) := _kept_of_invalid(decision) if _is_invalid(decision)

# METADATA
# title: What is kept of an invalid request
_kept_of_invalid(decision) := {"request_type": decision.request_type}

# METADATA
# title: What is kept of an evaluated request
_kept_request(request) := request if data.therapy.request.types_without_free_text[request.request_type]

_kept_request(request) := json.patch(request, patches) if {
	free_texts := data.therapy.request.free_texts(request)
	distinct := sort({text | some [_, text] in free_texts})
	tokens := {text: _token(text, i) | some i, text in distinct}
	patches := [{"op": "replace", "path": path, "value": tokens[text]} | some [path, text] in free_texts]
}

# Blank texts get different tokens too, because the notes of an extension name goals by their id. Such a token is blank.
_token(text, i) := concat(" ", ["text", format_int(i + 1, 10)]) if {
	texts.present(text)
} else := strings.replace_n({"0": " ", "1": "\t"}, format_int(i + 1, 2))

# METADATA
# title: What is kept of one result
_kept(result) := _kept_decision(result) if not result.decision

_kept(result) := {"decision": _kept_decision(result.decision), "answer": _kept_answer(result)}

# METADATA
# title: What is kept of one decision, which is all of it except field names that no request has
_kept_decision(decision) := decision if _is_evaluated(decision)

_kept_decision(decision) := object.union(decision, {
	"request_id": null,
	"reasons": _with_known_paths(decision.reasons),
}) if {
	_is_invalid(decision)
}

# METADATA
# title: What is kept of one answer, which is the same; the text of an answer on an invalid request is left out
_kept_answer(result) := result.answer if _is_evaluated(result.decision)

_kept_answer(result) := object.union(result.answer, {
	"reasons": _with_known_paths(result.answer.reasons),
	"text": "left out",
}) if {
	_is_invalid(result.decision)
}

_with_known_paths(reasons) := [object.union(reason, {"path": _known_path(reason.path)}) | some reason in reasons]

_known_path(path) := concat("/", [_known_step(step) | some step in split(path, "/")])

_known_step(step) := step if {
	data.therapy.request.fields[step]
} else := step if {
	regex.match(`^[0-9]{0,3}$`, step)
} else := "*"
