"""The Prometheus responder: answers any request with the metrics of the process."""

from __future__ import annotations

from l7mp_mesh.observe.prometheus import exposition
from l7mp_mesh.observe.stats import Stats
from l7mp_mesh.pipe.head import RequestHead, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.responder import Responder


class Monitor(Responder):
    """Behind clusters of protocol Prometheus, `monitor_responder` among them."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    async def answer(
        self, request: RequestHead, body: bytes, attributes: Attributes
    ) -> tuple[ResponseHead, bytes]:
        accept = (request.headers.get(b"accept") or b"").decode("latin-1")
        text, content_type = exposition(self._stats, accept)
        return ResponseHead(200, Headers([(b"content-type", content_type.encode())])), text
