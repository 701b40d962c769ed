"""Short ways to write configurations."""

from __future__ import annotations

from typing import Any

Shape = dict[str, Any]


def rule(to: str | Shape, match: Shape | None = None, **action: Any) -> Shape:
    """A rule that routes to a cluster (or along an inline route), after further actions."""
    route = {"destination": to} if isinstance(to, str) else to
    made: Shape = {"action": {**action, "route": route}}
    return made if match is None else {"match": match, **made}


def listener(name: str, protocol: str, to: str | Shape | list[Any], **spec: Any) -> Shape:
    """A listener on a free port of 127.0.0.1 whose sessions go to a cluster, along a route, or by rules."""
    rules = to if isinstance(to, list) else [rule(to)]
    options = spec.pop("options", {})
    place = {} if "filename" in spec else {"address": "127.0.0.1", "port": 0}
    return {
        "name": name,
        "spec": {"protocol": protocol, **place, **spec},
        "rules": rules,
        "options": options,
    }


def cluster(
    name: str, protocol: str, port: int | None = None, address: str = "127.0.0.1", **spec: Any
) -> Shape:
    """A cluster with one endpoint."""
    if port is not None:
        spec["port"] = port
    return {
        "name": name,
        "spec": {"protocol": protocol, **spec},
        "endpoints": [{"spec": {"address": address}}],
    }


def builtin(name: str, protocol: str, **spec: Any) -> Shape:
    """A cluster inside the proxy."""
    return {"name": name, "spec": {"protocol": protocol, **spec}}
