"""Our own messages (`proto/l7mp/mesh/v1/dataplane.proto`): native objects, read by the one native decoder."""

from __future__ import annotations

from l7mp_mesh import api
from l7mp_mesh.api import ApiError
from l7mp_mesh.control.native import Decoder, parsed
from l7mp_mesh.control.xds.translate.fields import only
from l7mp_mesh.control.xds.translate.protocol import vocabulary
from l7mp_mesh.control.xds.translate.translation import Translation
from l7mp_mesh.model.errors import ConfigError, Problem

NATIVE_LISTENER = "l7mp.mesh.v1.Listener"
NATIVE_CLUSTER = "l7mp.mesh.v1.Cluster"

PARTS = ("rulelists", "rules", "routes", "transforms")
"""Fields of a native listener that hold objects of their own: the sections of a native file."""

_Object = dict[str, api.Json]


def native_listener(config: api.Proto, name: str, path: str, address: api.Proto) -> Translation:
    """A listener under the name of its Envoy listener, bound at the `address` of that if it is set."""
    listener = _named(config.config, name, f"{path}.config")
    _bind(listener, address, f"{path}.config")
    document: _Object = {"listeners": [listener]}
    for part in PARTS:
        items = enumerate(getattr(config, part))
        document[part] = [_plain_object(item, f"{path}.{part}[{index}]") for index, item in items]
    return _decode(document, path)


def native_cluster(config: api.Proto, name: str, path: str, endpoints: str | None = None) -> Translation:
    """A cluster under the name of its Envoy cluster; `endpoints` is the set that comes from elsewhere."""
    cluster = _named(config.config, name, f"{path}.config")
    if endpoints is not None and "endpoints" in cluster:
        raise ConfigError(f"{path}.config.endpoints", "the Envoy cluster around it brings endpoints too")
    if endpoints is not None:
        cluster["endpoints"] = endpoints
    return _decode({"clusters": [cluster]}, path)


def _named(config: api.Proto, name: str, path: str) -> _Object:
    made = _plain_object(config, path)
    if made.setdefault("name", name) != name:
        raise ConfigError(f"{path}.name", f"expected {name!r} as in the Envoy resource around it, or nothing")
    return made


def _bind(listener: _Object, address: api.Proto, path: str) -> None:
    """Put a bind address into the `spec` of a listener."""
    kind = address.WhichOneof("address")
    if kind is None:
        return
    if kind == "pipe":
        only(address.pipe, "address.pipe", "path")
        given: _Object = {"filename": address.pipe.path}
    elif kind == "socket_address":
        only(address.socket_address, "address.socket_address", "address", "port_value", "protocol")
        given = {"port": address.socket_address.port_value, "address": address.socket_address.address}
    else:
        raise ConfigError(f"address.{kind}", "not supported")
    spec = listener.setdefault("spec", {})
    if not isinstance(spec, dict):
        return
    for word, value in given.items():
        if spec.setdefault(word, value) != value:
            raise ConfigError(f"{path}.spec.{word}", f"the listener's address says {value!r}")


def _decode(document: _Object, path: str) -> Translation:
    decoded = Decoder(vocabulary()).part(parsed(document))
    for problem in decoded.errors:
        raise ConfigError(_located(problem, path), problem.why)
    return Translation(decoded.objects)


def _located(problem: Problem, path: str) -> str:
    """The path of a problem in the document, as one in the message at `path`."""
    inner = problem.path
    for main in ("listeners[0]", "clusters[0]"):
        if inner.startswith(main):
            inner = "config" + inner.removeprefix(main)
    return f"{path}.{inner}"


def _plain_object(struct: api.Proto, path: str) -> _Object:
    try:
        value = api.to_json(struct)
    except ApiError as error:
        raise ConfigError(path, error.why) from error
    return {key: _plain(item) for key, item in value.items()}


def _plain(value: api.Json) -> api.Json:
    """Numbers of a Struct are doubles; those without a fraction were written as integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
