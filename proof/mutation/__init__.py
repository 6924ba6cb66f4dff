"""Mutation testing of the hand-written Rego and of the policy data: what can be changed, and what notices."""
