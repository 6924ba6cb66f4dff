# METADATA
# title: Therapy coverage decisions
# description: The two entry points. A request that is not of the published form is answered without being judged; for
#   any other the reasons of its type are gathered, and the outcome follows from them.
package therapy

import data.therapy.lib.effective
import data.therapy.lib.form
import data.therapy.lib.reason
import data.therapy.outpatient_pt.continuation
import data.therapy.outpatient_pt.extension
import data.therapy.outpatient_pt.referral
import data.therapy.outpatient_pt.treatment_plan
import data.therapy.outpatient_pt.visit
import data.therapy.pediatric_ot.claim
import data.therapy.referral.route
import data.therapy.request

# METADATA
# title: The decision on one request
# description: Defined for every input there is.
# entrypoint: true
decision := {
	"outcome": outcome,
	"request_type": request_type,
	"request_id": request_id,
	"authorized": authorized,
	"lines": lines,
	"reasons": reason.described(shown),
	"route": referral_route,
	"contact": contact,
	"policy_version": data.therapy.register.policy.version,
}

# METADATA
# title: The decisions on a list of requests, in order
# entrypoint: true
decisions := [one_decision |
	some one_request in input.requests
	one_decision := decision with input as one_request
] if {
	form.fits({"value": input.requests, "form": batch_form})
} else := [object.union(refusal, {"reasons": reason.described({not_a_batch})})] if {
	refusal := decision with input as null
	not_a_batch := form.misfit_of_member([], "", "requests", "not as expected", batch_form.expected)
}

batch_form := {"kind": "list", "least": 0, "most": 1000, "expected": "a list of at most 1000 requests"}

# METADATA
# title: What is wrong with the form of the request, place by place
# description: The quick reading of the published form is asked first, and the table of forms where it does not say yes.
misfits := set() if {
	request.well_formed
} else := form.misfits(input, input.request_type) if {
	input.request_type in type_form.values
} else := {form.misfit_of_member([], "", "request_type", "missing", type_form.expected)} if {
	is_object(input)
	members := object.keys(input)
	not "request_type" in members
} else := {form.misfit_of_member([], "", "request_type", "not as expected", type_form.expected)} if {
	is_object(input)
} else := {form.misfit([], "", "not as expected", "a request of the published form, which is a JSON object")}

type_form := data.therapy.request.forms.request_type

# METADATA
# title: What the rules of the request's type find, asked only where the request is judged
default found := set()

found := claim.reasons if input.request_type == "pediatric_ot_claim"

found := referral.reasons if input.request_type == "pt_referral"

found := treatment_plan.reasons if input.request_type == "pt_treatment_plan"

found := visit.reasons if input.request_type == "pt_visit"

found := extension.reasons if input.request_type == "pt_extension"

found := continuation.reasons if input.request_type == "pt_continuation"

# METADATA
# title: Whether the request is judged, which it is only if it is of the published form
judged if count(misfits) == 0

out_of_scope := reason.of_effect(found, "scope")

effects_on_request := reason.effects_on_request(found)

# METADATA
# title: The findings that the decision shows
shown := misfits if {
	not judged
} else := out_of_scope if {
	count(out_of_scope) > 0
} else := found

# METADATA
# title: The outcome, by the first of these that holds
default outcome := "pended"

outcome := "invalid_request" if {
	not judged
} else := "not_applicable" if {
	"scope" in effects_on_request
} else := "denied" if {
	"deny" in effects_on_request
} else := "denied" if {
	input.request_type == "pediatric_ot_claim"
	claim.every_line_denied
} else := "pended" if {
	"pend" in effects_on_request
} else := outcome_by_units

outcome_by_units := claim.outcome_by_units if input.request_type == "pediatric_ot_claim"

outcome_by_units := visit.outcome_by_units if input.request_type == "pt_visit"

outcome_by_units := "authorized" if input.request_type in {"pt_referral", "pt_treatment_plan", "pt_continuation"}

outcome_by_units := "routed" if input.request_type == "referral_route"

nothing := {
	"units": 0,
	"procedure_codes": [],
	"evaluation_visits": 0,
	"treatment_visits": 0,
	"max_units_per_visit": 0,
}

# METADATA
# title: What is authorized, which is nothing unless the outcome says so
authorized := object.union(nothing, granted) if {
	outcome in {"authorized", "partially_authorized"}
} else := nothing

default granted := {}

granted := claim.grant if input.request_type == "pediatric_ot_claim"

granted := referral.grant if input.request_type == "pt_referral"

granted := visit.grant if input.request_type == "pt_visit"

default lines := []

lines := claim.lines if {
	input.request_type == "pediatric_ot_claim"
	judged
}

default referral_route := null

referral_route := route.route if {
	input.request_type in {"pt_referral", "referral_route"}
	judged
}

default contact := null

contact := effective.holding(data.therapy.parameters.contact.periods) if {
	judged
	not outcome in {"authorized", "routed"}
} else := effective.newest(data.therapy.parameters.contact.periods) if not judged

# A judged request is of the published form, so its type and its id are known to be what they should.
default request_type := null

request_type := input.request_type if {
	judged
} else := input.request_type if {
	input.request_type in type_form.values
}

default request_id := null

request_id := input.request_id if {
	judged
} else := input.request_id if {
	form.fits({"value": input.request_id, "form": data.therapy.request.forms["request_id?"]})
}
