"""The embedded client."""

import importlib.resources
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import opapywasm
import pytest

import therapy_policy.client.embedded
from therapy_policy import EmbeddedClient
from therapy_policy.client.request_text import RequestText
from therapy_policy.errors import EngineError, EngineNotAvailable, RequestNotJson, RequestTooLarge

BUNDLE = Path(therapy_policy.__file__).parent / "policy" / "packaged"


def test_it_decides(embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    decision = embedded.decide(visit)
    assert (decision["outcome"], decision["request_id"]) == ("authorized", "a-1")
    assert decision["authorized"]["units"] == 4
    assert embedded.decide_text(json.dumps(visit).encode()) == decision
    assert embedded.decide_many([visit, None, visit])[::2] == [decision, decision]


def test_the_policy_imports_nothing_from_its_host(embedded: EmbeddedClient) -> None:
    assert embedded._policy_here().builtins == {}


def test_numbers_stay_as_they_are_written(embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    text = json.dumps(visit)
    assert embedded.decide_text(text.replace('"units": 4', '"units": 4.00'))["outcome"] == "authorized"
    assert embedded.decide_text(text.replace('"units": 4', '"units": 4e0'))["outcome"] == "invalid_request"
    [decision] = embedded.decide_texts([text.replace('"units": 4', '"units": 1e99999999')])
    assert [reason["path"] for reason in decision["reasons"]] == ["/visit/units"]


def test_each_thread_gets_its_own_decision(embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    def decide(number: int) -> tuple[str | None, str, int]:
        units = number % 6 + 1
        request = visit | {"request_id": str(number), "visit": visit["visit"] | {"units": units}}
        if number % 7 == 0:
            [decision] = embedded.decide_many([request])
        else:
            decision = embedded.decide(request)
        return decision["request_id"], decision["outcome"], decision["authorized"]["units"]

    with ThreadPoolExecutor(24) as threads:
        answers = list(threads.map(decide, range(1500)))
    for number, answer in enumerate(answers):
        units = number % 6 + 1
        outcome = "authorized" if units <= 4 else "partially_authorized"
        assert answer == (str(number), outcome, min(units, 4))


def test_a_full_batch(embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    requests = [visit | {"request_id": f"{number:>064}"} for number in range(2500)]
    decisions = embedded.decide_many(iter(requests))
    assert [decision["request_id"] for decision in decisions] == [request["request_id"] for request in requests]
    assert {decision["outcome"] for decision in decisions} == {"authorized"}
    assert embedded.decide_many([]) == []


def test_one_bad_request_does_not_affect_the_others(embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    odd: list[Any] = [None, 3, [], {"requests": []}, {"request_type": "x"}, visit | {"x": 1}]
    decisions = embedded.decide_many([visit, *odd, visit])
    assert decisions[0] == decisions[-1] == embedded.decide(visit)
    assert decisions == [embedded.decide(request) for request in [visit, *odd, visit]]


def test_a_request_that_is_not_json_is_named(embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    with pytest.raises(RequestNotJson, match="Request 2, counted from 0,") as raised:
        embedded.decide_many([visit, visit, visit | {"request_id": b"x"}])
    assert raised.value.index == 2
    with pytest.raises(RequestNotJson) as raised:
        embedded.decide_texts(["{}", b"{"])
    assert raised.value.index == 1
    with pytest.raises(RequestTooLarge, match=r"^Request 0"):
        embedded.decide_many(["x" * (1 << 20)])
    with pytest.raises(RequestNotJson, match=r"^The request"):
        embedded.decide_text("{")


def test_a_large_request_is_decided(embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    decision = embedded.decide(visit | {"request_id": "x" * 1_000_000})
    assert [reason["path"] for reason in decision["reasons"]] == ["/request_id"]


def test_close(visit: dict[str, Any]) -> None:
    with EmbeddedClient() as client:
        assert client.decide(visit)["outcome"] == "authorized"
    client.close()
    for ask in (lambda: client.decide(visit), lambda: client.decide_texts(["{}"])):
        with pytest.raises(EngineNotAvailable, match="closed"):
            ask()


def test_close_while_others_decide(visit: dict[str, Any]) -> None:
    client = EmbeddedClient()
    outcomes: list[str] = []

    def decide() -> None:
        while True:
            try:
                outcomes.append(client.decide(visit)["outcome"])
            except EngineNotAvailable:
                return

    threads = [threading.Thread(target=decide) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(outcomes) < 50:
        pass
    client.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert set(outcomes) == {"authorized"}


# --- a policy that is damaged


@pytest.mark.parametrize("data", ["{}", '{"therapy": {}}', None])
def test_a_policy_without_its_data_authorizes_nothing(data: str | None, visit: dict[str, Any]) -> None:
    with EmbeddedClient() as client:
        client._policy_here().set_data(data)
        for ask in each_way(client, visit):
            answer = ask()
            [decision] = answer if isinstance(answer, list) else [answer]
            assert [each["code"] for each in decision["reasons"]] == ["POLICY_VALUE_UNUSABLE"]
            assert not any(decision["authorized"].values())


@pytest.mark.parametrize("answer", [opapywasm.UNDEFINED, None, True, {}, [], {"outcome": "authorized"}, "authorized"])
def test_an_answer_that_is_not_a_decision_authorizes_nothing(
    embedded: EmbeddedClient, answer: object, monkeypatch: pytest.MonkeyPatch, visit: dict[str, Any]
) -> None:
    monkeypatch.setattr(embedded._policy_here(), "evaluate", lambda *_: answer)
    for ask in each_way(embedded, visit):
        with pytest.raises(EngineError):
            ask()


def each_way(client: EmbeddedClient, request: Any) -> list[Callable[[], Any]]:
    text = json.dumps(request)
    return [
        lambda: client.decide(request),
        lambda: client.decide_text(text),
        lambda: client.decide_many([request]),
        lambda: client.decide_texts([text]),
    ]


def test_an_engine_error_does_not_quote_the_request(
    embedded: EmbeddedClient, monkeypatch: pytest.MonkeyPatch, visit: dict[str, Any]
) -> None:
    # The clients never send this text; it makes the engine itself fail.
    odd = RequestText(r'"Mrs. Kealoha \ud83d"', None, None)
    monkeypatch.setattr(therapy_policy.client.decision, "request_text", lambda _: odd)
    with pytest.raises(EngineError, match="OpaAbortError") as raised:
        embedded.decide(visit)
    assert raised.value.__cause__ is raised.value.__context__ is None
    monkeypatch.undo()
    assert embedded.decide(visit)["outcome"] == "authorized"


def test_a_missing_policy_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    with pytest.raises(EngineNotAvailable, match="Reinstall therapy-policy"):
        EmbeddedClient()
    (tmp_path / "policy" / "packaged").mkdir(parents=True)
    (tmp_path / "policy" / "packaged" / "policy.wasm").write_bytes(b"\x00asm")
    with pytest.raises(EngineNotAvailable, match="Reinstall therapy-policy"):
        EmbeddedClient()
