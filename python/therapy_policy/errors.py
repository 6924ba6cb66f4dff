"""Every exception that a caller of this package may meet, and the exit status to which each leads.

    TherapyPolicyError            3  anything that goes wrong in this package
      RequestError                2  a request that no engine can be asked about
        RequestNotJson            2
        RequestTooLarge           2
      EngineNotAvailable          3  no engine answers
      EngineError                 3  the engine's answer is not a decision
      SidecarUrlInvalid           2  (also a ValueError)
      PortInUse                   3  the sidecar cannot listen on its port
      ToolNotAvailable            3  something that the package runs cannot be found or fetched
        OpaNotAvailable           3
        ReviewToolsNotAvailable   3
      FileNotUsable               2  a file cannot be read or written as asked
        OutputNotUsable           2
      BundleNotUsable             2  a bundle cannot be found, compiled or read
        PolicyNotReadable         2
    Stopped               128 + signal  a signal asked to stop (a BaseException, as KeyboardInterrupt is)

No message repeats anything of a request: its text may be about a patient.
"""

from __future__ import annotations

DECIDED = 0
INVALID = 1  # an invalid request, or a finding
USAGE = 2  # a file or usage error
NO_ENGINE = 3


class TherapyPolicyError(Exception):
    """Anything that goes wrong in this package; the message says what to do."""

    exit_status = NO_ENGINE


class RequestError(TherapyPolicyError):
    """A request that no engine can be asked about.

    `problem` says what is wrong in words, without any of the request's text. `index` is the request's position in the
    list that was asked about, counted from 0; it is None for a single request.
    """

    exit_status = USAGE

    def __init__(self, problem: str, index: int | None = None) -> None:
        super().__init__(problem, index)
        self.problem = problem
        self.index = index

    def __str__(self) -> str:
        which = "The request" if self.index is None else f"Request {self.index}, counted from 0,"
        return f"{which} cannot be decided: {self.problem}."


class RequestNotJson(RequestError):
    """The request is not JSON text, or cannot be written as JSON."""


class RequestTooLarge(RequestError):
    """The request has more bytes than the client or the sidecar accepts."""


class EngineNotAvailable(TherapyPolicyError):
    """No engine answers: none is running, it did not answer in time, or the client is closed."""


class EngineError(TherapyPolicyError):
    """The engine answered, and the answer is not a decision."""


class SidecarUrlInvalid(TherapyPolicyError, ValueError):
    """The URL given for the sidecar cannot be used."""

    exit_status = USAGE


class PortInUse(TherapyPolicyError):
    """The sidecar cannot listen on the port, because something else does."""


class ToolNotAvailable(TherapyPolicyError):
    """A program that the package runs was not found and could not be fetched; the message says what was tried."""


class OpaNotAvailable(ToolNotAvailable):
    """No usable OPA was found or could be fetched."""


class ReviewToolsNotAvailable(ToolNotAvailable):
    """The npm packages that the review site needs could not be installed."""


class FileNotUsable(TherapyPolicyError):
    """A file cannot be read or written as asked; the message says what to do."""

    exit_status = USAGE


class OutputNotUsable(FileNotUsable):
    """A review cannot be written to the directory: it holds other files, or it cannot be written."""


class BundleNotUsable(TherapyPolicyError):
    """The bundle does not exist, or is not a bundle of this policy; the message says what was tried."""

    exit_status = USAGE


class PolicyNotReadable(BundleNotUsable):
    """The bundle holds something that the review cannot read; the message says what."""


class Stopped(BaseException):
    """A signal asked to stop; `signal_number` is which."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    @property
    def exit_status(self) -> int:
        return 128 + self.signal_number
