"""`make deploy-check`: what helm, promtool and systemd say about deploy/. `make test` checks the rest of it.

Renders the Helm chart in both modes, and compares with deploy/kubernetes, which has the result for those who have no
helm; `--write` writes it there. Exits 1 if something is wrong, and 3 if a tool is not available.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from therapy_policy.toolchain.fetching import Unusable, output_of
from therapy_policy.toolchain.go import GoProgram, program

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
RENDERED = DEPLOY / "kubernetes"

HELM = GoProgram(
    "helm",
    "helm.sh/helm/v3",
    "helm.sh/helm/v3/cmd/helm",
    "3.22.0",
    "h1:n1if5iQgHYsujPAcO5oonH/KiSNUmqmUF0iGVjSF3AU=",
)
PROMTOOL = GoProgram(
    "promtool",
    "github.com/prometheus/prometheus",
    "github.com/prometheus/prometheus/cmd/promtool",
    "0.316.0",  # of Prometheus 3; its Go module counts differently
    "h1:f1GRFerhTMKQma+awCoC9T820ecWeGSdF+xAlMHzZzM=",
    tags="remove_all_sd",  # what finds targets in clouds is not needed, and takes as long to compile as the rest
)
# A helm that was built with `go install` takes itself for an old one.
KUBERNETES = ["--kube-version", "1.33.0"]

IMAGE = {"image.repository": "registry.example/therapy-policy", "image.digest": f"sha256:{'0' * 64}"}
MONITORED = {"monitoring.podMonitor": "true", "monitoring.prometheusRule": "true"}
TLS = {"tls.secretName": "therapy-policy-tls", "tls.clientCaSecretName": "therapy-policy-callers"}
WITH_SIDECAR = {f"therapy-policy.{name}": value for name, value in IMAGE.items()} | {
    "image": f"registry.example/claims-intake@sha256:{'0' * 64}"
}
# Each with a piece of what helm must say about it.
REFUSED = [
    ({}, "/image/digest"),
    (IMAGE | {"image.digest": "latest"}, "/image/digest"),
    (IMAGE | {"image.tag": "latest"}, "additional properties 'tag' not allowed"),
    (IMAGE | {"mode": "daemon"}, "/mode"),
    (IMAGE | {"tls.clientCaSecretName": "callers"}, "/tls"),
    (IMAGE | {"mode": "sidecar", "tls.secretName": "tls"}, "/tls/secretName"),
    (IMAGE | {"networkPolicy.callers": "null"}, "missing property 'callers'"),
    (IMAGE | {"resources.limits.memory": "null"}, "/resources/limits"),
    (IMAGE | {"hosts[0]": "a b"}, "/hosts/0"),
    (IMAGE | {"extraVolumes[0].name": "keys"}, "/extraVolumes/0"),
    (IMAGE | {"extraVolumes[0].name": "therapy-policy-tmp", "extraVolumes[0].emptyDir.medium": ""}, "/extraVolumes/0"),
    (IMAGE | {"extraVolumeMounts[0].name": "keys"}, "missing property 'mountPath'"),
    (IMAGE | {"extraVolumeMounts[0].name": "keys", "extraVolumeMounts[0].mountPath": "/tmp"}, "/mountPath"),
    (IMAGE | {"networkPolicy.egress[0].ports[0].port": "443"}, "missing property 'to'"),
]


class Wrong(Exception):
    """A tool found something; the message says what."""


def run(*command: str | Path) -> str:
    """Return the output of a command; raise `Wrong` with what it printed if it fails."""
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Wrong(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}".strip())
    return done.stdout


# --- the tools


def find_helm() -> Path:
    """Return a helm 3 from PATH or the cache, or build it; raise `Unusable`."""
    on_path = shutil.which("helm")
    if on_path and output_of([on_path, "version", "--template", "{{.Version}}"]).startswith("v3."):
        return Path(on_path)
    return program(HELM)


def find_promtool() -> Path:
    """Return a promtool from PATH or the cache, or build it; raise `Unusable`."""
    on_path = shutil.which("promtool")
    return Path(on_path) if on_path else program(PROMTOOL)


# --- what they check


def check_charts(helm: Path, write: bool) -> None:
    """Lint and render the charts; compare with deploy/kubernetes or write it."""
    with tempfile.TemporaryDirectory() as work:
        # Copied with the files that links name, because helm writes the dependency into the chart.
        charts = shutil.copytree(DEPLOY / "helm", Path(work) / "helm")
        chart, example = charts / "therapy-policy", charts / "example-with-sidecar"
        run(helm, "dependency", "update", example)
        signed_bundle: list[str | Path] = ["--values", charts / "values-signed-bundle.yaml"]
        run(helm, "lint", "--strict", *KUBERNETES, chart, *values(IMAGE | MONITORED))
        run(helm, "lint", "--strict", *KUBERNETES, chart, *signed_bundle, *values(IMAGE))
        run(helm, "lint", "--strict", *KUBERNETES, example, *values(WITH_SIDECAR))
        rendered = {
            "service.yaml": render(helm, chart, "coverage", IMAGE | MONITORED),
            "service-with-signed-bundle.yaml": render(helm, chart, "coverage", IMAGE, *signed_bundle),
            "service-with-tls.yaml": render(helm, chart, "coverage", IMAGE | TLS),
            "sidecar.yaml": render(helm, example, "claims-intake", WITH_SIDECAR),
        }
        for options, message in REFUSED:
            try:
                render(helm, chart, "coverage", options)
            except Wrong as refusal:
                if message in str(refusal):
                    continue
                raise
            raise Wrong(f"the chart takes these values, and must not: {options}")
    for name, text in rendered.items():
        if write:
            RENDERED.mkdir(exist_ok=True)
            (RENDERED / name).write_text(text, encoding="utf-8")
        elif (RENDERED / name).read_text(encoding="utf-8") != text:
            raise Wrong(f"out of date: deploy/kubernetes/{name}; run `make deploy-manifests` and commit it")


def render(helm: Path, chart: Path, namespace: str, options: dict[str, str], *more: str | Path) -> str:
    """Return the manifests of a chart."""
    return run(helm, "template", namespace, chart, "--namespace", namespace, *KUBERNETES, *more, *values(options))


def values(options: dict[str, str]) -> list[str]:
    """Return the values as options of helm."""
    return [each for name, value in options.items() for each in ("--set", f"{name}={value}")]


def check_unit() -> None:
    """Verify the systemd unit, with programs that exist in place of its own."""
    if shutil.which("systemd-analyze") is None:
        raise Unusable("There is no systemd-analyze on PATH. Install systemd, or run this where it is.")
    unit = DEPLOY / "systemd" / "therapy-policy.service"
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / unit.name
        text = unit.read_text(encoding="utf-8")
        copy.write_text(text.replace("/opt/therapy-policy/bin/therapy-policy", "/bin/true"), encoding="utf-8")
        run("systemd-analyze", "verify", "--man=no", copy)
    # From 0 to 10, times 10. Its port must be open, so it is not 0.
    run("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", unit)


def main() -> int:
    """Check everything; return the exit status."""
    try:
        check_charts(find_helm(), write="--write" in sys.argv[1:])
        run(find_promtool(), "check", "rules", DEPLOY / "prometheus" / "rules.yaml")
        check_unit()
    except Wrong as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except Unusable as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 3
    print("deploy/ passes helm, promtool and systemd-analyze", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
