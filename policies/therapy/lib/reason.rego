# METADATA
# title: Reasons
# description: Builds the findings of rules and describes them as the reasons of a decision. A rule names a code and a
#   place; effect, clauses, interpretation, message and remedy of the code stand in the register.
package therapy.lib.reason

# METADATA
# title: A finding at a place of the request
at(code, place) := {"code": code, "place": place}

# METADATA
# title: A finding that says its path itself
# description: For places of which a request may have very many. Paths are told apart quickly, places are not.
at_path(code, place, path) := {"code": code, "place": place, "path": path}

# METADATA
# title: A finding with the facts that decided it, for its message and remedy
with_facts(code, place, facts) := {"code": code, "place": place, "facts": facts}

# METADATA
# title: A finding under one of the clauses that its code may rest on
under(clause, code, place, facts) := {"code": code, "place": place, "facts": facts, "clauses": [clause]}

# METADATA
# title: The effects that findings have on the request as a whole
effects_on_request(findings) := {registered.effect |
	some finding in findings
	registered := data.therapy.register.reason_codes[finding.code]
	registered.bears_on == "request"
}

# METADATA
# title: The findings of one effect
of_effect(findings, effect) := {finding |
	some finding in findings
	data.therapy.register.reason_codes[finding.code].effect == effect
}

# METADATA
# title: The codes of findings, each once, in the order of the register
codes(findings) := [code |
	some [_, code] in sort({[data.therapy.register.reason_codes[finding.code].order, finding.code] |
		some finding in findings
	})
]

# METADATA
# title: The findings as reasons, in the order of the register, then of places, then of clauses
described(findings) := [reason |
	some [_, _, _, reason] in sort([[registered.order, finding.place, reason.clauses, reason] |
		some finding in findings
		registered := data.therapy.register.reason_codes[finding.code]
		facts := {concat("", ["{", name, "}"]): worded(fact) | some name, fact in object.get(finding, "facts", {})}
		reason := {
			"code": finding.code,
			"effect": registered.effect,
			"clauses": object.get(finding, "clauses", registered.clauses),
			"interpretation": registered.interpretation,
			"message": filled(registered.message, facts),
			"remedy": filled(registered.remedy, facts),
			"path": path_of(finding),
		}
	])
]

worded(fact) := fact if is_string(fact)

worded(fact) := format_int(fact, 10) if is_number(fact)

filled(null, _) := null

filled(template, facts) := strings.replace_n(facts, template) if is_string(template)

path_of(finding) := finding.path

path_of(finding) := pointer(finding.place) if not finding.path

# A JSON Pointer (RFC 6901).
pointer(place) := concat("/", array.concat([""], [step(part) | some part in place]))

step(part) := replace(replace(part, "~", "~0"), "/", "~1") if is_string(part)

step(part) := format_int(part, 10) if is_number(part)
