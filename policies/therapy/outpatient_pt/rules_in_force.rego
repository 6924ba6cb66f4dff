# METADATA
# title: When the outpatient PT rules apply
# description: The rules apply from their effective date on, and exclude specialty physical therapy. Every physical
#   therapy request is checked against both, each type by its own date.
package therapy.outpatient_pt.rules_in_force

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.usable_values

# METADATA
# title: A request dated before the rules begin is outside their scope
reasons contains reason.with_facts("PT_BEFORE_EFFECTIVE_DATE", [_referral_date_field], {"effective_date": _effective_date}) if {
	date_of_referral < _effective_date
}

# METADATA
# title: The date of the referral, if the request states it; otherwise the date of the request
date_of_referral := input[_referral_date_field]

_referral_date_field := "referral_date" if input.referral_date != null

else := effective.date_field

_effective_date := effective.value(usable_values.effective_date)

# METADATA
# title: A request is pended while the effective date of the rules cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "outpatient_pt.effective_date", clauses) if {
	not _effective_date
	clauses := [clause | some clause in data.therapy.parameters.outpatient_pt.effective_date.clauses]
}

# METADATA
# title: Specialty physical therapy is outside the scope of the rules
reasons contains reason.at("PT_SPECIALTY_EXCLUDED", ["specialty"]) if input.specialty in _excluded_specialties

_excluded_specialties := effective.value(usable_values.excluded_specialties)

# METADATA
# title: A request is pended while the list of excluded specialties cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "outpatient_pt.excluded_specialties", clauses) if {
	not _excluded_specialties
	clauses := [clause | some clause in data.therapy.parameters.outpatient_pt.excluded_specialties.clauses]
}
