package therapy.outpatient_pt.treatment_plan_test

import data.therapy.lib.table_test as table
import data.therapy.outpatient_pt.treatment_plan

# A complete plan of care.
base := {
	"request_type": "pt_treatment_plan",
	"service_date": "2024-03-15",
	"specialty": "none",
	"benefit_status": "covered",
	"plan_of_care": {
		"diagnosis": "Rotator cuff repair",
		"planned_interventions": ["Manual therapy", "Strengthening"],
		"frequency": "Twice a week",
		"duration": "Six weeks",
		"goals": [
			{
				"statement": "Lift the arm overhead",
				"measure": "Degrees of flexion",
				"functional_activity": "Reach a shelf",
				"target_date": "2024-05-01",
			},
			{
				"statement": "Sleep without pain",
				"measure": "Pain from 0 to 10",
				"functional_activity": "Sleep on the side",
				"target_date": "2024-05-15",
			},
		],
		"expected_potential": "Good",
		"patient_caregiver_education": true,
	},
}

incomplete(part) := concat("", ["PT_PLAN_OF_CARE_INCOMPLETE /plan_of_care/", part])

summary(request) := table.summary(reasons) if reasons := treatment_plan.all_reasons with input as request

test_complete if summary(base) == []

test_complete_with_the_least_of_each if {
	one_goal := [object.union(base.plan_of_care.goals[0], {"statement": " x"})]
	change := {"plan_of_care": {"goals": one_goal, "planned_interventions": ["\u3000", "x"], "diagnosis": "\u001c"}}
	summary(object.union(base, change)) == []
}

test_a_part_that_is_absent[part] if {
	some part, _ in base.plan_of_care
	summary(json.remove(base, [concat("/", ["plan_of_care", part])])) == [incomplete(part)]
}

test_a_part_that_is_null[part] if {
	some part, _ in base.plan_of_care
	summary(object.union(base, {"plan_of_care": {part: null}})) == [incomplete(part)]
}

test_a_text_that_is_blank[name] if {
	some part in ["diagnosis", "frequency", "duration", "expected_potential"]
	some blank in ["", " ", "\t\n", "\u00a0", "\u3000"]
	name := concat(" ", [part, json.marshal(blank)])
	summary(object.union(base, {"plan_of_care": {part: blank}})) == [incomplete(part)]
}

test_a_text_of_a_file_separator_is_not_blank[part] if {
	some part in ["diagnosis", "frequency", "duration", "expected_potential"]
	summary(object.union(base, {"plan_of_care": {part: "\u001c"}})) == []
}

test_other_parts[name] if {
	some name, case in {
		"no intervention": {"change": {"planned_interventions": []}, "reasons": [incomplete("planned_interventions")]},
		"blank interventions": {
			"change": {"planned_interventions": ["", "\u2029"]},
			"reasons": [incomplete("planned_interventions")],
		},
		"one intervention": {"change": {"planned_interventions": ["Gait training"]}, "reasons": []},
		"no goal": {"change": {"goals": []}, "reasons": [incomplete("goals")]},
		"one goal without parts": {
			"change": {"goals": [{}]},
			"reasons": [
				incomplete("goals/0/functional_activity"),
				incomplete("goals/0/measure"),
				incomplete("goals/0/statement"),
				incomplete("goals/0/target_date"),
			],
		},
		"no education": {
			"change": {"patient_caregiver_education": false},
			"reasons": [incomplete("patient_caregiver_education")],
		},
	}
	summary(object.union(base, {"plan_of_care": case.change})) == case.reasons
}

test_a_goal_that_lacks_a_part[name] if {
	some i in [0, 1]
	some part in ["statement", "measure", "functional_activity", "target_date"]
	name := concat(" ", [format_int(i, 10), part])
	summary(json.remove(base, [["plan_of_care", "goals", format_int(i, 10), part]])) == [
		incomplete(concat("/", ["goals", format_int(i, 10), part])),
	]
}

test_a_goal_with_a_part_that_says_nothing[name] if {
	some part in ["statement", "measure", "functional_activity", "target_date"]
	some nothing in [null, "", "\u2003 "]
	name := concat(" ", [part, json.marshal(nothing)])
	goals := [base.plan_of_care.goals[0], object.union(base.plan_of_care.goals[1], {part: nothing})]
	summary(object.union(base, {"plan_of_care": {"goals": goals}})) == [incomplete(concat("/", ["goals", "1", part]))]
}

test_a_plan_that_is_not_stated_lacks_all_parts[name] if {
	some name, request in {
		"absent": object.remove(base, ["plan_of_care"]),
		"null": object.union(base, {"plan_of_care": null}),
		"empty": object.union(object.remove(base, ["plan_of_care"]), {"plan_of_care": {}}),
	}
	summary(request) == [
		incomplete("diagnosis"),
		incomplete("duration"),
		incomplete("expected_potential"),
		incomplete("frequency"),
		incomplete("goals"),
		incomplete("patient_caregiver_education"),
		incomplete("planned_interventions"),
	]
}

test_reasons_together[name] if {
	some name, case in {
		"benefits not covered": {
			"change": {"benefit_status": "not_covered"},
			"reasons": ["BENEFIT_NOT_COVERED /benefit_status"],
		},
		"benefits unverified": {"without": ["/benefit_status"], "reasons": ["BENEFIT_UNVERIFIED /benefit_status"]},
		"before the rules begin": {
			"change": {"service_date": "2022-05-31"},
			"reasons": ["PT_BEFORE_EFFECTIVE_DATE /service_date"],
		},
		"the day that the rules begin": {"change": {"service_date": "2022-06-01"}, "reasons": []},
		"everything at once": {
			"change": {
				"service_date": "2022-05-31",
				"specialty": "pediatric",
				"benefit_status": null,
				"plan_of_care": {"goals": [], "duration": ""},
			},
			"reasons": [
				"PT_BEFORE_EFFECTIVE_DATE /service_date",
				"PT_SPECIALTY_EXCLUDED /specialty",
				"BENEFIT_UNVERIFIED /benefit_status",
				incomplete("duration"),
				incomplete("goals"),
			],
		},
	}
	summary(table.request(base, case)) == case.reasons
}

test_outcome[name] if {
	some name, case in {
		"complete": {"change": {}, "outcome": "authorized"},
		"incomplete": {"change": {"plan_of_care": {"frequency": null}}, "outcome": "pended"},
		"benefits not covered": {"change": {"benefit_status": "not_covered"}, "outcome": "denied"},
		"benefits unverified": {"change": {"benefit_status": "unverified"}, "outcome": "pended"},
		"before the rules begin": {"change": {"service_date": "2022-05-31"}, "outcome": "not_applicable"},
	}
	decision := data.therapy.decision with input as table.request(base, case)
	decision.outcome == case.outcome

	# A plan of care grants nothing by itself.
	decision.authorized == {
		"units": 0,
		"procedure_codes": [],
		"evaluation_visits": 0,
		"treatment_visits": 0,
		"max_units_per_visit": 0,
	}
}
