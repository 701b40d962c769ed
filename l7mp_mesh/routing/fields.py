"""Field paths as accessors.

The fields that rules ask most are read straight from the peer and the request head, so that most sessions
never need a metadata tree. Once the tree exists it is the truth, and every field is read from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from l7mp_mesh.pipe.head import RequestHead
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.tree import MISSING, Value, components, walk

UNIX: Final = "UNIX"


class Field:
    """Reads one field of a session; this one walks the metadata tree."""

    __slots__ = ("steps",)

    def __init__(self, steps: tuple[str, ...]) -> None:
        self.steps = steps

    def read(self, attributes: Attributes) -> Value:
        """The value, MISSING without one; not to be changed by the caller."""
        return walk(attributes.tree, self.steps)


class PeerField(Field):
    """A field of the connection."""

    __slots__ = ()

    def read(self, attributes: Attributes) -> Value:
        if attributes.has_tree:
            return walk(attributes.tree, self.steps)
        return self.of(attributes.peer)

    def of(self, peer: Peer) -> Value:
        """The value as the tree of `peer` would say it."""
        return walk(peer.tree(), self.steps)


class SourceAddress(PeerField):
    """/IP/src_addr."""

    __slots__ = ()

    def of(self, peer: Peer) -> Value:
        return MISSING if peer.transport == UNIX else peer.address


class LocalAddress(PeerField):
    """/IP/dst_addr."""

    __slots__ = ()

    def of(self, peer: Peer) -> Value:
        return MISSING if peer.transport == UNIX else peer.local_address


class SourcePort(PeerField):
    """/TCP/src_port, /UDP/src_port."""

    __slots__ = ()

    def of(self, peer: Peer) -> Value:
        return peer.port if peer.transport == self.steps[0] else MISSING


class LocalPort(PeerField):
    """/TCP/dst_port, /UDP/dst_port."""

    __slots__ = ()

    def of(self, peer: Peer) -> Value:
        return peer.local_port if peer.transport == self.steps[0] else MISSING


class Filename(PeerField):
    """/UNIX/filename."""

    __slots__ = ()

    def of(self, peer: Peer) -> Value:
        return peer.local_address if peer.transport == UNIX else MISSING


class HeadField(Field, ABC):
    """A field of the request head."""

    __slots__ = ()

    def read(self, attributes: Attributes) -> Value:
        if attributes.has_tree:
            return walk(attributes.tree, self.steps)
        head = attributes.head
        return MISSING if head is None else self.of(head)

    @abstractmethod
    def of(self, head: RequestHead) -> Value:
        """The value as the tree of `head` would say it."""


class Method(HeadField):
    """/HTTP/method."""

    __slots__ = ()

    def of(self, head: RequestHead) -> Value:
        return head.method.decode("latin-1")


class UrlPath(HeadField):
    """/HTTP/url/path: with the query, as L7mp has it; a question mark with nothing behind it is left out."""

    __slots__ = ()

    def of(self, head: RequestHead) -> Value:
        target = head.target.decode("latin-1")
        mark = target.find("?")
        return target[:mark] if mark == len(target) - 1 and mark >= 0 else target


class UrlPathname(HeadField):
    """/HTTP/url/pathname: without the query."""

    __slots__ = ()

    def of(self, head: RequestHead) -> Value:
        return head.target.partition(b"?")[0].decode("latin-1")


class UrlQuery(HeadField):
    """/HTTP/url/query."""

    __slots__ = ()

    def of(self, head: RequestHead) -> Value:
        return head.target.decode("latin-1").partition("?")[2]


class UrlHost(HeadField):
    """/HTTP/url/host: the authority without its port."""

    __slots__ = ()

    def of(self, head: RequestHead) -> Value:
        authority = head.authority.decode("latin-1")
        host, colon, port = authority.rpartition(":")
        has_port = colon and port.isdigit() and (":" not in host or host.endswith("]"))
        return host if has_port else authority


class Header(HeadField):
    """/HTTP/headers/NAME (lower-case): repeated fields are joined by ", "."""

    __slots__ = ("name",)

    def __init__(self, steps: tuple[str, ...]) -> None:
        super().__init__(steps)
        self.name = steps[-1].encode("latin-1")

    def of(self, head: RequestHead) -> Value:
        wanted = self.name
        values = [value for name, value in head.headers.fields if name == wanted]
        if wanted == b"host" and head.authority:
            values.insert(0, head.authority)
        return b", ".join(values).decode("latin-1") if values else MISSING


DIRECT: Final[dict[tuple[str, ...], type[Field]]] = {
    ("IP", "src_addr"): SourceAddress,
    ("IP", "dst_addr"): LocalAddress,
    ("TCP", "src_port"): SourcePort,
    ("TCP", "dst_port"): LocalPort,
    ("UDP", "src_port"): SourcePort,
    ("UDP", "dst_port"): LocalPort,
    (UNIX, "filename"): Filename,
    ("HTTP", "method"): Method,
    ("HTTP", "url", "path"): UrlPath,
    ("HTTP", "url", "pathname"): UrlPathname,
    ("HTTP", "url", "query"): UrlQuery,
    ("HTTP", "url", "host"): UrlHost,
}
"""Fields that need no tree; beside these, /HTTP/headers/NAME."""

HEADER_STEPS: Final = 3


def field(path: str) -> Field:
    """The accessor of `path`; an unknown path is looked up in the session's metadata tree."""
    steps = components(path)
    if (
        steps not in DIRECT
        and len(steps) == HEADER_STEPS
        and steps[:2] == ("HTTP", "headers")
        and _is_latin(steps[2])
    ):
        return Header(steps)
    return DIRECT.get(steps, Field)(steps)


def _is_latin(name: str) -> bool:
    return all([ord(char) < 256 for char in name])  # noqa: C419, PLR2004 - no nested generator; latin-1
