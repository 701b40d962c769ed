"""What an access-log command says of a session, as it came: the line keeps it in its field."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, TypeAlias

from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.session import SessionView
from l7mp_mesh.ports.tree import Missing, components, walk

Command: TypeAlias = Callable[[SessionView], str | int]

NOTHING: Final = "-"

ENVOY_FLAGS: Final = frozenset(
    {
        *("UH", "UF", "UO", "NR", "URX", "NC", "DT", "DC", "LH", "UT", "LR", "UR", "UC", "DI", "FI", "RL"),
        *("UAEX", "RLSE", "IH", "SI", "DPE", "UPE", "UMSDR", "OM", "DF"),
    }
)
"""Response flags that Envoy has."""

FLAG_OF: Final = {
    reason: flag if (flag := reason.flag.partition("-")[0]) in ENVOY_FLAGS else NOTHING for reason in Reason
}
"""Our finer reasons ("UF-T") print what Envoy makes of them."""


def protocol(view: SessionView) -> str:
    """HTTP version of an exchange."""
    return NOTHING if view.attributes.head is None else "HTTP/1.1"


def method(view: SessionView) -> str:
    """Request method."""
    head = view.attributes.head
    return NOTHING if head is None else (head.method.decode("latin-1") or NOTHING)


def path(view: SessionView) -> str:
    """Request target as it came."""
    head = view.attributes.head
    return NOTHING if head is None else (head.target.decode("latin-1") or NOTHING)


def authority(view: SessionView) -> str:
    """Host of the request."""
    head = view.attributes.head
    return NOTHING if head is None else (head.authority.decode("latin-1") or NOTHING)


def response_code(view: SessionView) -> int:
    """HTTP status, 0 without one."""
    return view.status_code


def response_flags(view: SessionView) -> str:
    """Envoy's flag of the reason."""
    reason = view.reason
    return NOTHING if reason is Reason.OK else FLAG_OF[reason]


def response_code_details(view: SessionView) -> str:
    """Reason by name, with what more is known in braces."""
    reason = view.reason.name.lower()
    return f"{reason}{{{view.detail}}}" if view.detail else reason


def bytes_received(view: SessionView) -> int:
    """From the client."""
    return view.received_bytes


def bytes_sent(view: SessionView) -> int:
    """To the client."""
    return view.sent_bytes


def duration(view: SessionView) -> int:
    """Milliseconds."""
    return int(view.duration * 1000)


def response_duration(view: SessionView) -> str | int:
    """Milliseconds until the first byte of the answer."""
    return NOTHING if view.first_byte < 0 else int(view.first_byte * 1000)


def upstream_host(view: SessionView) -> str:
    """Endpoint reached."""
    return view.endpoint_address or NOTHING


def upstream_cluster(view: SessionView) -> str:
    """Cluster of the route."""
    return view.cluster_name or NOTHING


def route_name(view: SessionView) -> str:
    """Route taken."""
    return view.route_name or NOTHING


def session_name(view: SessionView) -> str:
    """Session name as in the inventory."""
    return view.attributes.name or NOTHING


def listener(view: SessionView) -> str:
    """Name of the listener."""
    return view.attributes.listener or NOTHING


def remote_address(view: SessionView) -> str:
    """Client address with its port."""
    peer = view.attributes.peer
    return _address(peer.address, peer.port)


def remote_host(view: SessionView) -> str:
    """Client address."""
    return view.attributes.peer.address or NOTHING


def local_address(view: SessionView) -> str:
    """Address the client came to, with its port; the path of a UNIX socket."""
    peer = view.attributes.peer
    return (
        (peer.local_address or NOTHING)
        if peer.transport == "UNIX"
        else _address(peer.local_address, peer.local_port)
    )


def _address(host: str, port: int) -> str:
    if not port:
        return host or NOTHING
    return f"[{host}]:{port}" if ":" in host else f"{host or NOTHING}:{port}"


class RequestHeader:
    """%REQ(NAME)%: the first field of that name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name.lower().encode("latin-1", "replace")

    def __call__(self, view: SessionView) -> str:
        head = view.attributes.head
        if head is None:
            return NOTHING
        wanted = self.name
        for name, value in head.headers.fields:
            if name == wanted:
                return value.decode("latin-1") or NOTHING
        return NOTHING


class Either:
    """%REQ(A?B)%: the other one when the first has nothing to say."""

    __slots__ = ("first", "second")

    def __init__(self, first: Command, second: Command) -> None:
        self.first = first
        self.second = second

    def __call__(self, view: SessionView) -> str | int:
        text = self.first(view)
        return self.second(view) if text == NOTHING else text


class Shortened:
    """%COMMAND%:N: the first N characters."""

    __slots__ = ("length", "whole")

    def __init__(self, whole: Command, length: int) -> None:
        self.whole = whole
        self.length = length

    def __call__(self, view: SessionView) -> str:
        return str(self.whole(view))[: self.length]


class Metadata:
    """%METADATA(/path)%: strings as they are, everything else as JSON."""

    __slots__ = ("steps",)

    def __init__(self, path_text: str) -> None:
        self.steps = components(path_text)

    def __call__(self, view: SessionView) -> str:
        value = walk(view.attributes.tree, self.steps)
        if isinstance(value, Missing):
            return NOTHING
        return (value or NOTHING) if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
