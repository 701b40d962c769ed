import json

import pytest

from l7mp_mesh.model.listener import ReplyStyle
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.protocols.http.rescue import reply_for


@pytest.mark.parametrize(
    ("reason", "status", "message"),
    [
        (Reason.NO_ROUTE, 404, "Not Found"),
        (Reason.CONNECT_FAILED, 404, "Not Found"),
        (Reason.NO_ENDPOINT, 404, "Not Found"),
        (Reason.FORBIDDEN, 403, "Forbidden"),
        (Reason.UPSTREAM_RESET, 502, "Bad Gateway"),
        (Reason.TRANSFORM_FAULT, 500, "Internal Server Error"),
        (Reason.UPSTREAM_TIMEOUT, 504, "Gateway Timeout"),
        (Reason.OVERFLOW, 503, "Service Unavailable"),
    ],
)
def test_l7mp_says_status_message_and_content(reason: Reason, status: int, message: str) -> None:
    head, body = reply_for(reason, 'No route for session "x"', ReplyStyle.L7MP)
    assert (head.status, head.length) == (status, len(body))
    assert head.headers.get(b"content-type") == b"application/json"
    assert json.loads(body) == {"status": status, "message": message, "content": 'No route for session "x"'}
    assert body.startswith(b'{\n    "status"')


@pytest.mark.parametrize(
    ("reason", "status", "text"),
    [
        (Reason.NO_ROUTE, 404, b""),
        (Reason.NO_CLUSTER, 503, b""),
        (Reason.NO_ENDPOINT, 503, b"no healthy upstream"),
        (Reason.CONNECT_FAILED, 503, b"remote connection failure"),
        (Reason.UPSTREAM_RESET, 503, b"connection termination"),
        (Reason.UPSTREAM_PROTOCOL, 502, b"protocol error"),
        (Reason.UPSTREAM_TIMEOUT, 504, b"upstream request timeout"),
    ],
)
def test_envoy_says_what_envoy_says(reason: Reason, status: int, text: bytes) -> None:
    head, body = reply_for(reason, "not shown", ReplyStyle.ENVOY)
    assert head.status == status
    assert body.endswith(text)
    assert head.length == len(body)
    assert (head.headers.get(b"content-type") == b"text/plain") is bool(text)


@pytest.mark.parametrize("style", list(ReplyStyle))
@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_reply(reason: Reason, style: ReplyStyle) -> None:
    head, body = reply_for(reason, "", style)
    assert 400 <= head.status < 600
    assert head.length == len(body)
