"""The image, the manifests, the compose file and the systemd unit agree with the program that they run.

`make deploy-check` compares the manifests with what the Helm chart renders.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import requests
import typer
import yaml

from tests.running import RunningSidecar, free_port, running_sidecar
from therapy_policy.cli import app
from therapy_policy.sidecar.diagnostics import PROBE_SECONDS
from therapy_policy.sidecar.serve import FLUSH_SECONDS, GRACE_SECONDS
from therapy_policy.toolchain.nginx import nginx_for_tests

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
MANIFESTS = {
    path.name: list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
}
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["therapy-policy"]
VALUES = yaml.safe_load((DEPLOY / "helm/therapy-policy/values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((DEPLOY / "helm/therapy-policy/values.schema.json").read_text(encoding="utf-8"))
OF_THE_OPERATOR = {"PodMonitor", "PrometheusRule"}  # whose schemas are not among those of Kubernetes
STOP_SECONDS = 2 * (GRACE_SECONDS + 1) + FLUSH_SECONDS  # nginx, OPA, the rest of the log
SECONDS = 60.0

SERVICES = ["service.yaml", "service-with-signed-bundle.yaml", "service-with-tls.yaml"]

each_manifest = pytest.mark.parametrize("name", [*SERVICES, "sidecar.yaml"])


def of_kind(name: str, kind: str) -> dict[str, Any]:
    (found,) = [each for each in MANIFESTS[name] if each["kind"] == kind]
    return dict(found)


def pod_of(name: str) -> dict[str, Any]:
    return dict(of_kind(name, "Deployment")["spec"]["template"]["spec"])


def container_of(name: str) -> dict[str, Any]:
    pod = pod_of(name)
    containers = pod["containers"] + pod.get("initContainers", [])
    (container,) = [each for each in containers if each["name"] == "therapy-policy"]
    return dict(container)


def unit() -> dict[str, list[str]]:
    """The options of [Service], each with its values in order."""
    options: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd/therapy-policy.service").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            options.setdefault(name, []).append(value)
    return options


def instruction(name: str) -> Any:
    """The last instruction with that name in the Containerfile, whose argument is JSON."""
    return json.loads(re.findall(rf"^{name} [^\[\n]*(\[.*\])$", CONTAINERFILE, re.MULTILINE)[-1])


# --- each is valid


@each_manifest
@pytest.mark.parametrize("version", ["1.30", "1.33", "1.37"])
def test_manifests_are_what_kubernetes_takes(name: str, version: str) -> None:
    of_kubernetes = [each for each in MANIFESTS[name] if each["kind"] not in OF_THE_OPERATOR]
    assert of_kubernetes
    for manifest in of_kubernetes:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_containerfile_passes_hadolint() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run(
        [hadolint, DEPLOY / "container" / "Containerfile"], capture_output=True, text=True, timeout=SECONDS
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_schema_of_the_values_takes_the_defaults_with_an_image_and_nothing_unknown() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft7Validator(SCHEMA)
    image = VALUES["image"] | {"repository": "registry.example/therapy-policy", "digest": f"sha256:{'0' * 64}"}
    assert validator.is_valid(VALUES | {"image": image})
    assert not validator.is_valid(VALUES)
    assert not validator.is_valid(VALUES | {"image": image, "replica": 2})
    assert set(SCHEMA["properties"]) - {"global"} == set(VALUES)


# --- each fits the program


def options_of() -> dict[str, list[str]]:
    return {
        "image": [*instruction("ENTRYPOINT")[2:], *instruction("CMD")],
        "compose": ["--front", *COMPOSE["command"]],
        "systemd": unit()["ExecStart"][0].split()[2:],
        **{name: ["--front", *container_of(name)["args"]] for name in MANIFESTS},
    }


@pytest.mark.parametrize("where", ["image", "compose", "systemd", *SERVICES, "sidecar.yaml"])
def test_serve_has_these_options(where: str) -> None:
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    taken = serve.make_context("serve", list(options_of()[where])).params
    assert (taken["front"], taken["port"], taken["diagnostics_port"]) == (True, 8181, 8282)
    everywhere = {"image", "compose", *SERVICES}
    assert taken["listen"] == ("0.0.0.0" if where in everywhere else "127.0.0.1" if where == "sidecar.yaml" else None)


@pytest.fixture(scope="module")
def probes() -> int:
    return free_port()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, probes: int) -> Iterator[RunningSidecar]:
    """The sidecar with the arguments of the Deployment, on other ports."""
    arguments = [each for each in container_of("service.yaml")["args"] if "port=" not in each]
    options = ("--front", "--front-host=127.0.0.1", f"--diagnostics-port={probes}", *arguments)
    with running_sidecar(tmp_path_factory.mktemp("deploy") / "log", *options, NGINX=str(nginx_for_tests())) as sidecar:
        yield sidecar


def test_the_names_of_the_service_are_hosts(running: RunningSidecar) -> None:
    service = of_kind("service.yaml", "Service")
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    for host in (name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local"):
        answer = requests.post(
            f"{running.url}/v1/data/therapy/decision",
            json={"input": {"request_type": "referral_route", "island": "oahu"}},
            headers={"Host": f"{host}:{service['spec']['ports'][0]['port']}"},
            timeout=SECONDS,
        )
        assert (answer.status_code, answer.json()["result"]["outcome"]) == (200, "routed")


@each_manifest
def test_probes_ask_what_the_sidecar_answers(running: RunningSidecar, probes: int, name: str) -> None:
    container = container_of(name)
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert f"--diagnostics-port={named['diagnostics']}" in container["args"]
    # Before the first bundle, a sidecar is alive and not ready. A startup probe that fails would kill it.
    for probe, path in (("startup", "live"), ("readiness", "ready"), ("liveness", "live")):
        asked = container[f"{probe}Probe"]
        assert asked["httpGet"] == {"path": f"/health/{path}", "port": "diagnostics"}
        assert asked["timeoutSeconds"] > PROBE_SECONDS
        assert requests.get(f"http://127.0.0.1:{probes}{asked['httpGet']['path']}", timeout=SECONDS).text == "ok\n"


def test_the_health_check_of_the_image(running: RunningSidecar, probes: int) -> None:
    command = instruction("HEALTHCHECK")
    assert COMPOSE["healthcheck"]["test"] == ["CMD", *command]
    for port, status in ((probes, 0), (free_port(), 1)):
        here = [sys.executable, *(each.replace("8282", str(port)) for each in command[1:])]
        assert subprocess.run(here, capture_output=True, timeout=SECONDS).returncode == status


def test_nothing_is_killed_before_it_has_stopped() -> None:
    for name in SERVICES:
        pause = container_of(name)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pause >= 5
        assert pod_of(name)["terminationGracePeriodSeconds"] >= pause + STOP_SECONDS
    assert pod_of("sidecar.yaml")["terminationGracePeriodSeconds"] >= 30 + STOP_SECONDS
    assert int(COMPOSE["stop_grace_period"].removesuffix("s")) >= STOP_SECONDS
    assert int(unit()["TimeoutStopSec"][0]) >= STOP_SECONDS
    assert "STOPSIGNAL SIGTERM" in CONTAINERFILE


# --- each has few rights


@each_manifest
def test_the_container_has_few_rights(name: str) -> None:
    container, pod = container_of(name), pod_of(name)
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    assert re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", container["image"])
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    writable = [mount["mountPath"] for mount in mounts.values() if not mount.get("readOnly")]
    assert writable == ["/tmp", *(["/bundle-store"] if name == "service-with-signed-bundle.yaml" else [])]
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}


def test_the_image_runs_as_a_number_and_the_base_has_no_tag() -> None:
    assert re.findall(r"^USER (.*)", CONTAINERFILE, re.MULTILINE) == ["65532:65532"]
    assert set(re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)) == {"${BASE}"}
    assert re.findall(r"^ARG BASE(.*)", CONTAINERFILE, re.MULTILINE) == [""]
    assert all("--require-hashes" in line for line in CONTAINERFILE.splitlines() if "--requirement" in line)


def test_the_compose_file_gives_few_rights() -> None:
    assert COMPOSE["read_only"] is True
    assert COMPOSE["cap_drop"] == ["ALL"]
    assert COMPOSE["security_opt"] == ["no-new-privileges:true"]
    assert [mount.split(":")[0] for mount in COMPOSE["tmpfs"]] == ["/tmp"]
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["ports"])


def test_only_callers_and_monitoring_reach_the_pods() -> None:
    policy = of_kind("service.yaml", "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    assert [rule["ports"] for rule in policy["ingress"]] == [[{"port": "decisions"}], [{"port": "diagnostics"}]]
    assert all(rule["from"] for rule in policy["ingress"])
    labels = of_kind("service.yaml", "Deployment")["spec"]["template"]["metadata"]["labels"]
    for selector in (
        policy["podSelector"]["matchLabels"],
        of_kind("service.yaml", "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind("service.yaml", "Service")["spec"]["selector"],
        of_kind("service.yaml", "PodMonitor")["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()


def test_a_signed_bundle_has_its_files_and_its_server() -> None:
    name = "service-with-signed-bundle.yaml"
    container = container_of(name)
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod_of(name)["volumes"]}
    options = [each.removeprefix("--").split("=") for each in container["args"]]
    files = {option[0]: Path(option[-1]) for option in options if option[-1].startswith("/")}
    assert set(files) == {"verification-key", "bundle-ca", "bundle-token", "bundle-store"}
    for option, file in files.items():
        # The store is a directory that must be writable; the others are files in one that is not.
        mount = mounts[str(file if option == "bundle-store" else file.parent)]
        assert mount.get("readOnly", False) == (option != "bundle-store")
        source = volumes[mount["name"]]
        assert set(source) - {"name"} == {
            {"verification-key": "configMap", "bundle-store": "emptyDir"}.get(option, "secret")
        }
    policy = of_kind(name, "NetworkPolicy")["spec"]
    assert all(rule["to"] and rule["ports"] for rule in policy["egress"])
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53, 443]


# --- one fact, one value


def test_limits_are_the_same_everywhere() -> None:
    limits = container_of("service.yaml")["resources"]["limits"]
    assert VALUES["resources"]["limits"] == limits
    size = limits["memory"].removesuffix("Mi")
    assert (COMPOSE["mem_limit"], COMPOSE["memswap_limit"]) == (f"{size}m", f"{size}m")
    assert unit()["MemoryMax"] == [f"{size}M"]
    assert COMPOSE["cpus"] == int(limits["cpu"])
    assert COMPOSE["environment"] == {"GOMEMLIMIT": VALUES["goMemoryLimit"]}
    assert f"GOMEMLIMIT={VALUES['goMemoryLimit']}" in unit()["Environment"]
    assert COMPOSE["pids_limit"] == int(unit()["TasksMax"][0])


def test_the_alerts_are_those_of_prometheus() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
    assert of_kind("service.yaml", "PrometheusRule")["spec"] == rules
    (endpoint,) = of_kind("service.yaml", "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "therapy-policy"}]


def test_where_opa_is() -> None:
    (kept,) = re.findall(r"XDG_CACHE_HOME=(/opt\S+)$", CONTAINERFILE, re.MULTILINE)
    assert f"XDG_CACHE_HOME={kept}" in unit()["Environment"]
