"""Listening sockets: one answer for port 0, for bind errors, and for stale UNIX socket files."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from typing import TypeAlias

from l7mp_mesh.ports.layer import BindFailed

BoundSocket: TypeAlias = socket.socket
"""A socket that has its address; only `io` does anything with it but hand it back."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


_FAULTS = (OSError, ValueError, TypeError)
"""What binding raises; the last two for names and paths that no system call would take (a NUL, say)."""


def _detail(where: str, error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"cannot bind {where!r}: {error}"
    code = errno.errorcode.get(error.errno or 0, "error")
    return f"cannot bind {where}: {error.strerror or error} ({code})"


def show(address: str, port: int) -> str:
    """An address for people: IPv6 in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def tcp_socket(address: str, port: int, backlog: int) -> socket.socket:
    """A listening TCP socket; an empty address binds IPv6 and IPv4 together where the system can.

    Raises BindFailed.
    """
    try:
        return _tcp_socket(address, port, backlog)
    except _FAULTS as error:
        raise BindFailed(_detail(show(address or "*", port), error)) from error


def _tcp_socket(address: str, port: int, backlog: int) -> socket.socket:
    sock = _inet_socket(address, port, socket.SOCK_STREAM, (socket.SO_REUSEADDR, 1))
    try:
        sock.listen(backlog)
    except _FAULTS:
        sock.close()
        raise
    return sock


def _inet_socket(address: str, port: int, kind: socket.SocketKind, option: tuple[int, int]) -> socket.socket:
    """A bound socket with one more socket option; without an address for both families, where that can be."""
    dual = not address and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else _family(address)
    sock = socket.socket(family, kind)
    try:
        sock.setsockopt(socket.SOL_SOCKET, *option)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual))
        sock.bind((address or ("::" if dual else "0.0.0.0"), port))
        sock.settimeout(0)
    except _FAULTS:
        sock.close()
        raise
    return sock


def udp_socket(address: str, port: int) -> socket.socket:
    """A bound UDP socket; an empty address binds IPv6 and IPv4 together where the system can.

    Raises BindFailed.
    """
    try:
        # The default receive buffer loses bursts while one turn of the loop is busy.
        return _inet_socket(address, port, socket.SOCK_DGRAM, (socket.SO_RCVBUF, 1 << 20))
    except _FAULTS as error:
        raise BindFailed(_detail(show(address or "*", port), error)) from error


def unix_socket(path: str, backlog: int) -> socket.socket:
    """A listening UNIX stream socket. A socket file that nobody listens on is replaced.

    Raises BindFailed.
    """
    try:
        return _unix_socket(path, backlog)
    except _FAULTS as error:
        raise BindFailed(_detail(path, error)) from error


def _unix_socket(path: str, backlog: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        sock.bind(path)
        sock.listen(backlog)
        sock.settimeout(0)
    except _FAULTS:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    """Unlink a socket file left by a process that is gone; a live listener keeps its file."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    # Datagrams: the kernel tells a file without a socket from one of another type, and nobody is disturbed.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        except OSError:
            return
