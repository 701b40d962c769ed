"""Model values to running objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from l7mp_mesh.model import cluster as model
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.rules import Route, Rule, RuleList
from l7mp_mesh.model.transform import Remote, Transform
from l7mp_mesh.observe import l7mp
from l7mp_mesh.observe.stats import Stats
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.protocols.base import ClusterRole, Protocol
from l7mp_mesh.routing.table import CompiledRule, RuleTable, compile_rule
from l7mp_mesh.runtime.names import Names
from l7mp_mesh.session.plan import Plan, StageMaker, StageUse, TransformUse
from l7mp_mesh.upstream.balancers import make_balancer
from l7mp_mesh.upstream.cluster import Cluster, ClusterStats, Stack


def cluster_role(protocols: Mapping[str, Protocol], name: str) -> tuple[Protocol, ClusterRole]:
    """The row of a cluster's protocol. Raises ConfigError when it can be no cluster."""
    row = protocols.get(name)
    if row is None or row.cluster is None:
        raise ConfigError("spec.protocol", f'"{name}" is no protocol of clusters')
    return row, row.cluster


def make_cluster(
    value: model.Cluster, protocols: Mapping[str, Protocol], environment: Environment, stats: Stats
) -> Cluster:
    """A cluster without endpoints yet."""
    row, role = cluster_role(protocols, value.protocol.name)
    options = value.protocol.options
    labels = {"clusterName": value.name}
    stack = Stack.of(role.connector(options, environment), role.layers(options, environment))
    return Cluster(
        value.name,
        row.kind,
        stack,
        ClusterStats(
            l7mp.cluster_requests(stats, value.name, value.protocol.name),
            stats.counter("cluster_connect_failures", "Legs that could not be opened", **labels),
            stats.gauge("cluster_active_legs", "Legs on loan", **labels),
            stats.counter("cluster_received_bytes", "Payload from clients", **labels),
            stats.counter("cluster_sent_bytes", "Payload to clients", **labels),
            stats.counter("cluster_received_messages", "Messages or chunks from clients", **labels),
            stats.counter("cluster_sent_messages", "Messages or chunks to clients", **labels),
        ),
        is_virtual=role.is_virtual,
        is_retriable=role.is_retriable,
        connect_timeout=value.connect_timeout,
    )


def balance(
    cluster: Cluster, value: model.Cluster, endpoints: EndpointSet, protocols: Mapping[str, Protocol]
) -> None:
    """Give a cluster its endpoints, with the cluster's port where they have none."""
    _, role = cluster_role(protocols, value.protocol.name)
    port = role.default_port(value.protocol.options)
    filled = tuple(
        endpoint if endpoint.port is not None or port is None else replace(endpoint, port=port)
        for endpoint in endpoints.endpoints
    )
    known = EndpointSet(endpoints.name, filled)
    cluster.balance(known, make_balancer(value.balancing, known) if filled else None)


def make_transform(value: Transform, names: Names, load: Callable[..., StageMaker]) -> TransformUse:
    """What a transform's name stands for. Raises ConfigError when its code can not be loaded."""
    if isinstance(value.use, Remote):
        return names.clusters.cell(value.use.cluster)
    return load(value.use.target, value.use.params)


def make_plan(route: Route, names: Names) -> Plan:
    """A route with its names as cells."""
    return Plan(
        route,
        tuple(names.clusters.cell(target.cluster) for target in route.targets),
        tuple(target.weight for target in route.targets),
        tuple(_stage(name, names) for name in route.ingress),
        tuple(_stage(name, names) for name in route.egress),
    )


def make_rule(rule: Rule, names: Names) -> CompiledRule[Plan]:
    """A rule with its names as cells."""
    return compile_rule(
        rule,
        None if rule.route is None else names.routes.cell(rule.route),
        None if rule.apply is None else names.tables.cell(rule.apply),
    )


def make_table(rules: RuleList, names: Names) -> RuleTable[Plan]:
    """A rule list with its rules as cells."""
    return RuleTable(rules.name, [names.rules.cell(name) for name in rules.rules])


def _stage(name: str, names: Names) -> StageUse:
    return StageUse(name, names.transforms.cell(name), names.clusters.cell(name))
