"""A socket on a port, or a message that says why there is none."""

from __future__ import annotations

import socket

from therapy_policy.errors import PortInUse


def listening(who: str, host: str, port: int) -> socket.socket:
    """Return a TCP socket that is bound to an IPv4 address. Raises `PortInUse`, whose message begins with `who`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"{who} cannot listen on {host}:{port} ({error.strerror}). "
            "Stop the program that uses the port, or choose another --port."
        ) from None
    return listener
