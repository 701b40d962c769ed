"""Sessions as the control API shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from l7mp_mesh.control.native import Vocabulary, encode
from l7mp_mesh.control.native.spec import encode_spec
from l7mp_mesh.model.value import Json
from l7mp_mesh.ports.session import Event, SessionRecord, StageRecord, Traffic

INVALID = "<INVALID>"
"""Stands for an endpoint that there is not, or not any more."""


def session_value(record: SessionRecord, vocabulary: Vocabulary) -> Json:
    """A session: L7mp's members, and its route and counters."""
    destination: Json = {"status": "PENDING"}
    if record.destination is not None:
        destination = _stage(record.destination)
    return {
        "name": record.name,
        "metadata": {key: value for key, value in record.metadata.items() if key != "name"},
        "source": {
            "origin": record.source.origin,
            "listener": dict(vocabulary.echo(encode_spec(record.protocol, spelled=True))),
            "status": record.source.status.value,
            "passed": _traffic(record.source.passed),
        },
        "destination": destination,
        "ingress": [_stage(stage) for stage in record.ingress],
        "egress": [_stage(stage) for stage in record.egress],
        "route": None if record.route is None else encode(record.route),
        "status": record.status.value,
        "statistics": {"received": _traffic(record.received), "sent": _traffic(record.sent)},
        "dropped": record.dropped,
        "loses_boundaries": record.loses_boundaries,
        "events": [_event(event) for event in record.events],
    }


def _stage(stage: StageRecord) -> Json:
    endpoint: Json = INVALID
    if stage.endpoint is not None:
        spec: dict[str, Json] = {"address": stage.endpoint.address}
        if stage.endpoint.port is not None:
            spec["port"] = stage.endpoint.port
        endpoint = {"name": stage.endpoint.name, "spec": spec}
    return {
        "origin": stage.origin,
        "endpoint": endpoint,
        "status": stage.status.value,
        "passed": _traffic(stage.passed),
    }


def _traffic(traffic: Traffic) -> Json:
    return {"bytes": traffic.bytes, "messages": traffic.messages}


def _event(event: Event) -> Json:
    when = datetime.fromtimestamp(event.timestamp, UTC).isoformat(timespec="milliseconds")
    return {
        "event": event.event,
        "timestamp": when.replace("+00:00", "Z"),
        "message": event.message,
        "content": event.content,
    }
