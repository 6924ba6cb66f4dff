package system.health_test

import data.system.health

policy := {"version": "2.0.0"}

test_live if health.live

test_ready if {
	health.ready with input as {"plugins_ready": true, "plugin_state": {}} with data.therapy.register.policy as policy
}

test_not_ready_before_its_bundles if {
	not health.ready with input as {"plugins_ready": false} with data.therapy.register.policy as policy
	not health.ready with input as {} with data.therapy.register.policy as policy
}

test_not_ready_without_a_policy if {
	not health.ready with input as {"plugins_ready": true} with data.therapy.register.policy as {}
}
