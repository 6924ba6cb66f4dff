package therapy.referral.route_test

import data.therapy.lib.reason
import data.therapy.lib.table_test as table
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

# Routes of all islands, as a policy must have them.
all_routes(region) := {island: region | some island, _ in islands}

region_11 := {"clause": "REF-1", "chapter": "11", "network": null}

region_12 := {"clause": "REF-2", "chapter": "12", "network": "New Network"}

test_no_route_before_the_first_period if {
	request := {"request_type": "pt_referral", "referral_date": "2024-03-15", "island": "oahu"}
	determination := route.determination with input as request
		with data.therapy.parameters.referral.routes.periods as [{"from": "2024-03-16", "value": all_routes(region_11)}]
	determination.route == null
	determination.outcome == "pended"
	table.summary(determination.reasons) == ["POLICY_VALUE_UNUSABLE"]
}

test_clauses_of_a_route[island] if {
	some island, clause in {"oahu": "REF-1", "maui": "REF-1", "hawaii": "REF-1", "kauai": "REF-2", "lanai": "REF-2", "molokai": "REF-2"}
	determination := route.determination with input as {"request_type": "referral_route", "island": island}
		with data.therapy.parameters.referral.routes.periods as first_routes
	determination.authorized_under == {clause}
	determination.outcome == "routed"
}

# A table with one fault is used for no island.
test_routes_that_cannot_be_used[name] if {
	some name, kauai in {
		"an unknown clause": object.union(region_11, {"clause": "REF-9"}),
		"no clause": object.remove(region_11, ["clause"]),
		"a chapter that is a number": object.union(region_11, {"chapter": 11}),
		"an empty chapter": object.union(region_11, {"chapter": ""}),
		"no chapter": object.remove(region_11, ["chapter"]),
		"an empty network": object.union(region_11, {"network": ""}),
		"a network that is a list": object.union(region_11, {"network": ["New Network"]}),
		"no network": object.remove(region_11, ["network"]),
		"null": null,
		"a text": "11",
	}
	routes := object.union(object.remove(all_routes(region_11), ["kauai"]), {"kauai": kauai})
	every island in ["oahu", "kauai"] {
		determination := route.determination with input as {"request_type": "referral_route", "island": island}
			with data.therapy.parameters.referral.routes.periods as [{"from": "1900-01-01", "value": routes}]
		determination.route == null
		determination.outcome == "pended"
		determination.authorized_under == set()
		determination.reasons == {reason.unusable("POLICY_VALUE_UNUSABLE", "referral.routes", ["REF-1", "REF-2"])}
	}
}

test_tables_that_cannot_be_used[name] if {
	some name, routes in {
		"an island left out": object.remove(all_routes(region_11), ["kauai"]),
		"an island misspelled": object.union(object.remove(all_routes(region_11), ["kauai"]), {"kawai": region_11}),
		"an unknown island": object.union(all_routes(region_11), {"niihau": region_11}),
		"a list": [region_11],
		"null": null,
		"a text": "oahu",
		"a number": 6,
		"empty": {},
	}
	determination := route.determination with input as {"request_type": "referral_route", "island": "oahu"}
		with data.therapy.parameters.referral.routes.periods as [{"from": "1900-01-01", "value": routes}]
	determination.route == null
	table.summary(determination.reasons) == ["POLICY_VALUE_UNUSABLE"]
}

# From 2030 on, the routes are others.
changed := [
	{"from": "1900-01-01", "value": all_routes(region_11)},
	{"from": "2030-01-01", "value": all_routes(region_12)},
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
