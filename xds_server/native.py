"""Native L7mp objects as Envoy resources that carry them in typed configs (`proto/l7mp/mesh/v1`).

A listener travels with those rule lists, rules, routes and transforms of its file that it leads to, and no
others: a change to one listener's rules is not an update of its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

from l7mp_mesh.api import ApiError, Json

CARRIED = ("rulelists", "rules", "routes", "transforms")
"""Lists of named objects that come along with a listener."""
KEYS = frozenset({"listeners", "clusters", *CARRIED})
"""Top-level fields that make a file a native one."""
KEPT_OUT = {
    "admin": "every proxy has its own; it is not served",
    "endpoints": "not served: an endpoint belongs into its cluster",
    "resources": "Envoy's resources and native objects go into different files",
}
"""Top-level fields that can not stand in a native file here, and why."""

_TYPE = "type.googleapis.com/"
Objects = dict[str, Json]


def carried_resources(file: Objects) -> Iterator[tuple[str, Objects]]:
    """Path of each native listener and cluster of a file, and the Envoy resource that carries it.

    The file was decoded without errors; where its text still surprises, ApiError is raised with its path.
    """
    named = {key: _named(file, key) for key in CARRIED}
    for path, name, cluster in _objects(file, "clusters"):
        yield path, _cluster(name, cluster)
    for path, name, listener in _objects(file, "listeners"):
        yield path, _listener(path, name, listener, named)


def _objects(file: Objects, key: str) -> Iterator[tuple[str, str, Objects]]:
    items = file.get(key) or []
    if not isinstance(items, list):
        raise ApiError(key, "expected a list of objects")
    for index, item in enumerate(items):
        path = f"{key}[{index}]"
        if not isinstance(item, dict):
            raise ApiError(path, f"expected an object, got {item!r}")
        name = item.get("name")
        if not isinstance(name, str) or not name:
            raise ApiError(
                f"{path}.name", f"expected a name, got {name!r}" if "name" in item else "expected a name"
            )
        yield path, name, item


def _named(file: Objects, key: str) -> dict[str, Objects]:
    found: dict[str, Objects] = {}
    for path, name, item in _objects(file, key):
        if name in found:
            raise ApiError(f"{path}.name", f"{name!r} is defined twice")
        found[name] = item
    return found


def _cluster(name: str, cluster: Objects) -> Objects:
    return {
        "@type": f"{_TYPE}envoy.config.cluster.v3.Cluster",
        "name": name,
        "cluster_type": {
            "name": "l7mp.mesh.v1.Cluster",
            "typed_config": {"@type": f"{_TYPE}l7mp.mesh.v1.Cluster", "config": _without(cluster, "name")},
        },
    }


def _listener(path: str, name: str, listener: Objects, named: dict[str, dict[str, Objects]]) -> Objects:
    spec = listener.get("spec")
    if not isinstance(spec, dict):
        raise ApiError(f"{path}.spec", f"expected an object, got {spec!r}")
    address = _address(spec)
    config = _without(listener, "name")
    if address:
        config["spec"] = _without(spec, "port", "address", "filename")
    typed: Objects = {"@type": f"{_TYPE}l7mp.mesh.v1.Listener", "config": config}
    needed = _needed(config, named)
    for key in CARRIED:
        items: list[Json] = [item for each, item in named[key].items() if (key, each) in needed]
        if items:
            typed[key] = items
    resource: Objects = {
        "@type": f"{_TYPE}envoy.config.listener.v3.Listener",
        "name": name,
        "filter_chains": [{"filters": [{"name": "l7mp.mesh.v1.Listener", "typed_config": typed}]}],
    }
    return resource | ({"address": address} if address else {})


def _address(spec: Objects) -> Objects:
    """The Envoy address of a listener that says address and port; others keep what they say in their spec.

    Without an address a listener binds them all, of both families, for which Envoy has no single word.
    """
    match spec:
        case {"address": str(address), "port": int(port)}:
            protocol = "UDP" if "UDP" in str(spec.get("protocol")).upper() else "TCP"
            return {"socket_address": {"protocol": protocol, "address": address, "port_value": port}}
        case {"filename": str(path)}:
            return {"pipe": {"path": path}}
    return {}


def _needed(config: Json, named: dict[str, dict[str, Objects]]) -> set[tuple[str, str]]:
    """What the names inside `config` lead to.

    Any text that is a name counts: too much is harmless, too little is not.
    """
    needed: set[tuple[str, str]] = set()
    pending: list[Json] = [config]
    while pending:
        for text in _texts(pending.pop()):
            for key, objects in named.items():
                if text in objects and (key, text) not in needed:
                    needed.add((key, text))
                    pending.append(objects[text])
    return needed


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)


def _without(value: Objects, *keys: str) -> Objects:
    return {key: item for key, item in value.items() if key not in keys}
