"""One client's stream, sans-io: requests and snapshots in, responses out when the wire is free.

    receive(request) ─▶ subscriptions ─┐
    publish(snapshot) ────────────────▶ next() ─▶ response | None

Nothing is queued. `next` computes the first response that is due, in push order, from the newest snapshot: a
slow client skips intermediate states, and costs no memory. No acknowledgement is waited for: Envoy withholds
the one for clusters until their endpoints came.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import count

from xds_server.ledger import Event, Ledger
from xds_server.messages import Request, Response, StreamRefused
from xds_server.snapshot import Collection, Snapshot
from xds_server.subscription import Subscription, Verdict
from xds_server.types import CDS, EDS, ResourceType, type_of

log = logging.getLogger("xds_server")

KEPT_TYPES = 64
"""More types than this on one stream are refused."""


class Stream:
    """The server's side of one stream, aggregated or of one type."""

    def __init__(self, snapshot: Snapshot | None, ledger: Ledger, only: ResourceType | None = None) -> None:
        """`only`: the type of a separate stream. With no snapshot yet, all answers wait for the first."""
        self._snapshot = snapshot
        self._ledger = ledger
        self._only = only
        self._node: str | None = None
        self._serial = count(1)
        self._subscriptions: list[Subscription] = []

    @property
    def node(self) -> str:
        """Id of the client's node, once it said so."""
        return self._node or ""

    def receive(self, request: Request) -> None:
        """Take in a request. Raises StreamRefused."""
        self._identify(request.node)
        subscription = self._subscription(self._type(request))
        match subscription.receive(request):
            case Verdict.ACK:
                self._record(Event.ACK, subscription)
            case Verdict.NACK:
                self._record(Event.NACK, subscription, request.error or "no reason given")
            case Verdict.NOTHING | Verdict.STALE | Verdict.REPEATED:
                pass

    def publish(self, snapshot: Snapshot) -> None:
        """Replace what is served."""
        self._snapshot = snapshot

    def next(self) -> Response | None:
        """The next response to send, or None: nothing is due. The caller sends what it is given."""
        if self._snapshot is None:
            return None
        for subscription in self._subscriptions:
            response = self._take(subscription, self._snapshot)
            if response:
                return response
        return None

    def close(self, why: str) -> None:
        """Note the end of the stream."""
        if self._node is not None:
            self._ledger.record(self._node, Event.CLOSED, detail=why)

    def _identify(self, node: str) -> None:
        if self._node is None:
            self._node = node
            self._ledger.record(node, Event.OPENED)
        elif node and node != self._node:
            log.warning("node %s now calls itself %s; taken as %s", self._node, node, self._node)

    def _type(self, request: Request) -> ResourceType:
        if self._only is None:
            if not request.type_url:
                raise StreamRefused("type_url is required on an aggregated stream")
            return type_of(request.type_url)
        if request.type_url not in {"", self._only.url}:
            raise StreamRefused(f"this stream serves {self._only.url}, not {request.type_url}")
        return self._only

    def _subscription(self, kind: ResourceType) -> Subscription:
        for each in self._subscriptions:
            if each.kind.url == kind.url:
                return each
        if len(self._subscriptions) >= KEPT_TYPES:
            raise StreamRefused(f"more than {KEPT_TYPES} types on one stream")
        new = Subscription(kind)
        self._subscriptions.append(new)
        self._subscriptions.sort(key=lambda each: each.kind.order)
        return new

    def _take(self, subscription: Subscription, snapshot: Snapshot) -> Response | None:
        kind = subscription.kind
        collection = snapshot.collection(kind.url)
        touched = subscription.changing(collection) if kind is CDS else []
        nonce = str(next(self._serial))
        resources = subscription.take(collection, nonce)
        if resources is None:
            return None
        if kind is CDS:
            self._renew_endpoints(collection, touched)
        self._record(Event.SENT, subscription, f"{len(resources)} resources")
        return Response(kind.url, collection.version, nonce, resources)

    def _renew_endpoints(self, clusters: Collection, touched: Iterable[str]) -> None:
        # Envoy warms a modified cluster until endpoints arrive, and would wait for those it already has.
        names = [
            each.name
            for name in touched
            for each in clusters.resources[name].references
            if each.type_url == EDS.url
        ]
        for subscription in self._subscriptions:
            if subscription.kind is EDS:
                subscription.resend(names)
                subscription.allow_plea()

    def _record(self, event: Event, subscription: Subscription, detail: str = "") -> None:
        self._ledger.record(
            self.node,
            event,
            subscription.kind.short,
            version=subscription.version,
            nonce=subscription.nonce,
            detail=detail,
        )
