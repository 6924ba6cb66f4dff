# METADATA
# title: Referral route
# description: Which chapter of the Affiliated Practitioner Manual covers referrals of an island.
package therapy.referral.route

import data.therapy.lib.effective

# METADATA
# title: Referrals of an island follow the chapter of its region
# description: A referral follows the chapter of its own date, and a question about a route alone the newest one. A
#   referral that names no island has no route.
default for_island := null

for_island := {"chapter": region.chapter, "network": region.network} if region := _regions[input.island]

_regions := effective.value(data.therapy.parameters.referral.routes.periods)

# METADATA
# title: A question about a route is routed if the island has one
default outcome := "pended"

outcome := "routed" if for_island != null

# METADATA
# title: What a question about a route gets
determination := {
	"outcome": outcome,
	"route": for_island,
}
