# METADATA
# title: Referral route
# description: Which chapter of the Affiliated Practitioner Manual covers referrals of an island.
package therapy.referral.route

import data.therapy.lib.effective

# METADATA
# title: Referrals of an island follow the chapter of its region
# description: A referral follows the chapter of its own date; a question about a route alone, the newest one.
for_island := {"chapter": region.chapter, "network": region.network} if region := _regions[input.island]

_regions := effective.value(data.therapy.parameters.referral.routes.periods)

# METADATA
# title: What a question about a route gets
determination := {
	"outcome": "routed",
	"route": for_island,
}
