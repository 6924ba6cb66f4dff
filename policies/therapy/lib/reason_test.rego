package therapy.lib.reason_test

import data.therapy.lib.reason
import data.therapy.lib.table_test as table

# The codes of the policy in their order, each with its effect, what it applies to, its clauses and interpretation.
codes := [
	["REQUEST_INVALID", "invalid", "request", [], null],
	["PT_BEFORE_EFFECTIVE_DATE", "scope", "request", ["PT-1"], "INT-9"],
	["PT_SPECIALTY_EXCLUDED", "scope", "request", ["PT-2"], "INT-9"],
	["BENEFIT_NOT_COVERED", "deny", "request", ["UM-2"], null],
	["BENEFIT_UNVERIFIED", "pend", "request", ["UM-2"], "INT-13"],
	["OT_NOT_MEDICALLY_NECESSARY", "deny", "request", ["OT-1"], null],
	["OT_MEDICAL_NECESSITY_UNDETERMINED", "pend", "request", ["OT-1"], null],
	["OT_CODE_NOT_LISTED", "deny", "line", ["OT-3"], null],
	["OT_ADD_ON_WITHOUT_PRIMARY", "deny", "line", ["OT-6"], "INT-14"],
	["OT_UNITS_OVER_VISIT_LIMIT", "pend", "line", ["PT-5"], "INT-2"],
	["PT_CONDITION_NOT_ELIGIBLE", "deny", "request", ["PT-6"], null],
	["PT_IMPROVEMENT_NOT_EXPECTED", "deny", "request", ["PT-7"], null],
	["PT_IMPROVEMENT_UNDOCUMENTED", "pend", "request", ["PT-7"], null],
	["PT_ACUTE_EVENT_NOT_LISTED", "info", "request", ["PT-4"], "INT-4"],
	["PT_TIER_NOT_NAMED", "info", "request", ["PT-3"], "INT-5"],
	["PT_REFERRAL_VISIT_LIMIT", "deny", "visits", ["PT-3", "PT-4"], "INT-21"],
	["PT_PLAN_OF_CARE_INCOMPLETE", "pend", "request", ["PT-8"], null],
	["PT_PLAN_OF_CARE_MISSING", "pend", "request", ["PT-8"], null],
	["PT_EVALUATION_VISIT_LIMIT", "deny", "request", ["PT-3", "PT-4"], null],
	["PT_TREATMENT_VISIT_LIMIT", "deny", "request", ["PT-3", "PT-4"], null],
	["PT_UNITS_OVER_VISIT_LIMIT", "deny", "units", ["PT-5"], null],
	["PT_VISIT_OUT_OF_SEQUENCE", "pend", "request", ["PT-9"], "INT-15"],
	["PT_NOTE_NOT_NUMBERED", "pend", "request", ["PT-9"], null],
	["PT_VISIT_BEFORE_REFERRAL", "pend", "request", ["PT-1"], "INT-19"],
	["EXT_PROGRESS_NOTES_INCOMPLETE", "pend", "request", ["EXT-1"], "INT-16"],
	["EXT_INTERVENTIONS_INCOMPLETE", "pend", "request", ["EXT-2"], null],
	["EXT_IMPEDING_FACTORS_MISSING", "pend", "request", ["EXT-3"], null],
	["EXT_RESPONSE_SUMMARY_MISSING", "pend", "request", ["EXT-4"], null],
	["EXT_PROGNOSIS_INCOMPLETE", "pend", "request", ["EXT-5"], null],
	["EXT_PLAN_CHANGES_UNEXPLAINED", "pend", "request", ["EXT-6"], "INT-12"],
	["EXT_FORM_MISSING", "pend", "request", ["EXT-7"], null],
	[
		"EXT_READY_FOR_CLINICAL_REVIEW", "pend", "request",
		["EXT-1", "EXT-2", "EXT-3", "EXT-4", "EXT-5", "EXT-6", "EXT-7"], "INT-6",
	],
	["DC_NO_LONGER_NEEDED", "deny", "request", ["DC-1"], null],
	["DC_ADAPTED", "deny", "request", ["DC-2"], null],
	["DC_PROGRESS_INDETERMINATE", "deny", "request", ["DC-3"], null],
	["DC_UNABLE_TO_PARTICIPATE", "deny", "request", ["DC-4"], null],
	["DC_NONCOMPLIANT", "deny", "request", ["DC-5"], null],
	["DC_CONTINUATION_CRITERIA_NOT_MET", "deny", "request", ["DC-6"], "INT-7"],
	["DC_UNDETERMINED", "pend", "request", ["DC-1", "DC-2", "DC-3", "DC-4", "DC-5", "DC-6"], "INT-18"],
	["POLICY_VALUE_UNUSABLE", "pend", "request", [], null],
]

test_a_reason_may_have_its_path if {
	one := reason.at_path("EXT_FORM_MISSING", ["a", 0], "/b")
	one == {"code": "EXT_FORM_MISSING", "place": ["a", 0], "path": "/b"}
	[details] := reason.details({one})
	details.path == "/b"
}

all_reasons := {{"code": code, "place": []} | some [code, _, _, _, _] in codes}

test_each_code_has_details[code] if {
	some [code, effect, _, clauses, interpretation] in codes
	[details] := reason.details({{"code": code, "place": ["a", "b"]}})
	details.code == code
	details.effect == effect
	details.clauses == clauses
	details.interpretation == interpretation
	details.path == "/a/b"
	count(details.message) > 0
}

test_each_code_applies_to_what_the_policy_says[code] if {
	some [code, effect, bears_on, _, _] in codes
	places := {["service_lines", 0, "units"]: "line", ["visit", "units"]: "units", ["requested_visits"]: "visits"}
	every place, part in places {
		reason.effects_on_request({{"code": code, "place": place}}) == {effect | part != bears_on}
	}
}

# Whatever the register says, a reason elsewhere applies to the whole request.
test_each_code_applies_to_the_request_unless_its_place_is_a_part[code] if {
	some [code, effect, _, _, _] in codes
	every place in [[], ["visit"], ["visit", "number"], ["visit", "units", 0], ["requested_visits", 0], ["lines", 0], ["x", "service_lines"]] {
		reason.effects_on_request({{"code": code, "place": place}}) == {effect}
	}
}

test_the_register_has_these_codes_alone if {
	object.keys(data.therapy.register.reason_codes) == {code | some [code, _, _, _, _] in codes}
}

test_details_in_the_order_of_the_register if {
	[details.code | some details in reason.details(all_reasons)] == [code | some [code, _, _, _, _] in codes]
}

test_codes_in_the_order_of_the_register if {
	reason.codes(all_reasons) == [code | some [code, _, _, _, _] in codes]
}

test_codes_each_once if {
	reasons := {
		reason.at("DC_ADAPTED", ["b"]),
		reason.at("BENEFIT_UNVERIFIED", ["z"]),
		reason.at("DC_ADAPTED", ["a"]),
	}
	reason.codes(reasons) == ["BENEFIT_UNVERIFIED", "DC_ADAPTED"]
}

test_codes_of_nothing if reason.codes(set()) == []

test_details_nothing if reason.details(set()) == []

test_of_effect[effect] if {
	some effect in ["invalid", "scope", "deny", "pend", "info"]
	expected := {code | some [code, code_effect, _, _, _] in codes; code_effect == effect}
	{one.code | some one in reason.of_effect(all_reasons, effect)} == expected
}

test_of_effect_keeps_reasons_whole if {
	scope := reason.with_facts("PT_BEFORE_EFFECTIVE_DATE", ["service_date"], {"effective_date": "2022-06-01"})
	reason.of_effect({scope, reason.at("BENEFIT_UNVERIFIED", ["benefit_status"])}, "scope") == {scope}
}

test_effects_on_request_of_several if {
	reasons := {
		reason.at("BENEFIT_NOT_COVERED", ["a"]),
		reason.at("EXT_FORM_MISSING", ["b"]),
		reason.at("PT_TIER_NOT_NAMED", ["c"]),
		reason.at("OT_CODE_NOT_LISTED", ["service_lines", 0, "procedure_code"]),
	}
	reason.effects_on_request(reasons) == {"deny", "pend", "info"}
}

test_effects_of_lines_and_units_are_not_of_the_request if {
	reasons := {
		reason.at("OT_CODE_NOT_LISTED", ["service_lines", 0, "procedure_code"]),
		reason.at("OT_ADD_ON_WITHOUT_PRIMARY", ["service_lines", 1, "procedure_code"]),
		reason.at("OT_UNITS_OVER_VISIT_LIMIT", ["service_lines", 2, "units"]),
		reason.at("PT_UNITS_OVER_VISIT_LIMIT", ["visit", "units"]),
	}
	reason.effects_on_request(reasons) == set()
	reason.effects(reasons) == {"deny", "pend"}
}

# A small register, to see each field of a reason, and the clauses that it mentions.
clauses := {"A-1": {"order": 1}, "A-2": {"order": 2}}

register := {
	"FIRST": {
		"order": 1,
		"effect": "deny",
		"applies_to": "request",
		"clauses": ["A-1", "A-2"],
		"interpretation": null,
		"message": "Of {limit} visits {used} were used, {limit} being all.",
		"remedy": "Use {limit}.",
	},
	"SECOND": {
		"order": 10,
		"effect": "info",
		"applies_to": "line",
		"clauses": [],
		"interpretation": "INT-1",
		"message": "Nothing to fill.",
		"remedy": null,
	},
}

details(reasons) := value if {
	value := reason.details(reasons) with data.therapy.register.reason_codes as register
		with data.therapy.register.clauses as clauses
}

test_a_reason_at_a_place if {
	details({reason.at("SECOND", ["visit", "units"])}) == [{
		"code": "SECOND",
		"effect": "info",
		"clauses": [],
		"interpretation": "INT-1",
		"message": "Nothing to fill.",
		"remedy": null,
		"path": "/visit/units",
	}]
}

test_a_reason_with_facts if {
	details({reason.with_facts("FIRST", ["visit"], {"limit": 5, "used": "seven"})}) == [{
		"code": "FIRST",
		"effect": "deny",
		"clauses": ["A-1", "A-2"],
		"interpretation": null,
		"message": "Of 5 visits seven were used, 5 being all.",
		"remedy": "Use 5.",
		"path": "/visit",
	}]
}

test_a_reason_under_one_clause if {
	details({reason.under("A-2", "FIRST", ["visit"], {"limit": 0, "used": 1000})}) == [{
		"code": "FIRST",
		"effect": "deny",
		"clauses": ["A-2"],
		"interpretation": null,
		"message": "Of 0 visits 1000 were used, 0 being all.",
		"remedy": "Use 0.",
		"path": "/visit",
	}]
}

# A whole number is the same however it is written.
test_a_number_is_filled_in_without_its_decimals if {
	[one] := details({reason.with_facts("FIRST", [], json.unmarshal(`{"limit": 12.00, "used": -0}`))})
	one.message == "Of 12 visits 0 were used, 12 being all."
}

test_a_fact_is_not_filled_in_itself if {
	[one] := details({reason.with_facts("FIRST", [], {"limit": "{used}", "used": "{limit}"})})
	one.message == "Of {used} visits {limit} were used, {used} being all."
	one.remedy == "Use {used}."
}

test_path[pointer] if {
	some pointer, place in {
		"": [],
		"/visit": ["visit"],
		"/service_lines/0/units": ["service_lines", 0, "units"],
		"/notes/199/goals_addressed/10": ["notes", 199, "goals_addressed", 10],
		"/": [""],
		"//": ["", ""],
		"/a~1b": ["a/b"],
		"/a~0b": ["a~b"],
		"/~01": ["~1"],
		"/~00": ["~0"],
		"/~1~0": ["/~"],
		"/~0~0~1~1": ["~~//"],
		"/a b/\"/%": ["a b", "\"", "%"],
		"/0": ["0"],
	}
	[one] := details({reason.at("SECOND", place)})
	one.path == pointer
}

test_order_of_places if {
	places := [
		[],
		["documentation", "goals"],
		["documentation", "goals", 0, "goal_id"],
		["documentation", "goals", 2],
		["documentation", "goals", 2, "current_status"],
		["documentation", "goals", 2, "current_status", "measure"],
		["documentation", "goals", 2, "initial_status"],
		["documentation", "goals", 10],
		["documentation", "notes"],
		["documentation", "notes2"],
		["specialty"],
		["specialty", "A"],
		["specialty", "a"],
		["specialty", "é"],
		["specialty", "\uffee"],
		["specialty", "😀"],
	]
	[one.path | some one in details({reason.at("SECOND", place) | some place in places})] == [pointer |
		some place in places
		[one] := details({reason.at("SECOND", place)})
		pointer := one.path
	]
}

test_order_of_code_before_place_before_clause if {
	reasons := {
		reason.at("SECOND", ["a"]),
		reason.under("C-2", "FIRST", ["b"], {}),
		reason.under("C-1", "FIRST", ["c"], {}),
		reason.under("C-1", "FIRST", ["b"], {}),
		reason.under("C-3", "FIRST", ["a"], {}),
	}
	[[one.code, one.path, one.clauses] | some one in details(reasons)] == [
		["FIRST", "/a", ["C-3"]],
		["FIRST", "/b", ["C-1"]],
		["FIRST", "/b", ["C-2"]],
		["FIRST", "/c", ["C-1"]],
		["SECOND", "/a", []],
	]
}

test_a_reason_is_given_once if {
	count(details({reason.at("SECOND", ["a"])})) == 1
}

test_shown_for_tables if {
	reasons := {
		reason.at("SECOND", ["b"]),
		reason.with_facts("FIRST", ["a"], {"limit": 1, "used": 2}),
		reason.with_facts("FIRST", [], {"limit": 3, "used": 4}),
	}
	table.summary(reasons) == ["FIRST", "FIRST /a", "SECOND /b"] with data.therapy.register.reason_codes as register
		with data.therapy.register.clauses as clauses
	facts := table.facts(reasons) with data.therapy.register.reason_codes as register
	facts == [{"limit": 3, "used": 4}, {"limit": 1, "used": 2}, {}]
}

# --- What the register does not usably describe ----------------------------------------------------------------------

usable_entries := {
	"a deny with a clause": {},
	"a pend": {"effect": "pend"},
	"a pend without a clause": {"effect": "pend", "clauses": []},
	"a scope": {"effect": "scope"},
	"info": {"effect": "info"},
	"of a line": {"applies_to": "line"},
	"of units": {"applies_to": "units"},
	"of visits": {"applies_to": "visits"},
	"of the request": {"applies_to": "request"},
	"an interpretation": {"interpretation": "INT-2"},
	"no remedy": {"remedy": null},
}

broken_entries := {
	"no entry": {"without": ["order", "effect", "clauses", "interpretation", "message", "remedy"]},
	"no order": {"without": ["order"]},
	"order null": {"change": {"order": null}},
	"order a text": {"change": {"order": "10"}},
	"no effect": {"without": ["effect"]},
	"effect misspelled": {"change": {"effect": "denied"}},
	"effect null": {"change": {"effect": null}},
	"effect of an invalid request": {"change": {"effect": "invalid", "clauses": []}},
	"no clauses": {"without": ["clauses"]},
	"clauses null": {"change": {"clauses": null}},
	"clauses a text": {"change": {"clauses": "A-1"}},
	"clauses an object": {"change": {"clauses": {"first": "A-1"}}},
	"a clause that does not exist": {"change": {"clauses": ["A-1", "A-3"]}},
	"a denial without a clause": {"change": {"clauses": []}},
	"no interpretation": {"without": ["interpretation"]},
	"an interpretation that does not exist": {"change": {"interpretation": "INT-99"}},
	"interpretation a number": {"change": {"interpretation": 2}},
	"no message": {"without": ["message"]},
	"message null": {"change": {"message": null}},
	"message a list": {"change": {"message": ["Denied."]}},
	"no remedy": {"without": ["remedy"]},
	"remedy a number": {"change": {"remedy": 5}},
	"applies to null": {"change": {"applies_to": null}},
	"applies to something else": {"change": {"applies_to": "lines"}},
}

entry := {
	"order": 5,
	"effect": "deny",
	"clauses": ["A-1"],
	"interpretation": null,
	"message": "Denied.",
	"remedy": "Wait.",
}

fault := {
	"order": 9,
	"effect": "pend",
	"clauses": [],
	"interpretation": null,
	"message": "At fault: {parameter}.",
	"remedy": null,
}

# What a decision shows of reasons.
seen(reasons) := {
	"listed": reason.details(kept),
	"codes": reason.codes(kept),
	"effects": reason.effects_on_request(kept),
	"deny": reason.of_effect(kept, "deny"),
} if {
	kept := reason.registered(reasons)
}

under_test := {reason.at("CODE", ["a"]), reason.at("FIRST", ["b"])}

test_a_code_that_the_register_describes_stays[name] if {
	some name, change in usable_entries
	codes_with_entry := object.union(register, {"CODE": object.union(entry, change), "POLICY_VALUE_UNUSABLE": fault})
	kept := reason.registered(under_test) with data.therapy.register.reason_codes as codes_with_entry
		with data.therapy.register.clauses as clauses
	kept == under_test
}

test_a_code_that_the_register_does_not_describe_pends[name] if {
	some name, case in broken_entries
	broken := object.union(object.remove(entry, object.get(case, "without", [])), object.get(case, "change", {}))
	codes_with_entry := object.union(register, {"CODE": broken, "POLICY_VALUE_UNUSABLE": fault})
	result := seen(under_test) with data.therapy.register.reason_codes as codes_with_entry
		with data.therapy.register.clauses as clauses
	[[one.code, one.path, one.clauses] | some one in result.listed] == [
		["FIRST", "/b", ["A-1", "A-2"]],
		["POLICY_VALUE_UNUSABLE", "", []],
	]
	result.listed[1].message == "At fault: CODE."
	result.codes == ["FIRST", "POLICY_VALUE_UNUSABLE"]
	result.effects == {"deny", "pend"}
	result.deny == {reason.at("FIRST", ["b"])}
}

test_all_codes_that_the_register_does_not_describe_are_named if {
	reasons := {reason.at("THIRD", []), reason.at("FIRST", []), reason.at("OTHER", ["a"]), reason.at("OTHER", ["b"])}
	kept := reason.registered(reasons) with data.therapy.register.reason_codes as register
		with data.therapy.register.clauses as clauses
	kept == {reason.at("FIRST", []), reason.unusable("POLICY_VALUE_UNUSABLE", "OTHER, THIRD", [])}
}

test_faults_with_the_same_clauses_are_one_reason if {
	of_unit := reason.unusable("POLICY_VALUE_UNUSABLE", "units", ["PT-5"])
	faults := {
		of_unit,
		reason.unusable("POLICY_VALUE_UNUSABLE", "events", ["PT-4"]),
		reason.unusable("POLICY_VALUE_UNUSABLE", "categories", ["PT-4"]),
		reason.unusable("POLICY_VALUE_UNUSABLE", "version", []),
		reason.at("UNKNOWN", ["a"]),
	}
	kept := reason.registered(faults) with data.therapy.register.reason_codes as {"POLICY_VALUE_UNUSABLE": fault}
	kept == {
		of_unit,
		reason.unusable("POLICY_VALUE_UNUSABLE", "categories, events", ["PT-4"]),
		reason.unusable("POLICY_VALUE_UNUSABLE", "UNKNOWN, version", []),
	}
}

test_a_fault_leaves_a_reason_under_one_clause_as_it_is if {
	at_fault := reason.unusable("POLICY_VALUE_UNUSABLE", "contact", ["AUTH-1"])
	limit := reason.under("PT-3", "PT_TREATMENT_VISIT_LIMIT", ["prior_visits", "treatment"], {"limit": 5, "used": 5})
	reason.registered({at_fault, limit}) == {at_fault, limit}
}

test_nothing_is_registered if reason.registered(set()) == set()

test_the_clauses_of_a_value_that_cannot_be_used_are_sorted if {
	one := reason.unusable("POLICY_VALUE_UNUSABLE", "visits", ["PT-4", "PT-3"])
	[details] := reason.details({one})
	[details.code, details.effect, details.clauses, details.path] == ["POLICY_VALUE_UNUSABLE", "pend", ["PT-3", "PT-4"], ""]
}

test_only_clauses_of_the_register_are_cited if {
	one := reason.unusable("POLICY_VALUE_UNUSABLE", "visits", ["PT-44", 5, null, ["PT-4"], "PT-3"])
	one.clauses == ["PT-3"]
}

# The policy at fault says so, and pends, whatever the register says of that.
broken_faults := {
	"no entry": {},
	"no effect": {"POLICY_VALUE_UNUSABLE": object.remove(fault, ["effect"])},
	"info": {"POLICY_VALUE_UNUSABLE": object.union(fault, {"effect": "info"})},
	"scope": {"POLICY_VALUE_UNUSABLE": object.union(fault, {"effect": "scope"})},
	"deny": {"POLICY_VALUE_UNUSABLE": object.union(fault, {"effect": "deny", "clauses": ["A-1"]})},
	"effect of an invalid request": {"POLICY_VALUE_UNUSABLE": object.union(fault, {"effect": "invalid"})},
	"no message": {"POLICY_VALUE_UNUSABLE": object.remove(fault, ["message"])},
}

test_the_policy_at_fault_always_pends[name] if {
	some name, codes_of_fault in broken_faults
	at_fault := {reason.unusable("POLICY_VALUE_UNUSABLE", "visits", ["PT-4"])}
	result := seen(at_fault) with data.therapy.register.reason_codes as codes_of_fault
	result.effects == {"pend"}
	result.listed == [{
		"code": "POLICY_VALUE_UNUSABLE",
		"effect": "pend",
		"clauses": ["PT-4"],
		"interpretation": null,
		"message": "The policy cannot be used for this request.",
		"remedy": null,
		"path": "",
	}]
}

# Without an entry, its order is 0: among codes of the same order it is sorted by its name.
test_the_order_of_the_policy_at_fault_without_an_entry if {
	pend := object.union(fault, {"order": 0})
	reasons := {reason.at(code, []) | some code in ["AAA", "POLICY_VALUE_UNUSABLE", "ZZZ"]}
	listed := reason.codes(reasons) with data.therapy.register.reason_codes as {"AAA": pend, "ZZZ": pend}
	listed == ["AAA", "POLICY_VALUE_UNUSABLE", "ZZZ"]
}

test_nothing_is_said_for_a_code_without_an_entry if {
	reason.details({reason.at("UNKNOWN", [])}) == []
	reason.codes({reason.at("UNKNOWN", [])}) == []
	reason.effects({reason.at("UNKNOWN", [])}) == set()
}

# An invalid request stays one: no other effect is that of its code.
test_a_request_that_is_not_valid_is_said_to_be_invalid[effect] if {
	some effect in ["scope", "deny", "pend", "info"]
	entries := {"REQUEST_INVALID": object.union(entry, {"effect": effect}), "POLICY_VALUE_UNUSABLE": fault}
	kept := reason.registered({reason.at("REQUEST_INVALID", ["a"])}) with data.therapy.register.reason_codes as entries
		with data.therapy.register.clauses as clauses
	[one.code | some one in kept] == ["POLICY_VALUE_UNUSABLE"]
}
