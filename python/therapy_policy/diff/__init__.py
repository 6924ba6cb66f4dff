"""What changed between two bundles: in numbers, lists and wording, in rules, and in what is decided."""
