# METADATA
# title: What the sidecar opens
# description: Only the entry points for decisions and answers, the probes and the metrics. Nobody can upload a policy, run
#   a query, or read or write data.
package system.authz

default allow := false

# METADATA
# title: Callers may request decisions, also with their standard answers
allow if {
	input.method == "POST"
	input.path in {
		["v1", "data", "therapy", "decision"],
		["v1", "data", "therapy", "decisions"],
		["v1", "data", "therapy", "answer"],
		["v1", "data", "therapy", "answers"],
	}
	_only_parameters({"metrics", "pretty"})
}

# METADATA
# title: Callers may check whether the sidecar is healthy
allow if {
	input.method in {"GET", "HEAD"}
	input.path == ["health"]
	_only_parameters({"bundles", "plugins"})
}

# METADATA
# title: Probes may ask whether the sidecar lives and is ready, and Prometheus may read its metrics
# description: The metrics are OPA's own. They count requests, and contain no value of one.
allow if {
	input.method == "GET"
	input.path in {["health", "live"], ["health", "ready"], ["metrics"]}
	_only_parameters(set())
}

_only_parameters(allowed) if {
	every name, _ in object.get(input, "params", {}) {
		name in allowed
	}
}
