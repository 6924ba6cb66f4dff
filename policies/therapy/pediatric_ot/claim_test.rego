package therapy.pediatric_ot.claim_test

import data.therapy.lib.effective
import data.therapy.lib.table_test as table
import data.therapy.pediatric_ot.claim

base := {
	"request_type": "pediatric_ot_claim",
	"service_date": "2024-03-15",
	"benefit_status": "covered",
	"medical_necessity": "established",
	"units_already_authorized": 0,
	"service_lines": [{"procedure_code": "97530", "units": 2}],
}

listed_codes := [
	"92526", "97110", "97112", "97129", "97130", "97165",
	"97166", "97167", "97168", "97530", "97535",
]

# A claim with these lines, each a code and its units.
claimed(lines) := object.union(base, {"service_lines": [{"procedure_code": code, "units": units} |
	some [code, units] in lines
]})

summary(request) := table.summary(reasons) if reasons := claim.all_reasons with input as request

decided(request) := decision if decision := data.therapy.decision with input as request

not_listed(i) := concat("", ["OT_CODE_NOT_LISTED /service_lines/", format_int(i, 10), "/procedure_code"])

without_primary(i) := concat("", ["OT_ADD_ON_WITHOUT_PRIMARY /service_lines/", format_int(i, 10), "/procedure_code"])

over_limit(i) := concat("", ["OT_UNITS_OVER_VISIT_LIMIT /service_lines/", format_int(i, 10), "/units"])

test_each_listed_code[code] if {
	some code in array.concat(array.slice(listed_codes, 0, 4), array.slice(listed_codes, 5, 11))
	request := claimed([[code, 4]])
	summary(request) == []
	decision := decided(request)
	decision.outcome == "authorized"
	decision.authorized.procedure_codes == [code]
}

test_the_add_on_is_listed if {
	request := claimed([["97129", 1], ["97130", 3]])
	summary(request) == []
	decided(request).authorized.procedure_codes == ["97129", "97130"]
}

test_these_codes_alone if {
	listed := effective.value(effective.periods(data.therapy.parameters.pediatric_ot.procedure_codes.periods)) with input as base
	object.keys(listed) == {code | some code in listed_codes}
	{code: of.add_on_to | some code, of in listed} == {"97130": "97129"}
}

test_codes_that_are_not_listed[code] if {
	some code in [
		"00000", "92525", "92527", "97109", "97111", "97113", "97128", "97131", "97164", "97169",
		"97529", "97531", "97534", "97536", "97161", "97140", "ABCDE", "9753O", "99999",
	]
	summary(claimed([[code, 1]])) == [not_listed(0)]
}

test_facts_of_a_code_that_is_not_listed if {
	reasons := claim.all_reasons with input as claimed([["97140", 1]])
	table.facts(reasons) == [{"listed": 11}]
}

test_add_on[name] if {
	some name, case in {
		"alone": {"lines": [["97130", 1]], "reasons": [without_primary(0)]},
		"after its primary": {"lines": [["97129", 1], ["97130", 1]], "reasons": []},
		"before its primary": {"lines": [["97130", 1], ["97129", 1]], "reasons": []},
		"with another code": {"lines": [["97530", 1], ["97130", 1]], "reasons": [without_primary(1)]},
		"with a code that is not listed": {
			"lines": [["97140", 1], ["97130", 1]],
			"reasons": [not_listed(0), without_primary(1)],
		},
		"twice alone": {"lines": [["97130", 1], ["97130", 1]], "reasons": [without_primary(0), without_primary(1)]},
		"twice with one primary": {"lines": [["97130", 1], ["97129", 1], ["97130", 1]], "reasons": []},
		"primary alone": {"lines": [["97129", 1]], "reasons": []},
	}
	summary(claimed(case.lines)) == case.reasons
}

test_facts_of_an_add_on if {
	reasons := claim.all_reasons with input as claimed([["97130", 1]])
	table.facts(reasons) == [{"add_on": "97130", "primary": "97129"}]
}

test_medical_necessity[name] if {
	some name, case in {
		"established": {"change": {"medical_necessity": "established"}, "reasons": []},
		"not established": {
			"change": {"medical_necessity": "not_established"},
			"reasons": ["OT_NOT_MEDICALLY_NECESSARY /medical_necessity"],
		},
		"undetermined": {
			"change": {"medical_necessity": "undetermined"},
			"reasons": ["OT_MEDICAL_NECESSITY_UNDETERMINED /medical_necessity"],
		},
		"null": {
			"change": {"medical_necessity": null},
			"reasons": ["OT_MEDICAL_NECESSITY_UNDETERMINED /medical_necessity"],
		},
		"absent": {
			"without": ["/medical_necessity"],
			"reasons": ["OT_MEDICAL_NECESSITY_UNDETERMINED /medical_necessity"],
		},
	}
	summary(table.request(base, case)) == case.reasons
}

test_benefits[name] if {
	some name, case in {
		"covered": {"change": {"benefit_status": "covered"}, "reasons": []},
		"not covered": {
			"change": {"benefit_status": "not_covered"},
			"reasons": ["BENEFIT_NOT_COVERED /benefit_status"],
		},
		"absent": {"without": ["/benefit_status"], "reasons": ["BENEFIT_UNVERIFIED /benefit_status"]},
	}
	summary(table.request(base, case)) == case.reasons
}

# Lines as code, units requested, units authorized, status. `over` has the lines over the limit: index, units requested,
# and units that remain for them.
units_cases := {
	"1 of 4": {"already": 0, "lines": [["97530", 1, 1, "authorized"]], "over": []},
	"4 of 4": {"already": 0, "lines": [["97530", 4, 4, "authorized"]], "over": []},
	"5 of 4": {"already": 0, "lines": [["97530", 5, 4, "partially_authorized"]], "over": [[0, 5, 4]]},
	"99 of 4": {"already": 0, "lines": [["97530", 99, 4, "partially_authorized"]], "over": [[0, 99, 4]]},
	"3 of 3": {"already": 1, "lines": [["97530", 3, 3, "authorized"]], "over": []},
	"4 of 3": {"already": 1, "lines": [["97530", 4, 3, "partially_authorized"]], "over": [[0, 4, 3]]},
	"2 of 2": {"already": 2, "lines": [["97530", 2, 2, "authorized"]], "over": []},
	"3 of 2": {"already": 2, "lines": [["97530", 3, 2, "partially_authorized"]], "over": [[0, 3, 2]]},
	"1 of 1": {"already": 3, "lines": [["97530", 1, 1, "authorized"]], "over": []},
	"2 of 1": {"already": 3, "lines": [["97530", 2, 1, "partially_authorized"]], "over": [[0, 2, 1]]},
	"1 of 0": {"already": 4, "lines": [["97530", 1, 0, "pended"]], "over": [[0, 1, 0]]},
	"1 where 5 were": {"already": 5, "lines": [["97530", 1, 0, "pended"]], "over": [[0, 1, 0]]},
	"4 where 99 were": {"already": 99, "lines": [["97530", 4, 0, "pended"]], "over": [[0, 4, 0]]},
	"two lines within the limit": {
		"already": 0,
		"lines": [["97530", 3, 3, "authorized"], ["97110", 1, 1, "authorized"]],
		"over": [],
	},
	"two lines, the second cut": {
		"already": 0,
		"lines": [["97530", 3, 3, "authorized"], ["97110", 2, 1, "partially_authorized"]],
		"over": [[1, 2, 1]],
	},
	"two lines, nothing for the second": {
		"already": 0,
		"lines": [["97530", 4, 4, "authorized"], ["97110", 1, 0, "pended"]],
		"over": [[1, 1, 0]],
	},
	"two lines, nothing left after the first was cut": {
		"already": 1,
		"lines": [["97530", 9, 3, "partially_authorized"], ["97110", 1, 0, "pended"]],
		"over": [[0, 9, 3], [1, 1, 0]],
	},
	"a small line after one that was cut gets nothing": {
		"already": 0,
		"lines": [
			["97530", 2, 2, "authorized"],
			["97110", 3, 2, "partially_authorized"],
			["97112", 1, 0, "pended"],
		],
		"over": [[1, 3, 2], [2, 1, 0]],
	},
	"four lines of one unit": {
		"already": 0,
		"lines": [
			["97530", 1, 1, "authorized"],
			["97530", 1, 1, "authorized"],
			["97110", 1, 1, "authorized"],
			["97112", 1, 1, "authorized"],
		],
		"over": [],
	},
	"the fifth unit": {
		"already": 0,
		"lines": [
			["97530", 1, 1, "authorized"],
			["97530", 1, 1, "authorized"],
			["97110", 1, 1, "authorized"],
			["97112", 1, 1, "authorized"],
			["97535", 1, 0, "pended"],
		],
		"over": [[4, 1, 0]],
	},
	"primary lines come before an add-on that is first on the claim": {
		"already": 0,
		"lines": [
			["97130", 2, 0, "pended"],
			["97129", 1, 1, "authorized"],
			["97110", 3, 3, "authorized"],
		],
		"over": [[0, 2, 0]],
	},
	"an add-on gets what the primary lines leave": {
		"already": 0,
		"lines": [
			["97130", 2, 1, "partially_authorized"],
			["97110", 2, 2, "authorized"],
			["97129", 1, 1, "authorized"],
		],
		"over": [[0, 2, 1]],
	},
	"add-ons share in the order of the claim": {
		"already": 0,
		"lines": [
			["97130", 2, 2, "authorized"],
			["97130", 2, 1, "partially_authorized"],
			["97129", 1, 1, "authorized"],
		],
		"over": [[1, 2, 1]],
	},
	"an add-on whose primary got nothing": {
		"already": 4,
		"lines": [["97129", 1, 0, "pended"], ["97130", 1, 0, "pended"]],
		"over": [[0, 1, 0], [1, 1, 0]],
	},
}

test_units_of_lines[name] if {
	some name, case in units_cases
	request := object.union(
		claimed([[code, requested] | some [code, requested, _, _] in case.lines]),
		{"units_already_authorized": case.already},
	)
	lines := claim.lines with input as request
	[[line.procedure_code, line.units_requested, line.units_authorized, line.status] | some line in lines] == case.lines
	[line.line | some line in lines] == numbers.range(1, count(case.lines))
	reasons := claim.all_reasons with input as request
	table.summary(reasons) == [over_limit(i) | some [i, _, _] in case.over]
	table.facts(reasons) == [{"requested": requested, "available": left, "limit": 4} |
		some [_, requested, left] in case.over
	]
	[line.reasons | some line in lines] == [["OT_UNITS_OVER_VISIT_LIMIT" | some [i, _, _] in case.over; i == j] |
		some j, _ in case.lines
	]
}

test_grant[name] if {
	some name, case in units_cases
	request := object.union(
		claimed([[code, requested] | some [code, requested, _, _] in case.lines]),
		{"units_already_authorized": case.already},
	)
	grant := claim.determination.authorized with input as request
	grant == {
		"units": sum([units | some [_, _, units, _] in case.lines]),
		"procedure_codes": sort({code | some [code, _, units, _] in case.lines; units > 0}),
		"max_units_per_visit": 4,
	}
}

test_outcome_by_units[name] if {
	some name, case in units_cases
	request := object.union(
		claimed([[code, requested] | some [code, requested, _, _] in case.lines]),
		{"units_already_authorized": case.already},
	)
	statuses := concat(" and ", {status | some [_, _, _, status] in case.lines})

	# Lines of several statuses, or one that is cut, authorize a part.
	outcome := object.get({"authorized": "authorized", "pended": "pended"}, statuses, "partially_authorized")
	by_units := claim.outcome with input as request
	by_units == outcome
	decided(request).outcome == outcome
}

test_procedure_codes_are_sorted_and_each_once if {
	grant := claim.determination.authorized with input as claimed([["97530", 1], ["97165", 1], ["97530", 1], ["92526", 1]])
	grant == {"units": 4, "procedure_codes": ["92526", "97165", "97530"], "max_units_per_visit": 4}
}

test_denied_lines_take_no_units if {
	request := claimed([["97140", 4], ["97130", 4], ["97530", 4]])
	lines := claim.lines with input as request
	lines == [
		{
			"line": 1,
			"procedure_code": "97140",
			"status": "denied",
			"units_requested": 4,
			"units_authorized": 0,
			"reasons": ["OT_CODE_NOT_LISTED"],
		},
		{
			"line": 2,
			"procedure_code": "97130",
			"status": "denied",
			"units_requested": 4,
			"units_authorized": 0,
			"reasons": ["OT_ADD_ON_WITHOUT_PRIMARY"],
		},
		{
			"line": 3,
			"procedure_code": "97530",
			"status": "authorized",
			"units_requested": 4,
			"units_authorized": 4,
			"reasons": [],
		},
	]
	grant := claim.determination.authorized with input as request
	grant == {"units": 4, "procedure_codes": ["97530"], "max_units_per_visit": 4}
	decided(request).outcome == "partially_authorized"
}

test_a_denied_line_has_no_reason_for_its_units if {
	summary(claimed([["97140", 99], ["97130", 5]])) == [not_listed(0), without_primary(1)]
}

nothing := {
	"units": 0,
	"procedure_codes": [],
	"evaluation_visits": 0,
	"treatment_visits": 0,
	"max_units_per_visit": 0,
}

# A line that is fine, one that is over the limit and one that is not listed.
three_lines := [["97530", 3], ["97110", 2], ["97140", 1]]

test_what_bears_on_the_request[name] if {
	some name, case in {
		"nothing": {
			"change": {},
			"outcome": "partially_authorized",
			"statuses": ["authorized", "partially_authorized", "denied"],
			"authorized": [3, 1, 0],
			"reasons": [],
		},
		"a deny": {
			"change": {"benefit_status": "not_covered"},
			"outcome": "denied",
			"statuses": ["denied", "denied", "denied"],
			"authorized": [0, 0, 0],
			"reasons": ["BENEFIT_NOT_COVERED"],
		},
		"a pend": {
			"change": {"medical_necessity": "undetermined"},
			"outcome": "pended",
			"statuses": ["pended", "pended", "denied"],
			"authorized": [0, 0, 0],
			"reasons": ["OT_MEDICAL_NECESSITY_UNDETERMINED"],
		},
		"a deny and a pend": {
			"change": {"benefit_status": null, "medical_necessity": "not_established"},
			"outcome": "denied",
			"statuses": ["denied", "denied", "denied"],
			"authorized": [0, 0, 0],
			"reasons": ["BENEFIT_UNVERIFIED", "OT_NOT_MEDICALLY_NECESSARY"],
		},
	}
	decision := decided(object.union(claimed(three_lines), case.change))
	decision.outcome == case.outcome
	[line.status | some line in decision.lines] == case.statuses
	[line.units_authorized | some line in decision.lines] == case.authorized
	[line.units_requested | some line in decision.lines] == [3, 2, 1]

	# Every reason is given, those of the request with each line.
	[line.reasons | some line in decision.lines] == [
		case.reasons,
		array.concat(case.reasons, ["OT_UNITS_OVER_VISIT_LIMIT"]),
		array.concat(case.reasons, ["OT_CODE_NOT_LISTED"]),
	]
	[one.code | some one in decision.reasons] == array.concat(
		case.reasons,
		["OT_CODE_NOT_LISTED", "OT_UNITS_OVER_VISIT_LIMIT"],
	)
	decision.authorized.units == sum(case.authorized)
}

test_outcome[name] if {
	some name, case in {
		"every line denied for its own sake": {
			"lines": [["97140", 1], ["97130", 1]],
			"change": {},
			"outcome": "denied",
		},
		"every line denied, and the request pends": {
			"lines": [["97140", 1]],
			"change": {"benefit_status": "unverified"},
			"outcome": "denied",
		},
		"one line denied, the other over the limit": {
			"lines": [["97140", 1], ["97530", 1]],
			"change": {"units_already_authorized": 4},
			"outcome": "pended",
		},
		"one line denied, and the request pends": {
			"lines": [["97140", 1], ["97530", 1]],
			"change": {"benefit_status": "unverified"},
			"outcome": "pended",
		},
		"no units left, and the request is denied": {
			"lines": [["97530", 1]],
			"change": {"units_already_authorized": 4, "medical_necessity": "not_established"},
			"outcome": "denied",
		},
		"no units left": {
			"lines": [["97530", 1], ["97110", 1]],
			"change": {"units_already_authorized": 4},
			"outcome": "pended",
		},
	}
	decision := decided(object.union(claimed(case.lines), case.change))
	decision.outcome == case.outcome
	decision.authorized == nothing
}

test_reasons_in_order if {
	lines := array.concat([["97530", 1] | some _ in numbers.range(1, 8)], [["97130", 1], ["97140", 1], ["97141", 1]])
	request := object.union(claimed(lines), {
		"benefit_status": "not_covered",
		"medical_necessity": null,
		"units_already_authorized": 2,
	})
	summary(request) == [
		"BENEFIT_NOT_COVERED /benefit_status",
		"OT_MEDICAL_NECESSITY_UNDETERMINED /medical_necessity",
		not_listed(9),
		not_listed(10),
		without_primary(8),
		over_limit(2),
		over_limit(3),
		over_limit(4),
		over_limit(5),
		over_limit(6),
		over_limit(7),
	]
}

test_numbers_are_the_same_however_they_are_written if {
	request := object.union(base, json.unmarshal(`{"units_already_authorized": 1.0, "service_lines": [
		{"procedure_code": "97530", "units": 2.0},
		{"procedure_code": "97110", "units": 5.00},
		{"procedure_code": "97112", "units": 1.0}]}`))
	reasons := claim.all_reasons with input as request
	table.facts(reasons) == [
		{"requested": 5, "available": 1, "limit": 4},
		{"requested": 1, "available": 0, "limit": 4},
	]
	decision := decided(request)

	# As a decision writes them, too.
	json.marshal([[line.units_requested, line.units_authorized] | some line in decision.lines]) == "[[2,2],[5,1],[1,0]]"
	json.marshal(decision.authorized.units) == "3"
}

test_minus_nothing_is_nothing if {
	request := object.union(base, json.unmarshal(`{"units_already_authorized": -0.0}`))
	json.marshal(decided(request).authorized.units) == "2"
}

test_modifiers_are_not_evaluated[name] if {
	some name, modifiers in {"none": [], "null": null, "some": ["GO", "59", "XU", "ZZ"]}
	lines := [{"procedure_code": "97530", "units": 4, "modifiers": modifiers}]
	decision := decided(object.union(base, {"service_lines": lines}))
	decision.outcome == "authorized"
	decision.reasons == []
}

test_the_list_holds_from_the_first_date_of_all[date] if {
	some date in ["1900-01-01", "2022-05-31", "2022-06-01", "2026-03-02"]
	decision := decided(object.union(base, {"service_date": date}))
	decision.outcome == "authorized"
	decision.authorized == object.union(nothing, {
		"units": 2,
		"procedure_codes": ["97530"],
		"max_units_per_visit": 4,
	})
}

# From 2030 on, the list has two codes, one an add-on to the other, and a visit has three units.
other_codes := [
	{"from": "1900-01-01", "value": {"97530": {"clause": "OT-5"}}},
	{"from": "2030-01-01", "value": {"97129": {"clause": "OT-5"}, "97130": {"clause": "OT-6", "add_on_to": "97129"}}},
]

fewer_units := [{"from": "1900-01-01", "value": 4}, {"from": "2030-01-01", "value": 3}]

test_a_change_holds_from_its_date_on[name] if {
	some name, case in {
		"the day before": {
			"change": {"service_date": "2029-12-31"},
			"facts": [{"listed": 1}, {"listed": 1}, {"requested": 5, "available": 4, "limit": 4}],
			"grant": {"units": 4, "procedure_codes": ["97530"], "max_units_per_visit": 4},
		},
		"the day": {
			"change": {"service_date": "2030-01-01"},
			"facts": [{"listed": 2}, {"requested": 2, "available": 1, "limit": 3}],
			"grant": {"units": 3, "procedure_codes": ["97129", "97130"], "max_units_per_visit": 3},
		},
	}
	request := object.union(claimed([["97130", 2], ["97129", 2], ["97530", 5]]), case.change)
	result := {"facts": table.facts(claim.all_reasons), "grant": claim.authorized} with input as request
		with data.therapy.parameters.pediatric_ot.procedure_codes.periods as other_codes
		with data.therapy.parameters.units_per_visit.periods as fewer_units
	result.facts == case.facts
	result.grant == case.grant
}

test_nothing_is_authorized_without_a_limit_of_units if {
	determination := claim.determination with input as claimed([["97530", 1]])
		with data.therapy.parameters.units_per_visit.periods as []
	table.summary(determination.reasons) == ["POLICY_VALUE_UNUSABLE"]
	determination.outcome == "pended"
	determination.authorized == {}
}

test_no_code_is_listed_without_a_ceiling_of_codes[name] if {
	some name, ceiling in {"null": null, "a text": "97530", "a list": ["97530"]}
	determination := claim.determination with input as claimed([["97530", 1]])
		with data.therapy.ceiling.procedure_codes as ceiling
	table.summary(determination.reasons) == ["POLICY_VALUE_UNUSABLE"]
	determination.outcome == "pended"
	determination.authorized.units == 0
}

test_authorized_under[name] if {
	some name, case in {
		"an evaluation": {"lines": [["97165", 1]], "under": ["OT-4"]},
		"a therapeutic procedure": {"lines": [["97530", 1]], "under": ["OT-5"]},
		"an add-on and its primary": {"lines": [["97130", 1], ["97129", 1]], "under": ["OT-5", "OT-6"]},
		"all three": {"lines": [["97130", 1], ["97129", 1], ["97168", 1]], "under": ["OT-4", "OT-5", "OT-6"]},
		"two of one clause": {"lines": [["97110", 1], ["97530", 1]], "under": ["OT-5"]},
		"a part of the units": {"lines": [["97530", 9]], "under": ["OT-5"]},
		"codes without a unit do not count": {
			"lines": [["97530", 4], ["97165", 1], ["97130", 1], ["97140", 1]],
			"under": ["OT-5"],
		},
		"denied": {"lines": [["97140", 1]], "under": []},
		"pended": {"lines": [["97530", 1]], "change": {"medical_necessity": null}, "under": []},
		"no unit left": {"lines": [["97530", 1]], "change": {"units_already_authorized": 4}, "under": []},
		"invalid": {"lines": [["97530", 0]], "under": []},
	}
	decided(object.union(claimed(case.lines), object.get(case, "change", {}))).authorized_under == case.under
}

# --- What a line's reason does follows from the register -------------------------------------------------------------

test_effects_of_lines[name] if {
	some name, case in {
		"as in the policy": {
			"code": "OT_CODE_NOT_LISTED",
			"effect": "deny",
			"lines": [["97140", 9, 0, "denied"], ["97530", 4, 4, "authorized"]],
			"outcome": "partially_authorized",
		},
		"a code that is not listed pends": {
			"code": "OT_CODE_NOT_LISTED",
			"effect": "pend",
			"lines": [["97140", 9, 0, "pended"], ["97530", 4, 4, "authorized"]],
			"outcome": "partially_authorized",
		},
		"a code that is not listed pends alone": {
			"code": "OT_CODE_NOT_LISTED",
			"effect": "pend",
			"lines": [["97140", 9, 0, "pended"]],
			"outcome": "pended",
		},
		"a code that is not listed is information": {
			"code": "OT_CODE_NOT_LISTED",
			"effect": "info",
			"lines": [["97140", 9, 0, "pended"], ["97530", 4, 4, "authorized"]],
			"outcome": "partially_authorized",
		},
		"a code that is not listed is information alone": {
			"code": "OT_CODE_NOT_LISTED",
			"effect": "info",
			"lines": [["97140", 1, 0, "pended"]],
			"outcome": "pended",
		},
		"an add-on without its primary pends": {
			"code": "OT_ADD_ON_WITHOUT_PRIMARY",
			"effect": "pend",
			"lines": [["97130", 9, 0, "pended"], ["97530", 4, 4, "authorized"]],
			"outcome": "partially_authorized",
		},
		"an add-on without its primary is information": {
			"code": "OT_ADD_ON_WITHOUT_PRIMARY",
			"effect": "info",
			"lines": [["97130", 9, 0, "pended"], ["97530", 4, 4, "authorized"]],
			"outcome": "partially_authorized",
		},
		"a code that is not listed is out of scope": {
			"code": "OT_CODE_NOT_LISTED",
			"effect": "scope",
			"lines": [["97140", 9, 0, "pended"], ["97530", 4, 4, "authorized"]],
			"outcome": "partially_authorized",
		},
	}
	request := claimed([[code, requested] | some [code, requested, _, _] in case.lines])
	decision := data.therapy.decision with input as request
		with data.therapy.register.reason_codes as object.union(
			data.therapy.register.reason_codes,
			{case.code: {"effect": case.effect}},
		)
	[[line.procedure_code, line.units_requested, line.units_authorized, line.status] |
		some line in decision.lines
	] == case.lines
	decision.outcome == case.outcome

	# The line has the one reason, and none for its units.
	[one.code | some one in decision.reasons] == [case.code]
	decision.lines[0].reasons == [case.code]
	not case.lines[0][0] in decision.authorized.procedure_codes
}

test_effects_of_units_over_the_limit[name] if {
	some name, case in {
		"a line that is denied": {
			"effect": "deny",
			"lines": [["97530", 3, 3, "authorized"], ["97110", 2, 0, "denied"]],
			"outcome": "partially_authorized",
		},
		"every line is denied": {
			"effect": "deny",
			"lines": [["97530", 5, 0, "denied"]],
			"outcome": "denied",
		},
		"information": {
			"effect": "info",
			"lines": [["97530", 3, 3, "authorized"], ["97110", 2, 1, "partially_authorized"]],
			"outcome": "partially_authorized",
		},
	}
	request := claimed([[code, requested] | some [code, requested, _, _] in case.lines])
	decision := data.therapy.decision with input as request
		with data.therapy.register.reason_codes as object.union(
			data.therapy.register.reason_codes,
			{"OT_UNITS_OVER_VISIT_LIMIT": {"effect": case.effect}},
		)
	[[line.procedure_code, line.units_requested, line.units_authorized, line.status] |
		some line in decision.lines
	] == case.lines
	decision.outcome == case.outcome
	decision.authorized.units == sum([units | some [_, _, units, _] in case.lines])
	[one.code | some one in decision.reasons] == ["OT_UNITS_OVER_VISIT_LIMIT"]
}

# A code that the register does not describe pends the whole claim, and its line takes no share.
test_a_reason_of_a_line_that_the_register_does_not_describe if {
	decision := data.therapy.decision with input as claimed([["97140", 4], ["97530", 4]])
		with data.therapy.register.reason_codes as object.remove(
			data.therapy.register.reason_codes,
			["OT_CODE_NOT_LISTED"],
		)
	decision.outcome == "pended"
	decision.authorized == nothing
	[one.code | some one in decision.reasons] == ["POLICY_VALUE_UNUSABLE"]
	[[line.status, line.units_authorized, line.reasons] | some line in decision.lines] == [
		["pended", 0, ["POLICY_VALUE_UNUSABLE"]],
		["pended", 0, ["POLICY_VALUE_UNUSABLE"]],
	]
}
