"""The clients believe no answer that is not a decision on their request, or that contradicts itself."""

import copy
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.client.servers import Misbehave, reply
from therapy_policy import Decision, EmbeddedClient, SidecarClient
from therapy_policy.client.decision import DECISION, checked_result, checked_results
from therapy_policy.client.request_text import RequestText, batches, checked_text, request_text
from therapy_policy.errors import EngineError

ROOT = Path(__file__).parents[2]
CEILING = yaml.safe_load((ROOT / "policies/ceiling.yaml").read_text())
SCHEMA = json.loads((ROOT / "schemas/decision.json").read_text())
SECRET = "Mrs. Kealoha fell"

Answer = dict[str, Any]
Change = Callable[[Answer], None]

CLAIM = {
    "request_type": "pediatric_ot_claim",
    "request_id": "c-1",
    "benefit_status": "covered",
    "medical_necessity": "established",
    "service_date": "2026-03-02",
    "units_already_authorized": 0,
    "service_lines": [
        {"procedure_code": "97530", "units": 3},
        {"procedure_code": "97110", "units": 2},
        {"procedure_code": "99999", "units": 1},
    ],
}


@pytest.fixture
def answers(embedded: EmbeddedClient, visit: dict[str, Any]) -> dict[str, tuple[RequestText, Answer]]:
    """The decisions of the real policy: on a visit, on a claim, and on a request that is not valid."""
    requests = {"visit": visit, "claim": CLAIM, "invalid": visit | {"specialty": "x"}}
    return {name: (request_text(request), dict(embedded.decide(request))) for name, request in requests.items()}


def test_what_the_policy_decides_is_accepted(answers: dict[str, tuple[RequestText, Answer]]) -> None:
    outcomes = {
        name: checked_result(DECISION, answer, request)["outcome"] for name, (request, answer) in answers.items()
    }
    assert outcomes == {"visit": "authorized", "claim": "partially_authorized", "invalid": "invalid_request"}


def put(value: object, *path: str | int) -> Change:
    def change(answer: Answer) -> None:
        place: Any = answer
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def together(*changes: Change) -> Change:
    def change(answer: Answer) -> None:
        for each in changes:
            each(answer)

    return change


def reason(effect: str, path: str) -> Change:
    return lambda answer: answer["reasons"].append(
        {
            "code": "A_CODE",
            "effect": effect,
            "clauses": ["PT-5"],
            "interpretation": None,
            "message": SECRET,
            "remedy": None,
            "path": path,
        }
    )


UNITS = CEILING["units_per_visit"]["most"]


@pytest.mark.parametrize(
    ("of", "change", "match"),
    [
        ("visit", put("a-2", "request_id"), "a request with another ID"),
        ("visit", put(None, "request_id"), "a request with another ID"),
        ("invalid", put(None, "request_id"), "a request with another ID"),
        ("visit", put("pt_referral", "request_type"), "a request of another type"),
        ("visit", put(None, "request_type"), "a request of another type"),
        ("visit", put(UNITS + 1, "authorized", "units"), "more units in one visit"),
        ("visit", put(400, "authorized", "units"), "more units in one visit"),
        ("visit", put(-1, "authorized", "units"), "more units in one visit"),
        ("visit", put(UNITS + 1, "authorized", "max_units_per_visit"), "more units in one visit"),
        ("visit", put(1, "authorized", "max_units_per_visit"), "more units in one visit"),
        ("visit", put(CEILING["evaluation_visits"]["most"] + 1, "authorized", "evaluation_visits"), "more visits"),
        ("visit", put(CEILING["treatment_visits"]["most"] + 1, "authorized", "treatment_visits"), "more visits"),
        ("visit", put(-1, "authorized", "treatment_visits"), "more visits"),
        ("visit", put(["99999"], "authorized", "procedure_codes"), "a procedure code that the ceiling does not list"),
        ("visit", put(["97110"], "authorized", "procedure_codes"), "service lines contradict"),
        ("visit", put("denied", "outcome"), "gives clauses for an approval"),
        ("visit", together(put("denied", "outcome"), put([], "authorized_under")), "and its outcome does not"),
        ("visit", reason("deny", "/benefit_status"), "a reason contradicts its outcome"),
        ("visit", reason("pend", ""), "a reason contradicts its outcome"),
        ("visit", reason("scope", "/specialty"), "a reason contradicts its outcome"),
        ("visit", reason("invalid", "/visit/units"), "a reason contradicts its outcome"),
        ("visit", reason("deny", "/visit/units"), "a reason contradicts its outcome"),
        ("claim", reason("deny", ""), "a reason contradicts its outcome"),
        ("claim", reason("deny", "/service_lines"), "a reason contradicts its outcome"),
        ("claim", put("authorized", "outcome"), "a reason contradicts its outcome"),
        ("claim", put(2, "authorized", "units"), "service lines contradict"),
        ("claim", put(["97530"], "authorized", "procedure_codes"), "service lines contradict"),
        ("claim", put(["97530", "97110"], "authorized", "procedure_codes"), "service lines contradict"),
        ("claim", put(2, "lines", 0, "line"), "contradicts itself or is out of order"),
        ("claim", lambda answer: answer["lines"].reverse(), "contradicts itself or is out of order"),
        ("claim", put("authorized", "lines", 1, "status"), "contradicts itself or is out of order"),
        ("claim", put(1, "lines", 2, "units_authorized"), "contradicts itself or is out of order"),
        ("claim", put("authorized", "lines", 2, "status"), "contradicts itself or is out of order"),
        ("claim", put("pended", "lines", 0, "status"), "contradicts itself or is out of order"),
        ("claim", put([], "lines"), "service lines contradict"),
        ("invalid", put(1, "authorized", "treatment_visits"), "and its outcome does not"),
        ("invalid", put(["PT-5"], "authorized_under"), "gives clauses for an approval"),
        ("visit", put([], "outcome"), "unknown outcome"),
        ("visit", put("approved", "outcome"), "unknown outcome"),
        ("visit", put(True, "authorized", "units"), "field `authorized/units` is not"),
        ("visit", put(4.0, "authorized", "units"), "field `authorized/units` is not"),
        ("claim", put(None, "lines", 1, "status"), "field `lines/1/status` is not"),
        ("claim", put([SECRET, 1], "reasons", 0, "clauses"), "field `reasons/0/clauses/1` is not"),
        ("visit", lambda answer: answer.pop("reasons"), "is not a therapy-policy decision"),
        ("visit", put(1, SECRET), "is not a therapy-policy decision"),
    ],
)
def test_a_wrong_answer(of: str, change: Change, match: str, answers: dict[str, tuple[RequestText, Answer]]) -> None:
    request, answer = answers[of]
    change(answer)
    with pytest.raises(EngineError, match=match) as raised:
        checked_result(DECISION, answer, request)
    assert SECRET not in str(raised.value)


def places(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    yield path
    for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[step], *path, step)


def test_a_field_of_another_type(answers: dict[str, tuple[RequestText, Answer]]) -> None:
    """Whatever the published schema calls another type, at any place of any decision."""
    schema = jsonschema.Draft7Validator(SCHEMA)
    found = 0
    value: object
    for request, answer in answers.values():
        for path in [path for path in places(answer) if path]:
            values: tuple[Any, ...] = (None, True, 7.5, {}, [None], [{}], {"x": 1}, "", "x", 7)
            for value in values:
                changed = copy.deepcopy(answer)
                put(value, *path)(changed)
                errors = list(schema.iter_errors(changed))
                if any(error.validator in ("type", "anyOf", "required", "enum") for error in errors):
                    found += 1
                    with pytest.raises(EngineError):
                        checked_result(DECISION, changed, request)
    assert found > 900


@pytest.mark.parametrize("answer", [None, True, 1, "authorized", [], [1], {}, {"outcome": "authorized"}, {1: 2}])
def test_what_is_no_decision_at_all(answer: object) -> None:
    request = checked_text("null")
    with pytest.raises(EngineError, match="is not a therapy-policy decision"):
        checked_result(DECISION, answer, request)
    [batch] = batches([request])
    with pytest.raises(EngineError):
        checked_results(DECISION, answer, batch)


@pytest.mark.parametrize("request_id", [None, "", "with a blank", "x" * 65, "x\n", 7, ["a"], "ż"])
def test_an_id_that_is_not_valid_is_not_repeated(
    request_id: object, embedded: EmbeddedClient, visit: dict[str, Any]
) -> None:
    for request in (visit | {"request_id": request_id}, visit | {"request_type": request_id}, [request_id], request_id):
        decision = embedded.decide(request)
        assert embedded.decide_text(json.dumps(request)) == decision
        assert embedded.decide_many([request]) == [decision]


def test_a_policy_version(visit: dict[str, Any], misbehaving: Callable[[Misbehave], str]) -> None:
    with EmbeddedClient() as client:
        version = client.decide(visit)["policy_version"]
    with EmbeddedClient(policy_version=version) as client:
        assert client.decide(visit)["policy_version"] == version
    with EmbeddedClient(policy_version="0.9.0") as client:
        for ask in (lambda: client.decide(visit), lambda: client.decide_many([visit])):
            with pytest.raises(EngineError, match="another version of the policy"):
                ask()


# --- over HTTP


def answers_with(change: Callable[[list[Decision]], object], embedded: EmbeddedClient) -> Misbehave:
    """Decide like the real policy, and change the decisions."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        value = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))["input"]
        if handler.path.endswith("/decisions"):
            result: Any = embedded.decide_many(value["requests"])
            change(result)
        else:
            decisions = [embedded.decide(value)]
            change(decisions)
            result = decisions[0]
        reply(handler, result)

    return answer


def test_a_batch_in_another_order(
    misbehaving: Callable[[Misbehave], str], embedded: EmbeddedClient, visit: dict[str, Any]
) -> None:
    requests = [visit | {"request_id": str(number)} for number in range(5)]
    with SidecarClient(misbehaving(answers_with(lambda decisions: None, embedded))) as client:
        assert client.decide_many(requests) == embedded.decide_many(requests)
    with (
        SidecarClient(misbehaving(answers_with(lambda decisions: decisions.reverse(), embedded))) as client,
        pytest.raises(EngineError, match=r"^Request 0, counted from 0: .*another ID") as raised,
    ):
        client.decide_many(requests)
    assert raised.value.index == 0


def test_a_server_that_authorizes_too_much(
    misbehaving: Callable[[Misbehave], str], embedded: EmbeddedClient, visit: dict[str, Any]
) -> None:
    def change(decisions: list[Decision]) -> None:
        decisions[-1]["authorized"]["units"] = 400

    with SidecarClient(misbehaving(answers_with(change, embedded))) as client:
        with pytest.raises(EngineError, match="more units in one visit"):
            client.decide(visit)
        with pytest.raises(EngineError, match="more units in one visit") as raised:
            client.decide_many([visit] * 1500)
    assert raised.value.index == 999
