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
