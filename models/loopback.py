"""Ports of this machine, and what answers there."""

from __future__ import annotations

import http.client
import os
import socket

HOST = "127.0.0.1"
NO_ANSWER = 0


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server can listen on `port`."""
    with socket.socket() as probe:
        if os.name == "posix":
            # Closed connections of a server that died linger on the port and do not matter.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def ask_status(port: int, method: str, path: str, body: str | None = None, *, timeout_s: float) -> int:
    """The HTTP status that a request is answered with, NO_ANSWER when it is not.

    http.client knows no proxies, which must not see this traffic.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        reply.read()
    except (OSError, http.client.HTTPException):
        return NO_ANSWER
    else:
        return reply.status
    finally:
        connection.close()
