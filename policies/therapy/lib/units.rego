# METADATA
# title: Units
# description: A visit lasts at most one hour, which is counted in units, whatever the therapy.
package therapy.lib.units

import data.therapy.lib.effective

# METADATA
# title: The most units that one visit may have on the request's date
per_visit := effective.value(data.therapy.parameters.units_per_visit.periods)
