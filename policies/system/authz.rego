# METADATA
# title: What the sidecar opens
# description: The two decision entry points and health. No policy upload, no ad-hoc query, no data written or read.
package system.authz

default allow := false

# METADATA
# title: A decision may be asked for
allow if {
	input.method == "POST"
	input.path in {["v1", "data", "therapy", "decision"], ["v1", "data", "therapy", "decisions"]}
	only_parameters({"metrics", "pretty"})
}

# METADATA
# title: Health may be asked for
allow if {
	input.method in {"GET", "HEAD"}
	input.path == ["health"]
	only_parameters({"bundles", "plugins"})
}

only_parameters(allowed) if {
	every name, _ in object.get(input, "params", {}) {
		name in allowed
	}
}
