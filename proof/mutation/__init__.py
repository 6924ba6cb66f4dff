"""Mutation testing of the hand-written Rego and of the policy data: the mutants, and what notices them."""
