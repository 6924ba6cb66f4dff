"""A decision, and how it is asked for: what both clients have in common."""

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
    """What is authorized: zeros and an empty list unless the outcome is `authorized` or `partially_authorized`."""

    units: int  # of 15 minutes
    procedure_codes: list[str]  # CPT codes that got a unit, sorted, each once
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
    reasons: list[str]  # the codes of the reasons that bear on the line


class Reason(TypedDict):
    """Why: a rule that applies, with the clauses of the source that it rests on."""

    code: str
    effect: Literal["invalid", "scope", "deny", "pend", "info"]
    clauses: list[str]  # ids, such as PT-5
    interpretation: str | None  # id, such as INT-2, where the source is silent
    message: str  # one sentence for a person; never repeats free text of the request
    remedy: str | None  # what would lift the reason
    path: str  # JSON Pointer (RFC 6901) into the request; "" for the whole


class Route(TypedDict):
    """Where an island's referrals are described."""

    chapter: str  # of the Affiliated Practitioner Manual
    network: str | None


class Contact(TypedDict):
    """Whom to ask (AUTH-1)."""

    name: str
    hours: str
    fax: list[str]


class Decision(TypedDict):
    """The policy's answer to one request: a plain `dict`, all of whose members are always there.

    Nothing is authorized unless `outcome` is `authorized` or `partially_authorized`.
    """

    outcome: Outcome
    request_type: str | None  # None where it is none that the policy knows
    request_id: str | None  # as asked
    authorized: Authorized
    lines: list[Line]  # of a valid pediatric_ot_claim, in the order asked
    reasons: list[Reason]  # every one that applies
    route: Route | None
    contact: Contact | None
    policy_version: str


class Client(ABC):
    """Asks an engine for decisions; it may be shared by any number of threads.

    A method that decides raises `RequestNotJson` or `RequestTooLarge` before the engine is asked anything,
    `EngineNotAvailable` if no engine answers, or the client is closed, and `EngineError` for an answer that is no
    decision. A request of the wrong form is no error: the decision on it is `invalid_request`.
    """

    def decide(self, request: object) -> Decision:
        """Decide one request, a JSON value as `json.loads` returns it."""
        return _decision(self._ask("therapy/decision", request_text(request)))

    def decide_text(self, text: str | bytes) -> Decision:
        """Decide one request that is given as JSON text; the policy sees its numbers as they are written."""
        return _decision(self._ask("therapy/decision", checked_text(text)))

    def decide_many(self, requests: Iterable[object]) -> list[Decision]:
        """Decide requests, in order; several times as fast as one by one.

        All are read before the first is decided, so give a very long run of them in parts.
        """
        return self._decide_batches(_each(requests, request_text))

    def decide_texts(self, texts: Iterable[str | bytes]) -> list[Decision]:
        """Decide requests that are given as JSON texts, in order; as `decide_many` otherwise."""
        return self._decide_batches(_each(texts, checked_text))

    def _decide_batches(self, texts: list[str]) -> list[Decision]:
        decisions: list[Decision] = []
        for batch, count in batches(texts):
            answer = self._ask("therapy/decisions", batch)
            if not isinstance(answer, list) or len(answer) != count:
                raise EngineError("The engine did not answer with one decision for each request." + _ADVICE)
            decisions.extend(map(_decision, answer))
        return decisions

    @abstractmethod
    def _ask(self, entry_point: str, text: str) -> object:
        """Give an entry point of the policy its input, as JSON text, and return what it answers."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the engine; what is asked afterwards raises `EngineNotAvailable`. To close again does nothing."""

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
_ADVICE = " See that it runs the therapy policy, of a version that this client knows."


def _decision(answer: object) -> Decision:
    """See that an answer has the members and the outcome of a decision; what is deeper inside is the policy's."""
    if not isinstance(answer, dict) or answer.keys() != Decision.__required_keys__:
        raise EngineError("The engine answered with something that is no decision." + _ADVICE)
    if answer["outcome"] not in _OUTCOMES:
        raise EngineError("The engine answered with an outcome that is unknown here." + _ADVICE)
    return cast(Decision, answer)
