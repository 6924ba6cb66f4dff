package therapy.lib.validation_test

import data.therapy.lib.table_test as table
import data.therapy.lib.validation

letters := "ABC"

# One form of each kind, and the forms that contain them.
forms := {
	"name": {"kind": "text", "least": 2, "most": 4, "expected": "a name", "may_be_null": false},
	"name?": {"kind": "text", "least": 2, "most": 4, "expected": "a name, or nothing", "may_be_null": true},
	"letters": {
		"kind": "text",
		"least": 1,
		"most": 5,
		"characters": letters,
		"expected": "letters",
		"may_be_null": false,
	},
	"amount": {"kind": "whole_number", "least": 1, "most": 99, "expected": "an amount", "may_be_null": false},
	"amount?": {"kind": "whole_number", "least": 1, "most": 99, "expected": "an amount, or nothing", "may_be_null": true},
	"color": {"kind": "one_of", "values": ["red", "green"], "expected": "a color", "may_be_null": false},
	"color?": {"kind": "one_of", "values": ["red", "green"], "expected": "a color, or nothing", "may_be_null": true},
	"day": {"kind": "date", "expected": "a day", "may_be_null": false},
	"day?": {"kind": "date", "expected": "a day, or nothing", "may_be_null": true},
	"yes": {"kind": "yes_or_no", "expected": "yes or no", "may_be_null": false},
	"yes?": {"kind": "yes_or_no", "expected": "yes or no, or nothing", "may_be_null": true},
	"amounts": {
		"kind": "list",
		"least": 1,
		"most": 3,
		"element": "amount",
		"expected": "a list of amounts",
		"may_be_null": false,
	},
	"amounts?": {
		"kind": "list",
		"least": 0,
		"most": 3,
		"element": "amount",
		"expected": "a list of amounts, or nothing",
		"may_be_null": true,
	},
	"lists": {
		"kind": "list",
		"least": 0,
		"most": 4,
		"element": "amounts",
		"expected": "a list of lists",
		"may_be_null": false,
	},
	"box": {
		"kind": "object",
		"fields": {"color": "color", "size": "amount?", "inner": "inner", "note": "note?", "amounts": "amounts?"},
		"required": ["color"],
		"expected": "a box",
		"may_be_null": false,
	},
	"inner": {
		"kind": "object",
		"fields": {"name": "name", "yes": "yes"},
		"required": ["name", "yes"],
		"expected": "an inner box",
		"may_be_null": false,
	},
	"note?": {
		"kind": "object",
		"fields": {"name": "name?", "yes": "yes?"},
		"required": [],
		"expected": "a note, or nothing",
		"may_be_null": true,
	},
	"nest": {
		"kind": "object",
		"fields": {"nest": "nest", "name": "name"},
		"required": [],
		"expected": "a nest",
		"may_be_null": false,
	},
}

wrong(value, name) := {[error.code, error.place, error.facts.problem, error.facts.expected] |
	some error in errors
} if {
	errors := validation.errors(value, name) with data.therapy.request.forms as forms
}

values := {
	"null": null,
	"true": true,
	"false": false,
	"zero": 0,
	"one": 1,
	"huge number": table.as_written("1e99999999"),
	"blank text": "",
	"text": "ABC",
	"color": "red",
	"date": "2024-02-29",
	"list": [],
	"list of one": [1],
	"list of three": [1, 2, 3],
	"object": {},
	"object of a color": {"color": "red"},
}

fitting := {
	"name": {"text", "color"},
	"name?": {"text", "color"},
	"letters": {"text"},
	"amount": {"one"},
	"amount?": {"one"},
	"color": {"color"},
	"color?": {"color"},
	"day": {"date"},
	"day?": {"date"},
	"yes": {"true", "false"},
	"yes?": {"true", "false"},
	"amounts": {"list of one", "list of three"},
	"amounts?": {"list", "list of one", "list of three"},
	"lists": {"list", "list of one", "list of three"},
	"box": {"object", "object of a color"},
	"inner": {"object", "object of a color"},
	"note?": {"object", "object of a color"},
	"nest": {"object", "object of a color"},
}

test_fits[name] if {
	some name, expected in fitting
	expected == {kind |
		some kind, value in values
		validation.is_valid({"path": kind, "form": forms[name], "value": value})
	}
}

test_every_form_is_tried if object.keys(fitting) == object.keys(forms)

test_fits_or_none[name] if {
	some name, expected in fitting
	nothing := {kind | kind := "null"; endswith(name, "?")}
	expected | nothing == {kind |
		some kind, value in values
		validation._is_valid_or_null({"path": kind, "form": forms[name], "value": value})
	}
}

test_whole_number_from_least_to_most if {
	valid := [number |
		some number in numbers.range(0, 200)
		validation.is_valid({"path": format_int(number, 10), "form": forms.amount, "value": number})
	]
	valid == numbers.range(1, 99)
}

test_whole_number_as_written[written] if {
	some written in ["1.0", "1.00", "4", "99.0", "99.000"]
	validation.is_valid({"path": written, "form": forms.amount, "value": table.as_written(written)})
}

test_no_whole_number_as_written[written] if {
	some written in ["0.0", "100.0", "100.00", "1.5", "98.99", "1e1", "1e99999999", "-1", "1000", `"1"`]
	not validation.is_valid({"path": written, "form": forms.amount, "value": table.as_written(written)})
}

test_text_from_least_to_most if {
	lengths := [length |
		some length in numbers.range(0, 8)
		validation.is_valid({
			"path": format_int(length, 10),
			"form": forms.name,
			"value": concat("", ["😀" | some _ in array.slice(numbers.range(1, 8), 0, length)]),
		})
	]
	lengths == [2, 3, 4]
}

test_text_characters[text] if {
	some text, valid in {
		"A": true,
		"CAB": true,
		"AAAAA": true,
		"": false,
		"AAAAAA": false,
		"D": false,
		"AD": false,
		"DA": false,
		"a": false,
		"A ": false,
		" A": false,
		"A\n": false,
		# Only what is between two letters that are allowed.
		"ADA": false,
		"A\nB": false,
	}
	count([1 | validation.is_valid({"path": "", "form": forms.letters, "value": text})]) == count([1 | valid])
}

test_list_from_least_to_most if {
	lengths := [length |
		some length in numbers.range(0, 6)
		validation.is_valid({"path": "", "form": forms.amounts, "value": array.slice([1, 2, 3, 4, 5, 6], 0, length)})
	]
	lengths == [1, 2, 3]
}

test_one_of_each_value if {
	{"red", "green"} == {value |
		some value in ["red", "green", "blue", "Red", "red ", "", "r"]
		validation.is_valid({"path": "", "form": forms.color, "value": value})
	}
}

test_no_form_fits_a_kind_that_there_is_not if {
	form := {"kind": "anything", "least": 0, "most": 9, "values": ["a"], "fields": {"a": "name"}}
	every value in ["a", {"a": "b"}] {
		not validation.is_valid({"path": "", "value": value, "form": form})
	}
}

# OPA remembers what a function returned and compares numbers by value, but 2 and 2e0 are two values of a request.
test_numbers_are_told_apart_by_how_they_are_written if {
	value := table.as_written(`{"color": "red", "size": 4, "amounts": [4, 4e0, 1e-99999999]}`)
	errors := validation.errors(value, "box") with data.therapy.request.forms as forms
	{error.path | some error in errors} == {"/amounts/1", "/amounts/2"}
}

test_error if {
	validation.error(["a", 0], "/a/0", "missing", "a name") == {
		"code": "REQUEST_INVALID",
		"place": ["a", 0],
		"path": "/a/0",
		"facts": {"problem": "missing", "expected": "a name"},
	}
}

test_errors[name] if {
	some name, case in {
		"least": {"value": {"color": "red"}, "wrong": set()},
		"most": {
			"value": {"color": "red", "size": 99, "inner": {"name": "abcd", "yes": false}, "amounts": [1, 99]},
			"wrong": set(),
		},
		"nothing where it may be": {
			"value": {"color": "red", "size": null, "note": null, "amounts": null},
			"wrong": set(),
		},
		"nothing inside where it may be": {
			"value": {"color": "red", "note": {"name": null, "yes": null}},
			"wrong": set(),
		},
		"an empty object where nothing is required": {"value": {"color": "red", "note": {}}, "wrong": set()},
		"nothing where it may not be": {
			"value": {"color": null, "inner": {"name": null, "yes": null}, "amounts": [null]},
			"wrong": {
				[["color"], "not valid", "a color"],
				[["inner", "name"], "not valid", "a name"],
				[["inner", "yes"], "not valid", "yes or no"],
				[["amounts", 0], "not valid", "an amount"],
			},
		},
		"missing": {"value": {}, "wrong": {[["color"], "missing", "a color"]}},
		"missing inside": {
			"value": {"color": "red", "inner": {}},
			"wrong": {
				[["inner", "name"], "missing", "a name"],
				[["inner", "yes"], "missing", "yes or no"],
			},
		},
		"one missing inside": {
			"value": {"color": "red", "inner": {"yes": false}},
			"wrong": {[["inner", "name"], "missing", "a name"]},
		},
		"unknown": {
			"value": {"color": "red", "Color": "red", "": 1, "inner": {"name": "ab", "yes": true, "no": null}},
			"wrong": {
				[["Color"], "not part of this request type", "the request without this field"],
				[[""], "not part of this request type", "the request without this field"],
				[["inner", "no"], "not part of this request type", "the request without this field"],
			},
		},
		"unknown and missing together": {
			"value": {"colour": "red"},
			"wrong": {
				[["color"], "missing", "a color"],
				[["colour"], "not part of this request type", "the request without this field"],
			},
		},
		"nothing below what is unknown": {
			"value": {"color": "red", "other": {"color": 5}},
			"wrong": {[["other"], "not part of this request type", "the request without this field"]},
		},
		"elements by their index": {
			"value": {"color": "red", "amounts": [0, 1, 100]},
			"wrong": {
				[["amounts", 0], "not valid", "an amount"],
				[["amounts", 2], "not valid", "an amount"],
			},
		},
		"nothing below a list that is too long": {
			"value": {"color": "red", "amounts": [0, 0, 0, 0]},
			"wrong": {[["amounts"], "not valid", "a list of amounts, or nothing"]},
		},
		"an object where a list is expected": {
			"value": {"color": "red", "amounts": {"0": 0}},
			"wrong": {[["amounts"], "not valid", "a list of amounts, or nothing"]},
		},
		"a list where an object is expected": {
			"value": {"color": "red", "inner": ["name", "yes"], "note": []},
			"wrong": {
				[["inner"], "not valid", "an inner box"],
				[["note"], "not valid", "a note, or nothing"],
			},
		},
		"an object where a text is expected": {
			"value": {"color": {"color": "blue"}},
			"wrong": {[["color"], "not valid", "a color"]},
		},
		"several places": {
			"value": {"color": "blue", "size": 0, "inner": {"name": "x", "yes": 1}, "amounts": ["1"]},
			"wrong": {
				[["color"], "not valid", "a color"],
				[["size"], "not valid", "an amount, or nothing"],
				[["inner", "name"], "not valid", "a name"],
				[["inner", "yes"], "not valid", "yes or no"],
				[["amounts", 0], "not valid", "an amount"],
			},
		},
		"no object": {"value": ["color"], "wrong": {[[], "not valid", "a box"]}},
		"null": {"value": null, "wrong": {[[], "not valid", "a box"]}},
	}
	wrong(case.value, "box") == {array.concat(["REQUEST_INVALID"], error) | some error in case.wrong}
}

test_errors_of_lists_in_lists if {
	wrong([[1], [], [2, "2"], 3], "lists") == {
		["REQUEST_INVALID", [1], "not valid", "a list of amounts"],
		["REQUEST_INVALID", [2, 1], "not valid", "an amount"],
		["REQUEST_INVALID", [3], "not valid", "a list of amounts"],
	}
}

test_errors_at_each_level[depth] if {
	some depth, value in {
		"0": "x",
		"1": {"nest": "x"},
		"2": {"nest": {"nest": "x"}},
		"3": {"nest": {"nest": {"nest": "x"}}},
		"4": {"nest": {"nest": {"nest": {"nest": "x"}}}},
		"5": {"nest": {"nest": {"nest": {"nest": {"nest": "x"}}}}},
		"6": {"nest": {"nest": {"nest": {"nest": {"nest": {"nest": "x"}}}}}},
	}
	place := ["nest" | some level in numbers.range(1, 6); level <= to_number(depth)]
	wrong(value, "nest") == {["REQUEST_INVALID", place, "not valid", "a nest"]}
}

test_errors_at_every_level_together if {
	value := {"x": 0, "nest": {"x": 1, "nest": {"x": 2, "nest": {"x": 3, "nest": {"x": 4, "nest": {"x": 5}}}}}}
	{place | some [_, place, _, _] in wrong(value, "nest")} == {
		["x"],
		["nest", "x"],
		["nest", "nest", "x"],
		["nest", "nest", "nest", "x"],
		["nest", "nest", "nest", "nest", "x"],
		["nest", "nest", "nest", "nest", "nest", "x"],
	}
}

# No form of a request is deeper than the levels that are looked at.
test_the_forms_of_requests_are_no_deeper_than_the_levels if {
	below := {name: children |
		some name, of in data.therapy.request.forms
		children := {child | some child in object.get(of, "fields", {})} | {child | child := of.element}
	}
	level_1 := {child | some name in data.therapy.request.forms.request_type.values; some child in below[name]}
	level_2 := {child | some name in level_1; some child in below[name]}
	level_3 := {child | some name in level_2; some child in below[name]}
	level_4 := {child | some name in level_3; some child in below[name]}
	level_5 := {child | some name in level_4; some child in below[name]}
	level_6 := {child | some name in level_5; some child in below[name]}
	{child | some name in level_6; some child in below[name]} == set()
	count(level_5) > 0
}

# --- Many unknown fields ---------------------------------------------------------------------------------------------

unknown_fields(number) := {concat("", ["x", format_int(i, 10)]): null | some i in numbers.range(0, number - 1)}

test_unknown_fields[name] if {
	some name, case in {
		"10 of a box": {"value": object.union({"color": "red"}, unknown_fields(10)), "places": 10},
		"10 of a box, and more is wrong": {"value": object.union({"size": "x"}, unknown_fields(10)), "places": 12},
		"11 of a box": {"value": object.union({"color": "red"}, unknown_fields(11)), "places": [[]]},
		"11 of a box, and more is wrong": {"value": object.union({"size": "x"}, unknown_fields(11)), "places": [[]]},
		"11 of an inner box": {
			"value": {"color": 1, "inner": object.union({"name": 5}, unknown_fields(11))},
			"places": [["color"], ["inner"]],
		},
		"11 of a note": {"value": {"color": "red", "note": unknown_fields(11)}, "places": [["note"]]},
		"11 of a note, and 10 of the box": {
			"value": object.union({"color": "red", "note": unknown_fields(11)}, unknown_fields(10)),
			"places": 11,
		},
	}
	errors := wrong(case.value, "box")
	places := sort([place | some [_, place, _, _] in errors])
	case.places in {places, count(places)}
	{[problem, expected] |
		some [_, place, problem, expected] in errors
		place in [[], ["inner"], ["note"]]
	} == {["an object with more than 10 unknown fields", "only the fields of this request type"] |
		some place in places
		place in [[], ["inner"], ["note"]]
	}
}
