"""The decision, and what both clients share: the methods that request one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Literal, Self, TypedDict, TypeVar, cast, get_args

from therapy_policy.client.request_text import batches, checked_text, request_text
from therapy_policy.errors import EngineError, RequestNotJson, RequestTooLarge

Outcome = Literal[
    "authorized", "partially_authorized", "denied", "pended", "not_applicable", "routed", "invalid_request"
]


class Authorized(TypedDict):
    """What is authorized. Zeros and an empty list unless the outcome is `authorized` or `partially_authorized`."""

    units: int  # of 15 minutes
    procedure_codes: list[str]  # CPT codes with at least one authorized unit, sorted, without duplicates
    evaluation_visits: int
    treatment_visits: int
    max_units_per_visit: int  # units of 15 minutes


class Line(TypedDict):
    """What was decided on one service line of a claim."""

    line: int  # counted from 1
    procedure_code: str
    status: Literal["authorized", "partially_authorized", "denied", "pended"]
    units_requested: int  # of 15 minutes
    units_authorized: int  # of 15 minutes
    reasons: list[str]  # codes of the reasons that affect the line


class Reason(TypedDict):
    """A rule that applies to the request, with the clauses of the source that it is based on."""

    code: str
    effect: Literal["invalid", "scope", "deny", "pend", "info"]
    clauses: list[str]  # ids, such as PT-5
    interpretation: str | None  # id, such as INT-2, if the source is silent
    message: str  # one sentence for people; never contains free text from the request
    remedy: str | None  # how to resolve the reason; None if nothing can
    path: str  # JSON Pointer (RFC 6901) into the request; "" for the whole


class Route(TypedDict):
    """Where the referrals of an island are handled."""

    chapter: str  # of the Affiliated Practitioner Manual
    network: str | None


class Contact(TypedDict):
    """Whom to contact about prior authorization (AUTH-1)."""

    name: str
    hours: str
    fax: list[str]


class Decision(TypedDict):
    """The policy's answer to one request: a plain `dict` in which every field is always present.

    Nothing is authorized unless `outcome` is `authorized` or `partially_authorized`.
    """

    outcome: Outcome
    request_type: str | None  # None if the policy does not know the request type
    request_id: str | None  # as in the request
    authorized_under: list[str]  # ids of the clauses that the approval is based on; policies before 2.0.0 give none
    authorized: Authorized
    lines: list[Line]  # of a valid pediatric_ot_claim, in the order requested; empty for other types
    reasons: list[Reason]  # all that apply
    route: Route | None
    contact: Contact | None
    policy_version: str


class Client(ABC):
    """Gets decisions from an engine. Any number of threads can share a client.

    Every method that decides raises:
        RequestNotJson, RequestTooLarge: before the engine receives anything.
        EngineNotAvailable: no engine answers, or the client is closed.
        EngineError: the engine's response is not a decision.

    A request that does not match the published schema raises nothing: its decision has the outcome `invalid_request`.
    """

    def decide(self, request: object) -> Decision:
        """Decide one request, a JSON value as `json.loads` returns it."""
        return _decision(self._ask("therapy/decision", request_text(request)))

    def decide_text(self, text: str | bytes) -> Decision:
        """Decide one request given as JSON text (bytes are UTF-8). The policy sees its numbers exactly as written."""
        return _decision(self._ask("therapy/decision", checked_text(text)))

    def decide_many(self, requests: Iterable[object]) -> list[Decision]:
        """Decide requests, JSON values as in `decide`, and return the decisions in the same order.

        This is several times faster than one call per request. All requests are read before the first is decided, so
        split a very long series into parts.
        """
        return self._decide_batches(_each(requests, request_text))

    def decide_texts(self, texts: Iterable[str | bytes]) -> list[Decision]:
        """Decide requests given as JSON texts, and return the decisions in the same order; see `decide_many`."""
        return self._decide_batches(_each(texts, checked_text))

    def _decide_batches(self, texts: list[str]) -> list[Decision]:
        decisions: list[Decision] = []
        for batch, count in batches(texts):
            answer = self._ask("therapy/decisions", batch)
            if not isinstance(answer, list) or len(answer) != count:
                raise EngineError("The engine did not return one decision for each request." + _CHECK_ENGINE)
            decisions.extend(map(_decision, answer))
        return decisions

    @abstractmethod
    def _ask(self, entry_point: str, text: str) -> object:
        """Send JSON text to an entry point of the policy and return its result."""

    @abstractmethod
    def close(self) -> None:
        """Release the engine. Later requests raise `EngineNotAvailable`; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


_Value = TypeVar("_Value")


def _each(values: Iterable[_Value], as_text: Callable[[_Value], str]) -> list[str]:
    texts = []
    for index, value in enumerate(values):
        try:
            texts.append(as_text(value))
        except (RequestNotJson, RequestTooLarge) as error:
            raise type(error)(error.problem, index) from None
    return texts


_OUTCOMES = frozenset(get_args(Outcome))
_CHECK_ENGINE = " Check that it runs a compatible version of the therapy policy."


def _decision(answer: object) -> Decision:
    """Check that an answer has the fields and an outcome of a decision. The policy vouches for what is inside them."""
    if isinstance(answer, dict):
        answer.setdefault("authorized_under", [])
    if not isinstance(answer, dict) or answer.keys() != Decision.__required_keys__:
        raise EngineError("The engine's response is not a therapy-policy decision." + _CHECK_ENGINE)
    if answer["outcome"] not in _OUTCOMES:
        raise EngineError("The engine's response has an unknown outcome." + _CHECK_ENGINE)
    return cast(Decision, answer)
