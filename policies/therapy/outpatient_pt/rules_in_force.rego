# METADATA
# title: Where the outpatient PT rules hold
# description: The rules hold from their effective date on, and leave out specialty physical therapy. Every physical
#   therapy request is held against both, each type with the date that it has.
package therapy.outpatient_pt.rules_in_force

import data.therapy.lib.effective
import data.therapy.lib.reason

# METADATA
# title: A request from before the rules begin is out of their scope
# custom:
#   code: PT_BEFORE_EFFECTIVE_DATE
reasons contains reason.with_facts("PT_BEFORE_EFFECTIVE_DATE", [effective.date_member], {"effective_date": begin}) if {
	not in_force
	begin := data.therapy.parameters.outpatient_pt.initial_visits.periods[0].from
}

in_force if initial_visits

# METADATA
# title: The visits that a referral starts with, by tier, as they hold on the request's date
initial_visits := effective.holding(data.therapy.parameters.outpatient_pt.initial_visits.periods)

# METADATA
# title: Specialty physical therapy is out of the rules' scope
# custom:
#   code: PT_SPECIALTY_EXCLUDED
reasons contains reason.at("PT_SPECIALTY_EXCLUDED", ["specialty"]) if not specialty_included

specialty_included if input.specialty == "none"

else if {
	excluded := effective.holding(data.therapy.parameters.outpatient_pt.excluded_specialties.periods)
	not input.specialty in excluded
}
