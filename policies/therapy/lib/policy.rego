# METADATA
# title: What every decision needs of the policy
# description: Its version, and whom to contact. Without either of them nothing is authorized, whatever the request.
package therapy.lib.policy

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.usable_values

# METADATA
# title: Whom to contact on the request's date
contact := effective.value(usable_values.contact)

# METADATA
# title: Whom to contact about a request whose date is not known
newest_contact := effective.newest(usable_values.contact)

# METADATA
# title: A request is pended while the contact cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "contact", clauses) if {
	not contact
	clauses := [clause | some clause in data.therapy.parameters.contact.clauses]
}

# METADATA
# title: A request is pended while the policy has no version
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "version", []) if not usable_values.version
