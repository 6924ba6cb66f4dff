"""Downloads of a bundle from a web server or an OCI registry."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from therapy_policy.deadlines import HttpPool, HttpsPool, ends_at, seconds_left
from therapy_policy.errors import DownloadFailed, FileNotUsable
from therapy_policy.nesting import loads

MAX_BYTES = 16 << 20  # a bundle of this policy has about 60 kB
CONNECT_SECONDS = 10.0  # for each address of the server
DOWNLOAD_SECONDS = 60.0  # for everything: DNS lookups, connections, redirects, and each response

MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


class Download(NamedTuple):
    """A bundle file, and the tag by which its server knows it."""

    content: bytes
    tag: str


@dataclass(frozen=True)
class BundleServer:
    """Where the bundle comes from: `url` is https://…, http://… or oci://REGISTRY/NAME:TAG.

    `ca_file` has the certificates of the authorities to trust instead of the usual ones, `certificate` and `key` are
    this client's own, and `token_file` has a bearer token. All are read again for each download.

    The signature of the bundle is what is trusted, not the server. No proxy, and nothing else of the environment, is
    used.

    Raises `FileNotUsable` if one of the files cannot be read.
    """

    url: str
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token_file: Path | None = None

    def __post_init__(self) -> None:
        for file in (self.ca_file, self.certificate, self.key, self.token_file):
            if file:
                _text_of(file)

    def download(self, tag: str | None) -> Download | None:
        """Download the bundle; return None if the server still has the one with that tag.

        It takes at most `DOWNLOAD_SECONDS`, whatever the server does. Raises `DownloadFailed` and `FileNotUsable`.
        """
        ended: SimpleQueue[Download | Exception | None] = SimpleQueue()
        deadline = time.monotonic() + DOWNLOAD_SECONDS

        def download() -> None:
            ends_at.set(deadline)
            try:
                ended.put(self._download(tag))
            except Exception as problem:
                ended.put(problem)

        # In a thread of its own, because a DNS lookup cannot be ended. All else in it ends by itself.
        Thread(target=download, name="download", daemon=True).start()
        try:
            result = ended.get(timeout=DOWNLOAD_SECONDS)
        except Empty:
            raise _too_slow() from None
        if isinstance(result, Exception):
            raise result
        return result

    def _download(self, tag: str | None) -> Download | None:
        # A server that encodes what is compressed already would change its tag.
        headers = {"Accept-Encoding": "identity"}
        if self.token_file:
            headers["Authorization"] = f"Bearer {_text_of(self.token_file)}"
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(headers)
            session.hooks["response"].append(_read_redirect)
            adapter: Any
            for adapter in session.adapters.values():
                adapter.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
            if self.ca_file:
                session.verify = str(self.ca_file)
            if self.certificate:
                session.cert = (str(self.certificate), str(self.key)) if self.key else str(self.certificate)
            try:
                if self.url.startswith("oci://"):
                    return _from_registry(session, self.url, tag)
                return _from_web_server(session, self.url, tag)
            except (requests.RequestException, TimeoutError) as problem:
                if isinstance(problem, TimeoutError) or time.monotonic() >= ends_at.get():
                    raise _too_slow() from None
                raise DownloadFailed(f"the bundle server cannot be reached ({type(problem).__name__})") from None
            except ValueError as problem:  # such as a token or a redirect that cannot be written in a header
                raise DownloadFailed(f"the bundle server cannot be asked ({type(problem).__name__})") from None
            except OSError as problem:
                raise FileNotUsable(
                    f"A TLS file for the bundle server cannot be used: {problem.strerror or 'wrong path'}."
                ) from None


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise FileNotUsable(f"{file}, which is for the bundle server, cannot be read.") from None


def _from_web_server(session: requests.Session, url: str, tag: str | None) -> Download | None:
    status, headers, content = _get(session, url, {"If-None-Match": tag} if tag else {})
    if status == 304 and tag:
        return None
    if status != 200:
        raise DownloadFailed(f"the bundle server answers with status {status}")
    return Download(content, headers.get("Etag", ""))


def _from_registry(session: requests.Session, url: str, tag: str | None) -> Download | None:
    """Pull the only layer of an image. The tag of the download is the digest of its manifest."""
    registry, name, reference = parts_of(url)
    # As container tools do, plain HTTP only for a registry on this machine.
    scheme = "http" if registry.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    base = f"{scheme}://{registry}/v2/{name}"
    status, _, manifest = _get(session, f"{base}/manifests/{reference}", {"Accept": MANIFESTS})
    if status != 200:
        raise DownloadFailed(f"the registry answers with status {status}")
    manifest_digest = _digest(manifest)
    if manifest_digest == tag:
        return None
    try:
        (layer,) = loads(manifest)["layers"]
        digest = str(layer["digest"])
    except (ValueError, KeyError, TypeError):
        raise DownloadFailed("the registry has an image that does not have one layer, the bundle") from None
    status, _, content = _get(session, f"{base}/blobs/{digest}", {})
    if status != 200:
        raise DownloadFailed(f"the registry answers with status {status}")
    if _digest(content) != digest:
        raise DownloadFailed("the registry sent other bytes than its manifest names")
    return Download(content, manifest_digest)


def is_bundle_url(url: str) -> bool:
    """Whether a bundle can be downloaded from a URL. A password in it would be in the list of processes."""
    try:
        split = urlsplit(url)
        if split.scheme == "oci":
            parts_of(url)
        return split.scheme in ("http", "https", "oci") and bool(split.hostname) and "@" not in split.netloc
    except ValueError:
        return False


def parts_of(url: str) -> tuple[str, str, str]:
    """Return the registry, the name, and the tag or digest of an oci:// URL. Raises `ValueError`."""
    split = urlsplit(url)
    path = split.path.strip("/")
    separator = "@" if "@" in path else ":"
    name, _, reference = path.partition(separator)
    if split.scheme != "oci" or not split.netloc or not name or not reference or "@" in split.netloc:
        raise ValueError(url)
    return split.netloc, name, reference


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _get(session: requests.Session, url: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer, within the limits of time and size."""
    timeout = min(CONNECT_SECONDS, seconds_left())
    with session.get(url, headers=headers, stream=True, timeout=timeout) as answer:
        content = _content_of(answer) if answer.status_code == 200 else b""
        return answer.status_code, {name.title(): value for name, value in answer.headers.items()}, content


def _content_of(answer: requests.Response) -> bytes:
    content = bytearray()
    for part in answer.iter_content(1 << 16):
        content += part
        if len(content) > MAX_BYTES:
            raise DownloadFailed(f"the bundle server sends more than {MAX_BYTES >> 20} MiB")
    return bytes(content)


def _read_redirect(answer: requests.Response, **_: Any) -> None:
    """Read the body of a redirect within the limits, because `requests` would read all of it."""
    if answer.is_redirect:
        with answer:
            _content_of(answer)


def _too_slow() -> DownloadFailed:
    return DownloadFailed(f"the bundle server takes more than {DOWNLOAD_SECONDS:g} s")
