"""Sessions to be routed, and one to be logged."""

from __future__ import annotations

from l7mp_mesh.pipe.head import RequestHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes, Peer, Tree
from l7mp_mesh.ports.session import SessionView


def session(transport: str = "TCP", head: RequestHead | None = None) -> Attributes:
    """A session from 10.0.0.1:1111 to 10.0.0.2:80."""
    return Attributes("in", transport, Peer(transport, "10.0.0.1", 1111, "10.0.0.2", 80), 7, head=head)


def request(
    target: bytes = b"/a?x=1", authority: bytes = b"h.test:8080", *fields: tuple[bytes, bytes]
) -> Attributes:
    """A GET request on such a connection."""
    return session(head=RequestHead(b"GET", target, authority, Headers(list(fields))))


def tree_of(tree: Tree) -> Attributes:
    """A session with nothing but this metadata."""
    attributes = session()
    attributes.replace(tree)
    return attributes


class FakeView(SessionView):
    """A session that ended well, with an answer of 5 bytes after 12 of 34 ms."""

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self.started = 1_700_000_000.125
        self.duration = 0.034
        self.first_byte = 0.012
        self.received_bytes = 3
        self.sent_bytes = 5
        self.status_code = 200
        self.reason = Reason.OK
        self.detail = ""
        self.route_name = "r"
        self.cluster_name = "c"
        self.endpoint_address = "10.0.0.9:81"
