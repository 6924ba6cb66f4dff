# METADATA
# title: Whole numbers
# description: Reads a whole number by how it is written, so that a number too large to compare is never compared.
package therapy.lib.whole_number

# METADATA
# title: The number from 0 to 999 in plain digits, as in 4 or 4.0; undefined for anything else
# description: Takes the number as JSON writes it. OPA remembers what a function returned for its arguments and compares
#   them as numbers, so a function of the number itself would take 2e0 for 2. The table has each number as 4 and as 4.0;
#   a fraction with more zeros, as in 4.00, is too rare for it.
of(text) := number if {
	number := data.therapy.lib.whole_number.by_text[text]
} else := data.therapy.lib.whole_number.by_text[digits] if {
	[digits, fraction] := split(text, ".")
	replace(fraction, "0", "") == ""
}
