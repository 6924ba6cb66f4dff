# METADATA
# title: Values that can be used
# description: What of the policy's own data a rule may use. A value that is missing, misspelled or out of range is left
#   out here, and the rules that need it pend the request. Nothing on this page depends on a request, so it is evaluated
#   once, when the policy is compiled for the sidecar, and not with each decision.
package therapy.usable_values

import data.therapy.lib.calendar
import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.lib.units
import data.therapy.lib.usable
import data.therapy.lib.whole_number

# METADATA
# title: The version of the policy, three numbers; undefined if it has none
version := text if {
	text := data.therapy.register.policy.version
	is_string(text)
	[major, minor, patch] := split(text, ".")
	whole_number.of(major)
	whole_number.of(minor)
	whole_number.of(patch)
}

# METADATA
# title: The reason codes whose entry in the register can be used
reason_codes[code] := true if {
	some code, _ in data.therapy.register.reason_codes
	reason.is_registered(code)
}

# METADATA
# title: The standard answers whose entry in the register can be used
standard_answers[code] := entry if {
	some code, entry in data.therapy.register.standard_answers
	usable.standard_answer(entry)
}

# METADATA
# title: The periods in which there is somebody to contact
contact := [object.union(period, {"value": usable.contact(period.value)}) |
	some period in effective.periods(data.therapy.parameters.contact.periods)
]

# METADATA
# title: The periods with a limit of units, which needs a clause that it is based on
units_per_visit := [object.union(period, {"value": number}) |
	count(units.clauses) > 0
	some period in effective.periods(data.therapy.parameters.units_per_visit.periods)
	number := usable.number(json.marshal(period.value), data.therapy.ceiling.units_per_visit)
]

# METADATA
# title: The periods with a list of procedure codes
procedure_codes := [period |
	some period in effective.periods(data.therapy.parameters.pediatric_ot.procedure_codes.periods)
	usable.procedure_codes(period.value)
]

# METADATA
# title: The periods with a date from which the rules of outpatient physical therapy apply
effective_date := [period |
	some period in effective.periods(data.therapy.parameters.outpatient_pt.effective_date.periods)
	is_string(period.value)
	calendar.date(period.value)
]

# METADATA
# title: The periods with initial visits of each tier
initial_visits := [object.union(period, {"value": usable.initial_visits(period.value)}) |
	some period in effective.periods(data.therapy.parameters.outpatient_pt.initial_visits.periods)
]

# METADATA
# title: The periods with a list of acute events
acute_events := [period |
	some period in effective.periods(data.therapy.parameters.outpatient_pt.acute_events.periods)
	every_event := data.therapy.request.forms["pt_referral.condition.acute_event?"].values
	usable.names(period.value, {event | some event in every_event; event != "none"})
]

# METADATA
# title: The periods with a list of acute categories
acute_categories := [period |
	some period in effective.periods(data.therapy.parameters.outpatient_pt.acute_categories.periods)
	usable.names(period.value, data.therapy.request.forms["pt_referral.condition.category"].values)
]

# METADATA
# title: The periods with a list of eligible categories
eligible_categories := [period |
	some period in effective.periods(data.therapy.parameters.outpatient_pt.eligible_categories.periods)
	usable.names(period.value, data.therapy.request.forms["pt_referral.condition.category"].values)
]

# METADATA
# title: The periods with a list of excluded specialties
# description: Every specialty that a request can name is excluded, so a list that leaves one out cannot be used.
excluded_specialties := [period |
	some period in effective.periods(data.therapy.parameters.outpatient_pt.excluded_specialties.periods)
	is_array(period.value)
	named := {name | some name in period.value}
	named == {name | some name in data.therapy.request.forms.specialty.values; name != "none"}
]

# METADATA
# title: The periods with a route for each island
routes := [period |
	some period in effective.periods(data.therapy.parameters.referral.routes.periods)
	usable.routes(period.value)
]
