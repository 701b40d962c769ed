"""Envoy's resources in our model, and the paths of what can not be translated."""

import pytest
from support.resources import (
    ADS,
    CLUSTER,
    TCP_PROXY,
    Resource,
    address,
    all_to,
    eds,
    endpoint,
    hcm,
    host,
    http_rds,
    listener,
    route,
    routes,
    static,
    tcp_proxy,
    typed,
)

from l7mp_mesh import api
from l7mp_mesh.control.xds.translate import Translation, translate
from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.listener import Listener, OnChange, ReplyStyle
from l7mp_mesh.model.match import All, Always, AnyOf, Compare, NoneOf, Op, Predicate
from l7mp_mesh.model.rules import Route, Rule, RuleList, WeightedTarget
from l7mp_mesh.model.snapshot import Key, Kind, Object

PATHNAME = "/HTTP/url/pathname"
HOST = "/HTTP/headers/host"
CHAIN = "filter_chains[0].filters[0].typed_config"


def translated(resource: Resource) -> Translation:
    return translate(api.from_json(resource))


def made(resource: Resource, kind: Kind, name: str) -> Object:
    return translated(resource).objects[Key(kind, name)]


def rule(match: Resource) -> Predicate:
    found = made(routes("r", host("h", ["*"], route(match))), Kind.RULE, "rds/r/h/0")
    assert isinstance(found, Rule)
    return found.match


def test_a_listener_with_rds_asks_the_rule_list_of_that_name() -> None:
    translation = translated(http_rds("front", "main", 8080))
    front = translation.objects[Key(Kind.LISTENER, "front")]
    assert isinstance(front, Listener)
    assert (front.protocol.name, front.rules) == ("HTTP", "rds/main")
    assert (front.options.on_change, front.options.reply) == (OnChange.KEEP, ReplyStyle.ENVOY)
    assert translation.needs == {"main"}


def test_an_inline_route_configuration_belongs_to_its_listener() -> None:
    config: Resource = {"virtual_hosts": [host("h", ["*"], route({"prefix": "/"}))]}
    translation = translated(listener("front", hcm(route_config=config)))
    front = translation.objects[Key(Kind.LISTENER, "front")]
    assert isinstance(front, Listener)
    assert front.rules == "lds/front"
    assert translation.objects[Key(Kind.RULELIST, "lds/front/h")] == RuleList(
        "lds/front/h", ("lds/front/h/0",)
    )
    assert translation.needs == frozenset()


def test_a_tcp_proxy_goes_to_the_tcp_side_of_its_cluster() -> None:
    translation = translated(listener("db", tcp_proxy(cluster="pg"), 5432))
    objects = translation.objects
    assert objects[Key(Kind.ROUTE, "lds/db")] == Route("lds/db", (WeightedTarget("tcp/pg"),))
    assert objects[Key(Kind.RULE, "lds/db")] == Rule("lds/db", route="lds/db")
    assert objects[Key(Kind.RULELIST, "lds/db")] == RuleList("lds/db", ("lds/db",))
    db = objects[Key(Kind.LISTENER, "db")]
    assert isinstance(db, Listener)
    assert (db.protocol.name, db.rules) == ("TCP", "lds/db")


def test_a_tcp_proxy_splits_by_weight() -> None:
    weighted: Resource = {"clusters": [{"name": "a", "weight": 3}, {"name": "b", "weight": 1}]}
    found = made(listener("l", tcp_proxy(weighted_clusters=weighted)), Kind.ROUTE, "lds/l")
    assert isinstance(found, Route)
    assert found.targets == (WeightedTarget("tcp/a", 3), WeightedTarget("tcp/b", 1))


def test_an_http_route_splits_by_weight_and_leaves_out_what_has_none() -> None:
    weighted: Resource = {"clusters": [{"name": "a", "weight": 9}, {"name": "b", "weight": 0}]}
    action: Resource = {"match": {"prefix": "/"}, "route": {"weighted_clusters": weighted}}
    found = made(routes("r", host("h", ["*"], action)), Kind.ROUTE, "rds/r/h/0")
    assert isinstance(found, Route)
    assert found.targets == (WeightedTarget("a", 9),)


@pytest.mark.parametrize(("written", "seconds"), [(None, 15.0), ("0s", None), ("0.25s", 0.25)])
def test_a_route_has_to_be_answered_within_envoys_default_unless_it_says_otherwise(
    written: str | None, seconds: float | None
) -> None:
    action: Resource = {"cluster": "c"} if written is None else {"cluster": "c", "timeout": written}
    entry: Resource = {"match": {"prefix": "/"}, "route": action}
    found = made(routes("r", host("h", ["*"], entry)), Kind.ROUTE, "rds/r/h/0")
    assert isinstance(found, Route)
    assert found.request_timeout == seconds


def test_domains_are_asked_exact_then_longest_suffix_then_longest_prefix_then_any() -> None:
    resource = routes(
        "r",
        host("all", ["*"]),
        host("short", ["*.io", "a.*"]),
        host("long", ["*.x.io", "a.b.*", "*-x.io"]),
        host("exact", ["x.io", "Y.io:80"]),
    )
    top = made(resource, Kind.RULELIST, "rds/r")
    assert isinstance(top, RuleList)
    assert [name.removeprefix("rds/r/domain/") for name in top.rules] == [
        "x.io",
        "y.io:80",
        "*.x.io",
        "*-x.io",
        "*.io",
        "a.b.*",
        "a.*",
        "*",
    ]


@pytest.mark.parametrize(
    ("domain", "match"),
    [
        ("*", Always()),
        ("X.io", Compare(Op.TEST, HOST, "x.io", ignore_case=True)),
        (
            "*.io",
            All(
                (
                    Compare(Op.ENDS, HOST, ".io", ignore_case=True),
                    NoneOf((Compare(Op.TEST, HOST, ".io", ignore_case=True),)),
                )
            ),
        ),
        (
            "a.*",
            All(
                (
                    Compare(Op.STARTS, HOST, "a.", ignore_case=True),
                    NoneOf((Compare(Op.TEST, HOST, "a.", ignore_case=True),)),
                )
            ),
        ),
    ],
)
def test_a_domain_is_compared_with_the_whole_authority(domain: str, match: Predicate) -> None:
    name = f"rds/r/domain/{domain.lower()}"
    assert made(routes("r", host("h", [domain])), Kind.RULE, name) == Rule(name, match, apply="rds/r/h")


@pytest.mark.parametrize(
    ("match", "predicate"),
    [
        ({"prefix": "/"}, Always()),
        ({"prefix": "/a"}, Compare(Op.STARTS, PATHNAME, "/a")),
        ({"path": "/a"}, Compare(Op.TEST, PATHNAME, "/a")),
        ({"path": "/a", "case_sensitive": False}, Compare(Op.TEST, PATHNAME, "/a", ignore_case=True)),
        ({"safe_regex": {"regex": "/a.*"}}, Compare(Op.FULL_MATCH, PATHNAME, "/a.*")),
        (
            {"path_separated_prefix": "/a"},
            AnyOf((Compare(Op.TEST, PATHNAME, "/a"), Compare(Op.STARTS, PATHNAME, "/a/"))),
        ),
    ],
)
def test_a_path_is_matched_without_its_query(match: Resource, predicate: Predicate) -> None:
    assert rule(match) == predicate


X = "/HTTP/headers/x-y"


@pytest.mark.parametrize(
    ("header", "predicate"),
    [
        ({"string_match": {"exact": "v"}}, Compare(Op.TEST, X, "v")),
        ({"string_match": {"exact": "v", "ignore_case": True}}, Compare(Op.TEST, X, "v", ignore_case=True)),
        ({"string_match": {"prefix": "v"}}, Compare(Op.STARTS, X, "v")),
        ({"string_match": {"suffix": "v"}}, Compare(Op.ENDS, X, "v")),
        ({"string_match": {"contains": "v"}}, Compare(Op.CONTAINS, X, "v")),
        ({"string_match": {"safe_regex": {"regex": "v+"}}}, Compare(Op.FULL_MATCH, X, "v+")),
        ({"exact_match": "v"}, Compare(Op.TEST, X, "v")),
        ({"prefix_match": "v"}, Compare(Op.STARTS, X, "v")),
        ({"present_match": True}, Compare(Op.DEFINED, X)),
        ({"present_match": False}, Compare(Op.UNDEFINED, X)),
        ({"present_match": True, "invert_match": True}, Compare(Op.UNDEFINED, X)),
        ({}, Compare(Op.DEFINED, X)),
        (
            {"string_match": {"exact": "v"}, "invert_match": True},
            All((Compare(Op.DEFINED, X), NoneOf((Compare(Op.TEST, X, "v"),)))),
        ),
    ],
)
def test_a_header_is_matched_by_its_value_or_presence(header: Resource, predicate: Predicate) -> None:
    assert rule({"prefix": "/", "headers": [{"name": "X-Y", **header}]}) == predicate


def test_path_and_headers_must_match_together() -> None:
    found = rule({"prefix": "/a", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]})
    assert found == All((Compare(Op.STARTS, PATHNAME, "/a"), Compare(Op.TEST, "/HTTP/method", "GET")))


VHOST = "virtual_hosts[0]"


def one_host(**fields: object) -> Resource:
    return routes("r", {**host("h", ["*"]), **fields})  # type: ignore[dict-item]


def one_route(**fields: object) -> Resource:
    return one_host(routes=[{**route({"prefix": "/"}), **fields}])


def action(**fields: object) -> Resource:
    return one_route(route={"cluster": "c", **fields})


@pytest.mark.parametrize(
    ("resource", "path", "why"),
    [
        (listener("", tcp_proxy(cluster="c")), "name", "missing"),
        ({**listener("l", tcp_proxy(cluster="c")), "filter_chains": []}, "filter_chains", "0 filter chains"),
        (
            {**listener("l", tcp_proxy(cluster="c")), "use_original_dst": True},
            "use_original_dst",
            "not supported",
        ),
        ({**listener("l", tcp_proxy(cluster="c")), "address": {}}, "address.socket_address", "missing"),
        (
            listener("l", tcp_proxy(cluster="c"), 70000),
            "address.socket_address.port_value",
            "65535, got 70000",
        ),
        (listener("l", typed(CLUSTER)), CHAIN, "not supported: envoy.config.cluster"),
        (listener("l", tcp_proxy()), CHAIN, "expected `cluster`"),
        (listener("l", tcp_proxy(cluster="c", idle_timeout="1s")), f"{CHAIN}.idle_timeout", "not supported"),
        (
            listener("l", hcm(codec_type="HTTP3")),
            f"{CHAIN}.codec_type",
            "not supported: HTTP3, only AUTO, HTTP1",
        ),
        (listener("l", hcm(max_request_headers_kb=2000)), f"{CHAIN}.max_request_headers_kb", "got 2000"),
        (listener("l", typed(TCP_PROXY, cluster="c")), f"{CHAIN}.stat_prefix", "1 or more characters"),
        (listener("l", hcm(codec_type=99)), f"{CHAIN}.codec_type", "not supported: 99"),
        (listener("l", hcm()), CHAIN, "expected `rds` or `route_config`"),
        (listener("l", hcm(http_filters=[])), f"{CHAIN}.http_filters", "router"),
        (listener("l", hcm(use_remote_address=True)), f"{CHAIN}.use_remote_address", "not supported"),
        (
            listener("l", hcm(rds={"route_config_name": "r", "config_source": {"path": "x"}})),
            f"{CHAIN}.rds.config_source.path",
            "not supported",
        ),
        (
            listener(
                "l",
                hcm(rds={"route_config_name": "r", "config_source": {**ADS, "resource_api_version": "V2"}}),
            ),
            f"{CHAIN}.rds.config_source.resource_api_version",
            "expected V3",
        ),
        (listener("l", hcm(rds={"config_source": ADS})), f"{CHAIN}.rds.route_config_name", "missing"),
        (
            listener("l", hcm(route_config={"virtual_hosts": [{"name": "h"}]})),
            f"{CHAIN}.route_config.virtual_hosts[0].domains",
            "expected one domain",
        ),
        (one_host(domains=[]), f"{VHOST}.domains", "expected one"),
        (one_host(domains=["a", "A"]), f"{VHOST}.domains[1]", "earlier virtual host"),
        (one_host(domains=["a*b"]), f"{VHOST}.domains[0]", "one `*`"),
        (one_host(domains=["*a*"]), f"{VHOST}.domains[0]", "one `*`"),
        (one_host(require_tls="ALL"), f"{VHOST}.require_tls", "not supported"),
        (routes("r", host("h", ["a"]), host("h", ["b"])), "virtual_hosts[1].name", "earlier virtual host"),
        (one_route(match={}), f"{VHOST}.routes[0].match", "expected `prefix`"),
        (one_route(match={"prefix": "/", "grpc": {}}), f"{VHOST}.routes[0].match.grpc", "not supported"),
        (
            one_route(match={"safe_regex": {"regex": "("}}),
            f"{VHOST}.routes[0].match.safe_regex.regex",
            "not a regular expression: missing )",
        ),
        (
            one_route(match={"safe_regex": {"regex": "(?!a)b"}}),
            f"{VHOST}.routes[0].match.safe_regex.regex",
            "not a regular expression: invalid perl operator: (?!",
        ),
        (
            one_route(match={"prefix": "/", "headers": [{"name": "x", "range_match": {"end": "1"}}]}),
            f"{VHOST}.routes[0].match.headers[0].range_match",
            "not supported",
        ),
        (action(prefix_rewrite="/x"), f"{VHOST}.routes[0].route.prefix_rewrite", "not supported"),
        (action(timeout="-1s"), f"{VHOST}.routes[0].route.timeout", "0 or more, got -1s"),
        (
            one_route(route={"weighted_clusters": {"clusters": [{"name": "a", "weight": 0}]}}),
            f"{VHOST}.routes[0].route.weighted_clusters.clusters",
            "weight above 0",
        ),
        (
            one_host(routes=[{"match": {"prefix": "/"}, "redirect": {}}]),
            f"{VHOST}.routes[0].redirect",
            "not supported",
        ),
        (typed(CLUSTER, name="c", type="ORIGINAL_DST"), "type", "not supported: ORIGINAL_DST"),
        (typed(CLUSTER, name="c", type="EDS"), "eds_cluster_config", "missing"),
        (static("c", lb_policy="MAGLEV"), "lb_policy", "not supported: MAGLEV, only ROUND_ROBIN"),
        (static("c", health_checks=[{}]), "health_checks", "not supported"),
        (static("c", connect_timeout="0s"), "connect_timeout", "more than 0s"),
        (
            static("c", {"endpoint": {"address": {"pipe": {"path": "/x"}}}}),
            "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.pipe",
            "not supported",
        ),
        (
            eds("s", endpoint(1), endpoint(0)),
            "endpoints[0].lb_endpoints[1].endpoint.address.socket_address.port_value",
            "got 0",
        ),
        (
            typed(
                "envoy.config.endpoint.v3.ClusterLoadAssignment",
                cluster_name="s",
                endpoints=[{"lb_endpoints": [endpoint(1)]}, {"priority": 1}],
            ),
            "endpoints[1].priority",
            "not supported: priority 1",
        ),
    ],
)
def test_what_can_not_be_translated_is_named_by_its_path(resource: Resource, path: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        translated(resource)
    assert caught.value.path == path
    assert why in caught.value.why


def test_an_ipv6_endpoint_is_named_in_brackets() -> None:
    resource = eds("s", {"endpoint": {"address": address(1, "::1")}})
    found = made(resource, Kind.ENDPOINTS, "eds/s")
    assert found == EndpointSet("eds/s", (Endpoint("eds/s/[::1]:1", "::1", 1),))


def test_a_resource_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigError):
        translate(api.message("google.protobuf.Struct")())


def test_names_of_rules_do_not_collide_between_route_configurations() -> None:
    assert translated(all_to("a", "c")).objects.keys().isdisjoint(translated(all_to("b", "c")).objects.keys())
