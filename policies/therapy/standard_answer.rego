# METADATA
# title: Standard answers
# description: What a decision is called in the standard transactions. The action follows from the outcome alone, so
#   whatever the register of standard answers says, it approves nothing and denies nothing.
package therapy.standard_answer

import data.therapy.lib.reason
import data.therapy.usable_values

# METADATA
# title: The answer that a decision gives
of(decision) := {
	"action": _actions[decision.outcome],
	"review_reasons": _review_reasons(deciding),
	"asked": _asked(decision),
	"granted": {
		"visits": decision.authorized.evaluation_visits + decision.authorized.treatment_visits,
		"units": decision.authorized.units,
	},
	"lines": [_line(line, effects) | some line in decision.lines],
	"reasons": [_reason(each) | some each in decision.reasons],
	"documents": _distinct([document |
		some code in _codes_of_effects(decision.reasons, {"pend"})
		some document in _entry(code).documents
	]),
	"human_reviewed": false,
	"determination": _determination(deciding),
	"ends": _ends(decision),
	"text": concat(" ", array.concat([_opening(decision)], _sentences(decision, effects))),
} if {
	deciding := _codes_of_effects(decision.reasons, _deciding_effects[decision.outcome])
	effects := {each.code: each.effect | some each in decision.reasons}
}

# METADATA
# title: The action (X12 list 306) for each outcome; a request that is not valid has none
_actions := {
	"authorized": "A1",
	"partially_authorized": "A6",
	"denied": "A3",
	"pended": "A4",
	"not_applicable": "CT",
	"routed": "CT",
	"invalid_request": null,
}

# METADATA
# title: The action that a reason alone leads to, by its effect
_actions_of_effects := {"deny": "A3", "pend": "A4", "scope": "CT", "info": null, "invalid": null}

# METADATA
# title: The effects of the reasons that an outcome is based on
_deciding_effects := {
	"authorized": set(),
	"partially_authorized": {"deny", "pend"},
	"denied": {"deny"},
	"pended": {"pend"},
	"not_applicable": set(),
	"routed": set(),
	"invalid_request": set(),
}

_codes_of_effects(reasons, effects) := reason.codes({{"code": each.code} |
	some each in reasons
	each.effect in effects
})

# METADATA
# title: The entry of a code in the register of standard answers; without one, the answer has no codes for the reason
_entry(code) := object.get(usable_values.standard_answers, code, {
	"review_reason": null,
	"adjustment": null,
	"claim_status": null,
	"documents": [],
	"determination": null,
})

_review_reasons(codes) := _stated([_entry(code).review_reason | some code in codes])

_stated(values) := _distinct([value | some value in values; value != null])

_distinct(values) := [value |
	some i, value in values
	earlier := array.slice(values, 0, i)
	not value in earlier
]

# METADATA
# title: A determination is the one furthest from a rule, of the reasons that decide
_determination(codes) := kinds[0] if {
	kinds := [kind |
		some kind in ["clinical_review", "clinician_attested", "administrative"]
		kind in {_entry(code).determination | some code in codes}
	]
} else := null

# METADATA
# title: One reason, with its standard codes
_reason(each) := {
	"code": each.code,
	"path": each.path,
	"action": _actions_of_effects[each.effect],
	"review_reason": entry.review_reason,
	"adjustment": entry.adjustment,
	"claim_status": entry.claim_status,
	"documents": entry.documents,
	"determination": entry.determination,
} if {
	entry := _entry(each.code)
}

# METADATA
# title: One service line; what was not authorized of it is denied, or waits for a decision
_line(line, effects) := {
	"line": line.line,
	"procedure_code": line.procedure_code,
	"action": _actions[line.status],
	"review_reasons": _review_reasons(deciding),
	"units_requested": line.units_requested,
	"units_authorized": line.units_authorized,
	"units_pended": _units_pended(line),
	"adjustments": _stated([_entry(code).adjustment | some code in deciding]),
	"claim_statuses": _stated([_entry(code).claim_status | some code in deciding]),
} if {
	deciding := [code | some code in line.reasons; effects[code] in _deciding_effects[line.status]]
}

_units_pended(line) := line.units_requested - line.units_authorized if {
	line.status in {"pended", "partially_authorized"}
} else := 0

# METADATA
# title: What the request asks for, as far as it states a quantity
_asked(decision) := {"visits": null, "units": sum([line.units_requested | some line in decision.lines])} if {
	count(decision.lines) > 0
} else := {"visits": null, "units": null} if {
	decision.outcome == "invalid_request"
} else := {"visits": 1, "units": floor(input.visit.units)} if {
	decision.request_type == "pt_visit"
} else := {"visits": floor(visits), "units": null} if {
	decision.request_type in {"pt_referral", "pt_extension"}
	visits := object.get(input, "requested_visits", null)
	visits != null
} else := {"visits": null, "units": null}

# METADATA
# title: When an authorization ends, by circumstance; the source has no date
_ends(decision) := {"circumstance": circumstance, "visit": visit} if {
	decision.outcome in {"authorized", "partially_authorized"}
	decision.request_type == "pt_referral"
	visit := decision.authorized.evaluation_visits + decision.authorized.treatment_visits
	circumstance := concat(" ", ["visit", format_int(visit, 10), "of the referral"])
} else := {"circumstance": "this visit", "visit": null} if {
	decision.outcome in {"authorized", "partially_authorized"}
	decision.request_type in {"pediatric_ot_claim", "pt_visit"}
} else := {"circumstance": "the last visit of the referral", "visit": null} if {
	decision.outcome == "authorized"
} else := null

# METADATA
# title: The first sentence of the text
_opening(decision) := "A decision is pending, and a part of this is denied." if {
	decision.outcome == "pended"
	some line in decision.lines
	line.status == "denied"
} else := concat("", [_openings[decision.outcome], concat(", ", decision.authorized_under), "."])

_openings := {
	"authorized": "This is authorized under ",
	"partially_authorized": "A part of this is authorized under ",
	"denied": "This is denied",
	"pended": "A decision is pending",
	"not_applicable": "These rules do not apply to this request",
	"routed": "This is handled under ",
	"invalid_request": "The request is not valid, so it was not decided",
}

# METADATA
# title: The reasons in words, each sentence once, with its clauses
# description: A line may be denied while the claim waits for a decision, so the reasons of the lines are told too.
_sentences(decision, effects) := [sentence |
	of_lines := {code |
		some line in decision.lines
		some code in line.reasons
		effects[code] in _deciding_effects[line.status]
	}
	some [_, sentence] in sort({[reason.order(each.code), _sentence(each)] |
		some each in decision.reasons
		_is_told(each, decision.outcome, of_lines)
	})
]

_is_told(each, outcome, _) if each.effect in _effects_in_text[outcome]

_is_told(each, _, of_lines) if each.code in of_lines

_sentence(each) := concat(": ", [concat(", ", each.clauses), each.message]) if {
	count(each.clauses) > 0
} else := each.message

# A message about a request that is not valid may name a field that no request has.
_effects_in_text := object.union(_deciding_effects, {"not_applicable": {"scope"}})
