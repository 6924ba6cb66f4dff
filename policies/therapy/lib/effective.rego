# METADATA
# title: Dated parameters
# description: Chooses the value that a parameter of the policy has on the request's own date. A period applies from its
#   date until the next one begins.
package therapy.lib.effective

import data.therapy.lib.calendar

# METADATA
# title: The field of the request whose date decides; the published schema marks it, and a referral route has none
date_field := data.therapy.request.date_fields[input.request_type]

# METADATA
# title: The date that decides; a request of a type without a date gets the newest values
request_date := input[date_field]

request_date := calendar.last_day if not date_field

# METADATA
# title: The value of a parameter on the request's date, from its periods as below
value(periods) := value_on(periods, request_date)

# METADATA
# title: The newest value of a parameter
newest(periods) := value_on(periods, calendar.last_day)

# METADATA
# title: The value of a parameter on a date
# description: Before the first period there is no value.
value_on(periods, date) := period.value if {
	some period in periods
	period.from <= date
	date < period.until
}

# METADATA
# title: The periods of a parameter that have a value, each with the date on which the next one begins
# description: Undefined if the periods do not begin on real dates in order of time.
periods(stated) := [{"from": from, "until": until, "value": value} |
	some i, from in starts
	value := stated[i].value
	until := array.concat(starts, [calendar.day_after_the_last])[i + 1]
] if {
	is_array(stated)
	starts := [start | start := stated[_].from; is_string(start); calendar.date(start)]
	count(starts) == count(stated)
	starts == sort({start | some start in starts})
}
