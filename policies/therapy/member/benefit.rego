# METADATA
# title: Member benefits
# description: Coverage follows the member's group benefits, whatever the service.
package therapy.member.benefit

import data.therapy.lib.reason

# METADATA
# title: Benefits that do not cover the service deny it
# custom:
#   code: BENEFIT_NOT_COVERED
reasons contains reason.at("BENEFIT_NOT_COVERED", ["benefit_status"]) if input.benefit_status == "not_covered"

# METADATA
# title: Benefits that are not verified pend the request
# custom:
#   code: BENEFIT_UNVERIFIED
reasons contains reason.at("BENEFIT_UNVERIFIED", ["benefit_status"]) if not verified

verified if input.benefit_status in {"covered", "not_covered"}
