"""Constraints of the messages themselves, with the path of what breaks them."""

from collections.abc import Iterator

import pytest
from google.protobuf import descriptor_pb2
from support.resources import HCM, Resource, all_to, eds_cluster, endpoint, http_rds, listener, static, typed

from l7mp_mesh import api
from l7mp_mesh.api import validate
from l7mp_mesh.api.validate import violations


def found(resource: Resource, name: str | None = None) -> list[tuple[str, str]]:
    return [(error.path, error.why) for error in violations(api.from_json(resource, name))]


@pytest.mark.parametrize(
    "resource", [http_rds("l", "r"), all_to("r", "c"), eds_cluster("c"), static("c", endpoint(1))]
)
def test_a_good_resource_breaks_nothing(resource: Resource) -> None:
    assert found(resource) == []


CORE = "envoy.config.core.v3."
ROUTE = "envoy.config.route.v3."
CLUSTER = "envoy.config.cluster.v3.Cluster"


@pytest.mark.parametrize(
    ("name", "value", "path", "why"),
    [
        (CLUSTER, {}, "name", "expected 1 or more characters, got ''"),
        (CLUSTER, {"name": "c", "connect_timeout": "0s"}, "connect_timeout", "expected more than 0s, got 0s"),
        (
            CLUSTER,
            {"name": "c", "lb_policy": 99},
            "lb_policy",
            f"expected a known value of {CLUSTER}.LbPolicy, got 99",
        ),
        (CORE + "SocketAddress", {"address": "h"}, "", "expected one of port_value, named_port"),
        (
            CORE + "SocketAddress",
            {"address": "h", "port_value": 65536},
            "port_value",
            "expected 65535 or less, got 65536",
        ),
        (CORE + "Address", {}, "", "expected one of socket_address, pipe, envoy_internal_address"),
        (ROUTE + "VirtualHost", {"name": "h"}, "domains", "expected 1 or more items, got 0"),
        (
            ROUTE + "VirtualHost",
            {"name": "h", "domains": ["a\nb"]},
            "domains[0]",
            "expected a text without line ends and NUL, got 'a\\nb'",
        ),
        (ROUTE + "Route", {"route": {"cluster": "c"}}, "match", "is missing"),
        (
            ROUTE + "HeaderMatcher",
            {"name": "a\0b", "present_match": True},
            "name",
            "expected a text without line ends and NUL, got 'a\\x00b'",
        ),
        (
            "envoy.config.endpoint.v3.LbEndpoint",
            {"load_balancing_weight": 0},
            "load_balancing_weight",
            "expected 1 or more, got 0",
        ),
        (
            CORE + "HealthCheck.HttpHealthCheck",
            {"path": "/", "host": "a\tb\1"},
            "host",
            "expected a text without control characters, got 'a\\tb\\x01'",
        ),
        (CORE + "HealthCheck.HttpHealthCheck", {"path": ""}, "path", "expected 1 or more characters, got ''"),
    ],
)
def test_a_violation_names_the_field_and_what_was_expected(
    name: str, value: Resource, path: str, why: str
) -> None:
    assert (path, why) in found(value, name)


def test_every_violation_is_reported_also_those_inside_an_any() -> None:
    router: Resource = {"name": ""}
    resource = listener(
        "l", typed(HCM, route_config={"virtual_hosts": [{"name": "h"}]}, http_filters=[router])
    )
    chain = "filter_chains[0].filters[0].typed_config"
    assert [path for path, _ in found(resource)] == [
        f"{chain}.stat_prefix",
        f"{chain}.route_config.virtual_hosts[0].domains",
        f"{chain}.http_filters[0].name",
    ]


def rules_in_use() -> Iterator[tuple[str, str]]:
    files = descriptor_pb2.FileDescriptorSet.FromString(api.DESCRIPTORS.read_bytes())
    options = api.message("google.protobuf.FieldOptions")
    extension = api.pool().FindExtensionByName("validate.rules")
    pending = [message for file in files.file for message in file.message_type]
    while pending:
        message = pending.pop()
        pending.extend(message.nested_type)
        for field in message.field:
            known: api.Proto = options.FromString(field.options.SerializeToString())
            if known.HasExtension(extension):
                rules = known.Extensions[extension]
                kind = rules.WhichOneof("type")
                if kind is not None:
                    yield from ((kind, option.name) for option, _ in getattr(rules, kind).ListFields())


STRUCTURAL = {
    "required", "skip", "defined_only", "ignore_empty", "strict", "items", "min_items", "max_items", "unique",
    "keys", "values", "min_pairs", "max_pairs",
}  # fmt: skip


def test_every_rule_that_envoy_uses_is_interpreted() -> None:
    known = STRUCTURAL | validate.STRING.keys() | validate.NUMBER.keys()
    used = set(rules_in_use())
    assert len(used) > 30
    assert {rule for rule in used if rule[1] not in known} == set()


def test_a_tower_of_anys_is_not_climbed() -> None:
    tower = api.from_json({"name": "top"}, "envoy.config.listener.v3.Filter")
    for _ in range(1000):
        storey: api.Proto = api.message("envoy.config.listener.v3.Filter")(name="f")
        storey.typed_config.CopyFrom(api.pack(tower))
        tower = storey
    (error,) = violations(tower)
    assert "nested more than 40 levels" in error.why
