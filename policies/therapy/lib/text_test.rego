package therapy.lib.text_test

import data.therapy.lib.text

test_present[name] if {
	some name, value in {
		"one letter": "x",
		"white space around a letter": " \t x \u3000",
		"a letter of another script": "ʻōlelo",
		# Not of White_Space, though some programming languages strip them.
		"file separator": "\u001c",
		"unit separator": "\u001f",
		"zero width space": "\u200b",
		"word joiner": "\u2060",
		"byte order mark": "\ufeff",
		"Mongolian vowel separator": "\u180e",
		# Next to a range or a single code point of White_Space.
		"before tab": "\u0008",
		"after carriage return": "\u000e",
		"after space": "!",
		"before next line": "\u0084",
		"after next line": "\u0086",
		"before no-break space": "\u009f",
		"after no-break space": "\u00a1",
		"before ogham space mark": "\u167f",
		"after ogham space mark": "\u1681",
		"before en quad": "\u1fff",
		"before line separator": "\u2027",
		"after paragraph separator": "\u202a",
		"before narrow no-break space": "\u202e",
		"after narrow no-break space": "\u2030",
		"before medium mathematical space": "\u205e",
		"before ideographic space": "\u2fff",
		"after ideographic space": "\u3001",
	}
	text.present(value)
}

printable := "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

test_each_printable_character_alone[character] if {
	some character in split(printable, "")
	text.present(character)
}

white_space := {
	"tab": "\u0009",
	"line feed": "\u000a",
	"line tabulation": "\u000b",
	"form feed": "\u000c",
	"carriage return": "\u000d",
	"space": " ",
	"next line": "\u0085",
	"no-break space": "\u00a0",
	"ogham space mark": "\u1680",
	"en quad": "\u2000",
	"em quad": "\u2001",
	"en space": "\u2002",
	"em space": "\u2003",
	"three-per-em space": "\u2004",
	"four-per-em space": "\u2005",
	"six-per-em space": "\u2006",
	"figure space": "\u2007",
	"punctuation space": "\u2008",
	"thin space": "\u2009",
	"hair space": "\u200a",
	"line separator": "\u2028",
	"paragraph separator": "\u2029",
	"narrow no-break space": "\u202f",
	"medium mathematical space": "\u205f",
	"ideographic space": "\u3000",
}

test_blank_alone[name] if {
	some name, character in white_space
	not text.present(character)
}

test_blank_between_spaces[name] if {
	some name, character in white_space
	not text.present(concat(character, [" ", " "]))
}

test_not_present[name] if {
	some name, value in {
		"empty": "",
		"all white space at once": concat("", [character | some character in white_space]),
		"null": null,
		"number": 5,
		"true": true,
		"false": false,
		"list of a text": ["x"],
		"object of a text": {"text": "x"},
	}
	not text.present(value)
}

test_has if text.has({"measure": "degrees", "value": " "}, "measure")

test_has_not[name] if {
	some name, object_ in {
		"blank": {"measure": "\u2003", "value": "90"},
		"null field": {"measure": null, "value": "90"},
		"no field": {"value": "90"},
		"empty object": {},
		"null": null,
		"a text": "measure",
		"a list": ["measure"],
	}
	not text.has(object_, "measure")
}

test_has_any[name] if {
	some name, texts in {
		"one": ["gait"],
		"the first": ["gait", ""],
		"the last": ["", "\u3000", "gait"],
	}
	text.has_any({"planned": texts}, "planned")
}

test_has_not_any[name] if {
	some name, object_ in {
		"blanks": {"planned": ["", " ", "\u0085"]},
		"empty list": {"planned": []},
		"null field": {"planned": null},
		"no field": {"other": ["gait"]},
		"null": null,
		"a text": {"planned": "gait"},
	}
	not text.has_any(object_, "planned")
}
