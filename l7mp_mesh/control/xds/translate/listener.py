"""envoy.config.listener.v3.Listener with one filter chain and one network filter that ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from l7mp_mesh import api
from l7mp_mesh.control.xds.translate.cluster import tcp_name
from l7mp_mesh.control.xds.translate.fields import (
    enum_word,
    from_ads,
    only,
    required,
    socket_address,
    typed,
    under,
)
from l7mp_mesh.control.xds.translate.native import NATIVE_LISTENER, native_listener
from l7mp_mesh.control.xds.translate.protocol import HEADERS_KB, http_listener, tcp_listener
from l7mp_mesh.control.xds.translate.route import rds_name, route_configuration, targets
from l7mp_mesh.control.xds.translate.translation import Translation
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.listener import Listener, ListenerOptions, OnChange, ReplyStyle
from l7mp_mesh.model.rules import Route, Rule, RuleList, WeightedTarget

HTTP = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
ROUTER = "envoy.extensions.filters.http.router.v3.Router"

OPTIONS = ListenerOptions(on_change=OnChange.KEEP, reply=ReplyStyle.ENVOY)
CODECS = ("AUTO", "HTTP1")
MANAGER = ("codec_type", "stat_prefix", "rds", "route_config", "http_filters", "max_request_headers_kb")

MAX_HEADERS_KB = 1024


@dataclass(frozen=True, slots=True)
class Place:
    """What a filter has to know of the listener around it."""

    name: str
    address: tuple[str, int]


Filter = Callable[[api.Proto, Place, str], Translation]


def listener(resource: api.Proto) -> Translation:
    """An LDS resource."""
    name = required(resource.name, "name")
    only(resource, "", "name", "address", "filter_chains", "stat_prefix", "metadata", "traffic_direction")
    if len(resource.filter_chains) != 1:
        found = len(resource.filter_chains)
        raise ConfigError("filter_chains", f"not supported: {found} filter chains, only one")
    chain, path = resource.filter_chains[0], "filter_chains[0]"
    only(chain, path, "name", "filters", "metadata")
    if len(chain.filters) != 1:
        raise ConfigError(f"{path}.filters", f"not supported: {len(chain.filters)} filters, only one")
    here = f"{path}.filters[0]"
    only(chain.filters[0], here, "name", "typed_config")
    here += ".typed_config"
    config = typed(chain.filters[0].typed_config, here)
    kind = config.DESCRIPTOR.full_name
    if kind == NATIVE_LISTENER:
        return native_listener(config, name, here, resource.address)
    translator = FILTERS.get(kind)
    if translator is None:
        raise ConfigError(here, f"not supported: {kind}")
    return translator(config, Place(name, socket_address(resource.address, "address")), here)


def _http(manager: api.Proto, place: Place, path: str) -> Translation:
    only(manager, path, *MANAGER)
    codec = enum_word(manager, "codec_type")
    if codec not in CODECS:
        raise ConfigError(under(path, "codec_type"), f"not supported: {codec}, only {', '.join(CODECS)}")
    _router(manager, path)
    use = http_listener(*place.address, _headers_kb(manager, path))
    match manager.WhichOneof("route_specifier"):
        case "rds":
            here = under(path, "rds")
            from_ads(manager.rds.config_source, under(here, "config_source"))
            routes = required(manager.rds.route_config_name, under(here, "route_config_name"))
            return Translation.of([Listener(place.name, use, rds_name(routes), OPTIONS)], [routes])
        case "route_config":
            table = f"lds/{place.name}"
            made = route_configuration(manager.route_config, table, under(path, "route_config"))
            return Translation.of([*made, Listener(place.name, use, table, OPTIONS)])
    raise ConfigError(path, "expected `rds` or `route_config`")


def _headers_kb(manager: api.Proto, path: str) -> int:
    if not manager.HasField("max_request_headers_kb"):
        return HEADERS_KB
    value = int(manager.max_request_headers_kb.value)
    if not 1 <= value <= MAX_HEADERS_KB:
        raise ConfigError(
            under(path, "max_request_headers_kb"), f"expected 1 to {MAX_HEADERS_KB}, got {value}"
        )
    return value


def _router(manager: api.Proto, path: str) -> None:
    """The router must be the only HTTP filter."""
    for index, http_filter in enumerate(manager.http_filters):
        here = under(path, f"http_filters[{index}]")
        only(http_filter, here, "name", "typed_config")
        config = typed(http_filter.typed_config, f"{here}.typed_config")
        kind = config.DESCRIPTOR.full_name
        if kind != ROUTER:
            raise ConfigError(f"{here}.typed_config", f"not supported: {kind}")
        only(config, f"{here}.typed_config")
    if len(manager.http_filters) != 1:
        raise ConfigError(under(path, "http_filters"), "expected envoy.filters.http.router and nothing else")


def _tcp(proxy: api.Proto, place: Place, path: str) -> Translation:
    only(proxy, path, "stat_prefix", "cluster", "weighted_clusters")
    name = f"lds/{place.name}"
    route = Route(name, tuple(WeightedTarget(tcp_name(t.cluster), t.weight) for t in targets(proxy, path)))
    made = Listener(place.name, tcp_listener(*place.address), name, OPTIONS)
    return Translation.of([route, Rule(name, route=name), RuleList(name, (name,)), made])


FILTERS: Mapping[str, Filter] = {HTTP: _http, TCP: _tcp}
"""Network filters by the message of their `typed_config`."""
