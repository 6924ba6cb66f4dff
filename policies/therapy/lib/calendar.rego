# METADATA
# title: Calendar dates
# description: Recognizes a real date, YYYY-MM-DD, of the years 1900 to 2099 by looking up its year and its day.
package therapy.lib.calendar

# METADATA
# title: The last date
last_day := "2099-12-31"

# METADATA
# title: The day after the last date, on which a period ends that no other follows
day_after_the_last := "2100-01-01"

# METADATA
# title: A text that is a real calendar date
date(value) if {
	kind_of_year := data.therapy.lib.calendar.years[substring(value, 0, 4)]
	data.therapy.lib.calendar.days[kind_of_year][substring(value, 4, -1)]
}
