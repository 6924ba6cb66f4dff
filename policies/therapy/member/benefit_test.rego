package therapy.member.benefit_test

import data.therapy.lib.table_test as table
import data.therapy.member.benefit

test_reasons[name] if {
	some name, case in {
		"covered": {"request": {"benefit_status": "covered"}, "reasons": []},
		"not covered": {"request": {"benefit_status": "not_covered"}, "reasons": ["BENEFIT_NOT_COVERED /benefit_status"]},
		"unverified": {"request": {"benefit_status": "unverified"}, "reasons": ["BENEFIT_UNVERIFIED /benefit_status"]},
		"null": {"request": {"benefit_status": null}, "reasons": ["BENEFIT_UNVERIFIED /benefit_status"]},
		"not stated": {"request": {}, "reasons": ["BENEFIT_UNVERIFIED /benefit_status"]},
	}
	reasons := benefit.reasons with input as case.request
	table.summary(reasons) == case.reasons
}
