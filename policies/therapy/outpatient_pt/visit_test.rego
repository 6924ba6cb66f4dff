package therapy.outpatient_pt.visit_test

import data.therapy.lib.reason
import data.therapy.lib.table_test as table
import data.therapy.outpatient_pt.visit

# The first treatment visit of a nonacute referral.
base := {
	"request_type": "pt_visit",
	"service_date": "2024-03-15",
	"specialty": "none",
	"benefit_status": "covered",
	"tier": "nonacute",
	"visit": {"number": 2, "kind": "treatment", "units": 4, "units_already_authorized": 0},
	"progress_note_number": 2,
	"prior_visits": {"evaluation": 1, "treatment": 0},
	"plan_of_care_complete": true,
}

evaluation_visit := {
	"visit": {"number": 1, "kind": "evaluation"},
	"progress_note_number": 1,
	"prior_visits": {"evaluation": 0},
}

# Visits and notes that are numbered as the visits before them ask for.
after(evaluations, treatments) := {
	"visit": {"number": (evaluations + treatments) + 1},
	"progress_note_number": (evaluations + treatments) + 1,
	"prior_visits": {"evaluation": evaluations, "treatment": treatments},
}

summary(request) := table.summary(reasons) if reasons := visit.all_reasons with input as request

test_fine[name] if {
	some name, change in {"treatment": {}, "evaluation": evaluation_visit}
	summary(object.union(base, change)) == []
}

test_treatment_visit_limit[name] if {
	some name, case in {
		"nonacute, 4 used": {"tier": "nonacute", "before": after(1, 4), "limit": []},
		"nonacute, 5 used": {"tier": "nonacute", "before": after(1, 5), "limit": [["PT-3"]]},
		"nonacute, 6 used": {"tier": "nonacute", "before": after(1, 6), "limit": [["PT-3"]]},
		"nonacute, 999 used": {"tier": "nonacute", "before": after(0, 999), "limit": [["PT-3"]]},
		"nonacute, 4 used after 5 evaluations": {"tier": "nonacute", "before": after(5, 4), "limit": []},
		"acute, 5 used": {"tier": "acute", "before": after(1, 5), "limit": []},
		"acute, 10 used": {"tier": "acute", "before": after(1, 10), "limit": []},
		"acute, 11 used": {"tier": "acute", "before": after(1, 11), "limit": [["PT-4"]]},
		"acute, 12 used": {"tier": "acute", "before": after(1, 12), "limit": [["PT-4"]]},
	}
	request := object.union_n([base, {"tier": case.tier}, case.before])
	reasons := visit.all_reasons with input as request
	table.summary(reasons) == ["PT_TREATMENT_VISIT_LIMIT /prior_visits/treatment" | some _ in case.limit]
	[one.clauses | some one in reason.details(reasons)] == case.limit
}

test_evaluation_visit_limit[name] if {
	some name, case in {
		"nonacute, none used": {"tier": "nonacute", "before": after(0, 0), "limit": []},
		"nonacute, 1 used": {"tier": "nonacute", "before": after(1, 0), "limit": [["PT-3"]]},
		"nonacute, 2 used": {"tier": "nonacute", "before": after(2, 0), "limit": [["PT-3"]]},
		"nonacute, none used after 5 treatments": {"tier": "nonacute", "before": after(0, 5), "limit": []},
		"acute, none used": {"tier": "acute", "before": after(0, 0), "limit": []},
		"acute, 1 used": {"tier": "acute", "before": after(1, 0), "limit": [["PT-4"]]},
		"acute, none used after 11 treatments": {"tier": "acute", "before": after(0, 11), "limit": []},
	}
	request := object.union_n([base, {"tier": case.tier, "visit": {"kind": "evaluation"}}, case.before])
	reasons := visit.all_reasons with input as request
	table.summary(reasons) == ["PT_EVALUATION_VISIT_LIMIT /prior_visits/evaluation" | some _ in case.limit]
	[one.clauses | some one in reason.details(reasons)] == case.limit
}

test_units[name] if {
	some name, case in {
		"1 of 4": {"units": 1, "already": 0, "granted": 1},
		"3 of 4": {"units": 3, "already": 0, "granted": 3},
		"4 of 4": {"units": 4, "already": 0, "granted": 4},
		"5 of 4": {"units": 5, "already": 0, "granted": 4, "over": [{"requested": 5, "available": 4, "limit": 4}]},
		"99 of 4": {"units": 99, "already": 0, "granted": 4, "over": [{"requested": 99, "available": 4, "limit": 4}]},
		"3 of 3": {"units": 3, "already": 1, "granted": 3},
		"4 of 3": {"units": 4, "already": 1, "granted": 3, "over": [{"requested": 4, "available": 3, "limit": 4}]},
		"2 of 2": {"units": 2, "already": 2, "granted": 2},
		"3 of 2": {"units": 3, "already": 2, "granted": 2, "over": [{"requested": 3, "available": 2, "limit": 4}]},
		"1 of 1": {"units": 1, "already": 3, "granted": 1},
		"2 of 1": {"units": 2, "already": 3, "granted": 1, "over": [{"requested": 2, "available": 1, "limit": 4}]},
		"1 of 0": {"units": 1, "already": 4, "granted": 0, "over": [{"requested": 1, "available": 0, "limit": 4}]},
		"1 where 5 were": {"units": 1, "already": 5, "granted": 0, "over": [{"requested": 1, "available": 0, "limit": 4}]},
		"4 where 99 were": {"units": 4, "already": 99, "granted": 0, "over": [{"requested": 4, "available": 0, "limit": 4}]},
	}
	request := object.union(base, {"visit": {"units": case.units, "units_already_authorized": case.already}})
	reasons := visit.all_reasons with input as request
	over := object.get(case, "over", [])
	table.summary(reasons) == ["PT_UNITS_OVER_VISIT_LIMIT /visit/units" | some _ in over]
	table.facts(reasons) == over
	grant := visit.determination.authorized with input as request
	grant == {"units": case.granted, "treatment_visits": 1, "max_units_per_visit": 4}
}

test_grant_of_an_evaluation if {
	request := object.union(base, evaluation_visit)
	grant := visit.determination.authorized with input as request
	grant == {"units": 4, "evaluation_visits": 1, "max_units_per_visit": 4}
}

test_number[name] if {
	some name, case in {
		"the next": {"number": 2, "before": [1, 0], "in_sequence": true},
		"the last again": {"number": 1, "before": [1, 0], "in_sequence": false},
		"one left out": {"number": 3, "before": [1, 0], "in_sequence": false},
		"treatments count": {"number": 4, "before": [0, 3], "in_sequence": true},
		"evaluations count": {"number": 3, "before": [2, 0], "in_sequence": true},
		"both count": {"number": 6, "before": [2, 3], "in_sequence": true},
		"treatments alone": {"number": 4, "before": [2, 3], "in_sequence": false},
		"evaluations alone": {"number": 3, "before": [2, 3], "in_sequence": false},
		"the first of all": {"number": 1, "before": [0, 0], "in_sequence": true},
	}
	request := object.union(base, {
		"visit": {"number": case.number},
		"progress_note_number": case.number,
		"prior_visits": {"evaluation": case.before[0], "treatment": case.before[1]},
	})
	summary(request) == ["PT_VISIT_OUT_OF_SEQUENCE /visit/number" | case.in_sequence == false]
}

test_facts[name] if {
	some name, case in {
		"out of sequence": {
			"change": {"visit": {"number": 7}, "progress_note_number": 7, "prior_visits": {"evaluation": 1, "treatment": 3}},
			"facts": {"number": 7, "expected": 5, "before": 4},
		},
		"far out of sequence": {
			"change": {
				"tier": "acute",
				"visit": {"number": 999, "kind": "evaluation"},
				"progress_note_number": 999,
				"prior_visits": {"evaluation": 0, "treatment": 999},
			},
			"facts": {"number": 999, "expected": 1000, "before": 999},
		},
		"note of another visit": {
			"change": {"progress_note_number": 3},
			"facts": {"number": 2},
		},
		"treatment limit, nonacute": {
			"change": after(1, 6),
			"facts": {"used": 6, "limit": 5},
		},
		"treatment limit, acute": {
			"change": object.union({"tier": "acute"}, after(1, 13)),
			"facts": {"used": 13, "limit": 11},
		},
		"evaluation limit": {
			"change": object.union({"visit": {"kind": "evaluation"}}, after(2, 0)),
			"facts": {"used": 2, "limit": 1},
		},
	}
	reasons := visit.all_reasons with input as object.union(base, case.change)
	table.facts(reasons) == [case.facts]
}

test_note[name] if {
	some name, case in {
		"the visit's": {"change": {"progress_note_number": 2}, "reasons": []},
		"one less": {"change": {"progress_note_number": 1}, "reasons": ["PT_NOTE_NOT_NUMBERED /progress_note_number"]},
		"one more": {"change": {"progress_note_number": 3}, "reasons": ["PT_NOTE_NOT_NUMBERED /progress_note_number"]},
		"null": {"change": {"progress_note_number": null}, "reasons": ["PT_NOTE_NOT_NUMBERED /progress_note_number"]},
		"absent": {"without": ["/progress_note_number"], "reasons": ["PT_NOTE_NOT_NUMBERED /progress_note_number"]},
		"absent at an evaluation": {
			"change": object.remove(evaluation_visit, ["progress_note_number"]),
			"without": ["/progress_note_number"],
			"reasons": ["PT_NOTE_NOT_NUMBERED /progress_note_number"],
		},
		"of a visit that is out of sequence": {
			"change": {"visit": {"number": 5}, "progress_note_number": 5},
			"reasons": ["PT_VISIT_OUT_OF_SEQUENCE /visit/number"],
		},
	}
	summary(table.request(base, case)) == case.reasons
}

test_plan_of_care[name] if {
	some name, case in {
		"complete": {"change": {"plan_of_care_complete": true}, "reasons": []},
		"incomplete": {
			"change": {"plan_of_care_complete": false},
			"reasons": ["PT_PLAN_OF_CARE_MISSING /plan_of_care_complete"],
		},
		"null": {
			"change": {"plan_of_care_complete": null},
			"reasons": ["PT_PLAN_OF_CARE_MISSING /plan_of_care_complete"],
		},
		"absent": {
			"without": ["/plan_of_care_complete"],
			"reasons": ["PT_PLAN_OF_CARE_MISSING /plan_of_care_complete"],
		},
		"not needed for an evaluation": {
			"change": object.union(evaluation_visit, {"plan_of_care_complete": false}),
			"reasons": [],
		},
		"absent at an evaluation": {
			"change": evaluation_visit,
			"without": ["/plan_of_care_complete"],
			"reasons": [],
		},
	}
	summary(table.request(base, case)) == case.reasons
}

test_discontinuation[name] if {
	some name, case in {
		"null": {"discontinuation": null, "reasons": []},
		"empty": {"discontinuation": {}, "reasons": []},
		"not stated": {"discontinuation": {"goals_achieved": null}, "reasons": []},
		"not met": {"discontinuation": {"goals_achieved": false}, "reasons": []},
		"met": {
			"discontinuation": {"goals_achieved": true},
			"reasons": ["DC_NO_LONGER_NEEDED /discontinuation/goals_achieved"],
		},
	}
	summary(object.union(base, {"discontinuation": case.discontinuation})) == case.reasons
}

test_numbers_are_the_same_however_they_are_written[name] if {
	some name, case in {
		"all fine": {
			"change": `{"visit": {"number": 2.0, "units": 4.0, "units_already_authorized": 0.0}, "progress_note_number": 2,
				"prior_visits": {"evaluation": 1.0, "treatment": 0.0}}`,
			"facts": [],
			"units": 4,
		},
		"fewer than are left": {
			"change": `{"visit": {"units": 3.0, "units_already_authorized": 0.0}}`,
			"facts": [],
			"units": 3,
		},
		"the note alone": {"change": `{"progress_note_number": 2.00}`, "facts": [], "units": 4},
		"none before": {
			"change": `{"visit": {"number": 1}, "progress_note_number": 1.0,
				"prior_visits": {"evaluation": -0.0, "treatment": 0.00}}`,
			"facts": [],
			"units": 4,
		},
		"units over": {
			"change": `{"visit": {"units": 3.0, "units_already_authorized": 2.0}}`,
			"facts": [{"requested": 3, "available": 2, "limit": 4}],
			"units": 2,
		},
		"all used": {
			"change": `{"visit": {"number": 7.0}, "progress_note_number": 7,
				"prior_visits": {"evaluation": 1, "treatment": 5.0}}`,
			"facts": [{"used": 5, "limit": 5}],
			"units": 4,
		},
		"out of sequence": {
			"change": `{"visit": {"number": 7.0}, "progress_note_number": 8.0,
				"prior_visits": {"evaluation": 1.0, "treatment": 3.00}}`,
			"facts": [{"number": 7, "expected": 5, "before": 4}, {"number": 7}],
			"units": 4,
		},
		"minus nothing": {
			"change": `{"visit": {"number": 2, "units_already_authorized": -0},
				"prior_visits": {"evaluation": -0, "treatment": -0}}`,
			"facts": [{"number": 2, "expected": 1, "before": 0}],
			"units": 4,
		},
	}
	request := object.union(base, json.unmarshal(case.change))
	reasons := visit.all_reasons with input as request
	table.facts(reasons) == case.facts
	grant := visit.determination.authorized with input as request
	grant.units == case.units

	# As a decision writes it, too.
	json.marshal(grant.units) == format_int(case.units, 10)
}

test_reasons_together[name] if {
	some name, case in {
		"benefits not covered": {
			"change": {"benefit_status": "not_covered"},
			"reasons": ["BENEFIT_NOT_COVERED /benefit_status"],
		},
		"benefits unverified": {"without": ["/benefit_status"], "reasons": ["BENEFIT_UNVERIFIED /benefit_status"]},
		"specialty": {"change": {"specialty": "lymphedema"}, "reasons": ["PT_SPECIALTY_EXCLUDED /specialty"]},
		"the day that the rules begin": {"change": {"service_date": "2022-06-01"}, "reasons": []},
		"everything at once": {
			"change": {
				"specialty": "pediatric",
				"benefit_status": "unverified",
				"visit": {"number": 3, "units": 5},
				"progress_note_number": 4,
				"prior_visits": {"treatment": 5},
				"plan_of_care_complete": false,
				"discontinuation": {"adapted_with_equipment": true},
			},
			"reasons": [
				"PT_SPECIALTY_EXCLUDED /specialty",
				"BENEFIT_UNVERIFIED /benefit_status",
				"PT_PLAN_OF_CARE_MISSING /plan_of_care_complete",
				"PT_TREATMENT_VISIT_LIMIT /prior_visits/treatment",
				"PT_UNITS_OVER_VISIT_LIMIT /visit/units",
				"PT_VISIT_OUT_OF_SEQUENCE /visit/number",
				"PT_NOTE_NOT_NUMBERED /progress_note_number",
				"DC_ADAPTED /discontinuation/adapted_with_equipment",
			],
		},
	}
	summary(table.request(base, case)) == case.reasons
}

nothing := {
	"units": 0,
	"procedure_codes": [],
	"evaluation_visits": 0,
	"treatment_visits": 0,
	"max_units_per_visit": 0,
}

test_before_the_rules_begin if {
	decision := data.therapy.decision with input as object.union(base, {"service_date": "2022-05-31"})
	decision.outcome == "not_applicable"
	[one.code | some one in decision.reasons] == ["PT_BEFORE_EFFECTIVE_DATE"]
	decision.authorized == nothing
}

test_decision[name] if {
	some name, case in {
		"all units": {
			"change": {},
			"outcome": "authorized",
			"authorized": {"units": 4, "treatment_visits": 1, "max_units_per_visit": 4},
		},
		"the first day": {
			"change": {"service_date": "2022-06-01"},
			"outcome": "authorized",
			"authorized": {"units": 4, "treatment_visits": 1, "max_units_per_visit": 4},
		},
		"an evaluation of one unit": {
			"change": object.union(evaluation_visit, {"visit": {"units": 1}}),
			"outcome": "authorized",
			"authorized": {"units": 1, "evaluation_visits": 1, "max_units_per_visit": 4},
		},
		"some units": {
			"change": {"visit": {"units": 5}},
			"outcome": "partially_authorized",
			"authorized": {"units": 4, "treatment_visits": 1, "max_units_per_visit": 4},
		},
		"one unit of two": {
			"change": {"visit": {"units": 2, "units_already_authorized": 3}},
			"outcome": "partially_authorized",
			"authorized": {"units": 1, "treatment_visits": 1, "max_units_per_visit": 4},
		},
		"no unit left": {
			"change": {"visit": {"units": 1, "units_already_authorized": 4}},
			"outcome": "denied",
			"authorized": {},
		},
		"no unit left of a visit that pends": {
			"change": {"visit": {"units": 1, "units_already_authorized": 4}, "progress_note_number": null},
			"outcome": "pended",
			"authorized": {},
		},
		"pends": {"change": {"plan_of_care_complete": false}, "outcome": "pended", "authorized": {}},
		"denied": {"change": after(1, 5), "outcome": "denied", "authorized": {}},
		"denied, though it pends too": {
			"change": object.union({"plan_of_care_complete": false}, after(1, 5)),
			"outcome": "denied",
			"authorized": {},
		},
		"discontinued": {
			"change": {"discontinuation": {"unable_to_participate": true}},
			"outcome": "denied",
			"authorized": {},
		},
	}
	decision := data.therapy.decision with input as object.union(base, case.change)
	decision.outcome == case.outcome
	decision.authorized == object.union(nothing, case.authorized)
}

# From 2030 on, the numbers are others.
other_visits := [
	{"from": "2022-06-01", "value": {
		"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 5},
		"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11},
	}},
	{"from": "2030-01-01", "value": {
		"nonacute": {"clause": "PT-8", "evaluation": 1, "treatment": 6},
		"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11},
	}},
]

fewer_units := [{"from": "1900-01-01", "value": 4}, {"from": "2030-01-01", "value": 3}]

test_a_change_holds_from_its_date_on[name] if {
	some name, case in {
		"5 treatments, the day before": {
			"change": object.union({"service_date": "2029-12-31"}, after(1, 5)),
			"facts": [{"used": 5, "limit": 5}],
			"clauses": [["PT-3"]],
			"grant": [4, 4],
		},
		"5 treatments, the day": {
			"change": object.union({"service_date": "2030-01-01"}, after(1, 5)),
			"facts": [{"requested": 4, "available": 3, "limit": 3}],
			"clauses": [["PT-5"]],
			"grant": [3, 3],
		},
		"6 treatments, the day": {
			"change": object.union({"service_date": "2030-01-01"}, after(1, 6)),
			"facts": [{"used": 6, "limit": 6}, {"requested": 4, "available": 3, "limit": 3}],
			"clauses": [["PT-8"], ["PT-5"]],
			"grant": [3, 3],
		},
		"2 evaluations, the day": {
			"change": object.union({"service_date": "2030-01-01", "visit": {"kind": "evaluation", "units": 3}}, after(2, 0)),
			"facts": [{"used": 2, "limit": 1}],
			"clauses": [["PT-8"]],
			"grant": [3, 3],
		},
		"7 units, the day before": {
			"change": {"service_date": "2029-12-31", "visit": {"units": 7}},
			"facts": [{"requested": 7, "available": 4, "limit": 4}],
			"clauses": [["PT-5"]],
			"grant": [4, 4],
		},
		"7 units, the day": {
			"change": {"service_date": "2030-01-01", "visit": {"units": 7, "units_already_authorized": 1}},
			"facts": [{"requested": 7, "available": 2, "limit": 3}],
			"clauses": [["PT-5"]],
			"grant": [2, 3],
		},
	}
	request := object.union(base, case.change)
	result := {"reasons": visit.all_reasons, "grant": visit.authorized} with input as request
		with data.therapy.parameters.outpatient_pt.initial_visits.periods as other_visits
		with data.therapy.parameters.units_per_visit.periods as fewer_units
	table.facts(result.reasons) == case.facts
	[one.clauses | some one in reason.details(result.reasons)] == case.clauses
	[result.grant.units, result.grant.max_units_per_visit] == case.grant
}

test_nothing_is_authorized_without_a_limit_of_units if {
	determination := visit.determination with input as base
		with data.therapy.parameters.units_per_visit.periods as []
	table.summary(determination.reasons) == ["POLICY_VALUE_UNUSABLE"]
	determination.outcome == "pended"
	determination.authorized == {}
}

# --- The date of the referral (INT-19) -------------------------------------------------------------------------------

# From 2027 on, a nonacute referral starts with three treatments.
fewer_visits := [
	{"from": "2022-06-01", "value": {
		"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 5},
		"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11},
	}},
	{"from": "2027-01-01", "value": {
		"nonacute": {"clause": "PT-8", "evaluation": 1, "treatment": 3},
		"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 11},
	}},
]

test_the_number_of_visits_is_that_of_the_referral[name] if {
	some name, case in {
		"the fifth of an old referral": {
			"change": object.union({"service_date": "2027-01-08", "referral_date": "2026-12-20"}, after(1, 4)),
			"outcome": "authorized",
			"under": ["PT-3", "PT-5"],
			"reasons": [],
		},
		"the sixth of an old referral": {
			"change": object.union({"service_date": "2027-01-08", "referral_date": "2026-12-20"}, after(1, 5)),
			"outcome": "denied",
			"under": [],
			"reasons": [["PT_TREATMENT_VISIT_LIMIT", ["PT-3"]]],
		},
		"the third of a new referral": {
			"change": object.union({"service_date": "2027-01-08", "referral_date": "2027-01-01"}, after(1, 2)),
			"outcome": "authorized",
			"under": ["PT-5", "PT-8"],
			"reasons": [],
		},
		"the fourth of a new referral": {
			"change": object.union({"service_date": "2027-01-08", "referral_date": "2027-01-01"}, after(1, 3)),
			"outcome": "denied",
			"under": [],
			"reasons": [["PT_TREATMENT_VISIT_LIMIT", ["PT-8"]]],
		},
		"the fourth, and the referral is not stated": {
			"change": object.union({"service_date": "2027-01-08"}, after(1, 3)),
			"outcome": "denied",
			"under": [],
			"reasons": [["PT_TREATMENT_VISIT_LIMIT", ["PT-8"]]],
		},
		"the fourth, and the referral is null": {
			"change": object.union({"service_date": "2027-01-08", "referral_date": null}, after(1, 3)),
			"outcome": "denied",
			"under": [],
			"reasons": [["PT_TREATMENT_VISIT_LIMIT", ["PT-8"]]],
		},
		"the fourth of the old year, and the referral is not stated": {
			"change": object.union({"service_date": "2026-12-31"}, after(1, 3)),
			"outcome": "authorized",
			"under": ["PT-3", "PT-5"],
			"reasons": [],
		},
	}
	decision := data.therapy.decision with input as object.union(base, case.change)
		with data.therapy.parameters.outpatient_pt.initial_visits.periods as fewer_visits
	decision.outcome == case.outcome
	decision.authorized_under == case.under
	[[one.code, one.clauses] | some one in decision.reasons] == case.reasons
}

# The units are those of the visit's own date, whenever it was referred.
test_the_units_are_those_of_the_visit[date] if {
	some date, units in {"2029-12-31": 4, "2030-01-01": 3}
	decision := data.therapy.decision with input as object.union(base, {"service_date": date, "referral_date": "2029-12-20"})
		with data.therapy.parameters.units_per_visit.periods as fewer_units
	decision.authorized.units == units
	decision.authorized.max_units_per_visit == units
}

test_visit_and_referral[name] if {
	some name, case in {
		"on the same day": {"referral_date": "2024-03-15", "outcome": "authorized", "reasons": []},
		"referred before": {"referral_date": "2024-03-14", "outcome": "authorized", "reasons": []},
		"null": {"referral_date": null, "outcome": "authorized", "reasons": []},
		"referred after": {
			"referral_date": "2024-03-16",
			"outcome": "pended",
			"reasons": [["PT_VISIT_BEFORE_REFERRAL", "/referral_date", ["PT-1"], "INT-19"]],
		},
		"referred before the rules began": {
			"referral_date": "2022-05-31",
			"outcome": "not_applicable",
			"reasons": [["PT_BEFORE_EFFECTIVE_DATE", "/referral_date", ["PT-1"], "INT-9"]],
		},
	}
	decision := data.therapy.decision with input as object.union(base, {"referral_date": case.referral_date})
	decision.outcome == case.outcome
	[[one.code, one.path, one.clauses, one.interpretation] | some one in decision.reasons] == case.reasons
	decision.authorized.units == {"authorized": 4, "pended": 0, "not_applicable": 0}[case.outcome]
}

test_a_visit_before_the_rules_of_a_later_referral_pends if {
	decision := data.therapy.decision with input as object.union(
		base,
		{"service_date": "2022-05-31", "referral_date": "2022-06-01"},
	)
	decision.outcome == "pended"
	[one.code | some one in decision.reasons] == ["PT_VISIT_BEFORE_REFERRAL"]
	decision.authorized == nothing
}

# --- What the approval is based on, and effects of the register ------------------------------------------------------

test_authorized_under[name] if {
	some name, case in {
		"nonacute": {"change": {}, "under": ["PT-3", "PT-5"]},
		"acute": {"change": {"tier": "acute"}, "under": ["PT-4", "PT-5"]},
		"an evaluation": {"change": evaluation_visit, "under": ["PT-3", "PT-5"]},
		"a part of the units": {"change": {"visit": {"units": 5}}, "under": ["PT-3", "PT-5"]},
		"no unit": {"change": {"visit": {"units_already_authorized": 4}}, "under": []},
		"denied": {"change": after(1, 5), "under": []},
		"pended": {"change": {"plan_of_care_complete": false}, "under": []},
		"not applicable": {"change": {"specialty": "pediatric"}, "under": []},
		"invalid": {"change": {"tier": "none"}, "under": []},
	}
	decision := data.therapy.decision with input as object.union(base, case.change)
	decision.authorized_under == case.under
}

# Without a denial, a visit that the referral does not have is not authorized all the same.
test_no_visit_is_authorized_beyond_the_limit[name] if {
	some name, case in {
		"treatment, info": {"code": "PT_TREATMENT_VISIT_LIMIT", "change": after(1, 5), "effect": "info"},
		"treatment, pend": {"code": "PT_TREATMENT_VISIT_LIMIT", "change": after(1, 5), "effect": "pend"},
		"the 71st treatment, info": {"code": "PT_TREATMENT_VISIT_LIMIT", "change": after(1, 70), "effect": "info"},
		"evaluation, info": {
			"code": "PT_EVALUATION_VISIT_LIMIT",
			"change": object.union({"visit": {"kind": "evaluation"}}, after(1, 0)),
			"effect": "info",
		},
		"no unit left, info": {
			"code": "PT_UNITS_OVER_VISIT_LIMIT",
			"change": {"visit": {"units": 1, "units_already_authorized": 4}},
			"effect": "info",
		},
		"no unit left, pend": {
			"code": "PT_UNITS_OVER_VISIT_LIMIT",
			"change": {"visit": {"units": 1, "units_already_authorized": 4}},
			"effect": "pend",
		},
	}
	entry := object.union(data.therapy.register.reason_codes[case.code], {"effect": case.effect})
	decision := data.therapy.decision with input as object.union(base, case.change)
		with data.therapy.register.reason_codes as object.union(data.therapy.register.reason_codes, {case.code: entry})
	decision.outcome == "pended"
	decision.authorized == nothing
	decision.authorized_under == []
	[[one.code, one.effect] | some one in decision.reasons] == [[case.code, case.effect]]
}

# Units over the limit deny only what they are over: the rest of the visit waits for the limit of visits.
test_a_visit_beyond_the_limit_with_units_over_the_limit_pends if {
	entry := {"PT_TREATMENT_VISIT_LIMIT": {"effect": "info"}}
	decision := data.therapy.decision with input as object.union(object.union(base, after(1, 5)), {"visit": {"units": 5}})
		with data.therapy.register.reason_codes as object.union(data.therapy.register.reason_codes, entry)
	decision.outcome == "pended"
	decision.authorized == nothing
	[one.code | some one in decision.reasons] == ["PT_TREATMENT_VISIT_LIMIT", "PT_UNITS_OVER_VISIT_LIMIT"]
}
