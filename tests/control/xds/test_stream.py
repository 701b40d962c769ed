"""The rules of the stream, as sequences of requests, without a socket."""

from support.ads import show

from l7mp_mesh import api
from l7mp_mesh.control.xds.encoding import Delivery, Sotw
from l7mp_mesh.control.xds.resource_type import ResourceType
from l7mp_mesh.control.xds.stream import Stream

CDS, EDS, LDS, RDS = ResourceType


def stream() -> Stream:
    node = api.from_json({"id": "me"}, "envoy.config.core.v3.Node")
    return Stream(node, Sotw())


def started() -> Stream:
    made = stream()
    made.subscribe(LDS, None)
    made.subscribe(CDS, None)
    made.connect()
    made.requests()
    return made


def shown(made: Stream) -> list[str]:
    """Type, names, version, nonce and problem of the requests that are to be sent."""
    return [show(request) for request in made.requests()]


def response(made: Stream, type_: ResourceType, version: str, nonce: str) -> Delivery:
    message = api.message("envoy.service.discovery.v3.DiscoveryResponse")(
        type_url=type_.url, version_info=version, nonce=nonce
    )
    delivery = made.receive(message)
    assert delivery is not None
    return delivery


def test_the_first_requests_are_clusters_then_listeners_and_only_the_first_says_who_we_are() -> None:
    made = stream()
    made.subscribe(LDS, None)
    made.subscribe(CDS, None)
    assert shown(made) == []
    made.connect()
    assert shown(made) == ["CDS  v n me", "LDS  v n"]
    assert shown(made) == []


def test_an_ack_carries_version_and_nonce_of_the_response() -> None:
    made = started()
    delivery = response(made, CDS, "1", "a")
    assert shown(made) == []
    made.done(delivery, None)
    assert shown(made) == ["CDS  v1 na"]
    assert made.version(CDS) == "1"


def test_a_nack_carries_the_last_good_version_and_the_nonce_of_the_bad_response() -> None:
    made = started()
    made.done(response(made, CDS, "1", "a"), None)
    made.done(response(made, CDS, "2", "b"), "cluster 'x': bad")
    assert shown(made) == ["CDS  v1 na", "CDS  v1 nb NACK cluster 'x': bad"]
    made.done(response(made, CDS, "3", "c"), None)
    assert shown(made) == ["CDS  v3 nc"]


def test_the_first_nack_has_no_version() -> None:
    made = started()
    made.done(response(made, LDS, "1", "a"), "no")
    assert shown(made) == ["LDS  v na NACK no"]


def test_a_long_problem_is_cut() -> None:
    made = started()
    made.done(response(made, LDS, "1", "a"), "x" * 100_000)
    request: api.Proto = made.requests()[0]
    assert len(request.error_detail.message) == 4096


def test_types_do_not_share_versions_or_nonces() -> None:
    made = started()
    clusters, listeners = response(made, CDS, "7", "a"), response(made, LDS, "3", "b")
    made.done(listeners, None)
    made.done(clusters, None)
    assert shown(made) == ["LDS  v3 nb", "CDS  v7 na"]


def test_dependent_names_are_asked_for_before_the_ack() -> None:
    made = started()
    delivery = response(made, CDS, "1", "a")
    made.subscribe(EDS, frozenset({"b", "a"}))
    made.done(delivery, None)
    assert shown(made) == ["EDS a,b v n", "CDS  v1 na"]


def test_a_new_subscription_carries_the_latest_nonce_and_all_names() -> None:
    made = started()
    made.subscribe(EDS, frozenset({"a"}))
    made.done(response(made, EDS, "1", "n1"), None)
    made.subscribe(EDS, frozenset({"a", "b"}))
    made.subscribe(EDS, frozenset({"a", "b"}))
    assert shown(made) == ["EDS a v n", "EDS a v1 nn1", "EDS a,b v1 nn1"]


def test_names_that_change_while_a_response_is_applied_go_with_its_ack() -> None:
    made = started()
    made.subscribe(EDS, frozenset({"a"}))
    made.requests()
    delivery = response(made, EDS, "1", "x")
    made.subscribe(EDS, frozenset({"b"}))
    assert shown(made) == []
    made.done(delivery, None)
    assert shown(made) == ["EDS b v1 nx"]


def test_no_names_are_never_asked_for_first_but_do_unsubscribe() -> None:
    made = started()
    made.subscribe(RDS, frozenset())
    assert shown(made) == []
    made.subscribe(RDS, frozenset({"r"}))
    made.subscribe(RDS, frozenset())
    assert shown(made) == ["RDS r v n", "RDS  v n"]
    made.connect()
    assert shown(made) == ["CDS  v n me", "LDS  v n"]


def test_the_same_version_under_a_new_nonce_is_acknowledged() -> None:
    made = started()
    made.done(response(made, CDS, "1", "a"), None)
    made.done(response(made, CDS, "1", "b"), None)
    assert shown(made) == ["CDS  v1 na", "CDS  v1 nb"]


def test_a_new_stream_starts_with_accepted_versions_and_no_nonces() -> None:
    made = started()
    made.done(response(made, CDS, "4", "a"), None)
    made.subscribe(EDS, frozenset({"s"}))
    made.done(response(made, EDS, "9", "b"), None)
    made.done(response(made, LDS, "5", "c"), "bad")
    made.disconnect()
    made.connect()
    assert shown(made) == ["CDS  v4 n me", "EDS s v9 n", "LDS  v n"]


def test_a_response_of_an_earlier_stream_is_not_answered_on_the_new_one() -> None:
    made = started()
    delivery = response(made, CDS, "4", "a")
    made.disconnect()
    made.done(delivery, None)
    assert shown(made) == []
    made.connect()
    assert shown(made) == ["CDS  v4 n me", "LDS  v n"]


def test_a_response_that_nobody_asked_for_is_ignored() -> None:
    made = started()
    for url in ("type.googleapis.com/nope", RDS.url, ""):
        message = api.message("envoy.service.discovery.v3.DiscoveryResponse")(type_url=url, nonce="1")
        assert made.receive(message) is None
    assert shown(made) == []
