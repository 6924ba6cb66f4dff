"""A real OCI registry, which keeps images in memory: built once from source, kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from urllib.parse import urljoin

import requests

from therapy_policy.toolchain.go import GoProgram, program

REGISTRY = GoProgram(
    "registry",
    "github.com/google/go-containerregistry",
    "github.com/google/go-containerregistry/cmd/registry",
    "0.22.1",
    "h1:RZuuSYhTvlDvtsK+NkutoCZ//C0X2ebLK8X8l3ULs84=",
)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SECONDS = 60.0


@dataclass(frozen=True)
class Registry:
    """A registry that runs, with the repository policies/therapy. Images are pushed as `oras push` does."""

    address: str  # host and port

    @property
    def option(self) -> str:
        """The option of `serve` that follows it."""
        return f"--bundle-url=oci://{self.address}/policies/therapy:stable"

    def push(self, content: bytes) -> None:
        """Push an image with the content as its only layer."""
        self._push_blob(content)
        self._push_manifest(content)

    def push_without_its_layer(self, content: bytes) -> None:
        """Push the manifest of an image whose layer is missing."""
        self._push_manifest(content)

    def _push_blob(self, content: bytes) -> None:
        uploads = f"http://{self.address}/v2/policies/therapy/blobs/uploads/"
        where = urljoin(uploads, self._send("POST", uploads, b"", 202).headers["Location"])
        self._send("PUT", f"{where}?digest={_digest(content)}", content, 201)

    def _push_manifest(self, content: bytes) -> None:
        self._push_blob(b"{}")
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar+gzip", content)],
        }
        stable = f"http://{self.address}/v2/policies/therapy/manifests/stable"
        self._send("PUT", stable, json.dumps(manifest).encode(), 201)

    def _send(self, method: str, url: str, body: bytes, status: int) -> requests.Response:
        headers = {"Content-Type": MANIFEST if "/manifests/" in url else "application/octet-stream"}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, data=body, headers=headers, timeout=SECONDS)
        assert answer.status_code == status, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer


@contextlib.contextmanager
def running_registry() -> Iterator[Registry]:
    """A registry on a free port."""
    lines: SimpleQueue[str] = SimpleQueue()
    with subprocess.Popen([program(REGISTRY), "-port=0"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        # It writes one line for each request. All are read, so that it never waits.
        reader = threading.Thread(target=lambda stream: [*map(lines.put, stream)], args=(process.stderr,))
        reader.start()
        try:
            first = lines.get(timeout=SECONDS)
            assert "serving on port " in first, first
            yield Registry(f"127.0.0.1:{int(first.rpartition(' ')[2])}")
        finally:
            process.kill()
            reader.join()


def _descriptor(media_type: str, content: bytes) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
