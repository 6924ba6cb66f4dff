# METADATA
# title: Outpatient PT referral
# description: An evaluation may begin if the condition is eligible and improvement is expected. The referral starts
#   with the visits of the acute or of the nonacute tier.
# schemas:
#   - input: schema.pt_referral
package therapy.outpatient_pt.referral

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.lib.units
import data.therapy.member.benefit
import data.therapy.outpatient_pt.initial_visits
import data.therapy.outpatient_pt.rules_in_force
import data.therapy.referral.route
import data.therapy.usable_values

# METADATA
# title: An evaluation for a condition outside the eligible categories is denied
reasons contains reason.at("PT_CONDITION_NOT_ELIGIBLE", ["condition", "category"]) if {
	_eligible_categories
	not _eligible
}

_eligible if _category in _eligible_categories

_category := input.condition.category

_eligible_categories := effective.value(usable_values.eligible_categories)

# METADATA
# title: A referral is pended while the list of eligible categories cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "outpatient_pt.eligible_categories", clauses) if {
	not _eligible_categories
	clauses := [clause | some clause in data.therapy.parameters.outpatient_pt.eligible_categories.clauses]
}

# METADATA
# title: An evaluation is denied for each aspect of improvement that is not expected
reasons contains reason.at("PT_IMPROVEMENT_NOT_EXPECTED", ["expected_improvement", aspect]) if {
	some aspect in _aspects
	input.expected_improvement[aspect] == false
}

_aspects := {
	"measurable", "significant", "sustainable", "functional",
	"within_reasonable_period", "result_of_pt",
}

# METADATA
# title: An evaluation is pended for each aspect of improvement that is not stated
reasons contains reason.at("PT_IMPROVEMENT_UNDOCUMENTED", ["expected_improvement", aspect]) if {
	some aspect in _aspects
	not _stated(aspect)
}

_stated(aspect) if is_boolean(input.expected_improvement[aspect])

# METADATA
# title: An acute condition without a listed event gets the nonacute visits
reasons contains reason.at("PT_ACUTE_EVENT_NOT_LISTED", ["condition", "acute_event"]) if {
	_acute_category
	_acute_events
	not _listed_event
}

_acute_category if _category in _acute_categories

_acute_categories := effective.value(usable_values.acute_categories)

_listed_event if input.condition.acute_event in _acute_events

_acute_events := effective.value(usable_values.acute_events)

# METADATA
# title: A referral is pended while the list of acute categories cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "outpatient_pt.acute_categories", clauses) if {
	not _acute_categories
	clauses := [clause | some clause in data.therapy.parameters.outpatient_pt.acute_categories.clauses]
}

# METADATA
# title: A referral is pended while the list of acute events cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "outpatient_pt.acute_events", clauses) if {
	not _acute_events
	clauses := [clause | some clause in data.therapy.parameters.outpatient_pt.acute_events.clauses]
}

# METADATA
# title: An eligible condition that the source assigns to no tier gets the nonacute visits
reasons contains reason.at("PT_TIER_NOT_NAMED", ["condition", "category"]) if {
	_eligible
	_acute_categories
	not _acute_category
}

_tier := "acute" if {
	_acute_category
	_listed_event
} else := "nonacute" if {
	_acute_categories
	_acute_events
}

_initial_visits := initial_visits.by_tier[_tier]

# METADATA
# title: Visits beyond those that a referral starts with are denied
reasons contains reason.under(
	_initial_visits.clause, "PT_REFERRAL_VISIT_LIMIT", ["requested_visits"],
	{"requested": input.requested_visits, "limit": _visits_authorized},
) if {
	not _asks_no_more
}

_asks_no_more if object.get(input, "requested_visits", null) == null

_asks_no_more if input.requested_visits <= _visits_authorized

_visits_authorized := _initial_visits.evaluation + _initial_visits.treatment

# METADATA
# title: A referral starts with the visits of its tier
default authorized := {}

authorized := {
	"evaluation_visits": _initial_visits.evaluation,
	"treatment_visits": _initial_visits.treatment,
	"max_units_per_visit": units.per_visit,
}

# METADATA
# title: A referral for an eligible condition is authorized, in part if it asks for more visits than it starts with
default outcome := "pended"

outcome := "authorized" if {
	_eligible
	authorized != {}
	_asks_no_more
} else := "partially_authorized" if {
	_eligible
	authorized != {}
}

all_reasons := union({
	reasons,
	rules_in_force.reasons,
	initial_visits.reasons,
	units.reasons,
	benefit.reasons,
	route.reasons,
})

# METADATA
# title: What a referral gets if nothing denies or pends it
determination := {
	"reasons": all_reasons,
	"outcome": outcome,
	"authorized": authorized,
	"authorized_under": union({{clause | clause := _initial_visits.clause}, units.clauses}),
	"route": route.for_island,
}
