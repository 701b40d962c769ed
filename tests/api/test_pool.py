"""The private descriptor pool: what is in it, and what it leaves alone."""

import subprocess
import sys

import pytest

from l7mp_mesh import api
from l7mp_mesh.api import ApiError

HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_is_loaded_before_the_first_use() -> None:
    assert run("from l7mp_mesh import api; print(api.pool.cache_info().currsize)") == "0"


def test_no_generated_module_is_imported() -> None:
    program = (
        "import sys; from l7mp_mesh import api\n"
        "api.pack(api.message('envoy.config.cluster.v3.Cluster')(name='c'))\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('envoy', 'xds', 'udpa', 'validate')"
        " or name.startswith(('google.rpc', 'google.api', 'opentelemetry'))])"
    )
    assert run(program) == "[]"


@pytest.mark.parametrize(
    "name",
    [
        HCM,
        "envoy.service.discovery.v3.DiscoveryRequest",
        "envoy.service.discovery.v3.DeltaDiscoveryResponse",
        "envoy.config.bootstrap.v3.Bootstrap",
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "google.rpc.Status",
        "xds.type.v3.TypedStruct",
        "udpa.type.v1.TypedStruct",
        "validate.FieldRules",
        "l7mp.mesh.v1.Listener",
        "l7mp.mesh.v1.Cluster",
    ],
)
def test_the_messages_of_the_mesh_are_known(name: str) -> None:
    assert api.known(name)
    assert api.message(name).DESCRIPTOR.full_name == name


def test_an_unknown_message_is_a_key_error() -> None:
    assert not api.known("envoy.Nope")
    with pytest.raises(KeyError):
        api.message("envoy.Nope")


def test_a_packed_message_unpacks_to_an_equal_one() -> None:
    cluster = api.from_json({"name": "c", "connect_timeout": "0.25s"}, "envoy.config.cluster.v3.Cluster")
    packed = api.pack(cluster)
    assert packed.type_url == api.type_url("envoy.config.cluster.v3.Cluster")
    assert api.unpack(packed) == cluster


def test_equal_messages_have_equal_canonical_bytes() -> None:
    fields = {str(number): {"a": number} for number in range(20)}
    one = api.from_json({"filter_metadata": fields}, "envoy.config.core.v3.Metadata")
    other = api.from_json(
        {"filter_metadata": dict(reversed(fields.items()))}, "envoy.config.core.v3.Metadata"
    )
    assert api.canonical_bytes(one) == api.canonical_bytes(other)


@pytest.mark.parametrize(
    ("url", "raw"), [("type.googleapis.com/nope", b""), ("type.googleapis.com/" + HCM, b"\xff")]
)
def test_an_any_that_can_not_be_read_is_an_api_error(url: str, raw: bytes) -> None:
    packed: api.Proto = api.message("google.protobuf.Any")(type_url=url, value=raw)
    with pytest.raises(ApiError):
        api.unpack(packed)


def test_json_goes_in_and_comes_out() -> None:
    value: api.Json = {
        "@type": api.type_url("envoy.config.listener.v3.Listener"),
        "name": "front",
        "address": {"socket_address": {"address": "127.0.0.1", "portValue": 80}},
        "filter_chains": [
            {"filters": [{"name": "x", "typed_config": {"@type": api.type_url(HCM), "stat_prefix": "s"}}]}
        ],
    }
    shown = api.to_json(api.from_json(value))
    assert shown["name"] == "front"
    assert shown["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": 80}}
    assert shown["filter_chains"] == value["filter_chains"]


def listener(config: dict[str, api.Json]) -> api.Json:
    return {
        "filter_chains": [
            {},
            {"filters": [{"name": "x", "typed_config": {"@type": api.type_url(HCM), **config}}]},
        ]
    }


@pytest.mark.parametrize(
    ("value", "path", "why"),
    [
        ({"name": 1}, "name", "got 1"),
        ({"nam": 1}, "nam", "no field"),
        ({"filter_chains": {}}, "filter_chains", "expected a list"),
        ({"filter_chains": ["x"]}, "filter_chains[0]", "expected an object"),
        ({"traffic_direction": "UP"}, "traffic_direction", "INBOUND, OUTBOUND, got 'UP'"),
        ({"address": {"socket_address": {"port_value": -1}}}, "address.socket_address.port_value", "got -1"),
        ({"address": {"pipe": {"path": "x"}, "socket_address": {}}}, "address.socket_address", "only one"),
        ({"listener_filters_timeout": "x"}, "listener_filters_timeout", "must end with letter"),
        ({"metadata": {"filter_metadata": {"k": 1}}}, "metadata.filter_metadata['k']", ""),
        (
            {"filter_chains": [{"filters": [{"typed_config": {"@type": "x/nope"}}]}]},
            "filter_chains[0].filters[0].typed_config.@type",
            "unknown type",
        ),
        (
            listener({"route_config": {"virtual_hosts": [{"domain": ["a"]}]}}),
            "filter_chains[1].filters[0].typed_config.route_config.virtual_hosts[0].domain",
            "has no field",
        ),
        (
            listener({"codec_type": "H9"}),
            "filter_chains[1].filters[0].typed_config.codec_type",
            "expected one of AUTO",
        ),
    ],
)
def test_an_error_names_the_field(value: api.Json, path: str, why: str) -> None:
    with pytest.raises(ApiError) as caught:
        api.from_json(value, "envoy.config.listener.v3.Listener")
    assert caught.value.path == path
    assert why in caught.value.why


@pytest.mark.parametrize("value", [[], {"name": "x"}, {"@type": 1}, {"@type": "x/nope"}])
def test_a_value_without_a_known_type_is_an_api_error(value: api.Json) -> None:
    with pytest.raises(ApiError):
        api.from_json(value)
