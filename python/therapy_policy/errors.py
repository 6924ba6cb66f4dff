"""What the client raises."""


class TherapyPolicyError(Exception):
    """Anything that went wrong in this package; the message says what to do."""


class OpaNotAvailable(TherapyPolicyError):
    """No usable OPA was found, and none could be had."""
