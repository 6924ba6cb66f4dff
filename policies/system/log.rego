# METADATA
# title: What the decision log keeps
# description: An allow-list. Of an evaluated request the log keeps what the rules read. Each free text becomes a token
#   that shows whether it was present and which texts were the same, never what it said. Of an invalid request the log
#   keeps only the type. Anything else is left out.
package system.log

import data.therapy.lib.text

# METADATA
# title: A log entry never has the input and the result as they were, only what may be kept of them
# description: An undefined mask would log everything as it was, so both rules apply to every event and have a default.
mask contains {"op": "upsert", "path": "/input", "value": _kept_input}

mask contains {"op": "upsert", "path": "/result", "value": _kept_result}

default _kept_input := "left out"

_kept_input := _kept_request(input.input) if _is_evaluated(input.result)

_kept_input := _kept_of_invalid(input.result) if _is_invalid(input.result)

_kept_input := {"requests": [kept |
	some i, decision in input.result
	kept := _kept_element(i, decision)
]} if {
	is_array(input.result)
	count(input.result) == count(input.input.requests)
}

default _kept_result := "left out"

_kept_result := _kept_decision(input.result)

_kept_result := [_kept_decision(decision) | some decision in input.result] if is_array(input.result)

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
_kept_request(request) := json.patch(request, patches) if {
	free_texts := [{"path": path, "text": value} |
		[path, value] := walk(request)
		is_string(value)
		not _is_plain(path)
	]
	distinct := sort({free.text | some free in free_texts})
	tokens := {value: _token(value, i) | some i, value in distinct}
	patches := [{"op": "replace", "path": free.path, "value": tokens[free.text]} | some free in free_texts]
}

# METADATA
# title: Whether a value is in a field that never holds free text
_is_plain(path) if data.therapy.request.plain_fields[path[count(path) - 1]]

# An element of a list is in the list's field.
_is_plain(path) if {
	is_number(path[count(path) - 1])
	data.therapy.request.plain_fields[path[count(path) - 2]]
}

# Blank texts get different tokens too, because the notes of an extension name goals by their id. Such a token is blank.
_token(value, i) := concat(" ", ["text", format_int(i + 1, 10)]) if {
	text.present(value)
} else := strings.replace_n({"0": " ", "1": "\t"}, format_int(i + 1, 2))

# METADATA
# title: What is kept of one decision, which is all of it except field names that no request has
_kept_decision(decision) := decision if _is_evaluated(decision)

_kept_decision(decision) := object.union(decision, {"request_id": null, "reasons": reasons}) if {
	_is_invalid(decision)
	reasons := [object.union(reason, {"path": _known_path(reason.path)}) | some reason in decision.reasons]
}

_known_path(path) := concat("/", [_known_step(step) | some step in split(path, "/")])

_known_step(step) := step if {
	data.therapy.request.fields[step]
} else := step if {
	regex.match(`^[0-9]{0,3}$`, step)
} else := "*"
