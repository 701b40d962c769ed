"""Legs that answer HTTP requests by themselves."""

from __future__ import annotations

import json
from abc import abstractmethod
from http import HTTPStatus

from l7mp_mesh.pipe.head import Head, Last, RequestHead, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink, Valve
from l7mp_mesh.ports.leg import Leg

Answer = tuple[ResponseHead, bytes]
"""A response and its body."""


class AnsweringLeg(Leg):
    """Takes one request and gives one answer, once.

    At most `limit` bytes of the request body are kept: a longer one is answered with 413. With `limit` None
    the body is dropped as it comes.
    """

    __slots__ = ("_answer", "_into", "_is_over", "_is_started", "_sink")

    kind = Kind.EXCHANGE

    def __init__(self, limit: int | None) -> None:
        self._into: Sink = DISCARD
        self._sink = Request(self, limit)
        self._answer: Answer | None = None
        self._is_started = False
        self._is_over = False

    @property
    def sink(self) -> Sink:
        return self._sink

    def start(self, into: Sink) -> None:
        self._into = into
        self._is_started = True
        if self._answer is not None:
            self._say(self._answer)

    def close(self, reason: Reason) -> None:
        self._is_over = True
        self._into = DISCARD

    @abstractmethod
    def asked(self, request: RequestHead, body: bytes) -> None:
        """The request is complete; `answer` it, now or later."""

    def answer(self, head: ResponseHead, body: bytes) -> None:
        """Give the answer; `length` of `head` is set here. Only the first one counts."""
        if self._is_over or self._answer is not None:
            return
        head.length = len(body)
        self._answer = (head, body)
        if self._is_started:
            self._say(self._answer)

    def _say(self, answer: Answer) -> None:
        head, body = answer
        into = self._into
        self._is_over = True
        into.open(head, OPEN_VALVE)
        if body and not self._sink.is_head_only:
            into.data(body, 0)
        into.end(None)


class Request(Sink):
    """What the session writes to an answering leg."""

    __slots__ = ("_body", "_head", "_leg", "_limit", "_size")

    def __init__(self, leg: AnsweringLeg, limit: int | None) -> None:
        self._leg = leg
        self._limit = limit
        self._head: RequestHead | None = None
        self._body: list[bytes] = []
        self._size = 0

    @property
    def is_head_only(self) -> bool:
        """True when the answer has a length but no body (RFC 9110 section 9.3.2)."""
        return self._head is not None and self._head.method == b"HEAD"

    def open(self, head: Head, valve: Valve) -> None:
        assert isinstance(head, RequestHead), "an exchange begins with a request"
        self._head = head

    def data(self, chunk: bytes, flags: int) -> None:
        if self._limit is None or self._size > self._limit:
            return
        self._size += len(chunk)
        self._body.append(chunk)
        if self._size > self._limit:
            self._body.clear()
            self._leg.answer(*problem(413, f"The request body is longer than {self._limit} bytes"))

    def end(self, last: Last | None) -> None:
        if self._head is not None and (self._limit is None or self._size <= self._limit):
            self._leg.asked(self._head, b"".join(self._body))
        self._body.clear()

    def abort(self, reason: Reason) -> None:
        self._body.clear()
        self._leg.close(reason)


def problem(status: int, content: str) -> Answer:
    """An error as the REST API reports it."""
    text = json.dumps({"status": status, "message": HTTPStatus(status).phrase, "content": content}, indent=4)
    return ResponseHead(status, Headers([(b"content-type", b"application/json")])), text.encode()
