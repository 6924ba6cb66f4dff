# METADATA
# title: Texts
# description: A text counts as present only if it holds a character other than white space.
package therapy.lib.text

# The 25 code points of Unicode's White_Space property.
white_space := concat("", [
	"\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680",
	"\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a",
	"\u2028\u2029\u202f\u205f\u3000",
])

# METADATA
# title: Whether a value is a text with at least one character that is not white space
present(value) if {
	is_string(value)
	trim(value, white_space) != ""
}

# METADATA
# title: Whether a field of an object has a present text
# description: Negate this, never `present` of a field. Where the field is absent, OPA skips the rule with the negation.
has(object_, field) if present(object_[field])

# METADATA
# title: Whether a list in a field of an object has a present text
has_any(object_, field) if {
	some value in object_[field]
	present(value)
}
