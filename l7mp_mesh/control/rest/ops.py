"""What the control API asks of the running dataplane beside changes of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from l7mp_mesh.model.snapshot import Kind
from l7mp_mesh.model.value import Json


class RuntimeOps(Protocol):
    """What recursive deletes do to live sessions; the runtime has these methods."""

    def statistics(self, kind: Kind) -> Mapping[str, Json]:
        """What has passed each object of a kind, by name."""

    def end_listener(self, name: str) -> None:
        """End every session that the listener of that name has emitted."""

    def end_cluster(self, name: str) -> None:
        """End every session that goes through the cluster of that name."""

    def disconnect_endpoint(self, name: str) -> None:
        """Take away every leg to the endpoint of that name; retry policies decide what follows."""
