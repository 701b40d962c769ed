"""Format strings: what is printed, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attributes import FakeView, request, session

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.observe.log_format import DEFAULT_FORMAT, compile_format
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Peer


def http_view() -> FakeView:
    return FakeView(request(b"/a?x=1", b"h.test", (b"user-agent", b"curl"), (b"x-a", b"1"), (b"x-a", b"2")))


def line(text: str, view: FakeView | None = None) -> str:
    return compile_format(text).format(view or http_view()).removesuffix("\n")


def test_the_default_line_of_a_request() -> None:
    assert line(DEFAULT_FORMAT) == (
        '[2023-11-14T22:13:20.125Z] "GET /a?x=1 HTTP/1.1" 200 - 3 5 34 12 '
        '"-" "curl" "-" "h.test" "10.0.0.9:81"'
    )


def test_the_default_line_of_a_connection() -> None:
    view = FakeView(session())
    view.status_code = 0
    view.reason = Reason.CONNECT_FAILED
    view.first_byte = -1.0
    view.endpoint_address = ""
    assert line(DEFAULT_FORMAT, view) == (
        '[2023-11-14T22:13:20.125Z] "- - -" 0 UF 3 5 34 - "-" "-" "-" "-" "-"'
    )


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", ""),
        ("plain", "plain"),
        ("100%%", "100%"),
        ("%%DURATION%%", "%DURATION%"),
        ("%START_TIME%", "2023-11-14T22:13:20.125Z"),
        ("%START_TIME(%Y/%m/%d %H:%M:%S)%", "2023/11/14 22:13:20"),
        ("%START_TIME(%s.%3f)%", "1700000000.125"),
        ("%START_TIME(%1f %f %%f)%", "1 125000000 %f"),
        ("%START_TIME(%s) x (%6f)%", "1700000000) x (125000"),
        ("%REQ(:METHOD)% %REQ(:path)% %REQ(:Authority)%", "GET /a?x=1 h.test"),
        ("%REQ(User-Agent)%", "curl"),
        ("%REQ(X-A)%", "1"),
        ("%REQ(X-NONE)%", "-"),
        ("%REQ(X-NONE?X-A)%", "1"),
        ("%REQ(X-A?USER-AGENT)%", "1"),
        ("%REQ(USER-AGENT):2%", "cu"),
        ("%REQ(X-NONE?USER-AGENT):3%", "cur"),
        ("%PROTOCOL%", "HTTP/1.1"),
        ("%RESPONSE_CODE%", "200"),
        ("%RESPONSE_FLAGS%", "-"),
        ("%RESPONSE_CODE_DETAILS%", "ok"),
        ("%BYTES_RECEIVED%/%BYTES_SENT%", "3/5"),
        ("%DURATION% %RESPONSE_DURATION%", "34 12"),
        ("%UPSTREAM_HOST% %UPSTREAM_CLUSTER%", "10.0.0.9:81 c"),
        ("%DOWNSTREAM_REMOTE_ADDRESS%", "10.0.0.1:1111"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "10.0.0.1"),
        ("%DOWNSTREAM_LOCAL_ADDRESS%", "10.0.0.2:80"),
        ("%ROUTE_NAME%", "r"),
        ("%SESSION_NAME%", "TCP:10.0.0.1:1111-10.0.0.2:80-7"),
        ("%LISTENER%", "in"),
        ("%METADATA(/IP/src_addr)%", "10.0.0.1"),
        ("%METADATA(/TCP)%", '{\\"src_port\\":1111,\\"dst_port\\":80}'),
        ("%METADATA(/labels/x)%", "-"),
    ],
)
def test_a_command_prints(text: str, printed: str) -> None:
    assert line(text) == printed


def test_a_line_ends_once() -> None:
    assert compile_format("x").format(http_view()) == "x\n"
    assert compile_format("x\n").format(http_view()) == "x\n"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a %NOPE% b", "%NOPE% at position 2"),
        ("100%", "position 3"),
        ("% DURATION%", "position 0"),
        ("%duration%", "position 0"),
        ("%DURATION(x)%", "%DURATION% at position 0 takes no argument"),
        ("%REQ%", "%REQ% at position 0"),
        ("%REQ()%", "%REQ% at position 0"),
        ("%REQ(A?B?C)%", "A?B?C"),
        ("%REQ(A?)%", "%REQ% at position 0"),
        ("%REQ(:STATUS)%", ":STATUS"),
        ("%RESP(SERVER)%", "%RESP% at position 0"),
        ("%METADATA(x)%", "%METADATA% at position 0"),
        ("%METADATA%", "%METADATA% at position 0"),
        ("%DURATION% %START_TIME(%Q)%", "%START_TIME% at position 11"),
    ],
)
def test_a_bad_format_is_refused_where_it_is_bad(text: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_format(text)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "printed"),
    [
        (b'a" 200 "', '"a\\" 200 \\""'),
        (b"a\r\nb\tc\x00", '"a\\x0d\\x0ab\\x09c\\x00"'),
        (b"back\\slash", '"back\\\\slash"'),
        ("\u0151".encode(), '"\\xc5\\x91"'),
        (b"", '"-"'),
    ],
)
def test_a_value_can_not_leave_its_field(raw: bytes, printed: str) -> None:
    assert line('"%REQ(X-A)%"', FakeView(request(b"/", b"h", (b"x-a", raw)))) == printed


def test_text_beyond_ascii_is_escaped() -> None:
    view = http_view()
    view.route_name = "\u0151\U0001f600"
    assert line("%ROUTE_NAME%", view) == "\\u0151\\U0001f600"


@given(raw=st.binary())
def test_a_line_is_one_line(raw: bytes) -> None:
    view = FakeView(request(raw, raw, (b"user-agent", raw)))
    view.detail = raw.decode("latin-1")
    view.endpoint_address = raw.decode("latin-1")
    text = compile_format(DEFAULT_FORMAT + "%RESPONSE_CODE_DETAILS% %METADATA(/)%").format(view)
    assert text.isascii()
    assert text.removesuffix("\n").isprintable()


@pytest.mark.parametrize(
    ("reason", "flag"),
    [
        (Reason.OK, "-"),
        (Reason.CONNECT_TIMEOUT, "UF"),
        (Reason.UPSTREAM_RESET, "UC"),
        (Reason.DOWNSTREAM_RESET, "DC"),
        (Reason.NO_ROUTE, "NR"),
        (Reason.NO_ENDPOINT, "UH"),
        (Reason.FORBIDDEN, "UAEX"),
        (Reason.REQUEST_TOO_LARGE, "-"),
        (Reason.DELETED, "-"),
        (Reason.TRANSFORM_FAULT, "-"),
        (Reason.SHUTDOWN, "-"),
    ],
)
def test_flags_are_those_that_envoy_has(reason: Reason, flag: str) -> None:
    view = http_view()
    view.reason = reason
    assert line("%RESPONSE_FLAGS%", view) == flag


def test_details_name_the_reason() -> None:
    view = http_view()
    view.reason = Reason.CONNECT_FAILED
    view.detail = "10.0.0.9:81: refused"
    assert line("%RESPONSE_CODE_DETAILS%", view) == "connect_failed{10.0.0.9:81: refused}"


def test_addresses_of_every_kind() -> None:
    view = FakeView(session())
    view.attributes.peer = Peer("TCP", "::1", 5, "fd00::2", 443)
    assert line("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%", view) == "[::1]:5 [fd00::2]:443"
    view.attributes.peer = Peer("UNIX", "", 0, "/run/s.sock", 0)
    assert line("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%", view) == "- /run/s.sock"


def test_a_second_that_passes_is_seen() -> None:
    made = compile_format("%START_TIME%")
    view = http_view()
    made.format(view)
    view.started += 1.5
    assert made.format(view) == "2023-11-14T22:13:21.625Z\n"
    view.started -= 1.5
    assert made.format(view) == "2023-11-14T22:13:20.125Z\n"
