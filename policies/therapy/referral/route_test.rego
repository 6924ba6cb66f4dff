package therapy.referral.route_test

import data.therapy.referral.route

chapter_11 := {"chapter": "11", "network": null}

chapter_17 := {"chapter": "17", "network": "Neighbor Island Network"}

islands := {
	"oahu": chapter_11,
	"maui": chapter_11,
	"hawaii": chapter_11,
	"kauai": chapter_17,
	"lanai": chapter_17,
	"molokai": chapter_17,
}

# A route has no date, so the newest period decides it: here, the first of all.
first_routes := array.slice(data.therapy.parameters.referral.routes.periods, 0, 1)

test_each_island[island] if {
	some island, expected in islands
	got := route.for_island with input as {"request_type": "referral_route", "island": island}
		with data.therapy.parameters.referral.routes.periods as first_routes
	got == expected
}

test_each_island_of_a_referral[island] if {
	some island, expected in islands
	request := {"request_type": "pt_referral", "referral_date": "2024-03-15", "island": island}
	route.for_island == expected with input as request
}

test_a_referral_from_the_first_day_of_all if {
	request := {"request_type": "pt_referral", "referral_date": "1900-01-01", "island": "lanai"}
	route.for_island == chapter_17 with input as request
}

test_these_islands_alone if {
	object.keys(first_routes[0].value) == object.keys(islands)
}

test_no_route[name] if {
	some name, request in {
		"no island": {"request_type": "pt_referral", "referral_date": "2024-03-15"},
		"null": {"request_type": "pt_referral", "referral_date": "2024-03-15", "island": null},
		"another island": {"request_type": "referral_route", "island": "niihau"},
	}
	route.for_island == null with input as request
}

test_no_route_before_the_first_period if {
	later := [{"from": "2024-03-16", "value": {"oahu": {"clause": "REF-1", "chapter": "11", "network": null}}}]
	request := {"request_type": "pt_referral", "referral_date": "2024-03-15", "island": "oahu"}
	route.for_island == null with input as request
		with data.therapy.parameters.referral.routes.periods as later
}

# From 2030 on, the routes are others.
changed := [
	{"from": "1900-01-01", "value": {"oahu": {"clause": "REF-1", "chapter": "11", "network": null}}},
	{"from": "2030-01-01", "value": {"oahu": {"clause": "REF-1", "chapter": "12", "network": "New Network"}}},
]

test_a_change_holds_from_its_date_on[name] if {
	some name, case in {
		"referral of the day before": {
			"request": {"request_type": "pt_referral", "referral_date": "2029-12-31", "island": "oahu"},
			"route": {"chapter": "11", "network": null},
		},
		"referral of the day": {
			"request": {"request_type": "pt_referral", "referral_date": "2030-01-01", "island": "oahu"},
			"route": {"chapter": "12", "network": "New Network"},
		},
		"a route has no date, so the newest holds": {
			"request": {"request_type": "referral_route", "island": "oahu"},
			"route": {"chapter": "12", "network": "New Network"},
		},
	}
	got := route.for_island with input as case.request with data.therapy.parameters.referral.routes.periods as changed
	got == case.route
}
