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
import data.therapy.outpatient_pt.rules_in_force
import data.therapy.referral.route

# METADATA
# title: An evaluation for a condition outside the eligible categories is denied
reasons contains reason.at("PT_CONDITION_NOT_ELIGIBLE", ["condition", "category"]) if not _eligible

_eligible if _category in effective.value(data.therapy.parameters.outpatient_pt.eligible_categories.periods)

_category := input.condition.category

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
	not _listed_event
}

_acute_category if _category in effective.value(data.therapy.parameters.outpatient_pt.acute_categories.periods)

_listed_event if {
	input.condition.acute_event in effective.value(data.therapy.parameters.outpatient_pt.acute_events.periods)
}

# METADATA
# title: An eligible condition that the source assigns to no tier gets the nonacute visits
reasons contains reason.at("PT_TIER_NOT_NAMED", ["condition", "category"]) if {
	_eligible
	not _acute_category
}

_tier := "acute" if {
	_acute_category
	_listed_event
} else := "nonacute"

# METADATA
# title: A referral starts with the visits of its tier
default authorized := {}

authorized := {
	"evaluation_visits": visits.evaluation,
	"treatment_visits": visits.treatment,
	"max_units_per_visit": units.per_visit,
} if {
	visits := rules_in_force.initial_visits[_tier]
}

# METADATA
# title: A referral is authorized if there are visits that it starts with
default outcome := "pended"

outcome := "authorized" if authorized != {}

all_reasons := union({reasons, rules_in_force.reasons, benefit.reasons})

# METADATA
# title: What a referral gets if nothing denies or pends it
determination := {
	"reasons": all_reasons,
	"outcome": outcome,
	"authorized": authorized,
	"route": route.for_island,
}
