# METADATA
# title: Outpatient PT continuation review
# description: Therapy continues if no criterion for ending it is met.
# schemas:
#   - input: schema.pt_continuation
package therapy.outpatient_pt.continuation

import data.therapy.lib.reason
import data.therapy.member.benefit
import data.therapy.outpatient_pt.discontinuation
import data.therapy.outpatient_pt.rules_in_force

# METADATA
# title: A review is pended for each criterion that the request leaves open, if none is met
reasons contains reason.under(clause, "DC_UNDETERMINED", ["discontinuation"], {"fields": concat(" and ", fields)}) if {
	count(discontinuation.reasons) == 0
	some clause, fields in discontinuation.fields_of_criterion
	not discontinuation.determined(clause)
}

all_reasons := union({reasons, rules_in_force.reasons, benefit.reasons, discontinuation.reasons})

# METADATA
# title: What a continuation review gets if nothing denies or pends it
determination := {
	"reasons": all_reasons,
	"outcome": "authorized",
	"authorized_under": object.keys(discontinuation.fields_of_criterion),
}
