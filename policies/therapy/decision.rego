# METADATA
# title: Therapy coverage decisions
# description: The entry points. A request that is not valid gets the outcome invalid_request and is not evaluated.
#   The page of its type evaluates any other request, and the outcome follows from the reasons that it gives.
package therapy

import data.therapy.lib.policy
import data.therapy.lib.reason
import data.therapy.lib.validation
import data.therapy.outpatient_pt.continuation
import data.therapy.outpatient_pt.extension
import data.therapy.outpatient_pt.referral
import data.therapy.outpatient_pt.treatment_plan
import data.therapy.outpatient_pt.visit
import data.therapy.pediatric_ot.claim
import data.therapy.referral.route
import data.therapy.request
import data.therapy.standard_answer
import data.therapy.usable_values

# METADATA
# title: The decision on one request
# description: Every input gets a decision, whatever it is.
# entrypoint: true
decision := {
	"outcome": outcome,
	"request_type": request_type,
	"request_id": request_id,
	"authorized_under": authorized_under,
	"authorized": authorized,
	"lines": determination.lines,
	"reasons": reason.details(_visible_reasons),
	"route": determination.route,
	"contact": contact,
	"policy_version": policy_version,
}

# METADATA
# title: The decisions on a list of requests, in order
# entrypoint: true
decisions := [one_decision |
	some one_request in input.requests
	one_decision := decision with input as one_request
] if {
	validation.is_valid({"value": input.requests, "form": _batch_form})
} else := [object.union(refusal, {"reasons": reason.details({not_a_batch})})] if {
	refusal := decision with input as null
	not_a_batch := validation.error_in_field([], "", "requests", "not valid", _batch_form.expected)
}

_batch_form := {"kind": "list", "least": 0, "most": 1000, "expected": "a list of at most 1,000 requests"}

# METADATA
# title: The decision on one request, and its answer in the terms of the standard transactions
# entrypoint: true
answer := {"decision": decision, "answer": standard_answer.of(decision)}

# METADATA
# title: The decisions on a list of requests, in order, each with its answer
# entrypoint: true
answers := [one_answer |
	some one_request in input.requests
	one_answer := answer with input as one_request
] if {
	validation.is_valid({"value": input.requests, "form": _batch_form})
} else := [{"decision": refusal, "answer": standard_answer.of(refusal)} | some refusal in decisions]

# METADATA
# title: What the page of its type determines for a request
# description: A request that is not valid has its validation errors as reasons, and nothing else. A request whose page
#   determines nothing is pended.
determination := object.union(_nothing_determined, {"reasons": reason.registered(validation_errors)}) if {
	not _valid
} else := object.union(object.union(_nothing_determined, of_type), {"reasons": reasons}) if {
	of_type := _determination_of_type
	reasons := reason.registered(object.get(of_type, "reasons", set()) | policy.reasons)
} else := object.union(_nothing_determined, {"reasons": reason.registered(policy.reasons)})

_nothing_determined := {"lines": [], "route": null}

_determination_of_type := claim.determination if input.request_type == "pediatric_ot_claim"

_determination_of_type := referral.determination if input.request_type == "pt_referral"

_determination_of_type := treatment_plan.determination if input.request_type == "pt_treatment_plan"

_determination_of_type := visit.determination if input.request_type == "pt_visit"

_determination_of_type := extension.determination if input.request_type == "pt_extension"

_determination_of_type := continuation.determination if input.request_type == "pt_continuation"

_determination_of_type := route.determination if input.request_type == "referral_route"

# METADATA
# title: The outcome of the request, by the first of these that applies
outcome := "invalid_request" if {
	not _valid
} else := "not_applicable" if {
	"scope" in _effects
} else := "denied" if {
	"deny" in _effects
} else := "denied" if {
	determination.every_line_denied
} else := "pended" if {
	"pend" in _effects
} else := _outcome_of_page

# Without a clause to base it on, nothing is authorized.
_outcome_of_page := determination.outcome if count(_clauses_in_order) > 0

else := "pended"

# METADATA
# title: The clauses that an approval is based on, in the order of the source
authorized_under := _clauses_in_order if {
	outcome in {"authorized", "partially_authorized", "routed"}
} else := []

_clauses_in_order := [clause |
	some [_, clause] in sort([[data.therapy.register.clauses[clause].order, clause] |
		some clause in determination.authorized_under
	])
]

_effects := reason.effects_on_request(determination.reasons)

# METADATA
# title: The reasons in the decision; a request that is out of scope gets only the reasons for that
_visible_reasons := out_of_scope if {
	out_of_scope := reason.of_effect(determination.reasons, "scope")
	count(out_of_scope) > 0
} else := determination.reasons

# METADATA
# title: What is authorized, which is nothing unless the outcome says so
authorized := object.union(_nothing, determination.authorized) if {
	outcome in {"authorized", "partially_authorized"}
} else := _nothing

_nothing := {
	"units": 0,
	"procedure_codes": [],
	"evaluation_visits": 0,
	"treatment_visits": 0,
	"max_units_per_visit": 0,
}

# METADATA
# title: Whom to contact, unless everything requested is authorized or routed
# description: The contact as of the request's date. A request that is not valid gets the newest one.
default contact := null

contact := policy.newest_contact if {
	not _valid
} else := policy.contact if {
	not outcome in {"authorized", "routed"}
}

# METADATA
# title: The version of the policy; empty if it has none
default policy_version := ""

policy_version := usable_values.version

# METADATA
# title: The fields of a request that are not valid, as reasons
# description: A quick check recognizes most valid requests. Any other request is compared with the published schema,
#   field by field.
validation_errors := set() if {
	request.well_formed
} else := validation.errors(input, input.request_type) if {
	input.request_type in _type_form.values
} else := {validation.error_in_field([], "", "request_type", "missing", _type_form.expected)} if {
	is_object(input)
	fields := object.keys(input)
	not "request_type" in fields
} else := {validation.error_in_field([], "", "request_type", "not valid", _type_form.expected)} if {
	is_object(input)
} else := {validation.error([], "", "not valid", "a JSON object in the published request format")}

_valid if count(validation_errors) == 0

_type_form := request.forms.request_type

default request_type := null

request_type := input.request_type if input.request_type in _type_form.values

default request_id := null

request_id := object.get(input, "request_id", null) if {
	_valid
} else := input.request_id if {
	validation.is_valid({"value": input.request_id, "form": request.forms["request_id?"]})
}
