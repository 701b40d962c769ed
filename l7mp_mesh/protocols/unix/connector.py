"""Connecting to UNIX stream sockets."""

from __future__ import annotations

from l7mp_mesh.io import dial
from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.upstream import Connector
from l7mp_mesh.protocols.unix.options import UnixClusterOptions


class UnixConnector(Connector):
    """The endpoint's address is the path."""

    def __init__(self, options: UnixClusterOptions, environment: Environment) -> None:
        del options, environment

    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        return await dial.unix(endpoint.address)
