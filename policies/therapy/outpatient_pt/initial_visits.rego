# METADATA
# title: Initial visits
# description: The visits that a referral starts with, in each tier.
package therapy.outpatient_pt.initial_visits

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.lib.usable
import data.therapy.outpatient_pt.rules_in_force

# METADATA
# title: The visits of each tier on the date of the referral
# description: A visit that does not state the date of its referral gets the visits of its own date.
by_tier := tiers if {
	value := effective.value_on(
		data.therapy.parameters.outpatient_pt.initial_visits.periods,
		rules_in_force.date_of_referral,
	)
	tiers := {tier: {"clause": visits.clause, "evaluation": evaluation, "treatment": treatment} |
		some tier, visits in value
		data.therapy.register.clauses[visits.clause]
		evaluation := usable.number(json.marshal(visits.evaluation), data.therapy.ceiling.evaluation_visits)
		treatment := usable.number(json.marshal(visits.treatment), data.therapy.ceiling.treatment_visits)
	}
	object.keys(tiers) == {tier | some tier in data.therapy.request.forms["pt_visit.tier"].values}
	count(value) == count(tiers)
}

# METADATA
# title: A request is pended while the initial visits cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "outpatient_pt.initial_visits", clauses) if {
	not by_tier
	clauses := [clause | some clause in data.therapy.parameters.outpatient_pt.initial_visits.clauses]
}
