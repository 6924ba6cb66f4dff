# METADATA
# title: Initial visits
# description: The visits that a referral starts with, in each tier.
package therapy.outpatient_pt.initial_visits

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.outpatient_pt.rules_in_force
import data.therapy.usable_values

# METADATA
# title: The visits of each tier on the date of the referral
# description: A visit that does not state the date of its referral gets the visits of its own date.
by_tier := effective.value_on(usable_values.initial_visits, rules_in_force.date_of_referral)

# METADATA
# title: A request is pended while the initial visits cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "outpatient_pt.initial_visits", clauses) if {
	not by_tier
	clauses := [clause | some clause in data.therapy.parameters.outpatient_pt.initial_visits.clauses]
}
