"""nginx in front of OPA: its configuration, from the template that this package ships."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2
import yaml

from therapy_policy.errors import FileNotUsable, NginxNotAvailable

LOCAL_HOSTS = ("localhost", "127.0.0.1")
GRACE_SECONDS = 5  # for requests in progress, when nginx stops
# Requests that OPA decides at a time. `python -m tools.soak.places` compares numbers. On two processors, at twice the
# load that OPA can take, it decides as much with 8 as with 16 or 32, and each request takes a half or a fifth of the
# time. With 4, it decides a third less.
PLACES = 8


@dataclass(frozen=True)
class Front:
    """What nginx accepts: the names in Host, and the TLS files. Without a certificate it speaks plain HTTP.

    With `client_ca`, callers need a certificate that one of these authorities has signed.
    """

    hosts: tuple[str, ...] = LOCAL_HOSTS
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None


class Responses:
    """Counts the responses of nginx by status; nginx sends each status to a unix socket in the private directory."""

    def __init__(self, private: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(private / "status.sock"))
        threading.Thread(target=self._read, name="responses", daemon=True).start()

    def _read(self) -> None:
        while message := self._socket.recv(1024):
            status = message[-3:].decode("ascii", "replace")
            if status.isdecimal():
                self.counts[status] += 1


def is_host_name(name: str) -> bool:
    """Whether a name or address can be a `--front-host`: letters, digits, dots and hyphens, or [an IPv6 address]."""
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]", name) is not None


def write_configuration(
    front: Front,
    nginx: Path,
    private: Path,
    address: str,
    port: int,
    diagnostics_address: str,
    diagnostics_port: int | None,
) -> Path:
    """Write nginx.conf into the private directory, where the sockets are too; return its path.

    Raises `FileNotUsable` if a TLS file cannot be read, or a path cannot be written into the configuration, and
    `NginxNotAvailable`.
    """
    sidecar = resources.files("therapy_policy") / "sidecar"
    limits = yaml.safe_load((sidecar / "config.yaml").read_text(encoding="utf-8"))["server"]["decoding"]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)
    environment.filters["quoted"] = _quoted
    template = environment.from_string((sidecar / "nginx.conf.jinja").read_text(encoding="utf-8"))
    text = template.render(
        hosts=front.hosts,
        certificate=_readable(front.certificate),
        key=_readable(front.key),
        client_ca=_readable(front.client_ca),
        private=str(private),
        unused_modules=_unused_modules(nginx),
        address=address,
        port=port,
        diagnostics_address=diagnostics_address,
        diagnostics_port=diagnostics_port,
        max_body_bytes=limits["max_length"],
        places=PLACES,
        grace_seconds=GRACE_SECONDS,
        root=os.geteuid() == 0,
    )
    configuration = private / "nginx.conf"
    configuration.write_text(text + "\n", encoding="utf-8")
    return configuration


def _unused_modules(nginx: Path) -> list[str]:
    """Return the modules that would create a directory at start, if this nginx was built with them."""
    try:
        done = subprocess.run([nginx, "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        raise NginxNotAvailable(f"{nginx} does not run. Install nginx again.") from None
    built = done.stderr
    return [module for module in ("fastcgi", "scgi", "uwsgi") if f"--without-http_{module}_module" not in built]


def _readable(path: Path | None) -> Path | None:
    if path is None:
        return None
    try:
        path.read_bytes()
    except OSError as problem:
        raise FileNotUsable(f"{path} cannot be read: {problem.strerror}. Give a readable file in PEM format.") from None
    return path.absolute()


def _quoted(path: Path | str) -> str:
    """Write a path into the configuration, where `$`, quotes and control characters mean something else."""
    if re.search(r'["\\$\x00-\x1f\x7f{};]', str(path)):
        raise FileNotUsable(f"{path} has a character that nginx would not take as it is. Rename the file.")
    return f'"{path}"'
