# METADATA
# title: Member benefits
# description: Coverage follows the member's group benefits, whatever the service.
package therapy.member.benefit

import data.therapy.lib.reason

# METADATA
# title: A service that the member's benefits do not cover is denied
reasons contains reason.at("BENEFIT_NOT_COVERED", ["benefit_status"]) if input.benefit_status == "not_covered"

# METADATA
# title: A request whose benefits are not verified is pended
reasons contains reason.at("BENEFIT_UNVERIFIED", ["benefit_status"]) if not _verified

_verified if input.benefit_status in {"covered", "not_covered"}
