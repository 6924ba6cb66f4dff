package therapy.usable_values_test

import data.therapy.broken_parameters_test as broken
import data.therapy.usable_values

# The usable values, when the first period of a parameter is followed by two more.
with_periods(parameter, second, third) := values if {
	patches := [
		{"op": "add", "path": "periods/1", "value": {"from": "2030-01-01", "value": second}},
		{"op": "add", "path": "periods/2", "value": {"from": "2040-01-01", "value": third}},
	]
	values := usable_values with data.therapy.parameters as broken.parameters(parameter, patches)
}

name_of(parameter) := parts[count(parts) - 1] if parts := split(parameter, "/")

first_value(parameter) := object.get(broken.sound, array.concat(split(parameter, "/"), ["periods", 0]), null).value

test_each_period_is_used_or_left_out_by_itself[parameter] if {
	some parameter, _ in broken.needs
	sound := first_value(parameter)
	periods := with_periods(parameter, null, sound)[name_of(parameter)]
	[[period.until, period.value] | some period in periods] == [["2030-01-01", sound], ["2100-01-01", sound]]
}

test_each_parameter_is_here if {
	names := {name | some name, _ in usable_values}
	names == {name_of(parameter) | some parameter, _ in broken.needs} | {"version", "reason_codes", "standard_answers"}
}

test_each_period_says_when_it_applies_and_its_value[parameter] if {
	some parameter in {name_of(parameter) | some parameter, _ in broken.needs}
	every period in usable_values[parameter] {
		object.keys(period) == {"from", "until", "value"}
	}
}

# The sidecar gets the values as JSON, which would turn a set into a list.
test_no_value_has_a_set if json.unmarshal(json.marshal(usable_values)) == usable_values

test_only_codes_whose_entry_can_be_used if {
	entry := data.therapy.register.reason_codes.BENEFIT_NOT_COVERED
	codes := {"SOUND": entry, "WITHOUT_ORDER": object.remove(entry, ["order"]), "EMPTY": {}, "NULL": null}
	usable_values.reason_codes == {"SOUND": true} with data.therapy.register.reason_codes as codes
}
