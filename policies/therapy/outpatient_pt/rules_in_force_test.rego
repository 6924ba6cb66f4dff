package therapy.outpatient_pt.rules_in_force_test

import data.therapy.lib.effective
import data.therapy.lib.table_test as table
import data.therapy.outpatient_pt.rules_in_force

date_fields := {
	"pt_referral": "referral_date",
	"pt_treatment_plan": "service_date",
	"pt_visit": "service_date",
	"pt_extension": "request_date",
	"pt_continuation": "review_date",
}

summary(request) := table.summary(reasons) if reasons := rules_in_force.reasons with input as request

test_before_the_effective_date[name] if {
	some request_type, field in date_fields
	some date in ["1900-01-01", "2021-12-31", "2022-05-31"]
	name := concat(" ", [request_type, date])
	request := {"request_type": request_type, field: date, "specialty": "none"}
	summary(request) == [concat("", ["PT_BEFORE_EFFECTIVE_DATE /", field])]
}

test_from_the_effective_date_on[name] if {
	some request_type, field in date_fields
	some date in ["2022-06-01", "2022-06-02", "2024-03-15", "2099-12-31"]
	name := concat(" ", [request_type, date])
	summary({"request_type": request_type, field: date, "specialty": "none"}) == []
}

test_facts_before_the_effective_date if {
	request := {"request_type": "pt_visit", "service_date": "2022-05-31", "specialty": "none"}
	reasons := rules_in_force.reasons with input as request
	table.facts(reasons) == [{"effective_date": "2022-06-01"}]
}

test_each_specialty_is_excluded[specialty] if {
	some specialty in ["aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"]
	request := {"request_type": "pt_visit", "service_date": "2024-03-15", "specialty": specialty}
	summary(request) == ["PT_SPECIALTY_EXCLUDED /specialty"]
}

test_these_specialties_alone if {
	request := {"request_type": "pt_visit", "service_date": "2024-03-15"}
	excluded := effective.value(data.therapy.parameters.outpatient_pt.excluded_specialties.periods) with input as request
	{specialty | some specialty in excluded} == {"aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"}
}

test_both_reasons if {
	summary({"request_type": "pt_extension", "request_date": "2022-05-31", "specialty": "pediatric"}) == [
		"PT_BEFORE_EFFECTIVE_DATE /request_date",
		"PT_SPECIALTY_EXCLUDED /specialty",
	]
}

# From 2030 on, one specialty is taken in.
changed := [
	{"from": "1900-01-01", "value": ["aqua_therapy", "pelvic_floor"]},
	{"from": "2030-01-01", "value": ["pelvic_floor"]},
]

test_a_change_of_specialties_holds_from_its_date_on[name] if {
	some name, case in {
		"taken in, the day before": {
			"change": {"service_date": "2029-12-31", "specialty": "aqua_therapy"},
			"reasons": ["PT_SPECIALTY_EXCLUDED /specialty"],
		},
		"taken in, the day": {"change": {"service_date": "2030-01-01", "specialty": "aqua_therapy"}, "reasons": []},
		"left out, the day": {
			"change": {"service_date": "2030-01-01", "specialty": "pelvic_floor"},
			"reasons": ["PT_SPECIALTY_EXCLUDED /specialty"],
		},
		"none": {"change": {"service_date": "2030-01-01", "specialty": "none"}, "reasons": []},
	}
	request := table.request({"request_type": "pt_visit"}, case)
	reasons := rules_in_force.reasons with input as request
		with data.therapy.parameters.outpatient_pt.excluded_specialties.periods as changed
	table.summary(reasons) == case.reasons
}

test_while_no_list_of_specialties_holds_all_but_none_are_out[specialty] if {
	some specialty, expected in {"none": [], "aqua_therapy": ["PT_SPECIALTY_EXCLUDED /specialty"]}
	reasons := rules_in_force.reasons with input as {
		"request_type": "pt_visit",
		"service_date": "2024-03-15",
		"specialty": specialty,
	}
		with data.therapy.parameters.outpatient_pt.excluded_specialties.periods as [{"from": "2024-03-16", "value": []}]
	table.summary(reasons) == expected
}

test_the_rules_begin_with_the_first_period_of_visits[date] if {
	some date, expected in {"2029-12-31": ["PT_BEFORE_EFFECTIVE_DATE /service_date"], "2030-01-01": [], "2031-01-01": []}
	periods := [
		{"from": "2030-01-01", "value": {"acute": {}, "nonacute": {}}},
		{"from": "2031-01-01", "value": {"acute": {}, "nonacute": {}}},
	]
	request := {"request_type": "pt_visit", "service_date": date, "specialty": "none"}
	reasons := rules_in_force.reasons with input as request
		with data.therapy.parameters.outpatient_pt.initial_visits.periods as periods
	table.summary(reasons) == expected
	table.facts(reasons) == [{"effective_date": "2030-01-01"} | some _ in expected]
}
