"""The reference xDS management server: a directory of resources, pushed to dataplanes over gRPC."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xds_server.ledger import Ledger
    from xds_server.server import XdsServer
    from xds_server.snapshot import Resource, Snapshot
    from xds_server.store import DirectoryStore, MemoryStore, Store

_HOME = {
    "DirectoryStore": "store",
    "Ledger": "ledger",
    "MemoryStore": "store",
    "Resource": "snapshot",
    "Snapshot": "snapshot",
    "Store": "store",
    "XdsServer": "server",
}

__all__ = ["DirectoryStore", "Ledger", "MemoryStore", "Resource", "Snapshot", "Store", "XdsServer"]


def __getattr__(name: str) -> object:
    # Lazy, so that `xds-server version` imports neither grpc nor protobuf.
    if name not in _HOME:
        raise AttributeError(f"module 'xds_server' has no attribute {name!r}")
    return getattr(import_module(f"xds_server.{_HOME[name]}"), name)
