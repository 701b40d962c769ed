"""What is known about a leg when it is routed: the fields that rules match on and rewrite.

The metadata tree is the one of L7mp: `IP {src_addr, dst_addr}`, `TCP|UDP {src_port, dst_port}`,
`HTTP {version, method, url{...}, headers{...}}`, `UNIX {filename}`, and free sub-trees such as `labels`.
It is built when somebody asks for it, not per session.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, TypeAlias

from l7mp_mesh.model.endpoints import Endpoint

if TYPE_CHECKING:
    from l7mp_mesh.pipe.head import RequestHead
    from l7mp_mesh.pipe.kind import Kind

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value."""

Tree: TypeAlias = dict[str, Json]
"""A metadata (sub-)tree."""


class Peer:
    """The two ends of a connection or flow, shared by everything that runs over it.

    `transport` names the metadata section of the ports ("TCP", "UDP") or "UNIX". For UNIX sockets
    `local_address` is the path and the ports are 0.
    """

    __slots__ = ("address", "local_address", "local_port", "port", "transport")

    def __init__(self, transport: str, address: str, port: int, local_address: str, local_port: int) -> None:
        self.transport = transport
        self.address = address
        self.port = port
        self.local_address = local_address
        self.local_port = local_port

    def tree(self) -> Tree:
        """Metadata of this connection."""
        if self.transport == "UNIX":
            return {"UNIX": {"filename": self.local_address}}
        return {
            "IP": {"src_addr": self.address, "dst_addr": self.local_address},
            self.transport: {"src_port": self.port, "dst_port": self.local_port},
        }


class Attributes:
    """Everything rules, load balancers and transforms may ask about one leg.

    `protocol` is the listener's protocol name as configured ("HTTP", "WebSocket", "TCP", ...); `head` is the
    request head of an exchange (or of the upgrade request of a WebSocket) and None elsewhere; `prefix` and
    `serial` make the session's name (see `name`). `idle_timeout` is in seconds, 0 for none.
    `kind` is that of the session, for connectors whose legs take the kind of what they are connected to; the
    session sets it before it connects anything. `choice` is the endpoint that a cluster (by name) has drawn
    already and could not reach at once.
    """

    __slots__ = (
        "_tree",
        "authority",
        "choice",
        "has_tree",
        "head",
        "idle_timeout",
        "is_rewritten",
        "kind",
        "listener",
        "peer",
        "prefix",
        "serial",
    )

    def __init__(
        self, listener: str, prefix: str, peer: Peer, serial: int, *, head: RequestHead | None = None
    ) -> None:
        self.listener = listener
        self.prefix = prefix
        self.peer = peer
        self.serial = serial
        self.head = head
        self._tree: Tree | None = None
        self.has_tree = False
        """True once the tree was built; from then on it is the truth, not `peer` and `head`."""
        self.is_rewritten = False
        self.kind: Kind | None = None
        self.idle_timeout = 0.0
        self.authority = b""
        self.choice: tuple[str, Endpoint] | None = None

    def towards(self, authority: bytes) -> Attributes:
        """The same session seen by one endpoint: `authority` ("host:port") stands in where a request to be
        made has no host of its own."""
        view = copy(self)
        view.authority = authority
        return view

    @property
    def tree(self) -> Tree:
        """The metadata tree, built on first use."""
        tree = self._tree
        if tree is None:
            tree = self.peer.tree()
            if self.head is not None:
                tree["HTTP"] = http_tree(self.head)
            self._tree = tree
            self.has_tree = True
        return tree

    def replace(self, tree: Tree) -> None:
        """Make `tree` the metadata; called by rewrites, so the upstream request follows it."""
        self._tree = tree
        self.has_tree = True
        self.is_rewritten = True

    @property
    def name(self) -> str:
        """Session name as in L7mp: protocol, both ends, and a serial (below 0: there is none)."""
        peer = self.peer
        ends = (
            self.listener
            if peer.transport == "UNIX"
            else f"{peer.address}:{peer.port}-{peer.local_address}:{peer.local_port}"
        )
        return f"{self.prefix}:{ends}" if self.serial < 0 else f"{self.prefix}:{ends}-{self.serial}"


def http_tree(head: RequestHead) -> Tree:
    """The `HTTP` section of the metadata: `path` includes the query, `pathname` does not; "" is absent."""
    target = head.target.decode("latin-1")
    authority = head.authority.decode("latin-1")
    scheme = head.scheme.decode("latin-1")
    path, _, query = target.partition("?")
    host, _, port = authority.rpartition(":") if _has_port(authority) else (authority, "", "")
    headers: Tree = {}
    if authority:
        headers["host"] = authority
    for name, value in head.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        known = headers.get(key)
        headers[key] = f"{known}, {text}" if isinstance(known, str) else text
    return {
        "version": "1.1",
        "method": head.method.decode("latin-1"),
        "url": {
            "url": target,
            "href": f"{scheme}://{authority}{target}" if authority else target,
            "protocol": scheme,
            "host": host,
            "port": port,
            "path": target if query else path,
            "pathname": path,
            "query": query,
        },
        "headers": headers,
    }


def _has_port(authority: str) -> bool:
    host, colon, port = authority.rpartition(":")
    return bool(colon) and port.isdigit() and (":" not in host or host.endswith("]"))
