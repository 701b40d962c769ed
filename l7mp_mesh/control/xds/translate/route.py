"""envoy.config.route.v3.RouteConfiguration: a table of domains over one table of routes per virtual host.

The engine takes the first match, so domains are sorted here: exact, longest suffix, longest prefix, `*`. They
are compared with the whole authority, port included, as Envoy does unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from l7mp_mesh import api
from l7mp_mesh.control.xds.translate.fields import only, required, seconds, under
from l7mp_mesh.control.xds.translate.match import route_match
from l7mp_mesh.control.xds.translate.translation import Translation
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.match import All, Always, Compare, NoneOf, Op, Predicate
from l7mp_mesh.model.rules import Route, Rule, RuleList, WeightedTarget
from l7mp_mesh.model.snapshot import Object

AUTHORITY = "/HTTP/headers/host"

TIMEOUT = 15.0
"""Envoy's default for RouteAction.timeout."""


def rds_name(configuration: str) -> str:
    """Name of the rule list of an RDS resource."""
    return f"rds/{configuration}"


def rds_route_configuration(resource: api.Proto) -> Translation:
    """An RDS resource."""
    name = required(resource.name, "name")
    return Translation.of(route_configuration(resource, rds_name(name), ""))


def route_configuration(configuration: api.Proto, name: str, path: str) -> list[Object]:
    """The rule list `name` and everything below it."""
    only(configuration, path, "name", "virtual_hosts", "metadata", "validate_clusters")
    made: list[Object] = []
    domains: dict[str, str] = {}
    hosts: set[str] = set()
    for index, host in enumerate(configuration.virtual_hosts):
        here = under(path, f"virtual_hosts[{index}]")
        if required(host.name, under(here, "name")) in hosts:
            raise ConfigError(under(here, "name"), f"{host.name!r} is the name of an earlier virtual host")
        hosts.add(host.name)
        table = f"{name}/{host.name}"
        _claim_domains(host, table, domains, here)
        made.extend(_virtual_host(host, table, here))
    rules = [
        Rule(f"{name}/domain/{domain}", match=_domain(domain), apply=domains[domain])
        for domain in sorted(domains, key=_precedence)
    ]
    return [RuleList(name, tuple(rule.name for rule in rules)), *rules, *made]


def _claim_domains(host: api.Proto, table: str, domains: dict[str, str], path: str) -> None:
    if not host.domains:
        raise ConfigError(under(path, "domains"), "expected one domain at least")
    for index, written in enumerate(host.domains):
        here = under(path, f"domains[{index}]")
        domain = required(written, here).lower()
        if "*" in domain[1:-1] or (len(domain) > 1 and domain[0] == domain[-1] == "*"):
            raise ConfigError(here, f"expected one `*`, first or last, got {written!r}")
        if domain in domains:
            raise ConfigError(here, f"{written!r} is a domain of an earlier virtual host")
        domains[domain] = table


def _precedence(domain: str) -> tuple[int, int]:
    """Exact, then the longest suffix, then the longest prefix, then `*`."""
    if domain == "*":
        return 3, 0
    if domain.startswith("*"):
        return 1, -len(domain)
    return (2, -len(domain)) if domain.endswith("*") else (0, 0)


def _domain(domain: str) -> Predicate:
    if domain == "*":
        return Always()
    text = domain.strip("*")
    whole = Compare(Op.TEST, AUTHORITY, text, ignore_case=True)
    if text == domain:
        return whole
    op = Op.ENDS if domain.startswith("*") else Op.STARTS
    # The `*` stands for one character at least.
    return All((Compare(op, AUTHORITY, text, ignore_case=True), NoneOf((whole,))))


def _virtual_host(host: api.Proto, table: str, path: str) -> Iterator[Object]:
    only(host, path, "name", "domains", "routes", "metadata")
    rules = []
    for index, entry in enumerate(host.routes):
        here = under(path, f"routes[{index}]")
        only(entry, here, "name", "match", "route", "metadata", "decorator", "stat_prefix")
        if not entry.HasField("route"):
            raise ConfigError(under(here, "route"), "is missing: no other action is supported")
        row = f"{table}/{index}"
        rules.append(row)
        yield _route(entry.route, row, under(here, "route"))
        yield Rule(row, match=route_match(entry.match, under(here, "match")), route=row)
    yield RuleList(table, tuple(rules))


def _route(action: api.Proto, name: str, path: str) -> Route:
    only(action, path, "cluster", "weighted_clusters", "timeout")
    timeout = seconds(action.timeout, under(path, "timeout")) if action.HasField("timeout") else TIMEOUT
    return Route(name, targets(action, path), request_timeout=timeout or None)


def targets(action: api.Proto, path: str) -> tuple[WeightedTarget, ...]:
    """Where a RouteAction or a TcpProxy goes: to a cluster, or to several by weight."""
    match action.WhichOneof("cluster_specifier"):
        case "cluster":
            return (WeightedTarget(required(action.cluster, under(path, "cluster"))),)
        case "weighted_clusters":
            return _weighted(action.weighted_clusters, under(path, "weighted_clusters"))
    raise ConfigError(path, "expected `cluster` or `weighted_clusters`")


def _weighted(weighted: api.Proto, path: str) -> tuple[WeightedTarget, ...]:
    only(weighted, path, "clusters")
    made = []
    for index, entry in enumerate(weighted.clusters):
        here = under(path, f"clusters[{index}]")
        only(entry, here, "name", "weight")
        name = required(entry.name, under(here, "name"))
        # A wrapper in HTTP routes, a plain number in tcp_proxy.
        weight = getattr(entry.weight, "value", entry.weight)
        if weight:
            made.append(WeightedTarget(name, int(weight)))
    if not made:
        raise ConfigError(under(path, "clusters"), "expected one with a weight above 0 at least")
    return tuple(made)
