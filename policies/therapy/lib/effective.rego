# METADATA
# title: Dated parameters
# description: Chooses the value that a parameter of the policy has on the request's own date. A period applies from its
#   date until the next one begins.
package therapy.lib.effective

import data.therapy.lib.calendar

# METADATA
# title: The field of the request whose date decides; the published schema marks it, and a referral route has none
date_field := data.therapy.request.date_fields[input.request_type]

request_date := input[date_field]

# METADATA
# title: The value of a parameter on the request's date
# description: A request of a type without a date gets the newest value.
value(periods) := value_on(periods, request_date)

value(periods) := newest(periods) if not date_field

# METADATA
# title: The value of a parameter on a date
# description: Before the first period there is no value. If the periods are not real dates in order of time, there is
#   none on any date.
value_on(periods, date) := periods[count(periods_so_far) - 1].value if {
	_in_order(periods)
	periods_so_far := [period | some period in periods; period.from <= date]
}

# METADATA
# title: The newest value of a parameter
newest(periods) := periods[count(periods) - 1].value if _in_order(periods)

_in_order(periods) if {
	every period in periods {
		is_string(period.from)
		calendar.date(period.from)
	}
	starts := [period.from | some period in periods]
	starts == sort({start | some start in starts})
}
