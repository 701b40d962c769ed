"""Reading Envoy messages field by field: what is not translated is refused, never passed over."""

from __future__ import annotations

from l7mp_mesh import api
from l7mp_mesh.api import ApiError
from l7mp_mesh.model.errors import ConfigError

API_V2 = 1
"""envoy.config.core.v3.ApiVersion.V2."""


def only(value: api.Proto, path: str, *known: str) -> None:
    """Raise ConfigError for the first field of `value` that is set and not in `known`."""
    for field, _ in value.ListFields():
        if field.name not in known:
            raise ConfigError(under(path, field.name), "not supported")


def required(value: str, path: str) -> str:
    """`value`. Raises ConfigError if it is empty."""
    if not value:
        raise ConfigError(path, "is missing")
    return value


def under(path: str, name: str) -> str:
    """The path of a field of the message at `path`."""
    return f"{path}.{name}" if path else name


def typed(packed: api.Proto, path: str) -> api.Proto:
    """The message in a `typed_config`. Raises ConfigError if its type is not known."""
    try:
        return api.unpack(packed)
    except ApiError as error:
        raise ConfigError(path, error.why) from error


def enum_word(message: api.Proto, field: str) -> str:
    """The name of an enum's value; the number where it has none."""
    number = getattr(message, field)
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return str(value.name) if value is not None else str(number)


def seconds(duration: api.Proto, path: str) -> float:
    """A google.protobuf.Duration that is not negative."""
    value: float = duration.seconds + duration.nanos / 1e9
    if value < 0:
        raise ConfigError(path, f"expected a duration of 0 or more, got {value:g}s")
    return value


def from_ads(source: api.Proto, path: str) -> None:
    """Raise ConfigError unless a ConfigSource says that the resource comes by this very stream."""
    if source.resource_api_version == API_V2:
        raise ConfigError(under(path, "resource_api_version"), "expected V3, got V2")
    only(source, path, "ads", "self", "resource_api_version", "initial_fetch_timeout")
    if not (source.HasField("ads") or source.HasField("self")):
        raise ConfigError(path, "expected `ads: {}`")


def socket_address(address: api.Proto, path: str) -> tuple[str, int]:
    """IP address (or DNS name) and port of an envoy.config.core.v3.Address for TCP."""
    only(address, path, "socket_address")
    here = under(path, "socket_address")
    if not address.HasField("socket_address"):
        raise ConfigError(here, "is missing")
    socket = address.socket_address
    only(socket, here, "address", "port_value", "protocol", "ipv4_compat")
    if socket.protocol != 0:
        raise ConfigError(under(here, "protocol"), "not supported: UDP")
    if socket.port_value > 65535:  # noqa: PLR2004 - the largest port there is
        raise ConfigError(under(here, "port_value"), f"expected a port up to 65535, got {socket.port_value}")
    return required(socket.address, under(here, "address")), int(socket.port_value)
