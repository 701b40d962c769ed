import pytest

from l7mp_mesh.protocols.http1.parser import BadMessage, RequestReader, ResponseReader

GOOD = b"GET / HTTP/1.1\r\nHost: a\r\n"

REFUSED = [
    ("Host is missing", 400, b"GET / HTTP/1.1\r\n\r\n"),
    ("two Hosts", 400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("Host with a path", 400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("Host with user information", 400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("length and coding", 400, GOOD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("coding and length", 400, GOOD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
    ("two lengths", 400, GOOD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
    ("length list", 400, GOOD + b"Content-Length: 3, 3\r\n\r\nabc"),
    ("signed length", 400, GOOD + b"Content-Length: +3\r\n\r\nabc"),
    ("negative length", 400, GOOD + b"Content-Length: -3\r\n\r\nabc"),
    ("hexadecimal length", 400, GOOD + b"Content-Length: 0x3\r\n\r\nabc"),
    ("empty length", 400, GOOD + b"Content-Length:\r\n\r\n"),
    ("endless length", 400, GOOD + b"Content-Length: 99999999999999999999999\r\n\r\n"),
    ("gzip", 501, GOOD + b"Transfer-Encoding: gzip\r\n\r\n"),
    ("gzip under chunked", 501, GOOD + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
    ("unknown coding", 501, GOOD + b"Transfer-Encoding: xchunked\r\n\r\n"),
    ("gzip over chunked", 400, GOOD + b"Transfer-Encoding: chunked, gzip\r\n\r\n"),
    ("chunked twice", 400, GOOD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("vertical tab in coding", 400, GOOD + b"Transfer-Encoding: \x0bchunked\r\n\r\n"),
    ("chunked in 1.0", 400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("obs-fold", 400, GOOD + b"X: b\r\n c\r\n\r\n"),
    ("space before the first field", 400, b"GET / HTTP/1.1\r\n X: b\r\nHost: a\r\n\r\n"),
    ("bare CR", 400, GOOD + b"X: b\rc\r\n\r\n"),
    ("bare LF", 400, b"GET / HTTP/1.1\nHost: a\n\n"),
    ("bare LF after a field", 400, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    ("space before the colon", 400, GOOD + b"X : b\r\n\r\n"),
    ("NUL in a value", 400, GOOD + b"X: b\0c\r\n\r\n"),
    ("control character in a value", 400, GOOD + b"X: b\x01c\r\n\r\n"),
    ("DEL in a value", 400, GOOD + b"X: b\x7fc\r\n\r\n"),
    ("empty name", 400, GOOD + b": b\r\n\r\n"),
    ("bracket in a name", 400, GOOD + b"X(y: b\r\n\r\n"),
    ("8-bit name", 400, GOOD + b"X\xff: b\r\n\r\n"),
    ("no colon", 400, GOOD + b"Xy\r\n\r\n"),
    ("unknown method", 400, b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("lower-case method", 400, b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("relative target", 400, b"GET foo HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("asterisk with GET", 400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("8-bit target", 400, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("control character in the target", 400, b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("fragment", 400, b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two spaces before the target", 400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two spaces after the target", 400, b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("space in the target", 400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("user information in the target", 400, b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("foreign scheme", 400, b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("CONNECT with nothing", 400, b"CONNECT  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("CONNECT without port", 400, b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("CONNECT with a body", 400, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"),
    ("HTTP/0.9", 400, b"GET /\r\n\r\n"),
    ("HTTP/2.0", 505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ("HTTP/1.2", 400, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("another protocol", 400, b"GET / RTSP/1.0\r\nHost: a\r\n\r\n"),
    ("the HTTP/2 preface", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("space before the method", 400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("unknown expectation", 417, GOOD + b"Expect: miracles\r\n\r\n"),
    ("a head too long", 431, GOOD + b"X: " + b"y" * 2000 + b"\r\n\r\n"),
    ("a head too long and not complete", 431, GOOD + b"X: " + b"y" * 2000),
    ("endless empty fields", 431, GOOD + b"X:\r\n" * 400),
    ("too many fields", 431, GOOD + b"X:\r\n" * 100 + b"\r\n"),
    ("too many fields that Connection names", 431, GOOD + b"Connection: x\r\n" * 100 + b"\r\n"),
]


@pytest.mark.parametrize(("status", "wire"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_request_that_breaks_the_rules_is_refused(status: int, wire: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        RequestReader(1024).feed(wire, 0)
    assert caught.value.status == status, caught.value.detail
    assert caught.value.detail


@pytest.mark.parametrize(("status", "wire"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_it_is_refused_byte_by_byte_as_well(status: int, wire: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        drip(RequestReader(1024), wire)
    assert caught.value.status == status, caught.value.detail


def drip(reader: RequestReader, wire: bytes) -> None:
    for index in range(len(wire)):
        reader.feed(wire[index : index + 1], 0)


def read(wire: bytes) -> RequestReader:
    reader = RequestReader(4096)
    assert reader.feed(wire, 0) == len(wire)
    return reader


@pytest.mark.parametrize(
    ("line", "target", "authority"),
    [
        (b"GET /p?q=1 HTTP/1.1", b"/p?q=1", b"a"),
        (b"GET http://x.y:81/p?q HTTP/1.1", b"/p?q", b"x.y:81"),
        (b"GET HTTP://x.y HTTP/1.1", b"/", b"x.y"),
        (b"GET http://x.y?q HTTP/1.1", b"/?q", b"x.y"),
        (b"OPTIONS http://x.y HTTP/1.1", b"*", b"x.y"),
        (b"OPTIONS * HTTP/1.1", b"*", b"a"),
        (b"CONNECT x.y:443 HTTP/1.1", b"x.y:443", b"x.y:443"),
    ],
)
def test_every_form_of_target_gives_path_and_authority(line: bytes, target: bytes, authority: bytes) -> None:
    head = read(line + b"\r\nHost: a\r\n\r\n").head
    assert (head.target, head.authority) == (target, authority)


@pytest.mark.parametrize("host", [b"a", b"a.b-c:80", b"[::1]:80", b"", b"1.2.3.4", b"a_b"])
def test_hosts(host: bytes) -> None:
    assert read(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n").head.authority == host


def test_fields_about_the_connection_are_taken_out() -> None:
    head = read(
        GOOD + b"X-One: 1 \t\r\nConnection: keep-alive, X-Two\r\nX-Two: 2\r\nKeep-Alive: 5\r\n"
        b"TE: gzip, trailers\r\n"
        b"Proxy-Connection: x\r\nUpgrade: foo\r\nCookie: c\r\nX-Empty:\r\n\r\n"
    ).head
    assert head.headers.fields == [
        (b"x-one", b"1"),
        (b"cookie", b"c"),
        (b"x-empty", b""),
        (b"te", b"trailers"),
    ]
    assert head.upgrade == b""


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"close", False),
        (b"1.1", b"Close", False),
        (b"1.1", b"x, close", False),
        (b"1.1", b"keep-alive", True),
        (b"1.0", b"", False),
        (b"1.0", b"keep-alive", True),
        (b"1.0", b"Keep-Alive", True),
        (b"1.0", b"keep-alive, close", False),
    ],
)
def test_persistence(version: bytes, connection: bytes, keeps: bool) -> None:
    field = b"Connection: " + connection + b"\r\n" if connection else b""
    assert read(b"GET / HTTP/" + version + b"\r\nHost: a\r\n" + field + b"\r\n").keeps_alive is keeps
    responses = ResponseReader(4096)
    responses.feed(b"HTTP/" + version + b" 200 OK\r\nContent-Length: 0\r\n" + field + b"\r\n", 0)
    assert responses.keeps_alive is keeps


@pytest.mark.parametrize(
    ("fields", "upgrade"),
    [
        (b"Connection: Upgrade\r\nUpgrade: WebSocket\r\n", b"websocket"),
        (b"Connection: keep-alive, Upgrade\r\nUpgrade: foo, bar\r\n", b"foo"),
        (b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b""),
        (b"Upgrade: websocket\r\n", b""),
        (b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n", b""),
    ],
)
def test_which_upgrades_count(fields: bytes, upgrade: bytes) -> None:
    assert read(b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n").head.upgrade == upgrade


def test_empty_lines_before_a_request_are_ignored() -> None:
    reader = RequestReader(4096)
    assert reader.feed(b"\r\n\r", 0) == -1
    assert reader.feed(b"\n" + GOOD + b"\r\nrest", 0) == len(GOOD) + 3
    assert not reader.has_partial


@pytest.mark.parametrize(
    "wire",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 99 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 1000 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 200 O\x01K\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
def test_a_response_that_breaks_the_rules_is_refused(wire: bytes) -> None:
    with pytest.raises(BadMessage):
        ResponseReader(4096).feed(wire, 0)


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK", 200, b""),
        (b"HTTP/1.1 200 Fine", 200, b"Fine"),
        (b"HTTP/1.1 200 ", 200, b""),
        (b"HTTP/1.1 299", 299, b""),
        (b"HTTP/1.0 404 Not Found", 404, b"Not Found"),
    ],
)
def test_status_lines(line: bytes, status: int, reason: bytes) -> None:
    reader = ResponseReader(4096)
    reader.feed(line + b"\r\nContent-Length: 0\r\n\r\n", 0)
    assert (reader.head.status, reader.head.reason, reader.head.length) == (status, reason, 0)


def test_as_many_fields_as_allowed_are_read() -> None:
    reader = RequestReader(4096)
    wire = GOOD + b"X:\r\n" * 99 + b"\r\n"
    assert reader.feed(wire, 0) == len(wire)
    assert len(reader.head.headers.fields) == 99


def test_every_field_that_connection_names_is_taken_out() -> None:
    reader = RequestReader(4096)
    reader.feed(GOOD + b"A: 1\r\nB: 2\r\nC: 3\r\nConnection: a, close, C\r\nA: 4\r\n\r\n", 0)
    assert reader.head.headers.fields == [(b"b", b"2")]
    assert not reader.keeps_alive
