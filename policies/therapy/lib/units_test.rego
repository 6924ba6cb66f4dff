package therapy.lib.units_test

import data.therapy.lib.reason
import data.therapy.lib.table_test as table
import data.therapy.lib.units

request := {"request_type": "pt_visit", "service_date": "2024-03-15"}

# The units of a visit with these periods, and the reasons.
got(periods) := result if {
	result := {"units": {number | number := units.per_visit}, "reasons": units.reasons} with input as request
		with data.therapy.parameters.units_per_visit.periods as periods
}

fault := reason.unusable("POLICY_VALUE_UNUSABLE", "units_per_visit", ["PT-5"])

test_the_units_of_the_first_policy if {
	units.per_visit == 4 with input as request
	units.reasons == set() with input as request
	units.clauses == {"PT-5"}
}

test_units_that_can_be_used[name] if {
	some name, case in {
		"4": {"value": "4", "units": 4},
		"4.0": {"value": "4.0", "units": 4},
		"3": {"value": "3", "units": 3},
		"1": {"value": "1", "units": 1},
	}
	got([{"from": "1900-01-01", "value": json.unmarshal(case.value)}]) == {"units": {case.units}, "reasons": set()}
}

test_units_that_cannot_be_used[name] if {
	some name, value in {
		"0": 0,
		"-1": -1,
		"above the ceiling": 5,
		"far above the ceiling": table.as_written("1e99999999"),
		"half a unit": 3.5,
		"text": "4",
		"list": [4],
		"object": {"units": 4},
		"null": null,
		"true": true,
		"false": false,
	}
	got([{"from": "1900-01-01", "value": value}]) == {"units": set(), "reasons": {fault}}
}

test_no_units_without_a_period[name] if {
	some name, periods in {
		"none": [],
		"later": [{"from": "2024-03-16", "value": 4}],
		"without value": [{"from": "1900-01-01"}],
	}
	got(periods) == {"units": set(), "reasons": {fault}}
}

test_the_units_of_a_change[date] if {
	some date, number in {"2029-12-31": 4, "2030-01-01": 3}
	units.per_visit == number with input as {"request_type": "pt_visit", "service_date": date}
		with data.therapy.parameters.units_per_visit.periods as [
			{"from": "1900-01-01", "value": 4},
			{"from": "2030-01-01", "value": 3},
		]
}

test_the_ceiling_is_the_ceilings if {
	not units.per_visit with input as request
		with data.therapy.parameters.units_per_visit.periods as [{"from": "1900-01-01", "value": 4}]
		with data.therapy.ceiling.units_per_visit as 3
}

test_a_parameter_without_clauses_is_at_fault_all_the_same if {
	reasons := units.reasons with input as request with data.therapy.parameters.units_per_visit as {}
	reasons == {reason.unusable("POLICY_VALUE_UNUSABLE", "units_per_visit", [])}
}

test_units_without_a_clause_cannot_be_used if {
	without := {"clauses": [], "periods": [{"from": "1900-01-01", "value": 4}]}
	not units.per_visit with input as request with data.therapy.parameters.units_per_visit as without
	reasons := units.reasons with input as request with data.therapy.parameters.units_per_visit as without
	reasons == {reason.unusable("POLICY_VALUE_UNUSABLE", "units_per_visit", [])}
}
