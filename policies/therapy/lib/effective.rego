# METADATA
# title: Dated parameters
# description: Chooses the value that a parameter of the policy has on the request's own date. A period applies from its
#   date until the next one begins.
package therapy.lib.effective

# METADATA
# title: The field of the request whose date decides; the published schema marks it, and a referral route has none
date_field := data.therapy.request.date_fields[input.request_type]

request_date := input[date_field]

# METADATA
# title: The value of a parameter on the request's date
# description: Periods are in order of time. Before the first of them there is no value. A request of a type without a
#   date gets the newest value.
value(periods) := periods[count(periods_so_far) - 1].value if {
	periods_so_far := [period | some period in periods; period.from <= request_date]
}

value(periods) := newest(periods) if not date_field

# METADATA
# title: The newest value of a parameter
newest(periods) := periods[count(periods) - 1].value
