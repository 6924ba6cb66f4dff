# METADATA
# title: The form of values
# description: Holds a value against the table of forms, which is generated from the published schema, and names every
#   place that does not fit. A place that is itself wrong is named alone, without what is below it. OPA remembers what a
#   function gave for its arguments and compares them as numbers, which not every number survives; so a value is handed
#   to a function only with its path, which no other value shares, or when it is known to be no number.
package therapy.lib.form

import data.therapy.lib.calendar
import data.therapy.lib.reason
import data.therapy.lib.whole_number

# METADATA
# title: Each wrong place of a value of the named form, as a finding
# description: The forms of requests are seven levels deep.
misfits(value, name) := {misfit |
	request := [{"place": [], "path": "", "value": value, "form": data.therapy.request.forms[name]}]
	level_1 := inside(request)
	level_2 := inside(level_1)
	level_3 := inside(level_2)
	level_4 := inside(level_3)
	level_5 := inside(level_4)
	level_6 := inside(level_5)
	some level in [request, level_1, level_2, level_3, level_4, level_5, level_6]
	some node in level
	some misfit in misfits_at(node)
}

# METADATA
# title: The places one level below, of those that fit so far
inside(nodes) := array.concat(members, elements) if {
	members := [{"place": place, "path": path, "value": value, "form": form} |
		some node in nodes
		some name, form_name in node.form.members
		value := node.value[name]
		place := array.concat(node.place, [name])
		path := concat("/", [node.path, name])
		form := data.therapy.request.forms[form_name]
	]
	elements := [{"place": place, "path": path, "value": value, "form": form} |
		some node in nodes
		node.form.kind == "list"
		fits(node)
		some i, value in node.value
		place := array.concat(node.place, [i])
		path := concat("/", [node.path, format_int(i, 10)])
		form := data.therapy.request.forms[node.form.element]
	]
}

# METADATA
# title: What is wrong at one place, members that are missing or unknown included
misfits_at(node) := {unexpected} if {
	not fits_or_none(node)
	unexpected := misfit(node.place, node.path, "not as expected", node.form.expected)
} else := missing | unknown if {
	is_object(node.value)
	stated := object.keys(node.value)
	missing := {misfit_of_member(node.place, node.path, name, "missing", data.therapy.request.forms[form_name].expected) |
		some name in node.form.required
		form_name := node.form.members[name]
		not name in stated
	}
	unknown := {misfit_of_member(node.place, node.path, name, "unknown to its type", "nothing here") |
		some name in object.keys(object.remove(node.value, object.keys(node.form.members)))
	}
}

misfit(place, path, problem, expected) := {
	"code": "REQUEST_INVALID",
	"place": place,
	"path": path,
	"facts": {"problem": problem, "expected": expected},
}

misfit_of_member(place, path, name, problem, expected) := misfit(
	array.concat(place, [name]),
	concat("/", [path, reason.step(name)]),
	problem, expected,
)

fits_or_none(node) if {
	node.value == null
	node.form.may_be_null
}

else if fits(node)

# METADATA
# title: Whether the value at a place is of its form, what is inside it aside
fits(node) if {
	node.form.kind == "object"
	is_object(node.value)
} else if {
	node.form.kind == "list"
	is_array(node.value)
	size_fits(node)
} else if {
	node.form.kind == "one_of"
	node.value in node.form.values
} else if {
	node.form.kind == "yes_or_no"
	is_boolean(node.value)
} else if {
	node.form.kind == "whole_number"
	number := whole_number.of(json.marshal(node.value))
	number >= node.form.least
	number <= node.form.most
} else if {
	node.form.kind == "date"
	is_string(node.value)
	calendar.date(node.value)
} else if {
	node.form.kind == "text"
	is_string(node.value)
	size_fits(node)
	characters_fit(node)
}

size_fits(node) if {
	count(node.value) >= node.form.least
	count(node.value) <= node.form.most
}

characters_fit(node) if not node.form.characters

characters_fit(node) if trim(node.value, node.form.characters) == ""
