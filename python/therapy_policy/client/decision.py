"""The decision, and what both clients share: the methods that request one."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from types import NoneType, TracebackType
from typing import (
    Any,
    Generic,
    Literal,
    NamedTuple,
    Self,
    TypedDict,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from therapy_policy.client.answer import Action, Answer
from therapy_policy.client.request_text import Batch, RequestText, batches, checked_text, request_text
from therapy_policy.errors import EngineError, EngineTimeout, RequestNotJson, RequestTooLarge, TherapyPolicyError
from therapy_policy.files import packaged_json

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


class Answered(TypedDict):
    """A decision with its standard answer."""

    decision: Decision
    answer: Answer


class Client(ABC):
    """Gets decisions from an engine. Any number of threads can share a client.

    Every method that decides raises:
        RequestNotJson, RequestTooLarge: before the engine receives anything.
        EngineNotAvailable: no engine answers, or the client is closed.
        EngineError: the engine fails, or its response is not a decision on the request, or contradicts itself.

    A request that does not match the published schema raises nothing: its decision has the outcome `invalid_request`.

    `answer`, `answer_text` and `answers` return each decision with its standard answer. Policies before 2.1.0 give
    none: if the engine fails, two more exchanges find out whether that is why, and the `EngineError` then says so.
    """

    _policy_version: str | None = None  # the only version whose decisions are accepted; None accepts any
    _again_seconds: float = 60.0  # for the requests of a failed batch, which are asked alone
    _published: Published | None = None  # by the policy that decides; None if it is that of this package

    def decide(self, request: object) -> Decision:
        """Decide one request, a JSON value as `json.loads` returns it."""
        return self._ask_one(DECISION, request_text(request))

    def decide_text(self, text: str | bytes) -> Decision:
        """Decide one request given as JSON text (bytes are UTF-8). The policy sees its numbers exactly as written."""
        return self._ask_one(DECISION, checked_text(text))

    def decide_many(self, requests: Iterable[object]) -> list[Decision]:
        """Decide requests, JSON values as in `decide`, and return the decisions in the same order.

        This is several times faster than one call per request. All requests are read before the first is decided, so
        split a very long series into parts. If the engine fails on a request, the others are decided within a limited
        time, and the `EngineError` has their `decisions`.
        """
        return self._ask_many(DECISION, each_as_text(requests, request_text))

    def decide_texts(self, texts: Iterable[str | bytes]) -> list[Decision]:
        """Decide requests given as JSON texts, and return the decisions in the same order; see `decide_many`."""
        return self._ask_many(DECISION, each_as_text(texts, checked_text))

    def decide_checked(self, requests: list[RequestText]) -> list[Decision]:
        """Decide requests that `checked_text` returned; return the decisions in the same order. See `decide_many`."""
        return self._ask_many(DECISION, requests)

    def answer(self, request: object) -> Answered:
        """Decide one request, a JSON value as in `decide`; return the decision with its standard answer."""
        return self._ask_one(ANSWER, request_text(request))

    def answer_text(self, text: str | bytes) -> Answered:
        """Decide one request given as JSON text, as in `decide_text`; return the decision with its standard answer."""
        return self._ask_one(ANSWER, checked_text(text))

    def answers(self, requests: Iterable[object]) -> list[Answered]:
        """Decide requests as `decide_many` does; return each decision with its standard answer, in the same order."""
        return self._ask_many(ANSWER, each_as_text(requests, request_text))

    def _ask_one(self, question: Question[_Result], request: RequestText) -> _Result:
        engine = self._engine
        try:
            # It never waits for anything else than `ask`, so this runs it to its end. In one expression, so that a
            # signal handler that raises leaves no coroutine behind that never ran.
            engine.one(question, request).send(None)
        except StopIteration as end:
            result: _Result = end.value
            return result
        raise AssertionError("it waits for something else than `ask`")

    def _ask_many(self, question: Question[_Result], requests: list[RequestText]) -> list[_Result]:
        engine = self._engine
        try:
            engine.many(question, requests).send(None)  # as in `_ask_one`
        except StopIteration as end:
            results: list[_Result] = end.value
            return results
        raise AssertionError("it waits for something else than `ask`")

    @property
    def _engine(self) -> Engine:
        async def ask(entry_point: str, text: str, seconds: float | None) -> object:
            return self._ask_within(seconds, entry_point, text)

        return Engine(ask, self._policy_version, self._published, self._again_seconds)

    @abstractmethod
    def _ask(self, entry_point: str, text: str) -> object:
        """Send JSON text to an entry point of the policy and return its result."""

    def _ask_within(self, seconds: float | None, entry_point: str, text: str) -> object:
        """`_ask`, and give up after some seconds if the engine can be left waiting; None is its usual time."""
        return self._ask(entry_point, text)

    @abstractmethod
    def close(self) -> None:
        """Release the engine. Later requests raise `EngineNotAvailable`; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


_Value = TypeVar("_Value")
_Result = TypeVar("_Result")


def each_as_text(values: Iterable[_Value], as_text: Callable[[_Value], RequestText]) -> list[RequestText]:
    texts = []
    for index, value in enumerate(values):
        try:
            texts.append(as_text(value))
        except (RequestNotJson, RequestTooLarge) as error:
            raise type(error)(error.problem, index) from None
    return texts


# --- one and many requests, for all clients

# Sends JSON text to an entry point of the policy, and returns its result, within some seconds; None is the usual time.
Ask = Callable[[str, str, float | None], Awaitable[object]]

# A batch that fails costs at most this many deadlines more. A sidecar that answers decides all other requests of the
# largest batch in that time, although three of them use up a deadline each.
AGAIN_DEADLINES = 4


class Question(NamedTuple, Generic[_Result]):
    """What an engine can decide or answer: the entry points for one request and for many, and the check of a result."""

    one: str
    many: str
    problem: Callable[[object, RequestText, str | None, Published], str | None]


class Engine(NamedTuple):
    """An engine, and which of its decisions are accepted."""

    ask: Ask
    policy_version: str | None
    published: Published | None
    again_seconds: float  # for the requests of a failed batch, which are asked alone

    async def one(self, question: Question[_Result], request: RequestText) -> _Result:
        """Ask about one request.

        Raises what `Client` says.
        """
        try:
            result = await self.ask(question.one, request.text, None)
        except EngineError as error:
            problem = error
        else:
            return checked_result(question, result, request, self.policy_version, self.published)
        raise await self._without_answers(question) or problem

    async def many(self, question: Question[_Result], requests: list[RequestText]) -> list[_Result]:
        """Ask about requests, in order.

        If the engine fails on a batch but still decides other requests, each request of the batch is asked alone, so
        that one request costs no other its decision. This takes up to `again_seconds` for each batch; what is not
        decided by then fails.

        Raises what `Client` says. At the end, the requests that the engine failed to decide raise `EngineError`.
        """
        results: list[_Result | None] = []
        failures: list[tuple[int, str]] = []
        for batch in batches(requests):
            try:
                result = await self.ask(question.many, batch.text, None)
            except (EngineError, EngineTimeout, RequestTooLarge) as error:
                problem = error
            else:
                checked = checked_results(question, result, batch, self.policy_version, self.published)
                results.extend(checked)
                continue
            until = time.monotonic() + self.again_seconds
            if await self._on_nothing(question) is None:
                raise await self._without_answers(question) or problem
            for index, request in enumerate(batch.requests, batch.first):
                try:
                    if (seconds := until - time.monotonic()) <= 0:
                        raise EngineTimeout(
                            f"The batch of this request failed, and the {self.again_seconds:g} s to ask its requests "
                            "one by one are over. Send it again."
                        )
                    result = await self.ask(question.one, request.text, seconds)
                except (EngineError, EngineTimeout, RequestTooLarge) as error:
                    failures.append((index, str(error)))
                    results.append(None)
                else:
                    results.append(checked_result(question, result, request, self.policy_version, self.published))
        if failures:
            index, text = failures[0]
            raise EngineError(text, index, results)
        return cast(list[_Result], results)

    async def _on_nothing(self, question: Question[_Result]) -> _Result | None:
        """Ask about `null`, on which every policy decides. Return the result, or None if it does not come."""
        nothing = request_text(None)
        try:
            result = await self.ask(question.one, nothing.text, None)
            return checked_result(question, result, nothing, self.policy_version, self.published)
        except TherapyPolicyError:
            return None

    async def _without_answers(self, question: Question[Any]) -> EngineError | None:
        """Return the error of an engine that decides but gives no answers, if that was the question; else None."""
        any_version = self._replace(policy_version=None)
        if question is not ANSWER or await any_version._on_nothing(ANSWER):
            return None
        if (decision := await any_version._on_nothing(DECISION)) is None:
            return None
        version = decision["policy_version"]
        by = f" by policy {version}" if re.fullmatch(r"[0-9.]{5,20}", version) else ""
        return EngineError(
            f"The engine decides{by}, but gives no standard answers. They come with policy 2.1.0. If its policy is new "
            "enough, check that each proxy lets /v1/data/therapy/answer and /answers through."
        )


# --- the check of an engine's result, which all clients share


def checked_result(
    question: Question[_Result],
    result: object,
    request: RequestText,
    policy_version: str | None = None,
    published: Published | None = None,
) -> _Result:
    """Check that an engine's result is the decision or answer on this request, and return it.

    The decision must have the fields and types of a decision, repeat the type and ID of the request, authorize only
    what its own outcome and reasons allow, within the ceiling of `published` (by default that of this package), and be
    of `policy_version` unless that is None. An answer must have the fields and types of one, and agree with its
    decision.

    Raises `EngineError`, which says what is wrong and repeats nothing from the result.
    """
    if problem := question.problem(result, request, policy_version, published or _packaged()):
        raise EngineError(problem)
    return cast(_Result, result)


def checked_results(
    question: Question[_Result],
    result: object,
    batch: Batch,
    policy_version: str | None = None,
    published: Published | None = None,
) -> list[_Result]:
    """Check that an engine's result is the list of those on a batch, in order; see `checked_result`."""
    if type(result) is not list or len(result) != len(batch.requests):
        raise EngineError("The engine did not return one decision for each request." + _CHECK_ENGINE)
    for index, (one, request) in enumerate(zip(result, batch.requests, strict=True), batch.first):
        if problem := question.problem(one, request, policy_version, published or _packaged()):
            raise EngineError(problem, index)
    return result


def _problem_of_decision(
    result: object, request: RequestText, policy_version: str | None, published: Published
) -> str | None:
    if isinstance(result, dict):
        result.setdefault("authorized_under", [])
    if (wrong := _wrong_in_decision(result)) is not None:
        return _not_a_decision(wrong)
    decision = cast(Decision, result)
    if policy_version is not None and decision["policy_version"] != policy_version:
        return "The engine runs another version of the policy than the client is set to accept."
    if problem := _other_request(decision, request, published) or _contradiction(decision, published):
        return f"The engine's response is not accepted because {problem}." + _CHECK_ENGINE
    return None


def _problem_of_answered(
    result: object, request: RequestText, policy_version: str | None, published: Published
) -> str | None:
    decision = result.get("decision") if isinstance(result, dict) else None
    if problem := _problem_of_decision(decision, request, policy_version, published):
        return problem
    if (wrong := _wrong_in_answered(result)) is not None:
        which = f": the field `{wrong}` is not as in the published schema" if wrong else ""
        return f"The engine's response is not a decision with its standard answer{which}." + _CHECK_ENGINE
    answered = cast(Answered, result)
    if problem := _contradiction_of_answer(answered["answer"], answered["decision"]):
        return f"The engine's response is not accepted because {problem}." + _CHECK_ENGINE
    return None


def _not_a_decision(wrong_field: str) -> str:
    if wrong_field == "outcome":
        return "The engine's response has an unknown outcome." + _CHECK_ENGINE
    which = f": the field `{wrong_field}` is not as in the published schema" if wrong_field else ""
    return f"The engine's response is not a therapy-policy decision{which}." + _CHECK_ENGINE


_CHECK_ENGINE = " Check that it runs a compatible version of the therapy policy."


def _other_request(decision: Decision, request: RequestText, published: Published) -> str | None:
    request_type, request_id = decision["request_type"], decision["request_id"]
    if request_type == request.request_type and request_id == request.request_id:
        return None
    # A policy that lost its data knows no type and no ID. It approves nothing.
    no_data = any(reason["code"] == "POLICY_VALUE_UNUSABLE" for reason in decision["reasons"])
    type_is_known = request.request_type in published.request_types and not no_data
    id_is_valid = published.request_id.fullmatch(request.request_id or "") and not no_data
    if request_type != request.request_type and (request_type is not None or type_is_known):
        return "it is about a request of another type"
    if request_id != request.request_id and (request_id is not None or id_is_valid):
        return "it is about a request with another ID"
    return None


def _contradiction(decision: Decision, published: Published) -> str | None:
    outcome, authorized, lines = decision["outcome"], decision["authorized"], decision["lines"]
    if outcome in ("authorized", "partially_authorized", "routed"):
        for reason in decision["reasons"]:
            if reason["effect"] != "info" and not (outcome == "partially_authorized" and _about_a_part(reason)):
                return "a reason contradicts its outcome"
    elif decision["authorized_under"]:
        return "it gives clauses for an approval, and its outcome is not one"
    if outcome not in ("authorized", "partially_authorized") and any(authorized.values()):
        return "it authorizes something, and its outcome does not"
    if not 0 <= authorized["units"] <= authorized["max_units_per_visit"] <= published.units_per_visit:
        return "it authorizes more units in one visit than the ceiling allows"
    if not (
        0 <= authorized["evaluation_visits"] <= published.evaluation_visits
        and 0 <= authorized["treatment_visits"] <= published.treatment_visits
    ):
        return "it authorizes more visits than the ceiling allows"
    if not published.procedure_codes.issuperset(authorized["procedure_codes"]):
        return "it authorizes a procedure code that the ceiling does not list"
    codes: set[str] = set()
    units = 0
    for number, line in enumerate(lines, 1):
        if line["line"] != number or not _units_match_status(line):
            return "a service line contradicts itself or is out of order"
        if line["units_authorized"]:
            codes.add(line["procedure_code"])
            units += line["units_authorized"]
    if authorized["procedure_codes"] != sorted(codes) or (lines and authorized["units"] != units):
        return "its service lines contradict what it authorizes"
    return None


_ACTIONS: dict[str, Action | None] = {
    "authorized": "A1",
    "partially_authorized": "A6",
    "denied": "A3",
    "pended": "A4",
    "not_applicable": "CT",
    "routed": "CT",
    "invalid_request": None,
}


def _contradiction_of_answer(answer: Answer, decision: Decision) -> str | None:
    """Return how an answer contradicts its decision, or None."""
    authorized = decision["authorized"]
    visits = authorized["evaluation_visits"] + authorized["treatment_visits"]
    if answer["action"] != _ACTIONS[decision["outcome"]]:
        return "the action of its answer is not that of its outcome"
    if answer["granted"] != {"visits": visits, "units": authorized["units"]}:
        return "its answer does not grant what it authorizes"
    if [
        (line["line"], line["procedure_code"], line["action"], line["units_authorized"]) for line in answer["lines"]
    ] != [
        (line["line"], line["procedure_code"], _ACTIONS[line["status"]], line["units_authorized"])
        for line in decision["lines"]
    ]:
        return "the service lines of its answer are not those of the decision"
    if [reason["code"] for reason in answer["reasons"]] != [reason["code"] for reason in decision["reasons"]]:
        return "the reasons of its answer are not those of the decision"
    if answer["human_reviewed"]:
        return "its answer says that a person reviewed the request"
    return None


def _about_a_part(reason: Reason) -> bool:
    """Return whether a reason may affect less than the whole request: one line, or some of the units or visits."""
    return reason["path"].startswith("/service_lines/") or reason["path"] in ("/visit/units", "/requested_visits")


def _units_match_status(line: Line) -> bool:
    if line["status"] == "authorized":
        return 0 < line["units_authorized"] == line["units_requested"]
    if line["status"] == "partially_authorized":
        return 0 < line["units_authorized"] < line["units_requested"]
    return line["units_authorized"] == 0


class Published(NamedTuple):
    """What a policy publishes about requests, and its ceiling."""

    request_types: frozenset[str]
    request_id: re.Pattern[str]
    units_per_visit: int
    evaluation_visits: int
    treatment_visits: int
    procedure_codes: frozenset[str]


@cache
def _packaged() -> Published:
    return published_in(packaged_json("data.json"))


def published_in(data: Any) -> Published:
    """Return what the data of a policy publish. Raises `KeyError` or `TypeError` if they lack some of it."""
    forms, ceiling = data["therapy"]["request"]["forms"], data["therapy"]["ceiling"]
    request_id = forms["request_id?"]
    return Published(
        frozenset(forms["request_type"]["values"]),
        re.compile(f"[{re.escape(request_id['characters'])}]{{{request_id['least']},{request_id['most']}}}"),
        ceiling["units_per_visit"],
        ceiling["evaluation_visits"],
        ceiling["treatment_visits"],
        frozenset(ceiling["procedure_codes"]),
    )


class _Form(NamedTuple):
    """The form of a value: its types, and what finds the wrong field inside a value of these types."""

    types: frozenset[type]
    wrong_inside: Callable[[Any], str | None] | None = None

    def wrong_field(self, value: object) -> str | None:
        """Return the path of the first field that has another form, "" for the value itself, or None."""
        if type(value) not in self.types:
            return ""
        return self.wrong_inside(value) if self.wrong_inside else None


def _form_of(annotation: Any) -> _Form:
    kinds = get_args(annotation)
    if is_typeddict(annotation):
        return _Form(frozenset({dict}), _wrong_among_fields(get_type_hints(annotation)))
    if get_origin(annotation) is list:
        return _Form(frozenset({list}), _wrong_among_elements(_form_of(*kinds)))
    if get_origin(annotation) is Literal:
        return _Form(frozenset({str}), lambda text: None if text in kinds else "")
    if kinds:  # a type or None
        form = _form_of(kinds[0])
        return _Form(form.types | {NoneType}, form.wrong_inside and (lambda value: value and form.wrong_field(value)))
    return _Form(frozenset({annotation}))


def _wrong_among_fields(annotations: dict[str, Any]) -> Callable[[Any], str | None]:
    forms = {name: _form_of(annotation) for name, annotation in annotations.items()}
    names = forms.keys()
    steps = [(name, *form) for name, form in forms.items()]

    def wrong_among_fields(value: dict[str, object]) -> str | None:
        if value.keys() != names:
            return ""
        for name, types, wrong_inside in steps:
            field = value[name]
            if type(field) not in types:
                return name
            if wrong_inside and (wrong := wrong_inside(field)) is not None:
                return f"{name}/{wrong}" if wrong else name
        return None

    return wrong_among_fields


def _wrong_among_elements(form: _Form) -> Callable[[Any], str | None]:
    def wrong_among_elements(elements: list[object]) -> str | None:
        if form.types.issuperset(map(type, elements)) and not form.wrong_inside:
            return None
        for index, element in enumerate(elements):
            if (wrong := form.wrong_field(element)) is not None:
                return f"{index}/{wrong}" if wrong else str(index)
        return None

    return wrong_among_elements


_wrong_in_decision = _form_of(Decision).wrong_field
_wrong_in_answered = _form_of(Answered).wrong_field

DECISION = Question[Decision]("therapy/decision", "therapy/decisions", _problem_of_decision)
ANSWER = Question[Answered]("therapy/answer", "therapy/answers", _problem_of_answered)
