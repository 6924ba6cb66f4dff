package therapy.lib.whole_number_test

import data.therapy.lib.whole_number

# How a number is written counts, so the tables have it as JSON text.
test_whole[written] if {
	some written, number in {
		"0": 0,
		"-0": 0,
		"0.0": 0,
		"-0.0": 0,
		"0.00": 0,
		"-0.00": 0,
		"1": 1,
		"4": 4,
		"4.0": 4,
		"4.00": 4,
		"4.000000000000000000000000000000000000": 4,
		"10": 10,
		"10.0": 10,
		"100.00": 100,
		"999": 999,
		"999.0": 999,
		"999.000": 999,
	}
	whole_number.of(written) == number
}

test_each_in_plain_digits if {
	every number in numbers.range(0, 999) {
		whole_number.of(format_int(number, 10)) == number
	}
}

test_each_with_one_zero_after_the_point if {
	every number in numbers.range(0, 999) {
		whole_number.of(concat("", [format_int(number, 10), ".0"])) == number
	}
}

test_not_whole[written] if {
	some written in [
		"1000", "1000.0", "1000.00", "-1", "-1.0", "-1.00", "-4", "12345678901234567890",
		"0.5", "4.5", "4.05", "4.50", "4.01", "3.9999999999999999999999",
		"4e0", "4E0", "4e+0", "4e-0", "4.0e0", "4.00e0", "40e-1", "0.4e1", "1e3", "1e99999999", "-1e99999999",
		`"4"`, `"4.0"`, `"4.00"`, `"0"`, `""`, "true", "false", "null", "[]", "[4]", "[4.00]", "{}", `{"4": 4}`,
	]
	not whole_number.of(written)
}
