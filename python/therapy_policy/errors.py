"""What the client raises. No message repeats anything of a request: its text may be about a patient."""

from __future__ import annotations


class TherapyPolicyError(Exception):
    """Anything that went wrong in this package; the message says what to do."""


class OpaNotAvailable(TherapyPolicyError):
    """No usable OPA was found, and none could be had."""


class _RequestProblem(TherapyPolicyError):
    """A request that no engine can be asked about.

    `problem` says what is wrong in words, without any of the request's text. `index` is the request's place in the list
    that was asked about, counted from 0; it is None where one request was.
    """

    def __init__(self, problem: str, index: int | None = None) -> None:
        super().__init__(problem, index)
        self.problem = problem
        self.index = index

    def __str__(self) -> str:
        which = "The request" if self.index is None else f"Request {self.index}, counted from 0,"
        return f"{which} cannot be decided: {self.problem}."


class RequestNotJson(_RequestProblem):
    """The request is not JSON text, or cannot be written as JSON."""


class RequestTooLarge(_RequestProblem):
    """The request has more bytes than are taken."""


class EngineNotAvailable(TherapyPolicyError):
    """No engine answers: none is there, it did not answer in time, or the client is closed."""


class EngineError(TherapyPolicyError):
    """The engine answered, and the answer is no decision."""


class SidecarUrlInvalid(TherapyPolicyError, ValueError):
    """The URL given for the sidecar is none that can be asked."""
