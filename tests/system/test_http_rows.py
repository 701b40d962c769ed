"""HTTP/1.1 as listener and cluster: what passes both ways, what is an error, and who answers it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support import net
from support.http_wire import Client, Message, wire_server
from support.mesh import Mesh
from support.servers import closed_port, tcp_server
from support.shape import builtin, cluster, listener, rule

MIB = 1 << 20

ANSWERS = {
    "/created": b"HTTP/1.1 201 Made\r\nx-b: 1\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"
    b"content-length: 2\r\n\r\nok",
    "/204": b"HTTP/1.1 204 No Content\r\nx-b: 2\r\n\r\n",
    "/304": b'HTTP/1.1 304 Not Modified\r\netag: "e"\r\n\r\n',
    "/trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
    b"3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n",
    "/500": b"HTTP/1.1 500 Broken\r\ncontent-length: 4\r\n\r\noops",
    "/informed": b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n!",
}


def answer(request: Message) -> bytes:
    """By path; otherwise the body comes back."""
    known = ANSWERS.get(request.target)
    if known is not None:
        return known
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(request.body)
    return head if request.start.startswith("HEAD ") else head + request.body


class Rig:
    """The process and what its HTTP upstream saw."""

    def __init__(self, mesh: Mesh, seen: list[Message]) -> None:
        self.mesh = mesh
        self.seen = seen

    def ask(self, name: str, request: bytes, *, head_only: bool = False) -> Message:
        """One request on a connection of its own."""
        with Client(self.mesh.port(name)) as client:
            return client.ask(request, head_only=head_only)


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        upstream, seen = stack.enter_context(wire_server(answer))
        stream, _ = stack.enter_context(tcp_server())
        mesh = stack.enter_context(Mesh(_config(upstream, stream), "--loop", request.param))
        yield Rig(mesh, seen)


def _config(upstream: int, stream: int) -> dict[str, Any]:
    starts = {"op": "starts", "path": "/HTTP/url/path", "value": "/a"}
    return {
        "listeners": [
            listener("http", "HTTP", "up"),
            listener("stream", "HTTP", "tcp"),
            listener("ordered", "HTTP", [rule("first", starts), rule("second")]),
            listener("narrow", "HTTP", [rule("up", starts)]),
            listener("missing", "HTTP", "missing"),
            listener("refused", "HTTP", "refused"),
            listener("direct", "HTTP", "direct"),
            listener(
                "merged",
                "HTTP",
                [
                    rule(
                        "up",
                        metadata={
                            "HTTP": {
                                "method": "PUT",
                                "url": {"path": "/merged?y=2"},
                                "headers": {"content_type": "application/x-test", "x-new": 7},
                            }
                        },
                        rewrite=[{"path": "/HTTP/headers/x-old", "value": "new"}],
                    )
                ],
            ),
            listener("post", "TCP", [rule("up", metadata={"HTTP": {"url": {"path": "/from-tcp"}}})]),
        ],
        "clusters": [
            cluster("up", "HTTP", upstream),
            cluster("tcp", "TCP", stream),
            cluster("refused", "HTTP", closed_port()),
            builtin("first", "DirectResponse", body="first"),
            builtin("second", "DirectResponse", body="second"),
            builtin("direct", "DirectResponse", status=418, body="tea", headers={"x-pot": "yes"}),
        ],
    }


def test_request_and_response_pass_unchanged(rig: Rig) -> None:
    """Row 13: method, path, query, fields and body up; status, fields and body down."""
    response = rig.ask(
        "http",
        b"PATCH /created HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\nx-a: 1\r\nx-a: 2\r\n\r\nbody",
    )
    request = rig.seen[-1]
    assert request.start == "PATCH /created HTTP/1.1"
    assert request.all("x-a") == ["1", "2"]
    assert request.get("host") == "h"
    assert request.body == b"body"
    assert response.status == 201
    assert response.get("x-b") == "1"
    assert response.all("set-cookie") == ["a=1", "b=2"]
    assert response.body == b"ok"


@pytest.mark.parametrize("target", ["/p?x=1", "/a%2Fb/%20?q=%26&q=2", "//double", "/?", "/caf%C3%A9"])
def test_target_arrives_as_it_was_sent(rig: Rig, target: str) -> None:
    """Row 13: path and query, byte for byte."""
    rig.ask("http", f"POST {target} HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n".encode())
    assert rig.seen[-1].start == f"POST {target} HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "REPORT"])
def test_any_method_passes(rig: Rig, method: str) -> None:
    """Row 13: known or not."""
    rig.ask("http", f"{method} /m HTTP/1.1\r\nhost: h\r\n\r\n".encode())
    assert rig.seen[-1].start == f"{method} /m HTTP/1.1"


def test_trailers_pass_both_ways(rig: Rig) -> None:
    """Row 13: after a chunked body."""
    response = rig.ask(
        "http",
        b"POST /trailers HTTP/1.1\r\nhost: h\r\nte: trailers\r\n"
        b"transfer-encoding: chunked\r\ntrailer: x-up\r\n\r\n"
        b"2\r\nhi\r\n0\r\nx-up: yes\r\n\r\n",
    )
    assert rig.seen[-1].body == b"hi"
    assert rig.seen[-1].trailers == [("x-up", "yes")]
    assert response.body == b"abc"
    assert response.trailers == [("x-sum", "6")]


@pytest.mark.parametrize("status", [204, 304])
def test_response_without_a_body_keeps_the_connection(rig: Rig, status: int) -> None:
    """Row 13: nothing follows the head, and the next request is served."""
    with Client(rig.mesh.port("http")) as client:
        for _ in range(2):
            response = client.ask(b"GET /%d HTTP/1.1\r\nhost: h\r\n\r\n" % status)
            assert response.status == status
            assert response.get("transfer-encoding") is None
            assert response.get("content-length") in (None, "0")


def test_head_has_a_length_and_no_body(rig: Rig) -> None:
    """Row 13: the fields are those of GET."""
    with Client(rig.mesh.port("http")) as client:
        response = client.ask(b"HEAD /created HTTP/1.1\r\nhost: h\r\n\r\n", head_only=True)
        assert (response.status, response.get("content-length")) == (201, "2")
    with Client(rig.mesh.port("direct")) as client:
        response = client.ask(b"HEAD / HTTP/1.1\r\nhost: h\r\n\r\n", head_only=True)
        assert (response.status, response.get("content-length")) == (418, "3")
        assert client.ask(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").body == b"tea"


def test_mebibytes_pass_with_length_and_in_chunks(rig: Rig) -> None:
    """Row 13: long bodies, both framings, both ways."""
    data = random.Random(3).randbytes(MIB)
    with Client(rig.mesh.port("http")) as client:
        framed = b"POST /big HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % MIB
        assert client.ask(framed + data).body == data
        chunks = b"".join(
            b"%x\r\n%b\r\n" % (len(part), part)
            for part in (data[at : at + 50_000] for at in range(0, MIB, 50_000))
        )
        head = b"POST /big HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
        assert client.ask(head + chunks + b"0\r\n\r\n").body == data


def test_errors_of_the_upstream_are_its_own(rig: Rig) -> None:
    """Row 13: a 500 passes like any other status."""
    response = rig.ask("http", b"GET /500 HTTP/1.1\r\nhost: h\r\n\r\n")
    assert (response.status, response.body) == (500, b"oops")


def test_interim_response_does_not_end_the_exchange(rig: Rig) -> None:
    """Row 13: 103 before 200."""
    response = rig.ask("http", b"GET /informed HTTP/1.1\r\nhost: h\r\n\r\n")
    assert (response.status, response.body) == (200, b"!")


def test_http10_client_is_served(rig: Rig) -> None:
    """Row 12: no chunks, and the connection closes."""
    with Client(rig.mesh.port("stream")) as client:
        response = client.ask(b"POST / HTTP/1.0\r\ncontent-length: 2\r\n\r\nhi")
        assert response.status == 200
        assert response.get("transfer-encoding") is None
        assert response.body == b"hi"
        assert net.read_all(client.sock) == b""


def test_every_request_of_a_connection_is_a_session(rig: Rig) -> None:
    """Row 12: keep-alive and pipelining, answers in order."""
    with Client(rig.mesh.port("http")) as client:
        both = b"".join(
            b"POST /n HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n%d" % number for number in range(5)
        )
        client.sock.sendall(both)
        assert [client.ask(b"").body for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_body_is_echoed_through_a_stream(rig: Rig) -> None:
    """Row 12: over TCP only the body goes up, and what comes back is the body."""
    response = rig.ask("stream", b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello")
    assert (response.status, response.body) == (200, b"hello")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("narrow", "No route"),
        ("missing", "Pipeline setup failed"),
        ("refused", "Pipeline setup failed"),
    ],
)
def test_failed_session_is_told_as_json(rig: Rig, name: str, content: str) -> None:
    """Row 12: 404 with `{status, message, content}`, and the connection stays."""
    with Client(rig.mesh.port(name)) as client:
        for _ in range(2):
            response = client.ask(b"POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\nx")
            assert response.status == 404
            assert (response.get("content-type") or "").startswith("application/json")
            told = json.loads(response.body)
            assert (told["status"], told["message"]) == (404, "Not Found")
            assert told["content"].startswith(content)


def test_answer_before_the_body_announces_the_close(rig: Rig) -> None:
    """Row 12: a client whose body nobody waits for must not send another request after it."""
    with Client(rig.mesh.port("narrow")) as client:
        response = client.ask(b"POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\n")
        assert (response.status, response.get("connection")) == (404, "close")
        client.sock.sendall(b"too late!")
        assert net.read_all(client.sock) == b""


def test_first_matching_rule_decides(rig: Rig) -> None:
    """Row 6: rules in order; the wildcard takes the rest."""
    for path, body in ((b"/a/x", b"first"), (b"/b", b"second")):
        response = rig.ask("ordered", b"GET %b HTTP/1.1\r\nhost: h\r\n\r\n" % path)
        assert response.body == body


def test_inline_answer_has_status_and_fields(rig: Rig) -> None:
    """Core: DirectResponse."""
    response = rig.ask("direct", b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    assert (response.status, response.get("x-pot"), response.body) == (418, "yes", b"tea")
    assert (response.get("content-type") or "").startswith("text/plain")


def test_merged_metadata_are_what_the_upstream_sees(rig: Rig) -> None:
    """Row 30: method, path and fields; row 29: a field set by a rewrite."""
    rig.ask(
        "merged",
        b"GET /old HTTP/1.1\r\nhost: h\r\nx-old: old\r\ncontent-type: a/b\r\ncontent-length: 2\r\n\r\nhi",
    )
    request = rig.seen[-1]
    assert request.start == "PUT /merged?y=2 HTTP/1.1"
    assert request.all("content-type") == ["application/x-test"]
    assert request.all("x-old") == ["new"]
    assert request.get("x-new") == "7"
    assert request.body == b"hi"


def test_stream_becomes_a_request(rig: Rig) -> None:
    """Row 22: what a TCP client says is the body of one POST, what comes back is the answer's body."""
    with net.tcp(rig.mesh.port("post")) as sock:
        sock.sendall(b"from tcp")
        sock.shutdown(1)
        assert net.read_all(sock) == b"from tcp"
    assert rig.seen[-1].start == "POST /from-tcp HTTP/1.1"


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n: x\r\n\r\n", b"\x00" * 100],
)
def test_garbage_is_refused_and_others_are_served(rig: Rig, garbage: bytes) -> None:
    """Core: a peer that speaks something else gets an error or the door; nobody else notices."""
    with net.tcp(rig.mesh.port("http")) as sock:
        sock.sendall(garbage)
        sock.shutdown(1)
        said = net.read_all(sock)
        assert said == b"" or said.split()[1][:1] in (b"4", b"5")
    assert rig.ask("http", b"GET /204 HTTP/1.1\r\nhost: h\r\n\r\n").status == 204


def test_request_metadata_are_listed(rig: Rig) -> None:
    """Row 12: what rules may ask about a request."""
    with Client(rig.mesh.port("http")) as client:
        client.sock.sendall(b"POST /q?x=1 HTTP/1.1\r\nHost: h:81\r\nX-Y: z\r\ncontent-length: 1\r\n\r\n")
        session = net.eventually(lambda: rig.mesh.sessions("http"))[-1]
        http = session["metadata"]["HTTP"]
        assert http["method"] == "POST"
        assert (http["url"]["path"], http["url"]["query"]) == ("/q?x=1", "x=1")
        assert (http["url"]["host"], http["url"]["port"]) == ("h", "81")
        assert http["headers"]["x-y"] == "z"
        assert http["headers"]["host"] == "h:81"
        assert session["name"].startswith("HTTP:127.0.0.1:")
        assert client.ask(b"!").body == b"!"


def test_nothing_of_this_was_a_surprise(rig: Rig) -> None:
    """Core: traffic can not stop the process."""
    assert rig.mesh.is_alive
    assert "Traceback" not in rig.mesh.log
