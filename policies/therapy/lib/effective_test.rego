package therapy.lib.effective_test

import data.therapy.lib.effective

dates := {
	"service_date": "2024-01-01",
	"referral_date": "2024-02-02",
	"request_date": "2024-03-03",
	"review_date": "2024-04-04",
}

test_each_type_has_its_own_date[request_type] if {
	some request_type, field in {
		"pediatric_ot_claim": "service_date",
		"pt_referral": "referral_date",
		"pt_treatment_plan": "service_date",
		"pt_visit": "service_date",
		"pt_extension": "request_date",
		"pt_continuation": "review_date",
	}
	request := object.union(dates, {"request_type": request_type})
	effective.request_date == dates[field] with input as request
	effective.date_field == field with input as request
}

test_a_referral_route_has_no_date if {
	not effective.date_field with input as object.union(dates, {"request_type": "referral_route"})
	effective.request_date == "2099-12-31" with input as object.union(dates, {"request_type": "referral_route"})
}

test_the_date_of_a_request_that_does_not_state_it_is_not_known if {
	not effective.request_date with input as {"request_type": "pt_visit"}
}

three_periods := effective.periods([
	{"from": "2000-01-01", "value": "first"},
	{"from": "2010-02-28", "value": "second"},
	{"from": "2020-12-31", "value": "third"},
])

test_each_period_ends_when_the_next_one_begins if {
	three_periods == [
		{"from": "2000-01-01", "until": "2010-02-28", "value": "first"},
		{"from": "2010-02-28", "until": "2020-12-31", "value": "second"},
		{"from": "2020-12-31", "until": "2100-01-01", "value": "third"},
	]
}

at(date) := {"request_type": "pt_visit", "service_date": date}

test_value[date] if {
	some date, value in {
		"2000-01-01": "first",
		"2000-01-02": "first",
		"2010-02-27": "first",
		"2010-02-28": "second",
		"2010-03-01": "second",
		"2020-12-30": "second",
		"2020-12-31": "third",
		"2021-01-01": "third",
		"2099-12-31": "third",
	}
	effective.value(three_periods) == value with input as at(date)
}

test_no_value_before_the_first_period[date] if {
	some date in ["1999-12-31", "1900-01-01"]
	not effective.value(three_periods) with input as at(date)
}

test_no_value_without_periods if not effective.value([]) with input as at("2024-01-01")

test_no_value_without_the_date_of_its_type[name] if {
	some name, request in {
		"no date": {"request_type": "pt_visit"},
		"the date of another type": {"request_type": "pt_referral", "service_date": "2024-01-01"},
	}
	not effective.value(three_periods) with input as request
}

test_the_newest_value_for_a_type_without_a_date if {
	request := {"request_type": "referral_route", "service_date": "2000-01-01"}
	effective.value(three_periods) == "third" with input as request
}

test_one_period[date] if {
	some date, held in {"2022-05-31": [], "2022-06-01": [{"visits": 5}], "2022-06-02": [{"visits": 5}]}
	periods := effective.periods([{"from": "2022-06-01", "value": {"visits": 5}}])
	values := [value | value := effective.value(periods)] with input as at(date)
	values == held
}

test_a_period_without_a_value_leaves_the_others_as_they_are if {
	periods := effective.periods([{"from": "2000-01-01", "value": 1}, {"from": "2010-01-01"}, {"from": "2020-01-01", "value": 3}])
	effective.value_on(periods, "2009-12-31") == 1
	not effective.value_on(periods, "2010-01-01")
	not effective.value_on(periods, "2019-12-31")
	effective.value_on(periods, "2020-01-01") == 3
}

# Periods that are not real dates in order of time have no value on any date.
broken_periods := {
	"out of order": [{"from": "2010-01-01", "value": 1}, {"from": "2000-01-01", "value": 2}],
	"out of order later on": [
		{"from": "2000-01-01", "value": 1},
		{"from": "2090-01-01", "value": 2},
		{"from": "2080-01-01", "value": 3},
	],
	"twice the same date": [{"from": "2000-01-01", "value": 1}, {"from": "2000-01-01", "value": 2}],
	"not a real date": [{"from": "2000-02-30", "value": 1}],
	"not a real date later on": [{"from": "2000-01-01", "value": 1}, {"from": "2030-06-31", "value": 2}],
	"a date before 1900": [{"from": "1899-12-31", "value": 1}],
	"an empty date": [{"from": "", "value": 1}],
	"a number that was to be a date": [{"from": 2000, "value": 1}],
	"a date that is null": [{"from": null, "value": 1}],
	"no date": [{"value": 1}],
	"no date later on": [{"from": "2000-01-01", "value": 1}, {"value": 2}],
	"no value": [{"from": "2000-01-01"}],
	"a misspelled value": [{"from": "2000-01-01", "valve": 1}],
	"a period that is null": [null],
	"a period that is a text": ["2000-01-01"],
	"one period, not in a list": {"from": "2000-01-01", "value": 1},
	"periods by name": {"first": {"from": "2000-01-01", "value": 1}},
	"a text": "2000-01-01",
	"a number": 4,
	"null": null,
	"false": false,
	"empty": [],
}

values(periods) := union({
	{value | value := effective.value(effective.periods(periods))},
	{value | value := effective.value_on(effective.periods(periods), "2024-01-01")},
	{value | value := effective.newest(effective.periods(periods))},
})

test_no_value_of_periods_that_are_broken[name] if {
	some name, periods in broken_periods
	values(periods) == set() with input as at("2024-01-01")
}

test_no_value_on_no_date[name] if {
	some name, date in {"null": null, "false": false, "number": 20240101}
	not effective.value_on(three_periods, date)
}

test_value_on_a_date_of_its_own if {
	effective.value_on(three_periods, "2009-12-31") == "first" with input as at("2024-01-01")
	effective.value_on(three_periods, "2010-12-31") == "second" with input as at("2024-01-01")
}

test_newest if effective.newest(three_periods) == "third" with input as at("2000-01-01")

test_newest_without_a_request if effective.newest(three_periods) == "third"

test_newest_of_one_period if effective.newest(effective.periods([{"from": "2022-06-01", "value": 4}])) == 4
