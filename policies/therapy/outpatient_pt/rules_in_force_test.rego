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
	excluded := effective.value(effective.periods(data.therapy.parameters.outpatient_pt.excluded_specialties.periods)) with input as request
	{specialty | some specialty in excluded} == {"aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"}
}

test_both_reasons if {
	summary({"request_type": "pt_extension", "request_date": "2022-05-31", "specialty": "pediatric"}) == [
		"PT_BEFORE_EFFECTIVE_DATE /request_date",
		"PT_SPECIALTY_EXCLUDED /specialty",
	]
}

# Every specialty that a request can name is excluded, so only the order of the list can change.
specialties := ["pediatric", "lymphedema", "pelvic_floor", "aqua_therapy"]

pt_1 := [["POLICY_VALUE_UNUSABLE", "outpatient_pt.effective_date", ["PT-1"]]]

pt_2 := [["POLICY_VALUE_UNUSABLE", "outpatient_pt.excluded_specialties", ["PT-2"]]]

# The policy's faults, each with the parameter that it names and that parameter's clauses.
faults(reasons) := [[each.code, each.facts.parameter, each.clauses] |
	some each in reasons
	each.code == "POLICY_VALUE_UNUSABLE"
]

test_lists_of_specialties[name] if {
	some name, case in {
		"as in the policy": {"value": ["aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"], "faults": []},
		"in another order": {"value": specialties, "faults": []},
		"twice the same": {"value": array.concat(specialties, specialties), "faults": []},
		"one left out": {"value": ["aqua_therapy", "pelvic_floor", "lymphedema"], "faults": pt_2},
		"none of them": {"value": [], "faults": pt_2},
		"with none": {"value": array.concat(specialties, ["none"]), "faults": pt_2},
		"with an unknown name": {"value": array.concat(specialties, ["sports"]), "faults": pt_2},
		"null": {"value": null, "faults": pt_2},
		"a text": {"value": "pediatric", "faults": pt_2},
		"an object": {
			"value": {"a": "aqua_therapy", "b": "pelvic_floor", "c": "lymphedema", "d": "pediatric"},
			"faults": pt_2,
		},
	}
	every specialty in ["none", "pediatric"] {
		reasons := rules_in_force.reasons with input as {
			"request_type": "pt_visit",
			"service_date": "2024-03-15",
			"specialty": specialty,
		}
			with data.therapy.parameters.outpatient_pt.excluded_specialties.periods as [{
				"from": "1900-01-01",
				"value": case.value,
			}]
		faults(reasons) == case.faults

		# A list that cannot be used excludes nothing, and the request is pended.
		{each.code | some each in reasons} == {code |
			some code, applies in {
				"POLICY_VALUE_UNUSABLE": case.faults != [],
				"PT_SPECIALTY_EXCLUDED": all_true([case.faults == [], specialty == "pediatric"]),
			}
			applies
		}
	}
}

all_true(list) if {
	every each in list {
		each == true
	}
} else := false

test_a_list_of_specialties_holds_from_its_date_on[date] if {
	some date, expected in {"2029-12-31": ["POLICY_VALUE_UNUSABLE"], "2030-01-01": ["PT_SPECIALTY_EXCLUDED /specialty"]}
	reasons := rules_in_force.reasons with input as {
		"request_type": "pt_visit",
		"service_date": date,
		"specialty": "pediatric",
	}
		with data.therapy.parameters.outpatient_pt.excluded_specialties.periods as [{
			"from": "2030-01-01",
			"value": specialties,
		}]
	table.summary(reasons) == expected
}

test_effective_dates[name] if {
	some name, case in {
		"a date": {"value": "2024-03-15", "faults": [], "before": []},
		"a later date": {"value": "2024-03-16", "faults": [], "before": [{"effective_date": "2024-03-16"}]},
		"not a real date": {"value": "2022-06-31", "faults": pt_1, "before": []},
		"no date": {"value": "", "faults": pt_1, "before": []},
		"null": {"value": null, "faults": pt_1, "before": []},
		"a number": {"value": 20220601, "faults": pt_1, "before": []},
		"a list": {"value": ["2022-06-01"], "faults": pt_1, "before": []},
	}
	reasons := rules_in_force.reasons with input as {
		"request_type": "pt_visit",
		"service_date": "2024-03-15",
		"specialty": "none",
	}
		with data.therapy.parameters.outpatient_pt.effective_date.periods as [{
			"from": "1900-01-01",
			"value": case.value,
		}]
	faults(reasons) == case.faults
	[each.facts | some each in reasons; each.code == "PT_BEFORE_EFFECTIVE_DATE"] == case.before
}

# Each date has the effective date that was in force on it.
test_an_effective_date_holds_from_its_date_on[date] if {
	some date, expected in {
		"2029-12-31": [{"effective_date": "2031-01-01"}],
		"2030-01-01": [{"effective_date": "2030-06-01"}],
		"2030-06-01": [],
	}
	reasons := rules_in_force.reasons with input as {
		"request_type": "pt_visit",
		"service_date": date,
		"specialty": "none",
	}
		with data.therapy.parameters.outpatient_pt.effective_date.periods as [
			{"from": "1900-01-01", "value": "2031-01-01"},
			{"from": "2030-01-01", "value": "2030-06-01"},
		]
	table.facts(reasons) == expected
}

# The referral's own date says whether the rules apply to a visit, where it is stated (INT-19).
test_the_date_of_the_referral[name] if {
	some name, case in {
		"not stated": {"dates": {"service_date": "2022-06-01"}, "reasons": [], "date": "2022-06-01"},
		"null": {"dates": {"service_date": "2022-06-01", "referral_date": null}, "reasons": [], "date": "2022-06-01"},
		"null, and the visit before the rules": {
			"dates": {"service_date": "2022-05-31", "referral_date": null},
			"reasons": ["PT_BEFORE_EFFECTIVE_DATE /service_date"],
			"date": "2022-05-31",
		},
		"the day that the rules begin": {
			"dates": {"service_date": "2022-07-01", "referral_date": "2022-06-01"},
			"reasons": [],
			"date": "2022-06-01",
		},
		"the day before, and the visit later": {
			"dates": {"service_date": "2022-07-01", "referral_date": "2022-05-31"},
			"reasons": ["PT_BEFORE_EFFECTIVE_DATE /referral_date"],
			"date": "2022-05-31",
		},
		"later than the visit, which is before the rules": {
			"dates": {"service_date": "2022-05-31", "referral_date": "2022-06-01"},
			"reasons": [],
			"date": "2022-06-01",
		},
	}
	request := object.union({"request_type": "pt_visit", "specialty": "none"}, case.dates)
	summary(request) == case.reasons
	rules_in_force.date_of_referral == case.date with input as request
}
