package therapy.member.benefit_test

import data.therapy.lib.table_test as table
import data.therapy.member.benefit

test_reasons[name] if {
	some name, case in {
		"covered": {"request": {"benefit_status": "covered"}, "shows": []},
		"not covered": {"request": {"benefit_status": "not_covered"}, "shows": ["BENEFIT_NOT_COVERED /benefit_status"]},
		"unverified": {"request": {"benefit_status": "unverified"}, "shows": ["BENEFIT_UNVERIFIED /benefit_status"]},
		"null": {"request": {"benefit_status": null}, "shows": ["BENEFIT_UNVERIFIED /benefit_status"]},
		"not stated": {"request": {}, "shows": ["BENEFIT_UNVERIFIED /benefit_status"]},
	}
	findings := benefit.reasons with input as case.request
	table.shown(findings) == case.shows
}
