"""An HTTP mesh in Envoy resources: one listener, one route configuration, EDS clusters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.xds_probe import CLUSTER, ENDPOINTS, LISTENER, ROUTES

Json = dict[str, Any]
HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def http_listener(source: Json, port: int = 0, name: str = "web", routes: str = "web") -> Json:
    """A connection manager that asks RDS; port 0 takes a free one."""
    manager = {
        "@type": HTTP,
        "stat_prefix": name,
        "rds": {"route_config_name": routes, "config_source": source},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    return {
        "@type": LISTENER,
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def route_table(routes: list[Json], name: str = "web") -> Json:
    """One virtual host for all domains."""
    return {
        "@type": ROUTES,
        "name": name,
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
    }


def to_cluster(prefix: str, cluster: str) -> Json:
    """A prefix route."""
    return {"match": {"prefix": prefix}, "route": {"cluster": cluster}}


def to_split(prefix: str, weights: dict[str, int]) -> Json:
    """A prefix route to weighted clusters."""
    clusters = [{"name": name, "weight": weight} for name, weight in weights.items()]
    return {"match": {"prefix": prefix}, "route": {"weighted_clusters": {"clusters": clusters}}}


def eds_cluster(name: str, source: Json, timeout: str = "1s") -> Json:
    """A cluster whose endpoints come by EDS."""
    return {
        "@type": CLUSTER,
        "name": name,
        "type": "EDS",
        "connect_timeout": timeout,
        "eds_cluster_config": {"eds_config": source},
    }


def assignment(name: str, *ports: int) -> Json:
    """Endpoints on the loopback."""
    found = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
        for port in ports
    ]
    return {"@type": ENDPOINTS, "cluster_name": name, "endpoints": [{"lb_endpoints": found}]}


def save(path: Path, *resources: Json) -> None:
    """Write a file for `xds-server`, atomically."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"resources": list(resources)}, indent=1))
    draft.replace(path)
