# METADATA
# title: Pediatric OT claim
# description: One claim for one pediatric occupational therapy visit. Benefits and medical necessity affect the
#   whole claim. Each line is then evaluated by itself, and the lines share the units that the visit has left.
# schemas:
#   - input: schema.pediatric_ot_claim
package therapy.pediatric_ot.claim

import data.therapy.lib.effective
import data.therapy.lib.policy
import data.therapy.lib.reason
import data.therapy.lib.units
import data.therapy.member.benefit
import data.therapy.usable_values

# METADATA
# title: A claim whose medical necessity was not established is denied
_reasons_on_request contains reason.at("OT_NOT_MEDICALLY_NECESSARY", ["medical_necessity"]) if {
	_medical_necessity == "not_established"
}

# METADATA
# title: A claim whose medical necessity is undetermined is pended
_reasons_on_request contains reason.at("OT_MEDICAL_NECESSITY_UNDETERMINED", ["medical_necessity"]) if {
	not _medical_necessity in {"established", "not_established"}
}

_medical_necessity := object.get(input, "medical_necessity", null)

# METADATA
# title: A line whose procedure code is not listed is denied
_reasons_on_code[i] contains reason.with_facts(
	"OT_CODE_NOT_LISTED", ["service_lines", i, "procedure_code"],
	{"listed": count(_listed)},
) if {
	some i, line in input.service_lines
	not _listed[line.procedure_code]
}

_listed := effective.value(usable_values.procedure_codes)

# METADATA
# title: A claim is pended while the list of procedure codes cannot be used
_reasons_on_request contains reason.unusable("POLICY_VALUE_UNUSABLE", "pediatric_ot.procedure_codes", clauses) if {
	not _listed
	clauses := [clause | some clause in data.therapy.parameters.pediatric_ot.procedure_codes.clauses]
}

# METADATA
# title: A line with an add-on code is denied if its primary code is not on the claim
_reasons_on_code[i] contains reason.with_facts(
	"OT_ADD_ON_WITHOUT_PRIMARY", ["service_lines", i, "procedure_code"],
	{"add_on": line.procedure_code, "primary": primary},
) if {
	some i, line in input.service_lines
	primary := _listed[line.procedure_code].add_on_to
	not primary in _codes_on_claim
}

_codes_on_claim := {line.procedure_code | some line in input.service_lines}

# METADATA
# title: Units beyond the limit of the visit are pended on their line
_reasons_on_units[i] contains reason.with_facts(
	"OT_UNITS_OVER_VISIT_LIMIT", ["service_lines", i, "units"],
	{"requested": _requested[i], "available": available, "limit": units.per_visit},
) if {
	some i, available in _units_for_line
	available < _requested[i]
}

# A whole number is the same however it is written: 4.0 units are 4.
_requested := [floor(line.units) | some line in input.service_lines]

# METADATA
# title: Each line gets the units that it requests, as far as the lines before it in the queue leave any
_units_for_line[i] := min([_requested[i], max([0, _units_left - requested_before])]) if {
	some position, i in _queue
	requested_before := sum([_requested[earlier] | some earlier in array.slice(_queue, 0, position)])
}

_units_left := units.per_visit - input.units_already_authorized

# METADATA
# title: The lines with a listed code share the units of the visit, primary lines before add-on lines
# description: An add-on line has its primary code on the claim. The other lines get no units.
_queue := array.concat(_primary_lines, _add_on_lines)

_primary_lines := [i |
	some i, line in input.service_lines
	_listed[line.procedure_code]
	not _listed[line.procedure_code].add_on_to
]

_add_on_lines := [i |
	some i, line in input.service_lines
	_listed[line.procedure_code].add_on_to in _codes_on_claim
]

# METADATA
# title: A claim is denied if each of its lines is denied for a reason of its own
default every_line_denied := false

every_line_denied if {
	every i, _ in input.service_lines {
		"deny" in reason.effects(_own_reasons[i])
	}
}

_own_reasons := {i: reasons |
	some i, _ in input.service_lines
	reasons := reason.registered(object.get(_reasons_on_code, i, set()) | object.get(_reasons_on_units, i, set()))
}

# METADATA
# title: The lines, each with its status and the reasons that apply to it
lines := [line |
	some i, requested_line in input.service_lines
	available := object.get(_units_for_line, i, 0)
	status := _status(reason.effects(_own_reasons[i]), _requested[i], available)
	line := {
		"line": i + 1,
		"procedure_code": requested_line.procedure_code,
		"status": status,
		"units_requested": _requested[i],
		"units_authorized": _units_authorized(status, available),
		"reasons": reason.codes(_on_request | _own_reasons[i]),
	}
]

_status(own_effects, requested, available) := "denied" if {
	"deny" in _effects_on_request
} else := "denied" if {
	"deny" in own_effects
} else := "pended" if {
	"pend" in _effects_on_request
} else := "authorized" if {
	available == requested
} else := "partially_authorized" if {
	available > 0
} else := "pended"

_effects_on_request := reason.effects_on_request(all_reasons)

_units_authorized(status, available) := available if {
	status in {"authorized", "partially_authorized"}
} else := 0

# METADATA
# title: A claim is authorized if its lines get all their units, partially if they get some, and pended if they get none
outcome := "authorized" if {
	every line in lines {
		line.status == "authorized"
	}
} else := "partially_authorized" if {
	count(_authorized_lines) > 0
} else := "pended"

_authorized_lines := [line | some line in lines; line.units_authorized > 0]

all_reasons := reason.registered(union({
	_reasons_on_request,
	units.reasons,
	policy.reasons,
	benefit.reasons,
	{each | some each in _reasons_on_code[_]},
	{each | some each in _reasons_on_units[_]},
}))

_on_request := {each | some each in all_reasons; not each.place[0] == "service_lines"}

# METADATA
# title: A claim gets the units of its lines, and the procedure codes of those lines that get a unit
default authorized := {}

authorized := {
	"units": sum([line.units_authorized | some line in _authorized_lines]),
	"procedure_codes": sort({line.procedure_code | some line in _authorized_lines}),
	"max_units_per_visit": units.per_visit,
}

# METADATA
# title: What a claim gets if nothing denies or pends it as a whole
determination := {
	"reasons": all_reasons,
	"every_line_denied": every_line_denied,
	"outcome": outcome,
	"authorized": authorized,
	"authorized_under": {_listed[line.procedure_code].clause | some line in _authorized_lines},
	"lines": lines,
}
