# METADATA
# title: Referral route
# description: Which chapter of the Affiliated Practitioner Manual covers referrals of an island.
package therapy.referral.route

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.usable_values

# METADATA
# title: Referrals of an island follow the chapter of its region
# description: A referral follows the chapter of its own date, and a question about a route alone the newest one. A
#   referral that names no island has no route.
default for_island := null

for_island := {"chapter": region.chapter, "network": region.network} if region := _regions[input.island]

_regions := effective.value(usable_values.routes)

# METADATA
# title: A request is pended while the routes of the islands cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "referral.routes", clauses) if {
	not _regions
	clauses := [clause | some clause in data.therapy.parameters.referral.routes.clauses]
}

# METADATA
# title: A question about a route is routed if the island has one
default outcome := "pended"

outcome := "routed" if for_island != null

# METADATA
# title: What a question about a route gets
determination := {
	"reasons": reasons,
	"outcome": outcome,
	"authorized_under": {clause | clause := _regions[input.island].clause},
	"route": for_island,
}
