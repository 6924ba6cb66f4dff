# METADATA
# title: Table tests
# description: What the table tests share. A case says how its request differs from the base request of its file, and
#   what is then expected. Tables are plain data, as a table that is itself undefined would test nothing.
package therapy.lib.table_test

import data.therapy.lib.reason

# METADATA
# title: The base request without what a case leaves out, and with what it changes
request(base, case) := object.union(
	json.remove(base, object.get(case, "without", [])),
	object.get(case, "change", {}),
)

# METADATA
# title: A JSON value as it is written, with numbers that crash OPA when a rule compares them
# description: From OPA 1.22 on, OPA rejects such a number when it reads it. The largest that it reads takes its place.
as_written(text) := json.unmarshal(replace(text, "99999999", largest)) if {
	before := semver.compare(opa.runtime().version, "1.22.0") < 0
	largest := {true: "99999999", false: "9999"}[before]
}

# METADATA
# title: Reasons in the order of a decision, each as its code and its path
summary(reasons) := [trim_right(concat(" ", [entry.code, entry.path]), " ") |
	some entry in reason.details(reasons)
]

# METADATA
# title: The facts of reasons, in the order of a decision
# description: What a rule is tested for. The register has the words around the facts, and may change them.
facts(reasons) := [object.get(each, "facts", {}) |
	some [_, _, each] in sort([[data.therapy.register.reason_codes[each.code].order, each.place, each] |
		some each in reasons
	])
]
