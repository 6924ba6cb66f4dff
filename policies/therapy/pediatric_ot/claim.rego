# METADATA
# title: Pediatric OT claim
# description: One claim of one pediatric occupational therapy visit. Benefits and medical necessity bear on the whole
#   claim; each line is then judged for itself, and the lines share the units that the visit has left.
# schemas:
#   - input: schema.pediatric_ot_claim
package therapy.pediatric_ot.claim

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.member.benefit

listed := effective.holding(data.therapy.parameters.pediatric_ot.procedure_codes.periods)

units_per_visit := effective.holding(data.therapy.parameters.units_per_visit.periods)

# METADATA
# title: The reasons that bear on the claim as a whole
reasons_on_request contains found if some found in benefit.reasons

# METADATA
# title: A claim whose medical necessity was not established is denied
# custom:
#   code: OT_NOT_MEDICALLY_NECESSARY
reasons_on_request contains reason.at("OT_NOT_MEDICALLY_NECESSARY", ["medical_necessity"]) if {
	medical_necessity == "not_established"
}

# METADATA
# title: A claim whose medical necessity is not determined pends
# custom:
#   code: OT_MEDICAL_NECESSITY_UNDETERMINED
reasons_on_request contains reason.at("OT_MEDICAL_NECESSITY_UNDETERMINED", ["medical_necessity"]) if {
	not medical_necessity in {"established", "not_established"}
}

medical_necessity := object.get(input, "medical_necessity", null)

# METADATA
# title: The reasons that bear on one line, by the line's index
# description: A line with a procedure code that is not listed is denied.
# custom:
#   code: OT_CODE_NOT_LISTED
reasons_on_line[i] contains reason.with_facts(
	"OT_CODE_NOT_LISTED", ["service_lines", i, "procedure_code"],
	{"listed": count(listed)},
) if {
	some i, line in input.service_lines
	not listed[line.procedure_code]
}

# METADATA
# title: An add-on code without its primary code on the claim is denied
# custom:
#   code: OT_ADD_ON_WITHOUT_PRIMARY
reasons_on_line[i] contains reason.with_facts(
	"OT_ADD_ON_WITHOUT_PRIMARY", ["service_lines", i, "procedure_code"],
	{"add_on": line.procedure_code, "primary": primary},
) if {
	some i, line in input.service_lines
	primary := listed[line.procedure_code].add_on_to
	not primary in codes_on_claim
}

codes_on_claim := {line.procedure_code | some line in input.service_lines}

# METADATA
# title: Units beyond the visit's limit pend on their line
# custom:
#   code: OT_UNITS_OVER_VISIT_LIMIT
reasons_on_line[i] contains reason.with_facts(
	"OT_UNITS_OVER_VISIT_LIMIT", ["service_lines", i, "units"],
	{"asked": asked[i], "available": granted, "limit": units_per_visit},
) if {
	some i, granted in units_for_line
	granted < asked[i]
}

# METADATA
# title: All reasons of the claim
reasons contains found if some found in reasons_on_request

reasons contains found if some found in reasons_on_line[_]

# A whole number is the same however it was written: 4.0 units are 4.
asked := [floor(line.units) | some line in input.service_lines]

# METADATA
# title: The lines that may share in the visit's units, primary lines before add-on lines
queue := array.concat(primary_lines, add_on_lines)

primary_lines := [i |
	some i, line in input.service_lines
	listed[line.procedure_code]
	not listed[line.procedure_code].add_on_to
]

add_on_lines := [i |
	some i, line in input.service_lines
	listed[line.procedure_code].add_on_to in codes_on_claim
]

units_left := units_per_visit - input.units_already_authorized

# METADATA
# title: Units that the visit has left for each line of the queue, none or more, as far as the line asks for them
units_for_line[i] := min([asked[i], max([0, units_left - asked_before])]) if {
	some position, i in queue
	asked_before := sum([asked[earlier] | some earlier in array.slice(queue, 0, position)])
}

effects_on_request := reason.effects_on_request(reasons_on_request)

# METADATA
# title: A claim is denied when every line is denied for its own sake
every_line_denied if count(queue) == 0

# METADATA
# title: The lines, each with its status and the reasons that bear on it
lines := [line |
	some i, asked_line in input.service_lines
	bearing := reasons_on_request | object.get(reasons_on_line, i, set())
	line := {
		"line": i + 1,
		"procedure_code": asked_line.procedure_code,
		"status": status(i),
		"units_requested": asked[i],
		"units_authorized": units_authorized(i),
		"reasons": reason.codes(bearing),
	}
]

status(i) := "denied" if {
	"deny" in effects_on_request
} else := "denied" if {
	not i in queue
} else := "pended" if {
	"pend" in effects_on_request
} else := "authorized" if {
	units_for_line[i] == asked[i]
} else := "partially_authorized" if {
	units_for_line[i] > 0
} else := "pended"

default units_authorized(_) := 0

units_authorized(i) := units_for_line[i] if status(i) in {"authorized", "partially_authorized"}

# METADATA
# title: What the lines come to where nothing stands against the claim as a whole
outcome_by_units := "authorized" if {
	every i, units in asked {
		units_for_line[i] == units
	}
} else := "partially_authorized" if {
	some units in units_for_line
	units > 0
} else := "pended"

# METADATA
# title: What the claim authorizes where nothing stands against it as a whole
grant := {
	"units": sum([units | some units in units_for_line]),
	"procedure_codes": sort({input.service_lines[i].procedure_code | some i, units in units_for_line; units > 0}),
	"max_units_per_visit": units_per_visit,
}
