# METADATA
# title: The form of values
# description: Holds a value against the table of forms, which is generated from the published schema, and names every
#   place that does not fit. A place that is itself wrong is named alone, without what is below it.
package therapy.lib.form

import data.therapy.lib.calendar
import data.therapy.lib.reason
import data.therapy.lib.whole_number

# METADATA
# title: Each wrong place of a value of the named form, as a finding
# description: The forms of requests are seven levels deep.
misfits(value, name) := {misfit |
	request := [{"place": [], "value": value, "form": data.therapy.request.forms[name]}]
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
	members := [{"place": array.concat(node.place, [name]), "value": value, "form": form} |
		some node in nodes
		node.form.kind == "object"
		is_object(node.value)
		some name, form_name in node.form.members
		value := node.value[name]
		form := data.therapy.request.forms[form_name]
	]
	elements := [{"place": array.concat(node.place, [i]), "value": value, "form": form} |
		some node in nodes
		node.form.kind == "list"
		fits(node.form, node.value)
		some i, value in node.value
		form := data.therapy.request.forms[node.form.element]
	]
}

# METADATA
# title: What is wrong at one place, members that are missing or unknown included
misfits_at(node) := {unexpected} if {
	not fits_or_none(node.form, node.value)
	unexpected := misfit(node.place, "not as expected", node.form.expected)
} else := missing | unknown if {
	node.form.kind == "object"
	missing := {misfit(array.concat(node.place, [name]), "missing", data.therapy.request.forms[form_name].expected) |
		some name in node.form.required
		form_name := node.form.members[name]
		not has(node.value, name)
	}
	unknown := {misfit(array.concat(node.place, [name]), "unknown to its type", "nothing here") |
		some name in object.keys(object.remove(node.value, object.keys(node.form.members)))
	}
} else := set()

misfit(place, problem, expected) := reason.with_facts(
	"REQUEST_INVALID", place,
	{"problem": problem, "expected": expected},
)

has(object_, name) if _ = object_[name]

fits_or_none(form, value) if {
	value == null
	form.may_be_null
}

else if fits(form, value)

# METADATA
# title: Whether one value is of a form, what is inside it aside
fits(form, value) if {
	form.kind == "object"
	is_object(value)
} else if {
	form.kind == "list"
	is_array(value)
	count(value) >= form.least
	count(value) <= form.most
} else if {
	form.kind == "one_of"
	value in form.values
} else if {
	form.kind == "yes_or_no"
	is_boolean(value)
} else if {
	form.kind == "whole_number"
	number := whole_number.of(value)
	number >= form.least
	number <= form.most
} else if {
	form.kind == "date"
	calendar.date(value)
} else if {
	form.kind == "text"
	is_string(value)
	count(value) >= form.least
	count(value) <= form.most
	characters_fit(form, value)
}

characters_fit(form, _) if not form.characters

characters_fit(form, value) if trim(value, form.characters) == ""
