"""What can be configured of UNIX stream sockets."""

from __future__ import annotations

from dataclasses import dataclass, field

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.options import option
from l7mp_mesh.protocols.tcp.options import Backlog, Limit

LONGEST_PATH = 107
"""Bytes of a socket's path; the kernel takes no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixListenerOptions:
    """Where a UNIX listener binds. Source: L7mp listener spec."""

    filename: str = field(metadata=option("path", doc="Socket file; a stale one is replaced."))
    backlog: Backlog = field(default=1024, metadata=option(doc="Length of the accept queue (listen(2))."))
    max_connections: Limit = field(
        default=0,
        metadata=option(doc="Connections at once, more are reset; 0: as many as the system allows."),
    )

    def __post_init__(self) -> None:
        if "\0" in self.filename:
            raise ConfigError("filename", f"expected a path, got {self.filename!r}, which has a NUL")
        if not self.filename:
            raise ConfigError("filename", "expected a path, got an empty one")
        if len(self.filename.encode()) > LONGEST_PATH:
            raise ConfigError("filename", f"expected at most {LONGEST_PATH} bytes (unix(7) sun_path)")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixClusterOptions:
    """A UNIX cluster: the path is the endpoint's address."""
