# METADATA
# title: Reasons
# description: A rule names a code and a place of the request. Effect, clauses, interpretation, message and remedy of the
#   code are in the register; a decision shows a reason with all of them.
package therapy.lib.reason

# METADATA
# title: A reason at a place of the request
at(code, place) := {"code": code, "place": place}

# METADATA
# title: A reason with a path that is already written
# description: For places of which a request may have very many. Paths are compared quickly, places are not.
at_path(code, place, path) := {"code": code, "place": place, "path": path}

# METADATA
# title: A reason with the facts that decided it, for its message and remedy
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
# title: Reasons as a decision shows them, in the order of the register, then of places, then of clauses
described(reasons) := [described_reason |
	some [_, _, _, described_reason] in sort([[registered.order, each.place, described_reason.clauses, described_reason] |
		some each in reasons
		registered := data.therapy.register.reason_codes[each.code]
		facts := {concat("", ["{", name, "}"]): _as_text(fact) | some name, fact in object.get(each, "facts", {})}
		described_reason := {
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
