"""HTTP/1, upstream: connections that turn out to be gone when they are used again."""

import pytest
from support.http1 import Up, request
from support.pipe import Recorder

from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.leg import Leg

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def second() -> tuple[Up, Leg, Recorder]:
    """The second request on a connection, not answered yet."""
    up = Up()
    up.ask(request())
    up.lower.feed(PLAIN)
    return up, *up.ask(request())


@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_a_used_connection_that_ends_without_a_byte_was_stale(how: str) -> None:
    up, leg, answer = second()
    assert not leg.is_stale
    up.lower.finish() if how == "FIN" else up.lower.reset()
    assert leg.is_stale
    assert answer.aborted is Reason.UPSTREAM_RESET


def test_a_new_connection_is_never_stale() -> None:
    up = Up()
    leg, _ = up.ask(request())
    up.lower.finish()
    assert not leg.is_stale


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 103 Early Hints\r\n\r\n", PLAIN[:-1]])
def test_a_connection_that_said_anything_is_not_stale(begun: bytes) -> None:
    up, leg, _ = second()
    up.lower.feed(begun)
    up.lower.finish()
    assert not leg.is_stale


def test_a_connection_that_we_close_is_not_stale() -> None:
    up, leg, _ = second()
    up.carrier.close(Reason.ENDPOINT_DELETED)
    assert not leg.is_stale
