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
import data.therapy.outpatient_pt.rules_in_force

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
	not _evaluation_left
}

_evaluation_left if input.prior_visits.evaluation < _initial_visits.evaluation

# METADATA
# title: A treatment visit beyond those that the referral starts with is denied
reasons contains reason.under(
	_initial_visits.clause, "PT_TREATMENT_VISIT_LIMIT", ["prior_visits", "treatment"],
	{"limit": _initial_visits.treatment, "used": input.prior_visits.treatment},
) if {
	input.visit.kind == "treatment"
	not _treatment_left
}

_treatment_left if input.prior_visits.treatment < _initial_visits.treatment

_initial_visits := rules_in_force.initial_visits[input.tier]

# METADATA
# title: Units beyond the limit of a visit are denied
reasons contains reason.with_facts(
	"PT_UNITS_OVER_VISIT_LIMIT", ["visit", "units"],
	{"requested": input.visit.units, "available": _units_left, "limit": units.per_visit},
) if {
	not _within_limit
}

_within_limit if input.visit.units <= _units_left

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
# title: A visit is authorized if all its units are left, partially authorized if some are, and denied if none is
default outcome := "pended"

outcome := "authorized" if {
	_units_authorized == input.visit.units
} else := "partially_authorized" if {
	_units_authorized > 0
} else := "denied" if {
	_units_authorized == 0
}

# METADATA
# title: A visit gets as many of its units as are left
default authorized := {}

authorized := {
	"units": _units_authorized,
	concat("_", [input.visit.kind, "visits"]): 1,
	"max_units_per_visit": units.per_visit,
}

all_reasons := union({reasons, rules_in_force.reasons, benefit.reasons, discontinuation.reasons})

# METADATA
# title: What a visit gets if nothing denies or pends it
determination := {
	"reasons": all_reasons,
	"outcome": outcome,
	"authorized": authorized,
}
