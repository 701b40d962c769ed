# ruff: noqa: E501 - one row of the table per line
"""What is wrong with a configuration, and where it stands."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
from support.vocabulary import VOCABULARY

from l7mp_mesh.control.native import Decoder, parse, parsed, validate


def problems(text: str, *, strict: bool = False) -> list[str]:
    return [str(problem) for problem in validate(dedent(text), "f", VOCABULARY, strict=strict)]


LISTENER = """\
listeners:
  - name: l
    spec: {protocol: TCP, port: 1}
    rules: []
    %s
"""
CLUSTER = """\
clusters:
  - name: c
    spec: {protocol: TCP, port: 1}
    %s
"""
ROUTE = """\
clusters: [{name: c, spec: {protocol: Echo}}]
routes:
  - name: r
    %s
"""
RULE = """\
clusters: [{name: c, spec: {protocol: Echo}}]
rules:
  - name: r
    %s
"""
OBJECT = "an object (a set of key-value pairs)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", f"f:1:1: expected {OBJECT}, got a list"),
        ("", f"f:1:1: expected {OBJECT}, got nothing"),
        ("listeners: 1", "f:1:12: listeners: Property listeners is invalid: expected a list, got 1"),
        ("listeners: [1]", f"f:1:13: listeners[0]: Property listeners[0] is invalid: expected {OBJECT}, got 1"),
        ("listener: []", 'f:1:1: listener: warning: unknown field "listener"; did you mean "listeners"?'),
        ("admin: {log_level: loud}", 'f:1:20: admin.log_level: Property log_level is invalid: expected one of silly, debug, verbose, info, notice, warn, error, silent, got "loud"'),
        ("admin: {offload: init}", "f:1:9: admin.offload: warning: offload is not supported in this version"),
        ("admin: {strict: 1}", "f:1:17: admin.strict: Property strict is invalid: expected true or false, got 1"),
        ("listeners: [{spec: {protocol: TCP, port: 1}, rules: []}]", "f:1:13: listeners[0].name: Property name is required"),
        ("listeners: [{name: l, rules: []}]", "f:1:13: listeners[0].spec: Property spec is required"),
        ("listeners: [{name: l, spec: {protocol: TCP, port: 1}}]", "f:1:13: listeners[0].rules: Property rules is required"),
        ("listeners: [{name: l, spec: {protocol: TCP}, rules: []}]", "f:1:29: listeners[0].spec.port: Property port is required"),
        ("listeners: [{name: l, spec: {port: 1}, rules: []}]", "f:1:29: listeners[0].spec.protocol: Property protocol is required"),
        ("listeners: [{name: l, spec: {protocol: 1}, rules: []}]", "f:1:40: listeners[0].spec.protocol: Property protocol is invalid: expected a string, got 1"),
        ("listeners: [{name: l, spec: {protocol: Echo}, rules: []}]", 'f:1:40: listeners[0].spec.protocol: Property protocol is invalid: no listener protocol: "Echo"; known: HTTP, WebSocket, TCP, UDP, UnixDomainSocket'),
        ("listeners: [{name: l, spec: {protocol: TCP, port: 65536}, rules: []}]", "f:1:51: listeners[0].spec.port: Property port is invalid: expected a whole number in 0..65535, got 65536"),
        ("listeners: [{name: l, spec: {protocol: TCP, port: '1'}, rules: []}]", 'f:1:51: listeners[0].spec.port: Property port is invalid: expected a whole number in 0..65535, got "1"'),
        ("listeners: [{name: l, spec: {protocol: TCP, port: true}, rules: []}]", "f:1:51: listeners[0].spec.port: Property port is invalid: expected a whole number in 0..65535, got true"),
        ("listeners: [{name: l, spec: {protocol: TCP, prot: 1, port: 1}, rules: []}]", 'f:1:45: listeners[0].spec.prot: warning: unknown field "prot"; did you mean "port"?'),
        ("listeners: [{name: l, spec: {protocol: TCP, port: 1, host: a, address: b}, rules: []}]", 'f:1:54: listeners[0].spec.host: "host" is another word for "address": give one'),
        ("listeners: [{name: l, spec: {protocol: UDP, port: 1, connect: {port: 0}}, rules: []}]", "f:1:70: listeners[0].spec.connect.port: Property port is invalid: expected a whole number in 1..65535, got 0"),
        ("listeners: [{name: l, spec: {protocol: UDP, port: 1, options: {mode: both}}, rules: []}]", 'f:1:70: listeners[0].spec.options.mode: Property mode is invalid: expected one of singleton, server, got "both"'),
        ("listeners: [{name: l, spec: {protocol: UDP, port: 1, options: {mode: singleton}}, rules: []}]", "f:1:70: listeners[0].spec.options.mode: Singleton mode requested but no peer is given"),
        ("listeners: [{name: l, spec: {protocol: TCP, port: 1, address: nowhere}, rules: []}]", "f:1:29: listeners[0].spec: Property spec is invalid: no such place"),
        ("listeners: [{name: l, spec: {protocol: TCP, port: 1, ports: [1, x]}, rules: []}]", 'f:1:65: listeners[0].spec.ports[1]: Property ports[1] is invalid: expected a whole number in 0..65535, got "x"'),
        ("listeners: [{name: l, spec: {protocol: TCP, port: 1, idle_timeout: -1}, rules: []}]", "f:1:68: listeners[0].spec.idle_timeout: Property idle_timeout is invalid: expected a number in 0..1000000000, got -1"),
        (LISTENER % "options: {track: x}", 'f:5:22: listeners[0].options.track: Property track is invalid: expected a number in 0..1000000000, got "x"'),
        (LISTENER % "options: {on_change: drop}", 'f:5:26: listeners[0].options.on_change: Property on_change is invalid: expected one of reroute, keep, got "drop"'),
        (LISTENER % "rulez: x", 'f:5:5: listeners[0].rulez: warning: unknown field "rulez"; did you mean "rules"?'),
        ("listeners: [{name: l, spec: {protocol: TCP, port: 1}, rules: 5}]", "f:1:62: listeners[0].rules: Property rules is invalid: expected a list of rules or the name of a rule list, got 5"),
        ("listeners: [{name: l, spec: {protocol: TCP, port: 1}, rules: x}]", 'f:1:62: listeners[0].rules: warning: there is no rulelist "x"'),
        (CLUSTER % "loadbalancer: {policy: Best}", 'f:4:28: clusters[0].loadbalancer.policy: Property policy is invalid: expected one of Trivial, RoundRobin, Random, HashRing, got "Best"'),
        (CLUSTER % "connect_timeout: soon", 'f:4:22: clusters[0].connect_timeout: Property connect_timeout is invalid: expected a number in 0..1000000000000, got "soon"'),
        (CLUSTER % "endpoints: [{name: e}]", "f:4:17: clusters[0].endpoints[0].spec: Property spec is required"),
        (CLUSTER % "endpoints: [{spec: {}}]", "f:4:24: clusters[0].endpoints[0].spec.address: Property address is required"),
        (CLUSTER % "endpoints: [{spec: {address: ''}}]", 'f:4:34: clusters[0].endpoints[0].spec.address: Property address is invalid: expected an address, got ""'),
        (CLUSTER % "endpoints: [{spec: {address: a}, weight: 0}]", "f:4:46: clusters[0].endpoints[0].weight: Property weight is invalid: expected a whole number in 1..2147483647, got 0"),
        (CLUSTER % "endpoints: [{name: e, spec: {address: a}}, {name: e, spec: {address: b}}]", 'f:4:55: clusters[0].endpoints[1].name: EndPoint "e" already defined'),
        (CLUSTER % "options: 1", f"f:4:14: clusters[0].options: Property options is invalid: expected {OBJECT}, got 1"),
        ("clusters: [{name: c, spec: {protocol: TCP}, endpoints: [{spec: {address: a}}]}]", "f:1:64: clusters[0].endpoints[0].spec.port: Property port is required: the cluster has none"),
        ("clusters: [{name: c, spec: {protocol: Echo}, endpoints: [{spec: {address: a}}]}]", "f:1:57: clusters[0].endpoints: Property endpoints is invalid: Echo clusters live inside the proxy and have no endpoints"),
        ("clusters: [{name: 'a b', spec: {protocol: Echo}}]", 'f:1:19: clusters[0].name: Property name is invalid: expected a name without spaces, got "a b"'),
        ("clusters: [{name: c, spec: {protocol: Echo}}, {name: c, spec: {protocol: Echo}}]", 'f:1:54: clusters[1].name: Cluster "c" already defined'),
        (ROUTE % "ingress: []", "f:3:5: routes[0].destination: Property destination is required"),
        (ROUTE % "destination: 1", "f:4:18: routes[0].destination: Property destination is invalid: expected a name without spaces, got 1"),
        (ROUTE % "destination: []", "f:4:18: routes[0].destination: Property destination is invalid: expected at least one cluster, got a list"),
        (ROUTE % "destination: [{destination: c, weight: x}]", 'f:4:44: routes[0].destination[0].weight: Property weight is invalid: expected a whole number in 1..2147483647, got "x"'),
        (ROUTE % "destination: d", 'f:4:18: routes[0].destination: warning: there is no cluster "d"'),
        (ROUTE % "destination: c\n    ingress: [d]", 'f:5:15: routes[0].ingress[0]: warning: there is no transform or cluster "d"'),
        (ROUTE % "destination: c\n    egress: d", 'f:5:13: routes[0].egress: Property egress is invalid: expected a list, got "d"'),
        (ROUTE % "destination: c\n    retry: {retry_on: maybe}", 'f:5:23: routes[0].retry.retry_on: Property retry_on is invalid: expected one of never, connect-failure, disconnect, always, got "maybe"'),
        (ROUTE % "destination: c\n    retry: {num_retries: -1}", "f:5:26: routes[0].retry.num_retries: Property num_retries is invalid: expected a whole number in 0..2147483647, got -1"),
        (ROUTE % "destination: c\n    session: [x]", "f:5:5: routes[0].session: not supported: session transforms"),
        (RULE % "match: '*'", "f:3:5: rules[0].action: Property action is required"),
        (RULE % "action: {route: x}", 'f:4:21: rules[0].action.route: warning: there is no route "x"'),
        (RULE % "action: {apply: x}", 'f:4:21: rules[0].action.apply: warning: there is no rulelist "x"'),
        (RULE % "action: {route: [x]}", "f:4:21: rules[0].action.route: Property route is invalid: expected a name without spaces, got a list"),
        (RULE % "action: {route: {destination: c}}\n    route: {destination: c}", "f:5:5: rules[0].route: the rule has a route in its action already"),
        (RULE % "action: {rewrite: [{value: 1}]}", "f:4:24: rules[0].action.rewrite[0].path: Property path is required"),
        (RULE % "action: {rewrite: [{path: /a}]}", "f:4:24: rules[0].action.rewrite[0].value: Property value is required"),
        (RULE % "action: {metadata: x}", f'f:4:24: rules[0].action.metadata: Property metadata is invalid: expected {OBJECT}, got "x"'),
        (RULE % "action: {}\n    match: {op: like}", 'f:5:17: rules[0].match.op: Property op is invalid: expected one of contains, starts, ends, defined, undefined, less, more, in, contained, intersects, matches, test, type, regex, cidr, range, and, or, not, got "like"'),
        ("rulelists: [{name: a, rules: [{name: r, action: {apply: a}}]}]", "f:1:20: rulelists[0].name: rule lists apply each other in a circle: a -> a"),
        ("transforms: [{name: t, type: x}]", 'f:1:30: transforms[0].type: Property type is invalid: expected CLUSTER, INLINE, a Python class (module:Class) or one of Echo, Discard, JSONEncap, L7mpController, Prometheus, got "x"'),
        ("transforms: [{name: t, type: 'a b:C'}]", 'f:1:30: transforms[0].type: Property type is invalid: expected a Python class ("module:Class"), got "a b:C"'),
        ("transforms: [{name: t, type: INLINE}]", "f:1:14: transforms[0].params.class: Property class is required"),
        ("endpoints: [{name: e, spec: {address: a}}]", "f:1:13: endpoints[0]: warning: ignored: an endpoint belongs into a cluster"),
    ],
)  # fmt: skip
def test_a_problem_says_where_what_was_found_and_what_was_expected(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_all_problems_come_at_once_in_the_order_of_the_text() -> None:
    text = """\
    routes: [{name: 1}]
    listeners:
      - name: l
        spec: {protocol: TCP, port: x}
        rules: [{action: {route: {destination: nobody}}, foo: 1}]
    """
    assert [problem.split(": ")[1] for problem in problems(text)] == [
        "routes[0].destination",
        "routes[0].name",
        "listeners[0].spec.port",
        "listeners[0].rules[0].action.route.destination",
        "listeners[0].rules[0].foo",
    ]


def test_strict_makes_doubts_errors() -> None:
    text = "routes: [{name: r, destination: nobody, foo: 1}]"
    assert problems(text, strict=True) == [
        'f:1:33: routes[0].destination: there is no cluster "nobody"',
        'f:1:41: routes[0].foo: unknown field "foo"',
    ]
    assert problems("admin: {strict: true}\n" + text)[0].endswith('destination: there is no cluster "nobody"')


def test_json_has_positions_too() -> None:
    text = json.dumps({"clusters": [{"name": "c", "spec": {"protocol": "TCP", "port": "x"}}]}, indent=2)
    (problem,) = Decoder(VOCABULARY).config(parse(text)).problems
    assert (problem.line, problem.column, problem.path) == (7, 17, "clusters[0].spec.port")


def test_a_value_without_text_has_paths_only() -> None:
    (problem,) = Decoder(VOCABULARY).config(parsed({"clusters": [{"name": "c"}]})).problems
    assert str(problem) == "clusters[0].spec: Property spec is required"


def test_predefined_clusters_need_no_definition() -> None:
    assert problems("routes: [{name: a, cluster: controller}, {name: b, cluster: monitor_responder}]") == []


def test_a_name_is_not_missed_when_its_object_has_a_problem_of_its_own() -> None:
    text = "clusters: [{name: c, spec: {protocol: X}}]\nroutes: [{name: r, destination: c}]"
    assert len(problems(text)) == 1


def test_every_circle_is_reported() -> None:
    text = """\
    rulelists:
      - {name: a, rules: [{action: {apply: b}}]}
      - {name: b, rules: [{action: {apply: a}}]}
      - {name: c, rules: [{action: {apply: c}}]}
    """
    assert problems(text) == [
        "f:2:12: rulelists[0].name: rule lists apply each other in a circle: a -> b -> a",
        "f:4:12: rulelists[2].name: rule lists apply each other in a circle: c -> c",
    ]


def test_warnings_do_not_crowd_out_errors() -> None:
    text = (
        "clusters: [{name: c, spec: {protocol: TCP}, " + ", ".join(f"x{n}: 1" for n in range(2000)) + "}, 1]"
    )
    assert problems(text)[-1].endswith("got 1")


def test_the_number_of_problems_is_bounded() -> None:
    assert len(problems("clusters: [" + "1," * 5000 + "]")) == 1000


def test_a_file_for_the_management_server_is_told_apart() -> None:
    problems = validate("listeners: []\nresources: []\n", "f", VOCABULARY)
    assert [str(problem) for problem in problems] == [
        "f:2:1: resources: a file of Envoy resources is served by xds-server; expected native objects"
    ]
