"""What a change of the policy changes, and what a release of it needs."""
