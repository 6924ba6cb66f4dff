# METADATA
# title: Dated parameters
# description: Chooses the value that a parameter of the policy has on the request's own date. Periods are in order of
#   time, and one applies from its date until the next one begins.
package therapy.lib.effective

# METADATA
# title: The field of the request whose date counts, by the published schema; a referral route has none
date_field := data.therapy.request.date_fields[input.request_type]

request_date := input[date_field]

# METADATA
# title: The value on the request's date, which is undefined before the first period
# description: A request of a type without a date gets the newest value.
value(periods) := periods[count(begun) - 1].value if {
	begun := [period | some period in periods; period.from <= request_date]
}

value(periods) := newest(periods) if not date_field

# METADATA
# title: The value of the newest period
newest(periods) := periods[count(periods) - 1].value
