"""Running listeners: bind, serve, replace, stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.listener import Listener
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import Accept, Acceptor
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.base import Protocol
from l7mp_mesh.session.source import Source


class ListenerRun:
    """One listener: its acceptor, the layers above it, and what its sessions have in common.

    `listener` is the configuration in force; `source` is there from `serve` on.
    """

    source: Source

    def __init__(
        self,
        listener: Listener,
        protocols: Mapping[str, Protocol],
        environment: Environment,
        begin: Callable[[Leg, Attributes, Source], None],
    ) -> None:
        self.listener = listener
        self._begin = begin
        use = listener.protocol
        row = protocols.get(use.name)
        if row is None or row.listener is None:
            raise ConfigError("spec.protocol", f'"{use.name}" is no protocol of listeners')
        role = row.listener
        self.acceptor: Acceptor = role.acceptor(use.options, listener.name, environment)
        accept: Accept = self._accepted
        self._layers = role.layers(use.options, environment)
        for layer in reversed(self._layers):
            accept = partial(_through, layer.accept, accept)
        self._accept = accept

    async def bind(self) -> None:
        """Take the address. Raises BindFailed."""
        await self.acceptor.bind()

    async def serve(self, source: Source) -> None:
        """Begin to emit sessions of `source`."""
        self.adopt(source)
        await self.acceptor.serve(self._accept)

    def adopt(self, source: Source) -> None:
        """New sessions are of `source` from now on."""
        self.source = source
        self.listener = source.listener
        self.acceptor.refused = source.stats.refused.add

    def release(self) -> None:
        """Let go of the address; everything accepted lives on, and `regain` may follow."""
        self.acceptor.stop()

    async def regain(self) -> None:
        """Serve at the released address again. Raises BindFailed."""
        await self.acceptor.bind()
        await self.acceptor.serve(self._accept)

    def stop(self) -> None:
        """Release the address; sessions live on, connections that could bear more of them end."""
        self.acceptor.stop()
        for layer in self._layers:
            layer.drain()

    def shares_address(self, other: ListenerRun) -> bool:
        """True when both want the same port (or path), whatever their protocols."""
        if self.acceptor.port:
            return self.acceptor.port == other.acceptor.port
        return self.acceptor.address == other.acceptor.address

    def _accepted(self, leg: Leg, attributes: Attributes) -> None:
        self._begin(leg, attributes, self.source)


def _through(
    layer: Callable[[Leg, Attributes, Accept], None], accept: Accept, leg: Leg, attributes: Attributes
) -> None:
    layer(leg, attributes, accept)
