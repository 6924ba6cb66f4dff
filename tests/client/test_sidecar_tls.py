"""TLS, client certificates, tokens and unix sockets: both clients, with a real OPA."""

import datetime
import logging
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from tests.client.servers import BUNDLE, AwaitedClient, Misbehave
from tests.running import free_port
from therapy_policy import SidecarClient
from therapy_policy.errors import EngineError, EngineNotAvailable, FileNotUsable, SidecarUrlInvalid

SECONDS = 60.0  # for one exchange: far more than it takes, even on a machine that is busy
TOKEN = "s3cret-token.x_y~z+/=="
Client = type[SidecarClient] | type[AwaitedClient]
BOTH = pytest.mark.parametrize("client_type", [SidecarClient, AwaitedClient])


@contextmanager
def running_opa(opa: Path, client: SidecarClient, address: str, *options: str) -> Iterator[None]:
    """Start OPA at an address, and wait until a client gets an answer."""
    command = [str(opa), "run", "--server", f"--addr={address}", "--log-level=error", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process, client:
        try:
            deadline = time.monotonic() + 60
            while not client.ready():
                assert process.poll() is None, "OPA ended"
                assert time.monotonic() < deadline, "OPA was not ready within 60 s"
                time.sleep(0.05)
            yield
        finally:
            process.kill()


class Files(NamedTuple):
    """A sidecar that requires a client certificate: its URL, and the files for its clients."""

    url: str
    ca_file: Path
    certificate: tuple[Path, Path]
    foreign_ca_file: Path
    foreign_certificate: tuple[Path, Path]


def pem(path: Path, content: trustme.Blob) -> Path:
    content.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def tls(opa: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    folder = tmp_path_factory.mktemp("tls")
    authorities = {"own": trustme.CA(), "foreign": trustme.CA()}

    def pair(name: str, authority: str, *hosts: str, **options: Any) -> tuple[Path, Path]:
        issued = authorities[authority].issue_cert(*hosts, **options)
        chain = pem(folder / f"{name}.pem", issued.cert_chain_pems[0])
        return chain, pem(folder / f"{name}.key", issued.private_key_pem)

    ca_files = {name: pem(folder / f"{name}-ca.pem", each.cert_pem) for name, each in authorities.items()}
    port = free_port()
    certificate, key = pair("server", "own", "127.0.0.1")
    files = Files(
        f"https://127.0.0.1:{port}",
        ca_files["own"],
        pair("client", "own", "claims.example"),
        ca_files["foreign"],
        pair("intruder", "foreign", "claims.example"),
    )
    client = SidecarClient(files.url, ca_file=files.ca_file, client_certificate=files.certificate)
    options = [f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}", f"--tls-ca-cert-file={files.ca_file}"]
    with running_opa(opa, client, f"127.0.0.1:{port}", *options, "--authentication=tls", "--bundle", str(BUNDLE)):
        yield files


@BOTH
def test_a_client_certificate(client_type: Client, tls: Files, visit: dict[str, Any]) -> None:
    options: dict[str, Any] = {
        "ca_file": tls.ca_file,
        "client_certificate": tls.certificate,
        "deadline_seconds": SECONDS,
    }
    with client_type(tls.url, **options) as client:
        assert client.ready()
        assert client.decide(visit)["outcome"] == "authorized"
        assert len(client.decide_many([visit] * 50)) == 50


@BOTH
def test_the_environment_can_name_the_authorities(
    client_type: Client, tls: Files, visit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.ca_file))
    with client_type(tls.url, client_certificate=tls.certificate, deadline_seconds=SECONDS) as client:
        assert client.decide(visit)["outcome"] == "authorized"


@BOTH
@pytest.mark.parametrize("authorities", ["foreign", "public"])
def test_a_server_with_a_certificate_of_another_authority(
    client_type: Client, authorities: str, tls: Files, visit: dict[str, Any]
) -> None:
    ca_file = {"foreign": tls.foreign_ca_file, "public": None}[authorities]
    with (
        client_type(tls.url, ca_file=ca_file, client_certificate=tls.certificate, deadline_seconds=SECONDS) as client,
        pytest.raises(EngineNotAvailable, match=r"is not accepted: .* give the authority's file as `ca_file`"),
    ):
        client.decide(visit)


@BOTH
def test_a_server_with_a_certificate_for_another_host(client_type: Client, tls: Files, visit: dict[str, Any]) -> None:
    options: dict[str, Any] = {
        "ca_file": tls.ca_file,
        "client_certificate": tls.certificate,
        "deadline_seconds": SECONDS,
    }
    with (
        client_type(tls.url.replace("127.0.0.1", "localhost"), **options) as client,
        pytest.raises(EngineNotAvailable, match=r"is not accepted: .*[Hh]ostname.* for the host in the URL"),
    ):
        client.decide(visit)


@BOTH
def test_a_client_without_an_accepted_certificate(client_type: Client, tls: Files, visit: dict[str, Any]) -> None:
    for certificate in (None, tls.foreign_certificate):
        with (
            client_type(
                tls.url, ca_file=tls.ca_file, client_certificate=certificate, deadline_seconds=SECONDS
            ) as client,
            pytest.raises((EngineNotAvailable, EngineError), match="client certificate"),
        ):
            client.decide(visit)


@BOTH
def test_an_expired_certificate(
    client_type: Client, misbehaving: Callable[..., str], tmp_path: Path, visit: dict[str, Any]
) -> None:
    authority = trustme.CA()
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    issued = authority.issue_cert("127.0.0.1", not_before=yesterday - datetime.timedelta(days=9), not_after=yesterday)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    url = misbehaving(lambda handler: None, tls=context)
    ca_file = pem(tmp_path / "ca.pem", authority.cert_pem)
    with (
        client_type(url, ca_file=ca_file, deadline_seconds=SECONDS) as client,
        pytest.raises(EngineNotAvailable, match="has expired"),
    ):
        client.decide(visit)


@BOTH
def test_a_sidecar_without_tls(client_type: Client, sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    with (
        client_type(sidecar._endpoint.url.replace("http:", "https:"), deadline_seconds=SECONDS) as client,
        pytest.raises(EngineNotAvailable, match="uses TLS"),
    ):
        client.decide(visit)


@BOTH
def test_certificate_files_that_cannot_be_used(client_type: Client, tls: Files, tmp_path: Path) -> None:
    certificate, key = tls.certificate
    empty = tmp_path / "empty.pem"
    empty.touch()
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", key, "-out", encrypted, "-passout", "pass:x"], check=True)
    broken: list[dict[str, Any]] = [
        {"ca_file": tmp_path / "none.pem"},
        {"ca_file": tmp_path},
        {"ca_file": empty},
        {"client_certificate": (certificate, tmp_path / "none.key")},
        {"client_certificate": (certificate, empty)},
        {"client_certificate": (certificate, tls.foreign_certificate[1])},
        {"client_certificate": (certificate, encrypted)},
    ]
    for options in broken:
        with pytest.raises(FileNotUsable, match=r"[Nn]ame (a )?PEM file"):
            client_type("https://127.0.0.1", **options)
    without_tls: list[dict[str, Any]] = [{"ca_file": tls.ca_file}, {"client_certificate": tls.certificate}]
    for options in without_tls:
        with pytest.raises(SidecarUrlInvalid, match="https"):
            client_type("http://127.0.0.1", **options)


@BOTH
def test_a_new_certificate_applies_to_the_next_connection(
    client_type: Client, tls: Files, tmp_path: Path, visit: dict[str, Any]
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(tls.foreign_ca_file.read_bytes())
    with client_type(tls.url, ca_file=ca_file, client_certificate=tls.certificate, deadline_seconds=SECONDS) as client:
        assert not client.ready()
        time.sleep(0.02)
        ca_file.write_bytes(tls.ca_file.read_bytes())
        assert client.decide(visit)["outcome"] == "authorized"


# --- unix sockets


@BOTH
def test_a_unix_socket(client_type: Client, opa: Path, visit: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket must be short
        url = f"unix://{folder}/opa.sock"
        with client_type(url, deadline_seconds=SECONDS) as client:
            with pytest.raises(EngineNotAvailable, match=f"No server answers at {url}"):
                client.decide(visit)
            with running_opa(opa, SidecarClient(url), url, "--bundle", str(BUNDLE)):
                assert client.decide(visit)["outcome"] == "authorized"
                assert len(client.decide_many([visit] * 50)) == 50
            assert not client.ready()


# --- tokens


AUTHORIZATION = """
package system.authz

default allow := false

allow if input.identity == "%s"
"""


@pytest.fixture(scope="module")
def guarded(opa: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an OPA that answers only those who send the token."""
    rules = tmp_path_factory.mktemp("token") / "authorization.rego"
    rules.write_text(AUTHORIZATION % TOKEN)
    decision = rules.with_name("decision.rego")
    decision.write_text("package therapy\n\ndecision := {}\n")
    port = free_port()
    client = SidecarClient(f"http://127.0.0.1:{port}", token=TOKEN)
    options = ("--authentication=token", "--authorization=basic", str(rules), str(decision))
    with running_opa(opa, client, f"127.0.0.1:{port}", *options):
        yield f"http://127.0.0.1:{port}"


@BOTH
def test_a_token(client_type: Client, guarded: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        client_type(guarded, token=TOKEN, deadline_seconds=SECONDS) as client,
        pytest.raises(EngineError, match="not a therapy-policy decision") as raised,  # it was let in
    ):
        client.decide(None)
    for token in (None, "another"):
        with client_type(guarded, token=token, deadline_seconds=SECONDS) as other:
            assert not other.ready()
            with pytest.raises(EngineError, match=r"does not accept this client \(HTTP 401\). Check the token"):
                other.decide(None)
    assert TOKEN not in caplog.text + repr(raised.value) + repr(client) + repr(vars(client))


@BOTH
def test_a_token_is_sent_with_every_request(client_type: Client, misbehaving: Callable[[Misbehave], str]) -> None:
    headers: list[str | None] = []

    def closes(handler: BaseHTTPRequestHandler) -> None:
        headers.append(handler.headers["Authorization"])
        handler.close_connection = True

    with client_type(misbehaving(closes), token=TOKEN) as client:
        for _ in range(2):
            with pytest.raises(EngineError) as raised:
                client.decide(None)
            assert TOKEN not in repr(raised.value)
    assert headers == [f"Bearer {TOKEN}"] * 2


@BOTH
def test_a_token_never_crosses_a_network_in_clear(client_type: Client) -> None:
    for url in ("http://sidecar", "http://10.0.0.1:8181", "http://[fd00::1]:8181", "http://localhost.example"):
        with pytest.raises(SidecarUrlInvalid, match="in clear") as raised:
            client_type(url, token=TOKEN)
        assert TOKEN not in repr(raised.value)
    for url in ("http://localhost", "http://127.1.2.3", "http://[::1]", "https://sidecar", "unix:///run/opa.sock"):
        with client_type(url, token=TOKEN):
            pass


@BOTH
@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "a\n", "é"])
def test_a_malformed_token(client_type: Client, token: str) -> None:
    with pytest.raises(ValueError, match="one word") as raised:
        client_type("http://localhost", token=token)
    assert not token or token not in str(raised.value)
