"""`python -m therapy_policy`, the same as the command `therapy-policy`."""

from therapy_policy.cli import main

main()
