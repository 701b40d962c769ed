"""Named transforms: what a route's ingress and egress may pass through.

Source: concept document, "Transform(er)s"; a cluster's name stands for a remote transform over that cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from l7mp_mesh.model.value import FrozenObject


@dataclass(frozen=True, slots=True)
class Remote:
    """Bump in the wire: payload goes to the cluster, and what comes back goes on."""

    cluster: str


@dataclass(frozen=True, slots=True)
class Inline:
    """A Python class inside the proxy: "module:Class", a subclass of `l7mp_mesh.pipe.verbs.Stage`."""

    target: str
    params: FrozenObject = FrozenObject()
    """Keyword arguments of the constructor."""


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform under a name of its own."""

    name: str
    use: Remote | Inline
    spelled: str = field(default="", compare=False)
    """The type as it was written ("CLUSTER", "JSON_ENCAP"), to be echoed back."""
