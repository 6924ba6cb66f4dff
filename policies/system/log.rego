# METADATA
# title: What the decision log keeps
# description: An allow-list. Of a judged request the log keeps what the rules read; each free text becomes a token that
#   says whether it was present and which texts were the same, never what it said. Of a request that was not judged it
#   keeps the request type alone. Whatever this page does not foresee is left out.
package system.log

import data.therapy.lib.text

# METADATA
# title: Input and result are always replaced by what may be kept
# description: A mask that is undefined would log in clear, so both rules hold for every event and have a default.
mask contains {"op": "upsert", "path": "/input", "value": kept_input}

mask contains {"op": "upsert", "path": "/result", "value": kept_result}

default kept_input := "left out"

kept_input := kept_request(input.input) if is_judged(input.result)

kept_input := kept_of_refused(input.result) if is_refused(input.result)

kept_input := {"requests": [kept |
	some i, decision in input.result
	kept := kept_element(i, decision)
]} if {
	is_array(input.result)
	count(input.result) == count(input.input.requests)
}

default kept_result := "left out"

kept_result := kept_decision(input.result)

kept_result := [kept_decision(decision) | some decision in input.result] if is_array(input.result)

is_judged(decision) if decision.outcome != "invalid_request"

is_refused(decision) if decision.outcome == "invalid_request"

# OPA compares what it hands to a function, and dies of some numbers; so a refused request is never handed to one.
kept_element(i, decision) := kept_request(input.input.requests[i]) if is_judged(decision)

kept_element(_, decision) := kept_of_refused(decision) if is_refused(decision)

# METADATA
# title: What is kept of a request that was not judged
kept_of_refused(decision) := {"request_type": decision.request_type}

# METADATA
# title: What is kept of a request that was judged
kept_request(request) := json.patch(request, patches) if {
	free_texts := [{"path": path, "text": value} |
		[path, value] := walk(request)
		is_string(value)
		not is_plain(path)
	]
	distinct := sort({free.text | some free in free_texts})
	tokens := {value: token(value, i) | some i, value in distinct}
	patches := [{"op": "replace", "path": free.path, "value": tokens[free.text]} | some free in free_texts]
}

# METADATA
# title: Whether a value stands under a member that the published form gives no free text
is_plain(path) if data.therapy.request.plain_members[path[count(path) - 1]]

# An element of a list stands under the list's member.
is_plain(path) if {
	is_number(path[count(path) - 1])
	data.therapy.request.plain_members[path[count(path) - 2]]
}

# Blank texts too are told apart, for the notes of an extension name goals by their id; they stay blank, and short.
token(value, i) := concat(" ", ["text", format_int(i + 1, 10)]) if {
	text.present(value)
} else := strings.replace_n({"0": " ", "1": "\t"}, format_int(i + 1, 2))

# METADATA
# title: What is kept of one decision, which is all of it but member names that the published form does not have
kept_decision(decision) := decision if is_judged(decision)

kept_decision(decision) := object.union(decision, {"request_id": null, "reasons": reasons}) if {
	is_refused(decision)
	reasons := [object.union(reason, {"path": known_path(reason.path)}) | some reason in decision.reasons]
}

known_path(path) := concat("/", [step | some written in split(path, "/"); step := known_step(written)])

known_step(step) := step if {
	data.therapy.request.members[step]
} else := step if {
	regex.match(`^[0-9]{0,3}$`, step)
} else := "*"
