"""A client for people: every line typed is a message, and the answer is printed.

    python3 client.py tcp|udp|ws|unix HOST:PORT|PATH

The socket stays the same until Ctrl-D, so that to the proxy it is one session. `ws` needs the package
`websockets`, which is installed with l7mp-mesh; the others need nothing but Python.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

PATIENCE = 5.0
"""Seconds to wait for an answer."""

Ask = Callable[[str], str]


def over_socket(kind: str, place: str) -> Ask:
    """Ask over TCP, UDP or a UNIX stream socket."""
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    host, _, port = place.rpartition(":")
    sock.connect(place if kind == "unix" else (host, int(port)))

    def ask(line: str) -> str:
        sock.sendall(line.encode())
        return sock.recv(65536).decode(errors="replace")

    return ask


def over_websocket(place: str) -> Ask:
    """Ask over a WebSocket, in text messages."""
    from websockets.sync.client import connect  # noqa: PLC0415 - the others work without the package

    connection = connect(f"ws://{place}/", compression=None)

    def ask(line: str) -> str:
        connection.send(line)
        answer = connection.recv(PATIENCE)
        return answer if isinstance(answer, str) else answer.decode(errors="replace")

    return ask


def main() -> int:
    """Ask line by line."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("tcp", "udp", "ws", "unix"):  # noqa: PLR2004
        sys.stderr.write(f"{__doc__}\n")
        return 2
    kind, place = sys.argv[1:]
    try:
        ask = over_websocket(place) if kind == "ws" else over_socket(kind, place)
        for line in sys.stdin:
            sys.stdout.write(ask(line.rstrip("\n")) + "\n")
            sys.stdout.flush()
    except OSError as error:
        sys.stderr.write(f"{kind} {place}: {error or 'no answer'}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
