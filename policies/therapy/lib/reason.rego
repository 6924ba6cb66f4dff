# METADATA
# title: Reasons
# description: A rule names a code and a field of the request. The register of reason codes has the effect, clauses,
#   interpretation, message and remedy of each code. A decision lists each reason with all of them.
package therapy.lib.reason

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
# title: The effects that reasons have on the request as a whole
effects_on_request(reasons) := {registered.effect |
	some each in reasons
	registered := data.therapy.register.reason_codes[each.code]
	object.get(registered, "applies_to", "request") == "request"
}

# METADATA
# title: The reasons of one effect
of_effect(reasons, effect) := {each |
	some each in reasons
	data.therapy.register.reason_codes[each.code].effect == effect
}

# METADATA
# title: The codes of reasons, each once, in the order of the register
codes(reasons) := [code |
	some [_, code] in sort({[data.therapy.register.reason_codes[each.code].order, each.code] |
		some each in reasons
	})
]

# METADATA
# title: Reasons as a decision lists them, in the order of the register, then of places, then of clauses
details(reasons) := [entry |
	some [_, _, _, entry] in sort([[registered.order, each.place, entry.clauses, entry] |
		some each in reasons
		registered := data.therapy.register.reason_codes[each.code]
		facts := {concat("", ["{", name, "}"]): _as_text(fact) | some name, fact in object.get(each, "facts", {})}
		entry := {
			"code": each.code,
			"effect": registered.effect,
			"clauses": object.get(each, "clauses", registered.clauses),
			"interpretation": registered.interpretation,
			"message": _with_facts(registered.message, facts),
			"remedy": _with_facts(registered.remedy, facts),
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
