# METADATA
# title: What every decision needs of the policy
# description: Its version, and whom to contact. Without either of them nothing is authorized, whatever the request.
package therapy.lib.policy

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.lib.usable
import data.therapy.lib.whole_number

# METADATA
# title: The version of the policy, three numbers; undefined if it has none
version := text if {
	text := data.therapy.register.policy.version
	is_string(text)
	[major, minor, patch] := split(text, ".")
	whole_number.of(major)
	whole_number.of(minor)
	whole_number.of(patch)
}

# METADATA
# title: Whom to contact on the request's date
contact := _usable_contact(effective.value(data.therapy.parameters.contact.periods))

# METADATA
# title: Whom to contact about a request whose date is not known
newest_contact := _usable_contact(effective.newest(data.therapy.parameters.contact.periods))

_usable_contact(value) := {"name": value.name, "hours": value.hours, "fax": value.fax} if {
	is_array(value.fax)
	count(value.fax) == 2
	usable.texts([value.name, value.hours, value.fax[0], value.fax[1]])
}

# METADATA
# title: A request is pended while the contact cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "contact", clauses) if {
	not contact
	clauses := [clause | some clause in data.therapy.parameters.contact.clauses]
}

# METADATA
# title: A request is pended while the policy has no version
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "version", []) if not version
