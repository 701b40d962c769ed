"""What a client is told when a session fails: a reason becomes a response.

Source: L7mp session errors (`{status, message, content}`, 404 for everything that failed before the session
was set up); Envoy's local replies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from l7mp_mesh.model.listener import ReplyStyle
from l7mp_mesh.pipe.head import ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.reason import Reason

PLAIN_STATUS: Mapping[Reason, int] = MappingProxyType(
    {
        Reason.NO_ROUTE: 404,
        Reason.NO_CLUSTER: 404,
        Reason.NO_ENDPOINT: 404,
        Reason.CONNECT_FAILED: 404,
        Reason.CONNECT_TIMEOUT: 404,
        Reason.FORBIDDEN: 403,
        Reason.REQUEST_TOO_LARGE: 413,
        Reason.REQUEST_TIMEOUT: 408,
        Reason.DOWNSTREAM_PROTOCOL: 400,
        Reason.UPSTREAM_RESET: 502,
        Reason.UPSTREAM_PROTOCOL: 502,
        Reason.TRANSFORM_FAULT: 500,
        Reason.UPSTREAM_TIMEOUT: 504,
    }
)
"""Status in the L7MP style; 503 for the rest."""

RESET = "upstream connect error or disconnect/reset before headers. reset reason: "

ENVOY_REPLY: Mapping[Reason, tuple[int, str]] = MappingProxyType(
    {
        Reason.NO_ROUTE: (404, ""),
        Reason.NO_CLUSTER: (503, ""),
        Reason.NO_ENDPOINT: (503, "no healthy upstream"),
        Reason.CONNECT_FAILED: (503, RESET + "remote connection failure"),
        Reason.CONNECT_TIMEOUT: (503, RESET + "connection timeout"),
        Reason.UPSTREAM_RESET: (503, RESET + "connection termination"),
        Reason.UPSTREAM_PROTOCOL: (502, RESET + "protocol error"),
        Reason.OVERFLOW: (503, RESET + "overflow"),
        Reason.UPSTREAM_TIMEOUT: (504, "upstream request timeout"),
        Reason.REQUEST_TIMEOUT: (408, "request timeout"),
        Reason.IDLE_TIMEOUT: (408, "stream timeout"),
        Reason.REQUEST_TOO_LARGE: (413, "Payload Too Large"),
        Reason.FORBIDDEN: (403, "RBAC: access denied"),
        Reason.DOWNSTREAM_PROTOCOL: (400, ""),
        Reason.TRANSFORM_FAULT: (500, ""),
    }
)
"""Status and text in the ENVOY style; 503 without text for the rest."""

UNAVAILABLE = 503


def reply_for(reason: Reason, detail: str, style: ReplyStyle) -> tuple[ResponseHead, bytes]:
    """The response to a request whose session failed for `reason`; `detail` is shown in the L7MP style."""
    if style is ReplyStyle.ENVOY:
        status, text = ENVOY_REPLY.get(reason, (UNAVAILABLE, ""))
        return _text(status, text)
    return refusal(PLAIN_STATUS.get(reason, UNAVAILABLE), detail, style)


def refusal(status: int, detail: str, style: ReplyStyle) -> tuple[ResponseHead, bytes]:
    """A response of a given status: for requests that a codec could not read."""
    if style is ReplyStyle.ENVOY:
        return _text(status, "")
    # Written by hand: json.dumps with an indent leaves a reference cycle behind every call.
    phrase, content = json.dumps(HTTPStatus(status).phrase), json.dumps(detail)
    body = f'{{\n    "status": {status},\n    "message": {phrase},\n    "content": {content}\n}}'.encode()
    return ResponseHead(status, Headers([(b"content-type", b"application/json")]), len(body)), body


def _text(status: int, text: str) -> tuple[ResponseHead, bytes]:
    headers = Headers([(b"content-type", b"text/plain")] if text else [])
    body = text.encode()
    return ResponseHead(status, headers, len(body)), body
