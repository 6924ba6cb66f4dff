"""The sidecar as `therapy-policy serve` runs it: what it answers, what it rejects, what it logs, how it stops."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings

from proof import strategies
from tests.policy.signing import archive_of
from tests.running import RunningSidecar, opa_reads_large_exponents
from therapy_policy import BundleNotUsable, EmbeddedClient, SidecarClient
from therapy_policy.policy import bundles
from therapy_policy.policy.bundles import Bundle, check_system_policies, packaged_bundle, system_pages
from therapy_policy.policy.digest import sha256_of

EXAMPLES = Path(__file__).parents[2] / "examples"
AUTHZ = packaged_bundle().texts["system/authz.rego"]
LOG_SECONDS = 20.0
REQUESTS = sorted(path for path in EXAMPLES.glob("*.json"))


def post(url: str, body: bytes, path: str = "therapy/decision") -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{url}/v1/data/{path}", data=body, timeout=60)


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_every_example_is_decided(sidecar: RunningSidecar, path: Path) -> None:
    request = json.loads(path.read_text(encoding="utf-8"))
    answer = post(sidecar.url, json.dumps({"input": request}).encode())
    assert answer.status_code == 200
    assert answer.json()["result"]["request_type"] == request["request_type"]
    assert (answer.json()["result"]["outcome"] == "invalid_request") == path.name.startswith("bad_")


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"input": null}', b'{"input": 1e9999}', b'{"input": "x"}', b'{"input": [[]]}', b'{"input": -0}'],
)
def test_any_other_body_is_an_invalid_request(sidecar: RunningSidecar, body: bytes) -> None:
    answer = post(sidecar.url, body)
    assert answer.status_code == 200
    assert answer.json()["result"]["outcome"] == "invalid_request"
    assert [reason["path"] for reason in answer.json()["result"]["reasons"]] == [""]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"input": {"requests": 1e9999}}', b'{"input": {"requests": null}}'])
def test_any_other_batch_is_one_invalid_request(sidecar: RunningSidecar, body: bytes) -> None:
    (decision,) = post(sidecar.url, body, "therapy/decisions").json()["result"]
    assert decision["outcome"] == "invalid_request"
    assert [reason["path"] for reason in decision["reasons"]] == ["/requests"]


def test_a_bad_request_does_not_affect_its_neighbors(sidecar: RunningSidecar) -> None:
    body = b'{"input": {"requests": [{"request_type": "referral_route", "island": "oahu"}, 1e9999, null]}}'
    outcomes = [decision["outcome"] for decision in post(sidecar.url, body, "therapy/decisions").json()["result"]]
    assert outcomes == ["routed", "invalid_request", "invalid_request"]


ROUTE = '{"request_type": "referral_route", "island": "oahu"}'


@pytest.mark.parametrize("number", ["1e99999999", "-1e-99999999", "1e30200", "1e-99999999999999999999"])
def test_a_number_that_not_every_opa_reads(sidecar: RunningSidecar, number: str) -> None:
    # Somebody's name, for example, beside the number.
    alone = f'{{"input": {{"request_type": "referral_route", "island": "oahu", "Xylophone": {number}}}}}'
    batch = f'{{"input": {{"requests": [{ROUTE}, {number}, {ROUTE}]}}}}'
    for body, path, outcomes in (
        (alone, "therapy/decision", ["invalid_request"]),
        (batch, "therapy/decisions", ["routed", "invalid_request", "routed"]),
    ):
        answer = post(sidecar.url, body.encode(), path)
        if opa_reads_large_exponents():
            result = answer.json()["result"]
            assert answer.status_code == 200
            assert [each["outcome"] for each in (result if path == "therapy/decisions" else [result])] == outcomes
        else:
            assert answer.status_code == 500
            assert answer.json() == {"code": "internal_error", "message": answer.json()["message"]}
            assert answer.json()["message"] in ("invalid number: number too big", "invalid number: invalid float")
    assert post(sidecar.url, f'{{"input": {ROUTE}}}'.encode()).json()["result"]["outcome"] == "routed"
    assert "Xylophone" not in sidecar.log.read_text()
    # A client rewrites the number, so each version of OPA decides all three.
    with SidecarClient(sidecar.url, deadline_seconds=60) as client:
        decisions = client.decide_texts([ROUTE, ROUTE.replace('"oahu"', number), ROUTE])
    assert [decision["outcome"] for decision in decisions] == ["routed", "invalid_request", "routed"]
    assert [reason["path"] for reason in decisions[1]["reasons"]] == ["/island"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/policies"),
        ("PUT", "/v1/policies/mine"),
        ("DELETE", "/v1/policies/mine"),
        ("POST", "/v1/query"),
        ("POST", "/v1/compile"),
        ("GET", "/v1/data"),
        ("PUT", "/v1/data/therapy/parameters"),
        ("PATCH", "/v1/data"),
        ("POST", "/v1/data/therapy/found"),
        ("POST", "/v1/data/therapy/decision?explain=full"),
        ("POST", "/v0/data/therapy/decision"),
        ("POST", "/"),
        ("GET", "/v1/config"),
        ("POST", "/metrics"),
        ("GET", "/health/startup"),
    ],
)
def test_nothing_else_is_open(sidecar: RunningSidecar, method: str, path: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, sidecar.url + path, data=b"{}", timeout=60)
    assert answer.status_code == 401
    assert "result" not in answer.json()


def logged_decisions(log: Path, decision_id: str) -> dict[str, Any]:
    """The entry of a decision, which is written soon after the answer."""
    deadline = time.monotonic() + LOG_SECONDS
    while time.monotonic() < deadline:
        for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
            if decision_id in line and line.endswith("\n"):
                entry: dict[str, Any] = json.loads(line)
                return entry
        time.sleep(0.01)
    raise AssertionError(f"decision {decision_id} is not in the log")


@settings(max_examples=60, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strategies.valid_requests())
def test_a_masked_log_replays(sidecar: RunningSidecar, request: Any) -> None:
    answer = post(sidecar.url, json.dumps({"input": request}).encode()).json()
    entry = logged_decisions(sidecar.log, answer["decision_id"])
    assert entry["result"] == answer["result"]
    assert CLIENT.decide(entry["input"]) == answer["result"]
    answered = post(sidecar.url, json.dumps({"input": request}).encode(), "therapy/answer").json()
    with_answer = logged_decisions(sidecar.log, answered["decision_id"])
    assert with_answer["result"] == answered["result"]
    assert with_answer["input"] == entry["input"]


@pytest.mark.parametrize("value", [None, 1, {"request_type": "pt_visit", "Xylophone": 1}])
def test_of_an_answer_on_an_invalid_request_no_text_of_it_is_logged(sidecar: RunningSidecar, value: object) -> None:
    decided = post(sidecar.url, json.dumps({"input": value}).encode()).json()
    alone = post(sidecar.url, json.dumps({"input": value}).encode(), "therapy/answer").json()
    batch = post(sidecar.url, json.dumps({"input": {"requests": [value]}}).encode(), "therapy/answers").json()
    entry, of_alone, of_batch = (logged_decisions(sidecar.log, each["decision_id"]) for each in (decided, alone, batch))
    assert of_alone["input"] == entry["input"]
    assert of_batch["input"] == {"requests": [entry["input"]]}
    assert of_alone["result"]["decision"] == entry["result"]
    assert of_batch["result"] == [of_alone["result"]]
    assert of_alone["result"]["answer"]["action"] is None
    places = [reason["path"] for reason in entry["result"]["reasons"]]
    assert [reason["path"] for reason in of_alone["result"]["answer"]["reasons"]] == places


def test_no_free_text_is_logged(sidecar: RunningSidecar) -> None:
    secret = "Xylophone"
    texts = 0

    def with_secrets(value: Any, name: str = "") -> Any:
        nonlocal texts
        if isinstance(value, dict):
            return {name: with_secrets(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [with_secrets(inner, name) for inner in value]
        if isinstance(value, str) and " " in value:
            texts += 1
            return f"{secret} {texts}"
        return value

    whole = [with_secrets(json.loads(path.read_text(encoding="utf-8"))) for path in REQUESTS]
    whole += [{"request_type": secret}, {"request_type": "pt_visit", secret: secret}, [secret], secret, {secret: 1}]
    for request in whole:
        for path in ("therapy/decision", "therapy/answer"):
            assert post(sidecar.url, json.dumps({"input": request}).encode(), path).status_code == 200
    for path in ("therapy/decisions", "therapy/answers"):
        assert post(sidecar.url, json.dumps({"input": {"requests": whole}}).encode(), path).ok
    assert post(sidecar.url, f'{{"input": "{secret}'.encode()).status_code == 400
    assert texts > 10
    for path in (f"/v1/data/{secret}", f"/v1/data/therapy/decision?{secret}=1", f"/health/{secret}"):
        assert requests.post(sidecar.url + path, data=b"{}", timeout=60).status_code in (401, 405)
    with contextlib.suppress(requests.ConnectionError):  # OPA's handler panics
        requests.post(f"{sidecar.url}/v1/data/{secret}", secret, headers={"Content-Encoding": "gzip"}, timeout=60)
    last = post(sidecar.url, b"{}").json()
    logged_decisions(sidecar.log, last["decision_id"])  # so everything before it is in the log
    assert secret not in sidecar.log.read_text(encoding="utf-8")


def test_a_body_over_the_limit_is_refused(sidecar: RunningSidecar) -> None:
    assert post(sidecar.url, b'{"input": "' + b"x" * (2**20 + 1024) + b'"}').status_code == 400
    assert post(sidecar.url, b'{"input": "' + b"x" * 2**20 + b'"}').status_code == 200


def test_a_port_in_use_is_one_clear_line(sidecar: RunningSidecar) -> None:
    port = sidecar.url.rpartition(":")[2]
    second = subprocess.run(
        [sys.executable, "-m", "therapy_policy.cli", "serve", "--port", port], capture_output=True, text=True
    )
    assert second.returncode == 3
    (line,) = [line for line in second.stderr.splitlines() if port in line]
    assert line.startswith(f"error: The sidecar cannot listen on 127.0.0.1:{port}")
    assert second.stdout == ""


CLIENT = EmbeddedClient()


def changed(**pages: str) -> Bundle:
    """The bundle of this package with other pages; `__` in a name is a slash."""
    packaged = packaged_bundle()
    files = {f"{name.replace('__', '/')}.rego": page.encode() for name, page in pages.items()}
    return Bundle("changed", archive_of(packaged._files | files), b"")


# For each, an empty input has the same mask, and is refused as before.
@pytest.mark.parametrize(
    ("pages", "named"),
    [
        ({"system__authz": AUTHZ + '\nallow if input.path == ["v1", "policies"]\n'}, "system/authz.rego"),
        ({"system__more": 'package system.authz\n\nallow if input.path == ["v1", "policies"]\n'}, "system/more.rego"),
        ({"therapy__more": 'package system.log\n\nmask contains "/result" if input.input\n'}, "therapy/more.rego"),
    ],
)
def test_a_bundle_that_opens_or_logs_more_is_refused(pages: dict[str, str], named: str) -> None:
    with pytest.raises(BundleNotUsable, match=re.escape(f"than this program ({named}), so")):
        check_system_policies(changed(**pages))


def test_the_policies_of_earlier_versions_for_the_sidecar_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = changed(system__authz=AUTHZ + '\nallow if input.path == ["v1", "policies"]\n')
    monkeypatch.setitem(bundles.SYSTEM_POLICIES, "1.9.9", sha256_of(system_pages(earlier)))
    check_system_policies(earlier)


def test_the_newest_known_policies_for_the_sidecar_are_those_of_this_package() -> None:
    assert [*bundles.SYSTEM_POLICIES.values()][-1] == sha256_of(system_pages(packaged_bundle()))


def test_comments_in_the_sidecar_s_own_policies_may_differ() -> None:
    check_system_policies(changed(system__authz=f"# Another comment.\n{AUTHZ}"))
