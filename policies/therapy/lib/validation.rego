# METADATA
# title: Validation of requests
# description: Compares a request with the table of forms, which is generated from the published schema, and lists every
#   field that is not valid. Nothing is listed below a field that is itself not valid.
package therapy.lib.validation

import data.therapy.lib.calendar
import data.therapy.lib.reason
import data.therapy.lib.whole_number

# OPA remembers what a function returned for its arguments and compares numbers by value, and a number such as
# 1e99999999 crashes it. So a function takes a value only together with its path, which no other value shares, or once
# the value is known not to be a number.

# METADATA
# title: Every field of a request that is not valid, as a reason
# description: The request is compared with the named form, level by level. No form has more than seven levels.
errors(value, name) := {each |
	request := [{"place": [], "path": "", "value": value, "form": data.therapy.request.forms[name]}]
	level_1 := _inside(request)
	level_2 := _inside(level_1)
	level_3 := _inside(level_2)
	level_4 := _inside(level_3)
	level_5 := _inside(level_4)
	level_6 := _inside(level_5)
	some level in [request, level_1, level_2, level_3, level_4, level_5, level_6]
	some node in level
	some each in _errors_at(node)
}

# METADATA
# title: The fields and elements one level below those that are valid so far
_inside(nodes) := array.concat(fields, elements) if {
	fields := [{"place": place, "path": path, "value": value, "form": form} |
		some node in nodes
		is_valid(node)
		some name, form_name in node.form.fields
		value := node.value[name]
		place := array.concat(node.place, [name])
		path := concat("/", [node.path, name])
		form := data.therapy.request.forms[form_name]
	]
	elements := [{"place": place, "path": path, "value": value, "form": form} |
		some node in nodes
		node.form.kind == "list"
		is_valid(node)
		some i, value in node.value
		place := array.concat(node.place, [i])
		path := concat("/", [node.path, format_int(i, 10)])
		form := data.therapy.request.forms[node.form.element]
	]
}

# METADATA
# title: What is not valid at one place, including fields that are missing or unknown
_errors_at(node) := {error(node.place, node.path, _too_many_unknown.problem, _too_many_unknown.expected)} if {
	node.form.kind == "object"
	is_object(node.value)
	not is_valid(node)
} else := {error(node.place, node.path, "not valid", node.form.expected)} if {
	not _is_valid_or_null(node)
} else := missing | unknown if {
	is_object(node.value)
	stated := object.keys(node.value)
	missing := {error_in_field(node.place, node.path, name, "missing", data.therapy.request.forms[form_name].expected) |
		some name in node.form.required
		form_name := node.form.fields[name]
		not name in stated
	}
	unknown := {error_in_field(node.place, node.path, name, problem, "the request without this field") |
		problem := "not part of this request type"
		some name in object.keys(object.remove(node.value, object.keys(node.form.fields)))
	}
}

_too_many_unknown := {
	"problem": concat(" ", ["an object with more than", format_int(data.therapy.request.most_unknown_fields, 10), "unknown fields"]),
	"expected": "only the fields of this request type",
}

# METADATA
# title: A field that is not valid, is missing or is not part of the request type makes the request invalid
error(place, path, problem, expected) := {
	"code": "REQUEST_INVALID",
	"place": place,
	"path": path,
	"facts": {"problem": problem, "expected": expected},
}

error_in_field(place, path, name, problem, expected) := error(
	array.concat(place, [name]),
	concat("/", [path, reason.step(name)]),
	problem, expected,
)

_is_valid_or_null(node) if {
	node.value == null
	node.form.may_be_null
}

else if is_valid(node)

# METADATA
# title: Whether the value at a place has the kind and size that its form allows, whatever is inside it
is_valid(node) if {
	node.form.kind == "object"
	is_object(node.value)
	count(object.remove(node.value, object.keys(node.form.fields))) <= data.therapy.request.most_unknown_fields
} else if {
	node.form.kind == "list"
	is_array(node.value)
	_size_allowed(node)
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
	_size_allowed(node)
	_characters_allowed(node)
}

_size_allowed(node) if {
	count(node.value) >= node.form.least
	count(node.value) <= node.form.most
}

_characters_allowed(node) if not node.form.characters

_characters_allowed(node) if trim(node.value, node.form.characters) == ""
