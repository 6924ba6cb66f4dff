"""What the metrics say, and that no value of a request is in them; the alerts and the dashboard use what exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import requests
import yaml

from tests.running import RunningSidecar, free_port, running_sidecar
from tests.sidecar.test_serve import logged_decisions, post
from therapy_policy.toolchain.nginx import nginx_for_tests

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text(encoding="utf-8"))["groups"]
DASHBOARD = json.loads((ROOT / "deploy/grafana/therapy-policy.json").read_text(encoding="utf-8"))
OF_PROMETHEUS = {"up"}  # which it makes itself
SECONDS = 60.0
SECRET = "Xylophone"


@pytest.fixture(scope="module")
def probes() -> int:
    return free_port()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, probes: int) -> Iterator[RunningSidecar]:
    with running_sidecar(tmp_path_factory.mktemp("plain") / "log", "--diagnostics-port", str(probes)) as running:
        yield running


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_probes_answer_on_both_ports(plain: RunningSidecar, probes: int, path: str) -> None:
    assert requests.get(plain.url + path, timeout=SECONDS).status_code == 200
    assert requests.get(f"http://127.0.0.1:{probes}{path}", timeout=SECONDS).text == "ok\n"


def test_no_value_of_a_request_is_in_a_metric(plain: RunningSidecar, probes: int) -> None:
    request: dict[str, Any] = {"request_type": SECRET, "request_id": SECRET, SECRET: SECRET}
    route = {"request_type": "referral_route", "island": "oahu", "request_id": SECRET}
    for body in (request, route, SECRET):
        post(plain.url, json.dumps({"input": body}).encode())
        last = post(plain.url, json.dumps({"input": body}).encode(), "therapy/answer").json()
    batch = json.dumps({"input": {"requests": [route, SECRET]}}).encode()
    for path in ("therapy/decisions", "therapy/answers"):
        last = post(plain.url, batch, path).json()
    for url in (plain.url, f"http://127.0.0.1:{probes}"):
        for path in (f"/v1/data/{SECRET}", f"/{SECRET}", f"/health/{SECRET}", f"/health?{SECRET}"):
            for method in ("GET", "POST", SECRET.upper()):
                headers = {"User-Agent": SECRET, "Host": SECRET, SECRET: SECRET}
                requests.request(method, url + path, headers=headers, timeout=SECONDS)
    logged_decisions(plain.log, last["decision_id"])
    for url in (plain.url, f"http://127.0.0.1:{probes}"):
        metrics = requests.get(f"{url}/metrics", timeout=SECONDS).text
        assert "http_request_duration_seconds_count" in metrics
        assert not re.search(SECRET, metrics, re.IGNORECASE)
        assert "oahu" not in metrics
    assert 'therapy_policy_decisions_total{outcome="routed"} 4.0' in metrics
    assert 'therapy_policy_decisions_total{outcome="invalid_request"} 6.0' in metrics


def test_the_listener_answers_nothing_else(plain: RunningSidecar, probes: int) -> None:
    for method, path, status in (("GET", "/v1/policies", 404), ("POST", "/health", 501), ("PUT", "/metrics", 501)):
        assert requests.request(method, f"http://127.0.0.1:{probes}{path}", timeout=SECONDS).status_code == status


def names_in(expression: str) -> set[str]:
    """The metrics that an expression of Prometheus reads. Raises `ValueError` if it is not one."""
    promql_parser.parse(expression)
    without_labels = re.sub(r"\{[^}]*\}|\"[^\"]*\"|\b(by|without) \([^)]*\)", "", expression)
    return set(re.findall(r"\b[a-z][a-z0-9]*_[a-z0-9_]+\b(?! *\()|\bup\b", without_labels))


def test_alerts_and_dashboard_read_only_metrics_that_exist(tmp_path: Path) -> None:
    expressions = [rule["expr"] for group in RULES for rule in group["rules"]]
    expressions += [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert len(expressions) > 15
    used = set().union(*map(names_in, expressions)) - OF_PROMETHEUS
    probes = free_port()
    options = ("--front", "--diagnostics-port", str(probes))
    with running_sidecar(tmp_path / "log", *options, NGINX=str(nginx_for_tests())) as running:
        headers = {"Content-Type": "application/json"}
        requests.post(f"{running.url}/v1/data/therapy/decision", b"{}", headers=headers, timeout=SECONDS)
        metrics = requests.get(f"http://127.0.0.1:{probes}/metrics", timeout=SECONDS).text
    real = {re.split(r"[{ ]", line)[0] for line in metrics.splitlines() if line and not line.startswith("#")}
    assert used <= real
    assert {"therapy_policy_ready", "http_request_duration_seconds_bucket"} <= used


def test_every_alert_is_in_the_guide() -> None:
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    for group in RULES:
        for rule in group["rules"]:
            assert f"`{rule['alert']}`" in guide
            assert rule["annotations"]["summary"]
