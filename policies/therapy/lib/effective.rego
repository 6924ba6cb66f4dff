# METADATA
# title: Dated parameters
# description: Chooses the value that a parameter of the policy has on the request's own date. Periods stand in order of
#   time, and one holds from its date until the next begins.
package therapy.lib.effective

# METADATA
# title: The date that a request is judged by; a referral route has none
request_date := input[date_member]

date_member := date_members[input.request_type]

date_members := {
	"pediatric_ot_claim": "service_date",
	"pt_referral": "referral_date",
	"pt_treatment_plan": "service_date",
	"pt_visit": "service_date",
	"pt_extension": "request_date",
	"pt_continuation": "review_date",
}

# METADATA
# title: The value of the period that holds on the request's date; undefined before the first
holding(periods) := periods[count(begun) - 1].value if {
	begun := [period | some period in periods; period.from <= request_date]
}

# METADATA
# title: The value of the newest period, for answers that have no date
newest(periods) := periods[count(periods) - 1].value
