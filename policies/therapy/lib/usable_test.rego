package therapy.lib.usable_test

import data.therapy.lib.usable

test_number[text] if {
	some text, number in {"1": 1, "2": 2, "4": 4, "4.0": 4, "4.00": 4}
	usable.number(text, 4) == number
}

test_no_number[text] if {
	some text in [
		"0", "0.0", "-1", "5", "999", "1000", "1e99999999", "4e0", "4.5", "04", " 4", "",
		"null", "true", `"4"`, "[4]", "{}",
	]
	not usable.number(text, 4)
}

test_a_number_at_another_ceiling if {
	usable.number("11", 11) == 11
	usable.number("1", 1) == 1
	not usable.number("12", 11)
	not usable.number("2", 1)
}

# Every number is less than every text, so such a ceiling would limit nothing.
test_no_number_without_a_ceiling_that_is_a_number[name] if {
	some name, most in {"text": "4", "list": [4], "object": {"most": 4}, "true": true, "null": null}
	not usable.number("5", most)
	not usable.number("1", most)
}

test_names[name] if {
	some name, list in {"one": ["red"], "all": ["green", "red"], "one twice": ["red", "red"]}
	usable.names(list, ["red", "green"])
	usable.names(list, {"red", "green"})
}

test_no_names[name] if {
	some name, list in {
		"empty list": [],
		"an unknown name": ["red", "blue"],
		"an unknown name alone": ["blue"],
		"in capitals": ["RED"],
		"null inside": ["red", null],
		"a list inside": [["red"]],
		"text": "red",
		"object": {"a": "red"},
		"names as keys": {"red": true},
		"number": 1,
		"null": null,
		"true": true,
	}
	not usable.names(list, ["red", "green"])
}

test_text[value] if {
	some value in ["a", "11", "Monday–Friday"]
	usable.text(value)
}

test_no_text[name] if {
	some name, value in {
		"empty": "",
		"null": null,
		"number": 11,
		"true": true,
		"list": ["a"],
		"object": {"a": "b"},
	}
	not usable.text(value)
}

test_a_contact_has_what_a_decision_gives if {
	contact := {"name": "Referral desk", "hours": "8 to 5", "fax": ["1", "2"]}
	usable.contact(object.union(contact, {"more": 1})) == contact
}

test_initial_visits_have_a_clause_and_two_numbers if {
	visits := {
		"acute": {"clause": "PT-4", "evaluation": 1, "treatment": 2},
		"nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 1},
	}
	usable.initial_visits({tier: object.union(entry, {"more": 1}) | some tier, entry in visits}) == visits
}
