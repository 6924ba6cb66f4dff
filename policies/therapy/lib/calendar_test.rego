package therapy.lib.calendar_test

import data.therapy.lib.calendar

test_date[value] if {
	some value in ["1900-01-01", "1999-12-31", "2000-01-01", "2000-02-29", "2022-06-01", "2024-02-29", "2099-12-31"]
	calendar.date(value)
}

test_no_date[name] if {
	some name, value in {
		"before the first year": "1899-12-31",
		"after the last year": "2100-01-01",
		"no month": "2024-00-10",
		"thirteenth month": "2024-13-01",
		"no day": "2024-01-00",
		"not padded": "2024-1-1",
		"short year": "24-01-01",
		"long year": "02024-01-01",
		"no year": "-01-01",
		"year alone": "2024",
		"month alone": "2024-01",
		"slashes": "2024/01/01",
		"no dashes": "20240101",
		"time of day": "2024-01-01T00:00:00Z",
		"space before": " 2024-01-01",
		"space after": "2024-01-01 ",
		"line feed after": "2024-01-01\n",
		"full-width digits": "２０２４-01-01",
		"Arabic digits": "2024-٠1-01",
		"other way round": "01-01-2024",
		"empty": "",
	}
	not calendar.date(value)
}

days_of_month := {
	"01": 31,
	"02": 28,
	"03": 31,
	"04": 30,
	"05": 31,
	"06": 30,
	"07": 31,
	"08": 31,
	"09": 30,
	"10": 31,
	"11": 30,
	"12": 31,
}

two_digits(number) := substring(format_int(100 + number, 10), 1, -1)

test_days_of_month[month] if {
	some month, days in days_of_month
	every day in numbers.range(1, days) {
		calendar.date(concat("-", ["2023", month, two_digits(day)]))
	}
	not calendar.date(concat("-", ["2023", month, two_digits(days + 1)]))
}

test_days_of_month_in_a_leap_year[month] if {
	some month, days in object.union(days_of_month, {"02": 29})
	every day in numbers.range(1, days) {
		calendar.date(concat("-", ["2024", month, two_digits(day)]))
	}
	not calendar.date(concat("-", ["2024", month, two_digits(days + 1)]))
}

# Of the years that four divides, 1900 alone is none.
leap_years := {format_int(year, 10) | some year in numbers.range_step(1904, 2096, 4)}

test_leap_years if {
	with_a_leap_day := {year |
		some year in [format_int(number, 10) | some number in numbers.range(1890, 2110)]
		calendar.date(concat("-", [year, "02-29"]))
	}
	with_a_leap_day == leap_years
}

test_years if {
	years := {number |
		some number in numbers.range(1890, 2110)
		calendar.date(concat("-", [format_int(number, 10), "03-01"]))
	}
	years == {number | some number in numbers.range(1900, 2099)}
}
