# METADATA
# title: What the probes of the sidecar answer
# description: OPA serves `live` and `ready` at /health/live and /health/ready.
package system.health

# METADATA
# title: OPA lives when it can evaluate this
default live := true

# METADATA
# title: OPA is ready when it has a policy, and every bundle that it was told to load
# description: A bundle that cannot be updated later keeps the sidecar ready, because the policy that it has still decides.
default ready := false

ready if {
	input.plugins_ready
	is_string(data.therapy.register.policy.version)
}
