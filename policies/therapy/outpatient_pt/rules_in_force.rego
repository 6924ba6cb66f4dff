# METADATA
# title: When the outpatient PT rules apply
# description: The rules apply from their effective date on, and exclude specialty physical therapy. Every physical
#   therapy request is checked against both, each type by its own date.
package therapy.outpatient_pt.rules_in_force

import data.therapy.lib.effective
import data.therapy.lib.reason

# METADATA
# title: A request dated before the rules begin is outside their scope
reasons contains reason.with_facts("PT_BEFORE_EFFECTIVE_DATE", [effective.date_field], {"effective_date": begin}) if {
	not _in_force
	begin := data.therapy.parameters.outpatient_pt.initial_visits.periods[0].from
}

_in_force if initial_visits

# METADATA
# title: The visits that a referral starts with, by tier, on the request's date
initial_visits := effective.value(data.therapy.parameters.outpatient_pt.initial_visits.periods)

# METADATA
# title: Specialty physical therapy is outside the scope of the rules
reasons contains reason.at("PT_SPECIALTY_EXCLUDED", ["specialty"]) if not _specialty_included

_specialty_included if input.specialty == "none"

else if {
	excluded := effective.value(data.therapy.parameters.outpatient_pt.excluded_specialties.periods)
	not input.specialty in excluded
}
