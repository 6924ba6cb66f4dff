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
# title: Reasons in the order of a decision, each as its code and its path
summary(reasons) := [trim_right(concat(" ", [entry.code, entry.path]), " ") |
	some entry in reason.details(reasons)
]

# METADATA
# title: The messages of reasons, in the order of a decision
messages(reasons) := [entry.message | some entry in reason.details(reasons)]
