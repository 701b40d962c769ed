"""Answers with what was configured."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.options import Between, option
from l7mp_mesh.model.value import FrozenObject
from l7mp_mesh.pipe.head import STREAM_HEAD, RequestHead, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, TEXT, Sink
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.upstream import Connector
from l7mp_mesh.protocols.inline.answering import AnsweringLeg

Status = Annotated[int, Between(200, 599)]
"""A final HTTP status."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_OURS = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})
_NO_CONTENT = frozenset({204, 205, 304})


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectResponseOptions:
    """The answer. Source: envoy.config.route.v3.DirectResponseAction."""

    status: Status = field(default=200, metadata=option(doc="HTTP status."))
    body: str = field(default="", metadata=option(doc="Body; all that a session other than HTTP gets."))
    content_type: str = field(
        default="text/plain; charset=utf-8", metadata=option(doc="Content-Type of a body that is not empty.")
    )
    headers: FrozenObject = field(
        default=FrozenObject(), metadata=option(doc="More header fields, by name; values are text.")
    )

    def __post_init__(self) -> None:
        """Refuse what can not be written."""
        for name, value in (("content-type", self.content_type), *self.headers.items):
            if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
                raise ConfigError("headers", f"{name!r} can not be set: expected a field that is not framing")
            if not isinstance(value, str) or not _VALUE.fullmatch(value):
                raise ConfigError(
                    f"headers.{name}", f"expected text without control characters, got {value!r}"
                )


class DirectConnector(Connector):
    """Legs that give the configured answer."""

    def __init__(self, options: DirectResponseOptions) -> None:
        self._status = options.status
        self._body = b"" if options.status in _NO_CONTENT else options.body.encode()
        self._fields = [(name.lower().encode(), str(value).encode()) for name, value in options.headers.items]
        if self._body and not any(name == b"content-type" for name, _ in self._fields):
            self._fields.insert(0, (b"content-type", options.content_type.encode()))

    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        if attributes.kind is Kind.EXCHANGE:
            return DirectLeg(self._status, self._fields, self._body)
        return SayingLeg(attributes.kind or Kind.MESSAGE, self._body)


class DirectLeg(AnsweringLeg):
    """Answers any request alike, when it is complete: a connection with half a request can not be kept."""

    __slots__ = ("_body", "_fields", "_status")

    def __init__(self, status: int, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__(None)
        self._status = status
        self._fields = fields
        self._body = body

    def asked(self, request: RequestHead, body: bytes) -> None:
        self.answer(ResponseHead(self._status, Headers(self._fields.copy())), self._body)


class SayingLeg(Leg):
    """Says one thing and ends; what it hears does not matter."""

    __slots__ = ("_body", "kind")

    def __init__(self, kind: Kind, body: bytes) -> None:
        self.kind = kind
        self._body = body

    @property
    def sink(self) -> Sink:
        return DISCARD

    def start(self, into: Sink) -> None:
        body, self._body = self._body, b""
        into.open(STREAM_HEAD, OPEN_VALVE)
        if body:
            into.data(body, TEXT)
        into.end(None)

    def close(self, reason: Reason) -> None:
        self._body = b""
