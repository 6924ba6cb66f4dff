"""Reads, checks and compiles a policy and the records about it."""
