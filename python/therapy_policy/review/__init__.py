"""The policy for people to review: a static site that is generated from a bundle."""
