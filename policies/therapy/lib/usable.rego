# METADATA
# title: Usable values
# description: Recognizes a number or a list of the policy that a rule may use. Anything else grants nothing.
package therapy.lib.usable

import data.therapy.lib.whole_number

# METADATA
# title: The number that a text writes, if it is a whole number from 1 to the ceiling
# description: Takes the number as JSON writes it, so that one too large to compare is never compared.
number(text, most) := number_ if {
	is_number(most)
	number_ := whole_number.of(text)
	number_ >= 1
	number_ <= most
}

# METADATA
# title: Whether a value is a list of names that requests can have, with at least one name
names(list, allowed) if {
	is_array(list)
	count(list) > 0
	every name in list {
		name in allowed
	}
}

# METADATA
# title: Whether each value of a list is a text
texts(list) if {
	every value in list {
		text(value)
	}
}

# METADATA
# title: Whether a value is a text
text(value) if {
	is_string(value)
	value != ""
}

# METADATA
# title: Whom to contact, with hours and two fax numbers; undefined if one of them is missing
contact(value) := {"name": value.name, "hours": value.hours, "fax": value.fax} if {
	is_array(value.fax)
	count(value.fax) == 2
	texts([value.name, value.hours, value.fax[0], value.fax[1]])
}

# METADATA
# title: The visits of each tier, at most as many as the ceiling; undefined if a tier is missing or unknown
initial_visits(value) := tiers if {
	tiers := {tier: {"clause": visits.clause, "evaluation": evaluation, "treatment": treatment} |
		some tier, visits in value
		data.therapy.register.clauses[visits.clause]
		evaluation := number(json.marshal(visits.evaluation), data.therapy.ceiling.evaluation_visits)
		treatment := number(json.marshal(visits.treatment), data.therapy.ceiling.treatment_visits)
	}
	object.keys(tiers) == {tier | some tier in data.therapy.request.forms["pt_visit.tier"].values}
	count(value) == count(tiers)
}

# METADATA
# title: Whether a value has procedure codes, each with its clause, and all of them within the ceiling
procedure_codes(codes) if {
	is_object(codes)
	count(codes) > 0
	_clauses_registered(codes)
	_add_ons_allowed(codes)
}

_clauses_registered(codes) if {
	clauses := [entry.clause | some entry in codes]
	count(clauses) == count(codes)
	every clause in {clause | some clause in clauses} {
		data.therapy.register.clauses[clause]
	}
}

# Each code is one that the ceiling allows, with the primary code that it has there, which is listed too.
_add_ons_allowed(codes) if {
	is_object(data.therapy.ceiling.procedure_codes)
	primaries := {code: object.get(entry, "add_on_to", null) | some code, entry in codes}
	object.union(data.therapy.ceiling.procedure_codes, primaries) == data.therapy.ceiling.procedure_codes
	every primary in {primary | some primary in primaries; primary != null} {
		codes[primary]
	}
}

# METADATA
# title: Whether a value has a route for each island, and for nothing else
routes(regions) if {
	islands := data.therapy.request.forms["island?"].values
	every island in islands {
		_region(regions[island])
	}
	count(regions) == count(islands)
}

_region(region) if {
	data.therapy.register.clauses[region.clause]
	text(region.chapter)
	_text_or_null(region.network)
}

# METADATA
# title: Whether a value has the codes of a standard answer, each a text or null, and a list of documents
standard_answer(value) if {
	_text_or_null(value.review_reason)
	_text_or_null(value.claim_status)
	_text_or_null(value.determination)
	_object_or_null(value.adjustment)
	is_array(value.documents)
}

_object_or_null(null)

_object_or_null(value) if is_object(value)

_text_or_null(null)

_text_or_null(value) if text(value)
