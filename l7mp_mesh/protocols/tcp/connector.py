"""Connecting to TCP endpoints."""

from __future__ import annotations

from l7mp_mesh.io import dial
from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.upstream import Connector
from l7mp_mesh.protocols.tcp.options import BindOptions, TcpClusterOptions


def port_of(endpoint: Endpoint) -> int:
    """The endpoint's port (the cluster filled in its own). Raises ConnectFailed without one."""
    if endpoint.port is None:
        raise ConnectFailed(Reason.CONNECT_FAILED, f'endpoint "{endpoint.name}" has no port')
    return endpoint.port


def local_end(options: BindOptions | None) -> tuple[str, int] | None:
    """Source address and port to bind, if configured."""
    return None if options is None else (options.address, options.port)


class TcpConnector(Connector):
    """Opens TCP connections."""

    def __init__(self, options: TcpClusterOptions, environment: Environment) -> None:
        del environment
        self._local = local_end(options.bind)

    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        return await dial.tcp(endpoint.address, port_of(endpoint), self._local)
