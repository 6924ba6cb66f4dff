package therapy.outpatient_pt.initial_visits_test

import data.therapy.lib.reason
import data.therapy.outpatient_pt.initial_visits

visit := {"request_type": "pt_visit", "service_date": "2024-03-15"}

nonacute := {"clause": "PT-3", "evaluation": 1, "treatment": 5}

acute := {"clause": "PT-4", "evaluation": 1, "treatment": 11}

fault := reason.unusable("POLICY_VALUE_UNUSABLE", "outpatient_pt.initial_visits", ["PT-1", "PT-3", "PT-4"])

# The visits of a request with these periods, and the reasons.
got(request, periods) := result if {
	result := {"visits": {tiers | tiers := initial_visits.by_tier}, "reasons": initial_visits.reasons} with input as request
		with data.therapy.parameters.outpatient_pt.initial_visits.periods as periods
}

test_the_visits_of_the_first_policy[date] if {
	some date in ["2022-06-01", "2024-03-15"]
	request := {"request_type": "pt_visit", "service_date": date}
	initial_visits.by_tier == {"nonacute": nonacute, "acute": acute} with input as request
	initial_visits.reasons == set() with input as request
}

test_no_visits_before_the_first_policy if {
	request := {"request_type": "pt_visit", "service_date": "2022-05-31"}
	not initial_visits.by_tier with input as request
	initial_visits.reasons == {fault} with input as request
}

test_a_table_that_can_be_used[name] if {
	some name, tiers in {
		"as it is": {"nonacute": nonacute, "acute": acute},
		"fewer": {
			"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 1},
			"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 8},
		},
		"another clause": {
			"nonacute": {"clause": "PT-1", "evaluation": 1, "treatment": 5},
			"acute": {"clause": "PT-1", "evaluation": 1, "treatment": 11},
		},
	}
	got(visit, [{"from": "1900-01-01", "value": tiers}]) == {"visits": {tiers}, "reasons": set()}
}

# One fault in one tier, and the table is used for neither.
test_a_tier_that_cannot_be_used[name] if {
	some name, tier in {
		"no visits": {},
		"null": null,
		"a number": 5,
		"a list": [1, 5],
		"no clause": object.remove(nonacute, ["clause"]),
		"a clause that does not exist": object.union(nonacute, {"clause": "PT-10"}),
		"clause null": object.union(nonacute, {"clause": null}),
		"no evaluation": object.remove(nonacute, ["evaluation"]),
		"evaluation misspelled": {"clause": "PT-3", "evaluations": 1, "treatment": 5},
		"0 evaluations": object.union(nonacute, {"evaluation": 0}),
		"2 evaluations": object.union(nonacute, {"evaluation": 2}),
		"evaluation null": object.union(nonacute, {"evaluation": null}),
		"evaluation a text": object.union(nonacute, {"evaluation": "1"}),
		"no treatment": object.remove(nonacute, ["treatment"]),
		"treatment misspelled": {"clause": "PT-3", "evaluation": 1, "treatments": 5},
		"0 treatments": object.union(nonacute, {"treatment": 0}),
		"12 treatments": object.union(nonacute, {"treatment": 12}),
		"5 and a half treatments": object.union(nonacute, {"treatment": 5.5}),
		"treatment null": object.union(nonacute, {"treatment": null}),
		"treatment a text": object.union(nonacute, {"treatment": "5"}),
		"treatment a list": object.union(nonacute, {"treatment": [5]}),
	}
	every tiers in [{"nonacute": tier, "acute": acute}, {"nonacute": nonacute, "acute": tier}] {
		got(visit, [{"from": "1900-01-01", "value": tiers}]) == {"visits": set(), "reasons": {fault}}
	}
}

test_a_table_that_cannot_be_used[name] if {
	some name, value in {
		"no acute tier": {"nonacute": nonacute},
		"no nonacute tier": {"acute": acute},
		"a tier misspelled": {"nonacute": nonacute, "accute": acute},
		"a third tier": {"nonacute": nonacute, "acute": acute, "subacute": nonacute},
		"a third tier that is empty": {"nonacute": nonacute, "acute": acute, "subacute": {}},
		"no tier": {},
		"null": null,
		"a number": 5,
		"a text": "PT-3",
		"a list": [nonacute, acute],
		"an empty list": [],
	}
	got(visit, [{"from": "1900-01-01", "value": value}]) == {"visits": set(), "reasons": {fault}}
}

test_the_ceiling_is_the_ceilings[name] if {
	some name, ceiling in {
		"evaluations": {"evaluation_visits": 0, "treatment_visits": 11},
		"treatments": {"evaluation_visits": 1, "treatment_visits": 10},
	}
	periods := [{"from": "1900-01-01", "value": {"nonacute": nonacute, "acute": acute}}]
	tables := {tiers | tiers := initial_visits.by_tier} with input as visit
		with data.therapy.parameters.outpatient_pt.initial_visits.periods as periods
		with data.therapy.ceiling as ceiling
	tables == set()
}

# From 2027 on, a nonacute referral starts with three treatments.
fewer := [
	{"from": "2022-06-01", "value": {"nonacute": nonacute, "acute": acute}},
	{"from": "2027-01-01", "value": {"nonacute": object.union(nonacute, {"treatment": 3}), "acute": acute}},
]

test_the_date_of_the_referral_decides[name] if {
	some name, case in {
		"a referral of the old number": {
			"request": {"request_type": "pt_referral", "referral_date": "2026-12-31"},
			"treatment": 5,
		},
		"a referral of the new number": {
			"request": {"request_type": "pt_referral", "referral_date": "2027-01-01"},
			"treatment": 3,
		},
		"a visit of an old referral": {
			"request": {"request_type": "pt_visit", "service_date": "2027-01-08", "referral_date": "2026-12-20"},
			"treatment": 5,
		},
		"a visit of a new referral": {
			"request": {"request_type": "pt_visit", "service_date": "2027-01-08", "referral_date": "2027-01-01"},
			"treatment": 3,
		},
		"a visit whose referral is said to be later": {
			"request": {"request_type": "pt_visit", "service_date": "2026-12-20", "referral_date": "2027-01-08"},
			"treatment": 3,
		},
		"a visit that does not state its referral": {
			"request": {"request_type": "pt_visit", "service_date": "2027-01-01"},
			"treatment": 3,
		},
		"an earlier visit that does not state its referral": {
			"request": {"request_type": "pt_visit", "service_date": "2026-12-31"},
			"treatment": 5,
		},
		"a visit whose referral is null": {
			"request": {"request_type": "pt_visit", "service_date": "2027-01-01", "referral_date": null},
			"treatment": 3,
		},
	}
	some tiers in got(case.request, fewer).visits
	tiers.nonacute.treatment == case.treatment
}
