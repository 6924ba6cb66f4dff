# METADATA
# title: Units
# description: A visit lasts at most one hour, which is counted in units, whatever the therapy.
package therapy.lib.units

import data.therapy.lib.effective
import data.therapy.lib.reason
import data.therapy.usable_values

# METADATA
# title: The most units that one visit may have on the request's date
per_visit := effective.value(usable_values.units_per_visit)

# METADATA
# title: The clauses that the limit is based on
clauses := {clause | some clause in data.therapy.parameters.units_per_visit.clauses}

# METADATA
# title: A request is pended while the unit limit of a visit cannot be used
reasons contains reason.unusable("POLICY_VALUE_UNUSABLE", "units_per_visit", clauses) if not per_visit
