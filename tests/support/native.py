"""Configurations by chance: whole sets of objects, as hypothesis strategies."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from support.vocabulary import VOCABULARY, File, Listening, Mode, Modes, Peer, Remote

from l7mp_mesh.model.admin import Admin, LogLevel
from l7mp_mesh.model.cluster import Cluster, LbPolicy, LoadBalancing
from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.model.listener import Listener, ListenerOptions, OnChange, ReplyStyle
from l7mp_mesh.model.match import All, Always, AnyOf, Compare, NoneOf, Op, Predicate
from l7mp_mesh.model.options import NoOptions
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.model.rules import Merge, RetryOn, RetryPolicy, Route, Rule, RuleList, SetValue, WeightedTarget
from l7mp_mesh.model.snapshot import Key, Object, key_of
from l7mp_mesh.model.transform import Inline, Transform
from l7mp_mesh.model.transform import Remote as RemoteTransform
from l7mp_mesh.model.value import FrozenObject, Json, freeze, thaw

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NAME = st.text("abc/:-._%ä", min_size=1, max_size=4)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON: SearchStrategy[Json] = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
FROZEN = JSON.map(freeze)
OBJECT = (
    st.dictionaries(TEXT, JSON, max_size=3).map(freeze).filter(lambda value: isinstance(value, FrozenObject))
)
SECONDS = st.integers(0, 10**9).map(lambda ms: ms / 1000)
PORT = st.integers(1, 65535)
FIELD = st.lists(st.text("abz_-", min_size=1, max_size=4), max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
NUMBER = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)
VALUES: Mapping[Op, SearchStrategy[object]] = {
    Op.STARTS: TEXT,
    Op.ENDS: TEXT,
    Op.DEFINED: st.none(),
    Op.UNDEFINED: st.none(),
    Op.LESS: NUMBER,
    Op.MORE: NUMBER,
    Op.IN: st.lists(JSON, max_size=2).map(freeze),
    Op.INTERSECTS: st.lists(JSON, max_size=2).map(freeze),
    Op.MATCHES: st.sampled_from(["", "^a+$", "[[x]"]),
    Op.FULL_MATCH: st.sampled_from(["", ".*"]),
    Op.TYPE: st.sampled_from(["number", "date-time"]),
    Op.RANGE: st.tuples(NUMBER, NUMBER),
    Op.CIDR: st.sampled_from(["10.0.0.0/8", "::/0", "1.2.3.4"]),
}
COMPARE = st.sampled_from(Op).flatmap(
    lambda op: st.builds(
        Compare,
        st.just(op),
        FIELD,
        VALUES.get(op, FROZEN),
        st.just(False) if VALUES.get(op) is None else st.booleans(),
    )
)
PREDICATE: SearchStrategy[Predicate] = st.recursive(
    st.just(Always()) | COMPARE,
    lambda inner: st.one_of(
        *(st.builds(group, st.lists(inner, max_size=3).map(tuple)) for group in (All, AnyOf, NoneOf))
    ),
    max_leaves=6,
)
PEER = st.builds(Peer, address=st.none() | TEXT, port=st.none() | PORT)
LISTENING = st.builds(
    Listening,
    port=st.integers(0, 65535),
    address=TEXT,
    connect=st.builds(Peer, address=st.none() | TEXT, port=PORT),
    options=st.builds(Modes, mode=st.none() | st.sampled_from(Mode)),
    idle_timeout=st.floats(0, 1e9),
    backlog=st.none() | PORT,
    protocols=st.lists(TEXT, max_size=2).map(tuple),
    peers=st.lists(PEER, max_size=2).map(tuple),
    ports=st.lists(PORT, max_size=2).map(tuple),
    is_fast=st.booleans(),
    extra=FROZEN,
    labels=OBJECT,
)
LISTENER_USE = st.one_of(
    st.builds(ProtocolUse, st.sampled_from(["HTTP", "TCP", "UDP"]), LISTENING),
    st.builds(ProtocolUse, st.just("WebSocket"), LISTENING, st.sampled_from(["", "WS", "ws"])),
    st.builds(ProtocolUse, st.just("UnixDomainSocket"), st.builds(File, filename=TEXT), st.just("UNIX")),
)
REMOTE = st.builds(Remote, port=PORT, connect=st.none() | PEER)
CLUSTER_USE = st.one_of(
    st.builds(ProtocolUse, st.sampled_from(["HTTP", "TCP", "UDP"]), REMOTE),
    st.builds(ProtocolUse, st.just("Discard"), st.just(NoOptions()), st.sampled_from(["", "DROP"])),
    st.builds(ProtocolUse, st.just("UnixDomainSocket"), st.just(NoOptions())),
)
KEY = FIELD | st.none()
BALANCING = st.builds(LoadBalancing, st.sampled_from(LbPolicy), KEY) | st.builds(
    LoadBalancing, st.just(LbPolicy.HASH_RING), KEY, st.sampled_from(["", "ConsistentHash", "RING_HASH"])
)
LOG_FORMAT = st.sampled_from(["", "%DURATION%", "%% %REQ(:METHOD)% \u2192 %BYTES_SENT%\n", "plain"])
ADMIN = st.builds(
    Admin, st.sampled_from(LogLevel), TEXT, st.none() | TEXT, st.none() | LOG_FORMAT, st.just(False)
)
LISTENER = st.builds(
    Listener,
    NAME,
    LISTENER_USE,
    NAME,
    st.builds(
        ListenerOptions, SECONDS, st.sampled_from(OnChange), st.sampled_from(ReplyStyle), st.booleans()
    ),
)
REWRITE = st.builds(SetValue, TEXT, FROZEN) | st.builds(Merge, OBJECT)
RULE = st.builds(
    Rule,
    NAME,
    PREDICATE,
    st.lists(REWRITE, max_size=3).map(tuple),
    st.none() | NAME,
    st.none() | NAME,
    st.booleans(),
)
RULELIST = st.builds(RuleList, NAME, st.lists(NAME, max_size=3).map(tuple), st.booleans())
ROUTE = st.builds(
    Route,
    NAME,
    st.lists(st.builds(WeightedTarget, NAME, st.integers(1, 3)), min_size=1, max_size=3).map(tuple),
    st.lists(NAME, max_size=2).map(tuple),
    st.lists(NAME, max_size=2).map(tuple),
    st.builds(RetryPolicy, st.sampled_from(RetryOn), st.integers(0, 99), SECONDS),
    st.none() | SECONDS.filter(bool),
    st.booleans(),
)
PARAMS = st.dictionaries(st.sampled_from(["class", "a", "b"]), JSON).map(freeze)
TRANSFORM = st.builds(
    Transform,
    NAME,
    st.builds(RemoteTransform, NAME) | st.builds(Inline, st.sampled_from(["m:C", "a.b:C.d"]), PARAMS),
)
CLUSTER = st.builds(Cluster, NAME, CLUSTER_USE, NAME, BALANCING, st.none() | SECONDS, OBJECT, st.booleans())


@st.composite
def configurations(draw: st.DrawFn) -> dict[Key, Object]:
    """Objects of every kind, in the order of their creation; endpoint names are unique."""
    number = iter(range(10**6))

    def endpoints(name: str, *, has_port: bool = True) -> EndpointSet:
        made = [
            Endpoint(
                f"e{next(number)}",
                draw(TEXT.filter(bool)),
                draw(st.none() | PORT) if has_port else None,
                draw(st.integers(1, 9)),
            )
            for _ in range(draw(st.integers(0, 2)))
        ]
        return EndpointSet(name, tuple(made))

    objects: dict[Key, Object] = {}

    def put(*values: Object) -> None:
        for value in values:
            objects.setdefault(key_of(value), value)

    put(*draw(st.lists(ADMIN, max_size=1)))
    clusters = draw(st.lists(CLUSTER, max_size=3, unique_by=lambda cluster: cluster.name))
    for cluster in clusters:
        is_inside = VOCABULARY.is_virtual(cluster.protocol.name)
        if draw(st.booleans()):
            put(Cluster(cluster.name, cluster.protocol, cluster.name, *_rest(cluster)))
            if not is_inside:
                put(endpoints(cluster.name))
        else:
            put(cluster)
    for name in draw(st.lists(NAME, max_size=2)):
        if all(cluster.name != name for cluster in clusters):
            put(endpoints(name))
    for strategy in (TRANSFORM, LISTENER, RULELIST, RULE, ROUTE):
        put(*draw(st.lists(strategy, max_size=2)))
    return objects


def _rest(cluster: Cluster) -> tuple[LoadBalancing, float | None, FrozenObject, bool]:
    return cluster.balancing, cluster.connect_timeout, cluster.options, cluster.autogenerated


def tangled(value: Json) -> SearchStrategy[Json]:
    """`value` with one part replaced by another JSON value."""
    places = list(_places(value, ()))

    def replace(path: tuple[str | int, ...], part: Json) -> Json:
        return _replaced(value, path, part)

    return st.builds(replace, st.sampled_from(places), JSON)


def _places(value: Json, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    found = [path]
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, part in members:
        found += _places(part, (*path, key))
    return found


def _replaced(value: Json, path: tuple[str | int, ...], part: Json) -> Json:
    if not path:
        return part
    copy = thaw(freeze(value))
    assert isinstance(copy, dict | list)
    place = copy
    for key in path[:-1]:
        place = place[key]  # type: ignore[assignment, index, call-overload]
    place[path[-1]] = part  # type: ignore[index, call-overload]
    return copy
