# METADATA
# title: Reasons
# description: A rule names a code and a field of the request. The register of reason codes has the effect, clauses,
#   interpretation, message and remedy of each code. A decision lists each reason with all of them.
package therapy.lib.reason

import data.therapy.usable_values

# METADATA
# title: A reason at a field of the request, or at the request as a whole
at(code, place) := {"code": code, "place": place}

# METADATA
# title: A reason at a place whose path is given too
# description: For a rule that may find very many places, because OPA compares paths faster than places.
at_path(code, place, path) := {"code": code, "place": place, "path": path}

# METADATA
# title: A reason with the facts that its message and remedy mention
with_facts(code, place, facts) := {"code": code, "place": place, "facts": facts}

# METADATA
# title: A reason under one of the clauses that its code may be based on
under(clause, code, place, facts) := {"code": code, "place": place, "facts": facts, "clauses": [clause]}

# METADATA
# title: A reason that the policy itself is at fault, with the clauses of the parameter that cannot be used
unusable(code, parameter, clauses) := {
	"code": code,
	"place": [],
	"facts": {"parameter": parameter},
	"clauses": sort([clause | some clause in clauses; data.therapy.register.clauses[clause]]),
}

# METADATA
# title: The effects that reasons have on the request as a whole
effects_on_request(reasons) := {entry.effect |
	some each in reasons
	entry := _entry(each.code)
	place := each.place
	not _on_a_part(entry, place)
}

# Whatever the register says, only a reason at a service line, at the units of a visit or at the visits of a referral
# can apply to less than the whole request.
_on_a_part(entry, place) if {
	entry.applies_to == "line"
	place[0] == "service_lines"
}

_on_a_part(entry, place) if {
	entry.applies_to == "units"
	place == ["visit", "units"]
}

_on_a_part(entry, place) if {
	entry.applies_to == "visits"
	place == ["requested_visits"]
}

# METADATA
# title: All effects of reasons, on the request or on a part of it
effects(reasons) := {_entry(each.code).effect | some each in reasons}

# METADATA
# title: The reasons of one effect
of_effect(reasons, effect) := {each |
	some each in reasons
	_entry(each.code).effect == effect
}

# METADATA
# title: The codes of reasons, each once, in the order of the register
codes(reasons) := [code |
	some [_, code] in sort({[_entry(each.code).order, each.code] | some each in reasons})
]

# METADATA
# title: The place of a code in the register
order(code) := _entry(code).order

# METADATA
# title: Reasons that the register describes; each other code becomes part of a reason that the policy cannot be used
registered(reasons) := reasons if {
	every each in reasons {
		usable_values.reason_codes[each.code]
		not _at_fault(each)
	}
} else := usable_reasons | {unusable("POLICY_VALUE_UNUSABLE", concat(", ", sort(names)), clauses) |
	some clauses in {each.clauses | some each in faults}
	names := {each.facts.parameter | some each in faults; each.clauses == clauses}
} if {
	usable_reasons := {each | some each in reasons; usable_values.reason_codes[each.code]; not _at_fault(each)}
	faults := {each | some each in reasons; _at_fault(each)} | {unusable("POLICY_VALUE_UNUSABLE", each.code, []) |
		some each in reasons
		not usable_values.reason_codes[each.code]
		not _at_fault(each)
	}
}

# METADATA
# title: Whether a reason says that the policy cannot be used
# description: Those with the same clauses become one reason, because a decision gives a code, a path and its clauses once.
_at_fault(each) if each.code == "POLICY_VALUE_UNUSABLE"

# METADATA
# title: The entry of a registered code in the register
_entry(code) := data.therapy.register.reason_codes[code] if code != "POLICY_VALUE_UNUSABLE"

# METADATA
# title: A policy at fault says so even if the register has no usable entry for that
_entry("POLICY_VALUE_UNUSABLE") := data.therapy.register.reason_codes.POLICY_VALUE_UNUSABLE if {
	usable_values.reason_codes.POLICY_VALUE_UNUSABLE
} else := {
	"order": 0,
	"effect": "pend",
	"clauses": [],
	"interpretation": null,
	"message": "The policy cannot be used for this request.",
	"remedy": null,
}

# METADATA
# title: Whether the register has an entry for a code that can be used
is_registered(code) if {
	entry := data.therapy.register.reason_codes[code]
	is_number(entry.order)
	is_string(entry.message)
	_text_or_null(entry.remedy)
	object.get(entry, "applies_to", "request") in {"request", "line", "units", "visits"}
	_interpretation_or_null(entry.interpretation)
	is_array(entry.clauses)
	every clause in entry.clauses {
		data.therapy.register.clauses[clause]
	}
	_effect_allowed(code, entry)
}

_text_or_null(null)

_text_or_null(value) if is_string(value)

_interpretation_or_null(null)

_interpretation_or_null(id) if data.therapy.register.interpretations[id]

# Two codes have one effect each, so that neither can lead to an approval. A denial cites a clause.
_effect_allowed(code, entry) if {
	entry.effect in object.get(_only_effects, code, {"scope", "pend", "info"})
} else if {
	not _only_effects[code]
	entry.effect == "deny"
	count(entry.clauses) > 0
}

# METADATA
# title: A request that is not valid is never approved, and a policy that cannot be used approves nothing
_only_effects := {"REQUEST_INVALID": {"invalid"}, "POLICY_VALUE_UNUSABLE": {"pend"}}

# METADATA
# title: Reasons as a decision lists them, in the order of the register, then of places, then of clauses
details(reasons) := [entry |
	some [_, _, _, entry] in sort([[listed.order, each.place, entry.clauses, entry] |
		some each in reasons
		listed := _entry(each.code)
		facts := {concat("", ["{", name, "}"]): _as_text(fact) | some name, fact in object.get(each, "facts", {})}
		entry := {
			"code": each.code,
			"effect": listed.effect,
			"clauses": object.get(each, "clauses", listed.clauses),
			"interpretation": listed.interpretation,
			"message": _with_facts(listed.message, facts),
			"remedy": _with_facts(listed.remedy, facts),
			"path": _path_of(each),
		}
	])
]

_as_text(fact) := fact if is_string(fact)

_as_text(fact) := format_int(fact, 10) if is_number(fact)

_with_facts(null, _) := null

_with_facts(template, facts) := strings.replace_n(facts, template) if is_string(template)

_path_of(each) := each.path

_path_of(each) := _pointer(each.place) if not each.path

# A JSON Pointer (RFC 6901).
_pointer(place) := concat("/", array.concat([""], [step(part) | some part in place]))

step(part) := replace(replace(part, "~", "~0"), "/", "~1") if is_string(part)

step(part) := format_int(part, 10) if is_number(part)
