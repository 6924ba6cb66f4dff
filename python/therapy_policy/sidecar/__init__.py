"""The sidecar: OPA with this policy."""
