# METADATA
# title: Outpatient PT referral
# description: A referral begins an evaluation where the condition is eligible and improvement is expected. It starts
#   with the visits of the acute or of the nonacute tier.
# schemas:
#   - input: schema.pt_referral
package therapy.outpatient_pt.referral

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.member.benefit
import data.therapy.outpatient_pt.rules_in_force

category := input.condition.category

acute_category if category in effective.holding(data.therapy.parameters.outpatient_pt.acute_categories.periods)

listed_event if input.condition.acute_event in effective.holding(data.therapy.parameters.outpatient_pt.acute_events.periods)

# METADATA
# title: The reasons of the referral
reasons contains found if some found in rules_in_force.reasons

reasons contains found if some found in benefit.reasons

# METADATA
# title: A condition of no eligible category denies the evaluation
# custom:
#   code: PT_CONDITION_NOT_ELIGIBLE
reasons contains reason.at("PT_CONDITION_NOT_ELIGIBLE", ["condition", "category"]) if not eligible

eligible if category in effective.holding(data.therapy.parameters.outpatient_pt.eligible_categories.periods)

aspects := {
	"measurable", "significant", "sustainable", "functional",
	"within_reasonable_period", "result_of_pt",
}

# METADATA
# title: An aspect of improvement that is not expected denies the evaluation
# custom:
#   code: PT_IMPROVEMENT_NOT_EXPECTED
reasons contains reason.at("PT_IMPROVEMENT_NOT_EXPECTED", ["expected_improvement", aspect]) if {
	some aspect in aspects
	input.expected_improvement[aspect] == false
}

# METADATA
# title: An aspect of improvement that is not stated pends the evaluation
# custom:
#   code: PT_IMPROVEMENT_UNDOCUMENTED
reasons contains reason.at("PT_IMPROVEMENT_UNDOCUMENTED", ["expected_improvement", aspect]) if {
	some aspect in aspects
	not stated(aspect)
}

stated(aspect) if is_boolean(input.expected_improvement[aspect])

# METADATA
# title: An acute condition without a listed event has the nonacute visits
# custom:
#   code: PT_ACUTE_EVENT_NOT_LISTED
reasons contains reason.at("PT_ACUTE_EVENT_NOT_LISTED", ["condition", "acute_event"]) if {
	acute_category
	not listed_event
}

# METADATA
# title: An eligible condition that no tier names has the nonacute visits
# custom:
#   code: PT_TIER_NOT_NAMED
reasons contains reason.at("PT_TIER_NOT_NAMED", ["condition", "category"]) if {
	eligible
	not acute_category
}

tier := "acute" if {
	acute_category
	listed_event
} else := "nonacute"

# METADATA
# title: The visits that the referral starts with
grant := {
	"evaluation_visits": visits.evaluation,
	"treatment_visits": visits.treatment,
	"max_units_per_visit": effective.holding(data.therapy.parameters.units_per_visit.periods),
} if {
	visits := rules_in_force.initial_visits[tier]
}
