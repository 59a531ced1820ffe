"""Whether what listens at an address can be a Ray head, asked before Ray is: it would wait for long
and name no cause."""

from __future__ import annotations

import os
import socket

TIMEOUT_S = 5.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The first bytes of an HTTP/2 client, with empty SETTINGS: RFC 9113, section 3.4."""
FRAME_HEAD_BYTES = 9
SETTINGS = 4


def refuses_ray(host: str, port: int, timeout_s: float = TIMEOUT_S) -> str | None:
    """Why this can't be a Ray head: it does not speak gRPC, which is HTTP/2, or says nothing. None
    if it can."""
    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return None  # it speaks TLS first, with certificates that only Ray knows
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(PREFACE)
            head = _receive(connection, FRAME_HEAD_BYTES)
    except TimeoutError:
        return f"it sent nothing within {timeout_s:.0f} s: it is another program, or it hangs"
    except OSError as error:
        return f"it ended the connection ({error.strerror or error})"
    if len(head) < FRAME_HEAD_BYTES or head[3] != SETTINGS:
        return "it is another program"
    return None


def _receive(connection: socket.socket, num_bytes: int) -> bytes:
    """So many, or fewer where the other end has closed."""
    received = b""
    while len(received) < num_bytes and (more := connection.recv(num_bytes - len(received))):
        received += more
    return received
