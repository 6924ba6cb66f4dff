# METADATA
# title: Whole numbers
# description: Reads a whole number by how it is written, so that a number too large to compare is never compared.
package therapy.lib.whole_number

# METADATA
# title: The number from 0 to 999 that plain digits say, as in 4 or 4.0; undefined for anything else
# description: The table has each number as 4 and as 4.0; a fraction of more zeros, as in 4.00, is too rare for it.
of(value) := number if {
	number := data.therapy.lib.whole_number.written[json.marshal(value)]
} else := data.therapy.lib.whole_number.written[digits] if {
	is_number(value)
	[digits, fraction] := split(json.marshal(value), ".")
	trim(fraction, "0") == ""
}
