"""`serve --bundle-url`: a real nginx and a real OCI registry as the bundle server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from tests.policy.signing import KeyPair, archive_of, key_pair
from tests.running import free_port
from tests.sidecar.processes import child_named, children_of, wait_for
from tests.sidecar.registry import running_registry
from tests.sidecar.test_serve import logged_decisions, post
from therapy_policy import DownloadFailed
from therapy_policy.policy.archives import files_in
from therapy_policy.policy.bundles import Bundle, packaged_bundle
from therapy_policy.sidecar import downloads
from therapy_policy.sidecar.diagnostics import DOWNLOAD
from therapy_policy.sidecar.downloads import BundleServer
from therapy_policy.sidecar.updates import Accepted, BundleSource, Updates
from therapy_policy.toolchain.nginx import nginx_for_tests

TOKEN = "token-Xylophone"
ROUTE = b'{"input": {"request_type": "referral_route", "island": "oahu"}}'
SECONDS = 60.0
LEAST = ["--at-least-version=1.0.0"]  # for a sidecar without a store
# Only for a path that no request without a body has.
OPENS_MORE = {"therapy/more.rego": b'package system.authz\n\nallow if input.path == ["v1", "policies"]\n'}


@dataclass(frozen=True)
class Bundles:
    """Signed bundles: three versions of the policy, and what must never decide."""

    key: KeyPair
    versions: tuple[str, str, str]
    good: tuple[bytes, bytes, bytes]
    bad: dict[str, bytes]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    folder = tmp_path_factory.mktemp("keys")
    key, other = key_pair(folder, "key"), key_pair(folder, "other")
    packaged = packaged_bundle()
    major = int(packaged.version.partition(".")[0])
    versions = tuple(f"{major + each}.0.0" for each in range(1, 4))

    def policy(version: str, old: bytes = b"", new: bytes = b"") -> Bundle:
        data = json.loads(packaged._files["data.json"])
        data["therapy"]["register"]["policy"]["version"] = version
        content = json.dumps(data).encode()
        assert old in content
        return Bundle("b", archive_of(packaged._files | {"data.json": content.replace(old, new)}), b"")

    good = tuple(policy(version).signed(key.private, "2026") for version in versions)
    latest = policy(versions[2])
    files = files_in(good[2])
    page = "therapy/decision.rego"
    bad = {
        "opens more": Bundle("b", archive_of(latest._files | OPENS_MORE), b"").signed(key.private, "2026"),
        "findings": policy(versions[2], b'"treatment"', b'"treatmnt"').signed(key.private, "2026"),
        "unsigned": latest.archive,
        "another key": latest.signed(other.private, "2026"),
        "another key ID": latest.signed(key.private, "2027"),
        "tampered": archive_of(files | {page: files[page] + b"\n# changed\n"}),
        "older": good[0],
        "not a bundle": b"<html>",
    }
    return Bundles(key, versions, good, bad)  # type: ignore[arg-type]


@dataclass
class WebServer:
    """A real nginx with one file, which wants TLS with a client certificate, and a token."""

    folder: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        ca = trustme.CA()
        ca.cert_pem.write_to_path(self.folder / "ca.pem")
        for name in ("server", "client"):
            issued = ca.issue_cert("127.0.0.1")
            issued.cert_chain_pems[0].write_to_path(self.folder / f"{name}.pem")
            issued.private_key_pem.write_to_path(self.folder / f"{name}.key")
        (self.folder / "token").write_text(f"{TOKEN}\n")
        (self.folder / "files").mkdir()
        self.folder.chmod(0o755)
        temporary = "".join(
            f"{each}_temp_path {self.folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "nginx.conf").write_text(
            f"""
            daemon off; worker_processes 1; pid {self.folder}/pid; {"user root;" if os.geteuid() == 0 else ""}
            events {{}}
            http {{
                {temporary}
                log_format status $status; access_log {self.folder}/access.log status;
                server {{
                    listen 127.0.0.1:{self.port} ssl;
                    ssl_certificate {self.folder}/server.pem; ssl_certificate_key {self.folder}/server.key;
                    ssl_client_certificate {self.folder}/ca.pem; ssl_verify_client on;
                    root {self.folder}/files;
                    if ($http_authorization != "Bearer {TOKEN}") {{ return 401; }}
                }}
            }}
            """
        )

    @property
    def options(self) -> list[str]:
        files = {"ca": "ca.pem", "certificate": "client.pem", "key": "client.key", "token": "token"}
        named = [f"--bundle-{option}={self.folder / file}" for option, file in files.items()]
        return [f"--bundle-url=https://127.0.0.1:{self.port}/policy.tar.gz", *named]

    @property
    def statuses(self) -> list[str]:
        return (self.folder / "access.log").read_text().split()

    def publish(self, content: bytes) -> None:
        partial = self.folder / "partial"
        partial.write_bytes(content)
        partial.replace(self.folder / "files/policy.tar.gz")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        command = [
            str(nginx_for_tests()),
            "-p",
            str(self.folder),
            "-e",
            "stderr",
            "-c",
            str(self.folder / "nginx.conf"),
        ]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(lambda: (self.folder / "pid").exists())
                yield
            finally:
                process.terminate()


@dataclass(frozen=True)
class Sidecar:
    """A sidecar that may not be ready."""

    url: str
    probes: str
    log: Path
    pid: int

    def status(self, probe: str) -> tuple[int, str]:
        with contextlib.suppress(requests.ConnectionError):
            answer = requests.get(f"{self.probes}/health/{probe}", timeout=SECONDS)
            return answer.status_code, answer.text
        return 0, ""

    def ready(self) -> bool:
        return self.status("ready")[0] == 200

    def listens(self) -> bool:
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", int(self.url.rpartition(":")[2]))) == 0

    def metric(self, name: str) -> float:
        text = requests.get(f"{self.probes}/metrics", timeout=SECONDS).text
        match = re.search(rf"^therapy_policy_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert match, name
        return float(match[1])

    def revision(self, name: str) -> str:
        text = requests.get(f"{self.probes}/metrics", timeout=SECONDS).text
        match = re.search(rf'^{name}{{.*revision="([^"]*)"', text, re.MULTILINE)
        assert match, name
        return match[1]

    def problem(self, reason: str) -> bool:
        return self.metric(f'bundle_problem{{reason="{reason}"}}') == 1

    def version(self) -> str:
        return str(post(self.url, ROUTE).json()["result"]["policy_version"])


@contextlib.contextmanager
def following(
    log: Path, key: KeyPair, *options: str, under: tuple[str, ...] = (), **variables: str
) -> Iterator[Sidecar]:
    """`serve` on free ports, perhaps not ready; `under` is a command that runs it as its only child."""
    port, probes = free_port(), free_port()
    command = [sys.executable, "-m", "therapy_policy.cli", "serve", f"--port={port}", f"--diagnostics-port={probes}"]
    command += ["--bundle-poll=1", f"--verification-key=2026={key.public}", *options]
    with log.open("wb") as stream:
        process = subprocess.Popen([*under, *command], stdout=stream, stderr=stream, env=os.environ | variables)
    sidecar = Sidecar(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{probes}", log, process.pid)
    try:
        wait_for(lambda: process.poll() is not None or sidecar.status("live")[0] == 200)
        assert process.poll() is None, log.read_text()
        yield sidecar
    finally:
        os.kill(children_of(process.pid)[0] if under else process.pid, signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    text = log.read_text()
    assert "Traceback" not in text
    assert TOKEN not in text


@contextlib.contextmanager
def asking(sidecar: Sidecar) -> Iterator[list[str]]:
    """Send one request after another, and collect the versions that decide them."""
    stopped = threading.Event()
    answers: list[str] = []

    def ask() -> None:
        while not stopped.is_set():
            answers.append(sidecar.version())

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        thread.join(SECONDS)


def test_only_a_good_bundle_ever_decides(tmp_path: Path, bundles: Bundles) -> None:
    (folder := tmp_path / "server").mkdir()
    (store := tmp_path / "store").mkdir()
    server = WebServer(folder)
    options = [*server.options, f"--bundle-store={store}"]
    first, second, third = bundles.versions
    with contextlib.ExitStack() as nginx:
        nginx.enter_context(server.running())
        with following(tmp_path / "log", bundles.key, *options) as sidecar:
            # No bundle: it lives, and is not ready, and decides nothing.
            assert wait_for(lambda: sidecar.problem("download"))
            assert sidecar.status("ready") == (503, "there is no bundle yet\n")
            wait_for(sidecar.listens)
            assert "result" not in post(sidecar.url, ROUTE).json()

            server.publish(bundles.good[0])
            wait_for(sidecar.ready)
            answer = post(sidecar.url, ROUTE).json()
            assert answer["result"]["policy_version"] == first
            (in_log,) = logged_decisions(sidecar.log, answer["decision_id"])["bundles"].values()
            assert re.fullmatch(rf"{re.escape(first)}\+[0-9a-f]{{12}}", in_log["revision"])
            assert not sidecar.problem("download")

            # The policy changes while requests are decided, for all of them at once.
            with asking(sidecar) as answers:
                wait_for(lambda: len(answers) > 5)
                server.publish(bundles.good[1])
                wait_for(lambda: answers[-1] == second)
            assert answers == sorted(answers)
            assert set(answers) == {first, second}
            for name, bad in bundles.bad.items():
                server.publish(bad)
                wait_for(lambda: sidecar.problem("rejected"))
                assert sidecar.version() == second, name
                assert sidecar.ready()
                server.publish(bundles.good[1])
                wait_for(lambda: not sidecar.problem("rejected"))
            wait_for(lambda: server.statuses[-1] == "304")
            assert sidecar.revision("therapy_policy_info") == sidecar.revision("therapy_policy_bundle_accepted_info")
            assert sidecar.metric("bundle_age_seconds") < SECONDS

            nginx.close()
            wait_for(lambda: sidecar.problem("download"))
            before = sidecar.metric("bundle_age_seconds")
            assert sidecar.version() == second
            wait_for(lambda: sidecar.metric("bundle_age_seconds") > before)
            assert sidecar.ready()

    # The server is still down.
    with following(tmp_path / "log", bundles.key, *options) as sidecar:
        wait_for(sidecar.ready)
        assert sidecar.version() == second
        with server.running():
            server.publish(bundles.good[0])
            wait_for(lambda: sidecar.problem("rejected"))
            server.publish(bundles.good[2])
            wait_for(lambda: sidecar.version() == third)

    (store / "bundle.tar.gz").write_bytes(bundles.bad["tampered"])
    with following(tmp_path / "log", bundles.key, *options) as sidecar:
        wait_for(lambda: sidecar.problem("download"))
        assert sidecar.status("ready")[0] == 503
        assert "The stored bundle is not used" in sidecar.log.read_text()


def test_a_registry_is_followed_with_the_front(tmp_path: Path, bundles: Bundles) -> None:
    with running_registry() as registry:
        registry.push(bundles.good[0])
        options = [registry.option, "--front", *LEAST]
        with following(tmp_path / "log", bundles.key, *options, NGINX=str(nginx_for_tests())) as sidecar:
            wait_for(sidecar.ready)

            def version() -> str:
                url, headers = f"{sidecar.url}/v1/data/therapy/decision", {"Content-Type": "application/json"}
                return str(
                    requests.post(url, ROUTE, headers=headers, timeout=SECONDS).json()["result"]["policy_version"]
                )

            assert version() == bundles.versions[0]
            registry.push_without_its_layer(bundles.good[1])
            wait_for(lambda: sidecar.problem("download"))
            registry.push(bundles.bad["unsigned"])
            wait_for(lambda: sidecar.problem("rejected"))
            assert version() == bundles.versions[0]
            registry.push(bundles.good[1])
            wait_for(lambda: version() == bundles.versions[1])


def test_the_metrics_tell_what_decides_from_what_was_accepted(tmp_path: Path, bundles: Bundles) -> None:
    (store := tmp_path / "store").mkdir()
    (store / "bundle.tar.gz").write_bytes(bundles.good[0])
    accepted, active = "therapy_policy_bundle_accepted_info", "therapy_policy_info"
    _, second, _ = bundles.versions
    with (
        running_registry() as registry,
        following(tmp_path / "log", bundles.key, registry.option, f"--bundle-store={store}") as sidecar,
    ):
        wait_for(sidecar.ready)
        opa = wait_for(lambda: child_named(sidecar.pid, "opa"))
        assert opa
        os.kill(opa, signal.SIGSTOP)
        registry.push(bundles.good[1])
        wait_for(lambda: sidecar.revision(accepted).startswith(second))
        assert sidecar.revision(active) == ""
        os.kill(opa, signal.SIGCONT)
        wait_for(lambda: sidecar.revision(active) == sidecar.revision(accepted))
        assert sidecar.version() == second


def test_the_first_process_of_a_container_loses_no_rejection(tmp_path: Path, bundles: Bundles) -> None:
    # It collects the processes that nobody waits for. OPA, which verifies, must not be one of them.
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    with running_registry() as registry:
        registry.push(bundles.bad["another key"])
        under = ("unshare", *user, "--pid", "--fork")
        with following(tmp_path / "log", bundles.key, registry.option, *LEAST, under=under) as sidecar:
            wait_for(lambda: sidecar.problem("rejected"))
            assert sidecar.status("ready") == (503, "there is no bundle yet\n")
            assert "is not what was signed with the key 2026" in sidecar.log.read_text()
            registry.push(bundles.good[0])
            wait_for(sidecar.ready)
            assert sidecar.version() == bundles.versions[0]


@contextlib.contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A web server that answers each GET with a function; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):
                answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/bundle.tar.gz"
        server.shutdown()


def test_a_download_is_limited_and_encoded_by_nobody() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(1 << 20))

    def as_it_is(handler: BaseHTTPRequestHandler) -> None:
        assert handler.headers["Accept-Encoding"] == "identity"
        known = handler.headers["If-None-Match"] == '"1"'
        handler.send_response(304 if known else 200)
        handler.send_header("ETag", '"1"')
        handler.end_headers()
        handler.wfile.write(b"" if known else b"content")

    with answering(endless) as url, pytest.raises(DownloadFailed, match="more than 16 MiB"):
        BundleServer(url).download(None)
    with answering(as_it_is) as url:
        assert BundleServer(url).download(None) == (b"content", '"1"')
        assert BundleServer(url).download('"0"') == (b"content", '"1"')
        assert BundleServer(url).download('"1"') is None
    with answering(lambda handler: handler.send_error(500)) as url, pytest.raises(DownloadFailed, match="status 500"):
        BundleServer(url).download(None)
    with pytest.raises(DownloadFailed, match="cannot be reached"):
        BundleServer(f"http://127.0.0.1:{free_port()}/").download(None)


def test_other_bytes_than_the_manifest_names_are_not_a_bundle() -> None:
    # A real registry rejects them when they are pushed.
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b'{"layers": [{"digest": "sha256:0"}]}')

    with answering(answer) as url, pytest.raises(DownloadFailed, match="other bytes than its manifest names"):
        BundleServer(url.replace("http:", "oci:").replace(".tar.gz", ":stable")).download(None)


def slow_head(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nServer: ")
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.02)


def slow_body(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.02)


def silence(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def redirects(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.2)
    handler.send_response(302)
    handler.send_header("Location", f"{handler.path}x")
    handler.end_headers()


def slow_manifest(handler: BaseHTTPRequestHandler) -> None:
    """Each of the two responses of a registry takes more than half of the time."""
    layer = hashlib.sha256(b"content").hexdigest()
    time.sleep(0.3)
    handler.send_response(200)
    handler.end_headers()
    manifest = json.dumps({"layers": [{"digest": f"sha256:{layer}"}]}).encode()
    handler.wfile.write(manifest if "/manifests/" in handler.path else b"content")


@pytest.mark.parametrize("answer", [slow_head, slow_body, silence, redirects, slow_manifest])
def test_a_download_ends_in_time(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    monkeypatch.setattr(downloads, "DOWNLOAD_SECONDS", 0.5)
    with answering(answer) as url:
        if answer is slow_manifest:
            url = url.replace("http:", "oci:").replace(".tar.gz", ":stable")
        start = time.monotonic()
        with pytest.raises(DownloadFailed, match=r"takes more than 0\.5 s"):
            BundleServer(url).download(None)
        assert time.monotonic() - start < 2
        wait_for(lambda: "download" not in [thread.name for thread in threading.enumerate()])


def test_a_name_that_takes_too_long_to_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = threading.Event()
    monkeypatch.setattr(downloads, "DOWNLOAD_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: looked_up.wait(SECONDS) and [])
    with pytest.raises(DownloadFailed, match=r"takes more than 0\.2 s"):
        BundleServer("http://bundles.example/bundle.tar.gz").download(None)
    looked_up.set()


def test_the_body_of_a_redirect_is_limited() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/other")
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(1 << 20))

    def moved(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200 if handler.path == "/other" else 302)
        handler.send_header("Location", "/other")
        handler.end_headers()
        handler.wfile.write(handler.path.encode())

    with answering(endless) as url, pytest.raises(DownloadFailed, match="more than 16 MiB"):
        BundleServer(url).download(None)
    with answering(moved) as url:
        assert BundleServer(url).download(None) == (b"/other", "")


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"{}", b'{"layers": []}', b'{"layers": [{}, {}]}', b'{"layers": [1]}']
)
def test_an_image_without_a_bundle_is_not_one(manifest: bytes) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(manifest)

    with answering(answer) as url, pytest.raises(DownloadFailed, match="does not have one layer"):
        BundleServer(url.replace("http:", "oci:").replace(".tar.gz", ":stable")).download(None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bundle-url=https://bundles.example/b"], "needs --verification-key"),
        (["--bundle-url=https://user:word@bundles.example/b", "--verification-key=K=KEY"], "no password"),
        (["--bundle-url=oci://bundles.example/b", "--verification-key=K=KEY"], "--bundle-url takes"),
        (["--bundle-url=http://b.example/b", "--verification-key=K=KEY", "--bundle-token=KEY"], "reads the token"),
        (["--bundle-url=http://b.example/b", "--verification-key=K=KEY", "--bundle=b"], "does not go with --bundle"),
        (["--bundle-url=http://b.example/b", "--verification-key=K=KEY", "--bundle-store=KEY"], "is not a directory"),
        (
            [*LEAST, "--bundle-url=http://b.example/b", "--verification-key=K=KEY", "--bundle-ca=KEY.no"],
            "cannot be read",
        ),
        (["--bundle-url=http://b.example/b", "--verification-key=K=KEY"], "needs --bundle-store or --at-least-version"),
        (["--bundle-url=http://b.example/b", "--verification-key=K=KEY", "--bundle-store=/proc"], "cannot be written"),
        (["--bundle-token=KEY"], "need --bundle-url"),
        (["--verification-key=K=KEY"], "needs --bundle or --bundle-url"),
        (["--bundle=b", "--verification-key=K=KEY", "--at-least-version=2"], "such as 2.0.1"),
        (["--bundle=b", "--at-least-version=2.0.1"], "need --verification-key"),
    ],
)
def test_options_that_do_not_fit_together(tmp_path: Path, options: list[str], message: str) -> None:
    given = [option.replace("KEY", str(key_pair(tmp_path, "key").public)) for option in options]
    command = [sys.executable, "-m", "therapy_policy.cli", "serve", *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_token_that_cannot_be_sent_is_a_failed_download(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("\ufefftoken", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/bundle.tar.gz"
        with pytest.raises(DownloadFailed, match="cannot be asked"):
            BundleServer(url, token_file=token).download(None)


def test_a_bundle_that_cannot_even_be_rejected_does_not_end_the_updates(tmp_path: Path) -> None:
    def accept(name: str, content: bytes, version: str | None) -> Accepted:
        raise UnicodeDecodeError("utf-8", content, 0, 1, "invalid start byte")

    said: list[str] = []
    (tmp_path / "bundle.tar.gz").write_bytes(b"\xff")
    updates = Updates(BundleSource(BundleServer("http://127.0.0.1:1/"), accept, tmp_path, 60.0), said.append)
    updates.start()
    wait_for(lambda: updates.problem == DOWNLOAD)  # so it asks the server after that
    updates.stop()
    assert said[0] == "The stored bundle is not used: UnicodeDecodeError"
