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
# title: The value of a parameter on the request's date
value(periods) := value_on(periods, request_date)

# METADATA
# title: The newest value of a parameter
newest(periods) := value_on(periods, calendar.last_day)

# METADATA
# title: The value of a parameter on a date
# description: Before the first period there is no value. If the periods are not real dates in order of time, there is
#   none on any date.
value_on(periods, date) := periods[count(begun) - 1].value if {
	is_array(periods)
	starts := [start | start := periods[_].from; is_string(start); calendar.date(start)]
	count(starts) == count(periods)
	starts == sort({start | some start in starts})
	begun := [start | some start in starts; start <= date]
}
