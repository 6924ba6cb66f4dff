"""Every exception that this package raises to its callers, with the exit status of the command.

    TherapyPolicyError            3  any error of this package
      RequestError                2  a request that cannot be sent to an engine
        RequestNotJson            2
        RequestTooLarge           2
      EngineNotAvailable          3  no engine answers
        EngineTimeout             3  the engine does not answer in time
      EngineError                 3  the engine's answer is not a decision
      SidecarUrlInvalid           2  (also a ValueError)
      DownloadFailed              3  a bundle server does not answer with a bundle
      PortInUse                   3  the sidecar cannot listen on its port
      ToolNotAvailable            3  a program that the package runs cannot be found or downloaded
        OpaNotAvailable           3
        NginxNotAvailable         3
        ReviewToolsNotAvailable   3
      FileNotUsable               2  a file cannot be read or written
        InputDamaged              2  an input is cut off or damaged; what comes before was read
        OutputNotUsable           2
        ReleaseNotUsable          2  a release record is not valid, or does not match the policy that it is about
      BundleNotUsable             2  a bundle cannot be found, compiled or read
        BundleNotVerified         2  a bundle without a signature that is accepted, or older than allowed
        PolicyNotReadable         2
        PolicyNotUsable           2  a policy that `check` has findings about
      QuestionnaireResponseInvalid  1  a questionnaire response does not state a request
      Refused                     1  FHIR content that is not decided
      PolicyNotAccepted           1  the policy does not meet a condition for a release
      PolicyNotSigned             1  an interpretation or the release is not signed
    Stopped               128 + signal  a signal stopped the command (a BaseException, like KeyboardInterrupt)

No message contains anything from a request, because its text may be about a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

DECIDED = 0
INVALID = 1  # an invalid request, or a finding
USAGE = 2  # a file or usage error
NO_ENGINE = 3


class TherapyPolicyError(Exception):
    """Any error of this package. The message says what to do."""

    exit_status = NO_ENGINE


class RequestError(TherapyPolicyError):
    """A request that cannot be sent to an engine.

    `problem` describes the error without any of the request's text. `index` is the request's position in a list of
    requests, counted from 0; it is None for a single request.
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


class EngineTimeout(EngineNotAvailable):
    """The engine did not answer in time."""


class EngineError(TherapyPolicyError):
    """The engine answered, and the answer is not a decision on the request.

    `index` is the position of that request in a list of requests, counted from 0. It is None for a single request, and
    if the answer as a whole is wrong. `decisions` is None, or has a `Decision` for each request of the list (after
    `answers`, an `Answered`), and None for each that the engine failed to decide; `index` is then the first of these.
    """

    def __init__(self, problem: str, index: int | None = None, decisions: Sequence[Any] | None = None) -> None:
        super().__init__(problem, index, decisions)
        self.problem = problem
        self.index = index
        self.decisions = decisions

    def __str__(self) -> str:
        return self.problem if self.index is None else f"Request {self.index}, counted from 0: {self.problem}"


class SidecarUrlInvalid(TherapyPolicyError, ValueError):
    """The URL given for the sidecar cannot be used."""

    exit_status = USAGE


class DownloadFailed(TherapyPolicyError):
    """A bundle server cannot be reached, or does not answer with a bundle."""


class PortInUse(TherapyPolicyError):
    """The sidecar cannot listen on the port, for example because another program does."""


class ToolNotAvailable(TherapyPolicyError):
    """A program that the package runs was not found and could not be downloaded. The message says what was tried."""


class OpaNotAvailable(ToolNotAvailable):
    """No usable OPA was found, downloaded or built."""


class NginxNotAvailable(ToolNotAvailable):
    """No usable nginx is installed. The message says what to install."""


class ReviewToolsNotAvailable(ToolNotAvailable):
    """The npm packages that the review site needs could not be installed."""


class FileNotUsable(TherapyPolicyError):
    """A file cannot be read or written. The message says what to do."""

    exit_status = USAGE


class InputDamaged(FileNotUsable):
    """An input is cut off or damaged: what comes before was read, and the rest is missing."""


class OutputNotUsable(FileNotUsable):
    """A review cannot be written to the directory: it holds other files, or it cannot be written."""


class ReleaseNotUsable(FileNotUsable):
    """A release record is not valid, or the policy that it is about cannot be found. The message says what to do."""


class BundleNotUsable(TherapyPolicyError):
    """The bundle does not exist, or is not a bundle of this policy. The message says what to do."""

    exit_status = USAGE


class BundleNotVerified(BundleNotUsable):
    """The bundle is not signed by an accepted key, was changed afterwards, or is older than allowed."""


class PolicyNotReadable(BundleNotUsable):
    """The bundle has a part that the review cannot read. The message says which."""


class PolicyNotUsable(BundleNotUsable):
    """The policy has findings, which `therapy-policy check` lists. `findings` has them, each with its file and line."""

    def __init__(self, name: str, findings: Sequence[object]) -> None:
        super().__init__(name, findings)
        self.name = name
        self.findings = findings

    def __str__(self) -> str:
        lines = "\n".join(map(str, self.findings))
        return f"{self.name} cannot be used. `therapy-policy check` has findings to correct:\n{lines}"


@dataclass(frozen=True)
class ResponseError:
    """One error in a questionnaire response, which is not an exception by itself.

    `place` is a JSON Pointer (RFC 6901) into the response. `link_id` is the question that it is about, or None.
    """

    place: str
    link_id: str | None
    problem: str

    def __str__(self) -> str:
        return f"{self.place or 'the response'}: {f'{self.link_id} ' if self.link_id else ''}{self.problem}"


class QuestionnaireResponseInvalid(TherapyPolicyError):
    """A questionnaire response does not state a request. `errors` has every error, none with a text of the response."""

    exit_status = INVALID

    def __init__(self, errors: Sequence[ResponseError]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(["The questionnaire response does not state a request:", *map(str, self.errors)])


IssueType = Literal[
    "exception",
    "incomplete",
    "invalid",
    "not-found",
    "not-supported",
    "processing",
    "required",
    "structure",
    "timeout",
    "too-long",
    "transient",
    "value",
]


@dataclass(frozen=True)
class Issue:
    """One reason why FHIR content is not decided, as in an OperationOutcome, which is not an exception by itself.

    `code` is FHIR's IssueType. `expression` is the FHIRPath of the element that it is about, or "" for the whole.
    """

    code: IssueType
    expression: str
    problem: str

    def __str__(self) -> str:
        return f"{self.expression or 'the content'}: {self.problem}"


class Refused(TherapyPolicyError):
    """FHIR content that is not decided, with the HTTP status of the answer, 400 or 422. No issue has a text of it."""

    exit_status = INVALID

    def __init__(self, issues: Sequence[Issue], status: int = 422) -> None:
        super().__init__(issues, status)
        self.issues = issues
        self.status = status

    def __str__(self) -> str:
        return "\n".join(["The content is not decided:", *map(str, self.issues)])


class PolicyNotAccepted(TherapyPolicyError):
    """The policy does not meet a condition for a release. The message says what to change, and where."""

    exit_status = INVALID


class PolicyNotSigned(TherapyPolicyError):
    """An interpretation or the release is open, stale or to change. The message names each, and how to sign it."""

    exit_status = INVALID


class Stopped(BaseException):
    """A signal, `signal_number`, stopped the command."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    @property
    def exit_status(self) -> int:
        return 128 + self.signal_number
