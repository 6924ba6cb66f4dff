package system.authz_test

import data.system.authz

opened := {
	"one decision": {"method": "POST", "path": ["v1", "data", "therapy", "decision"]},
	"a batch": {"method": "POST", "path": ["v1", "data", "therapy", "decisions"], "params": {}},
	"one answer": {"method": "POST", "path": ["v1", "data", "therapy", "answer"]},
	"a batch of answers": {"method": "POST", "path": ["v1", "data", "therapy", "answers"], "params": {}},
	"with metrics": {"method": "POST", "path": ["v1", "data", "therapy", "decision"], "params": {"metrics": ["true"]}},
	"prettily": {"method": "POST", "path": ["v1", "data", "therapy", "decision"], "params": {"pretty": ["true"]}},
	"health": {"method": "GET", "path": ["health"], "params": {}},
	"readiness": {"method": "GET", "path": ["health"], "params": {"bundles": [""], "plugins": [""]}},
	"a probe": {"method": "HEAD", "path": ["health"]},
	"whether it lives": {"method": "GET", "path": ["health", "live"], "params": {}},
	"whether it is ready": {"method": "GET", "path": ["health", "ready"]},
	"its metrics": {"method": "GET", "path": ["metrics"]},
}

test_opened[name] if {
	some name, request in opened
	authz.allow with input as request
}

closed := {
	"all data": {"method": "POST", "path": ["v1", "data"]},
	"the policy's inside": {"method": "POST", "path": ["v1", "data", "therapy", "determination"]},
	"below an entry point": {"method": "POST", "path": ["v1", "data", "therapy", "decision", "outcome"]},
	"below an answer": {"method": "POST", "path": ["v1", "data", "therapy", "answer", "decision"]},
	"the parameters": {"method": "GET", "path": ["v1", "data", "therapy", "parameters"]},
	"a decision by GET": {"method": "GET", "path": ["v1", "data", "therapy", "decision"]},
	"answers by GET": {"method": "GET", "path": ["v1", "data", "therapy", "answers"]},
	"data by PUT": {"method": "PUT", "path": ["v1", "data", "therapy", "decision"]},
	"data by PATCH": {"method": "PATCH", "path": ["v1", "data", "therapy", "parameters"]},
	"a policy uploaded": {"method": "PUT", "path": ["v1", "policies", "mine"]},
	"the policies": {"method": "GET", "path": ["v1", "policies"]},
	"an ad-hoc query": {"method": "POST", "path": ["v1", "query"]},
	"a compilation": {"method": "POST", "path": ["v1", "compile"]},
	"the old interface": {"method": "POST", "path": ["v0", "data", "therapy", "decision"]},
	"the default decision": {"method": "POST", "path": []},
	"the configuration": {"method": "GET", "path": ["v1", "config"]},
	"metrics by POST": {"method": "POST", "path": ["metrics"]},
	"metrics with a parameter": {"method": "GET", "path": ["metrics"], "params": {"name[]": ["go_info"]}},
	"below the metrics": {"method": "GET", "path": ["metrics", "alloc_bytes"]},
	"an explanation": {"method": "POST", "path": ["v1", "data", "therapy", "decision"], "params": {"explain": ["full"]}},
	"strict errors": {
		"method": "POST", "path": ["v1", "data", "therapy", "decision"],
		"params": {"metrics": ["true"], "strict-builtin-errors": ["true"]},
	},
	"health by POST": {"method": "POST", "path": ["health"]},
	"health of more": {"method": "GET", "path": ["health", "ready", "allow"]},
	"health of something else": {"method": "GET", "path": ["health", "started"]},
	"health with a parameter": {"method": "GET", "path": ["health"], "params": {"exclude-plugin": ["bundle"]}},
	"nothing": {},
}

test_closed[name] if {
	some name, request in closed
	not authz.allow with input as request
}
