package therapy.parameters_test

import data.therapy.lib.effective

# The value of a parameter on a date of the first policy; a later period may say something else.
at_first(periods) := value if {
	request := {"request_type": "pt_referral", "referral_date": "2026-03-02"}
	value := effective.value(effective.periods(periods)) with input as request
}

test_the_clauses_of_each_parameter if {
	clauses_of := {concat(".", path): parameter.clauses |
		[path, parameter] := walk(data.therapy.parameters)
		parameter.periods
	}
	clauses_of == {
		"units_per_visit": ["PT-5"],
		"pediatric_ot.procedure_codes": ["OT-3", "OT-4", "OT-5", "OT-6"],
		"outpatient_pt.effective_date": ["PT-1"],
		"outpatient_pt.initial_visits": ["PT-1", "PT-3", "PT-4"],
		"outpatient_pt.acute_events": ["PT-4"],
		"outpatient_pt.acute_categories": ["PT-4"],
		"outpatient_pt.eligible_categories": ["PT-6"],
		"outpatient_pt.excluded_specialties": ["PT-2"],
		"referral.routes": ["REF-1", "REF-2"],
		"contact": ["AUTH-1"],
	}
}

test_the_clause_of_each_procedure_code if {
	listed_codes := at_first(data.therapy.parameters.pediatric_ot.procedure_codes.periods)
	{code: listed.clause | some code, listed in listed_codes} == {
		"97165": "OT-4", "97166": "OT-4", "97167": "OT-4", "97168": "OT-4",
		"92526": "OT-5", "97110": "OT-5", "97112": "OT-5", "97129": "OT-5", "97530": "OT-5", "97535": "OT-5",
		"97130": "OT-6",
	}
}

test_the_clause_of_each_route if {
	routes := at_first(data.therapy.parameters.referral.routes.periods)
	{island: route.clause | some island, route in routes} == {
		"oahu": "REF-1", "maui": "REF-1", "hawaii": "REF-1",
		"kauai": "REF-2", "lanai": "REF-2", "molokai": "REF-2",
	}
}

# A parameter that does not hold on a date would turn its rules off. The physical therapy rules alone begin later.
test_every_parameter_holds_from_the_first_date_of_all if {
	later := {concat(".", path) |
		[path, parameter] := walk(data.therapy.parameters)
		parameter.clauses
		not holds_from_the_first_date(parameter)
	}
	later == {"outpatient_pt.initial_visits"}
}

holds_from_the_first_date(parameter) if parameter.periods[0].from == "1900-01-01"
