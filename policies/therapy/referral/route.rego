# METADATA
# title: Referral route
# description: Which chapter of the Affiliated Practitioner Manual holds for referrals of an island.
package therapy.referral.route

import data.therapy.lib.effective

# METADATA
# title: Referrals of an island follow the chapter of its region
# description: A request that has no date of its own is routed as the newest period says.
route := {"chapter": found.chapter, "network": found.network} if found := routes[input.island]

routes := effective.holding(data.therapy.parameters.referral.routes.periods)

routes := effective.newest(data.therapy.parameters.referral.routes.periods) if not effective.request_date
