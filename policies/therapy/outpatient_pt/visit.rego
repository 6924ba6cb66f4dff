# METADATA
# title: Outpatient PT visit
# description: One numbered visit is checked against the visits that its referral starts with, and its units against the
#   units of one hour.
# schemas:
#   - input: schema.pt_visit
package therapy.outpatient_pt.visit

import data.therapy.lib.reason
import data.therapy.lib.units
import data.therapy.member.benefit
import data.therapy.outpatient_pt.discontinuation
import data.therapy.outpatient_pt.initial_visits
import data.therapy.outpatient_pt.rules_in_force

# METADATA
# title: A visit dated before its referral is pended
reasons contains reason.at("PT_VISIT_BEFORE_REFERRAL", ["referral_date"]) if input.referral_date > input.service_date

# METADATA
# title: A treatment visit without a complete plan of care on file is pended
reasons contains reason.at("PT_PLAN_OF_CARE_MISSING", ["plan_of_care_complete"]) if {
	input.visit.kind == "treatment"
	not _plan_complete
}

_plan_complete if input.plan_of_care_complete == true

# METADATA
# title: An evaluation visit beyond those that the referral starts with is denied
reasons contains reason.under(
	_initial_visits.clause, "PT_EVALUATION_VISIT_LIMIT", ["prior_visits", "evaluation"],
	{"limit": _initial_visits.evaluation, "used": input.prior_visits.evaluation},
) if {
	input.visit.kind == "evaluation"
	input.prior_visits.evaluation >= _initial_visits.evaluation
}

# METADATA
# title: A treatment visit beyond those that the referral starts with is denied
reasons contains reason.under(
	_initial_visits.clause, "PT_TREATMENT_VISIT_LIMIT", ["prior_visits", "treatment"],
	{"limit": _initial_visits.treatment, "used": input.prior_visits.treatment},
) if {
	input.visit.kind == "treatment"
	input.prior_visits.treatment >= _initial_visits.treatment
}

_initial_visits := initial_visits.by_tier[input.tier]

# METADATA
# title: Units beyond the limit of a visit are denied
reasons contains reason.with_facts(
	"PT_UNITS_OVER_VISIT_LIMIT", ["visit", "units"],
	{"requested": input.visit.units, "available": _units_left, "limit": units.per_visit},
) if {
	input.visit.units > _units_left
}

_units_left := max([0, units.per_visit - input.visit.units_already_authorized])

# METADATA
# title: A visit that is not numbered as the next one is pended
reasons contains reason.with_facts(
	"PT_VISIT_OUT_OF_SEQUENCE", ["visit", "number"],
	{"number": input.visit.number, "before": _visits_before, "expected": _visits_before + 1},
) if {
	not _in_sequence
}

_in_sequence if input.visit.number == _visits_before + 1

_visits_before := input.prior_visits.evaluation + input.prior_visits.treatment

# METADATA
# title: A visit whose progress note does not have the visit's number is pended
reasons contains reason.with_facts(
	"PT_NOTE_NOT_NUMBERED", ["progress_note_number"],
	{"number": input.visit.number},
) if {
	not _note_numbered
}

_note_numbered if input.progress_note_number == input.visit.number

# A whole number is the same however it is written: 4.0 units are 4.
_units_authorized := floor(min([input.visit.units, _units_left]))

# METADATA
# title: A visit is authorized if the referral has a visit left, for as many units as the visit has left
default outcome := "pended"

outcome := "authorized" if {
	_visit_left
	_units_authorized == input.visit.units
} else := "partially_authorized" if {
	_visit_left
	_units_authorized > 0
} else := "denied" if {
	_units_authorized == 0
	"deny" in reason.effects(reasons)
}

_visit_left if input.prior_visits[input.visit.kind] < _initial_visits[input.visit.kind]

# METADATA
# title: A visit gets as many of its units as are left
default authorized := {}

authorized := {
	"units": _units_authorized,
	concat("_", [input.visit.kind, "visits"]): 1,
	"max_units_per_visit": units.per_visit,
}

all_reasons := union({
	reasons,
	rules_in_force.reasons,
	initial_visits.reasons,
	units.reasons,
	benefit.reasons,
	discontinuation.reasons,
})

# METADATA
# title: What a visit gets if nothing denies or pends it
determination := {
	"reasons": all_reasons,
	"outcome": outcome,
	"authorized": authorized,
	"authorized_under": union({{clause | clause := _initial_visits.clause}, units.clauses}),
}
