"""A route with its names resolved to cells: computed when the configuration changes, read per session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from l7mp_mesh.model.rules import RetryPolicy, Route
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import Stage
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.upstream import Upstream
from l7mp_mesh.routing.table import Cell
from l7mp_mesh.routing.weighted import pick

StageMaker: TypeAlias = Callable[[Attributes], Stage]
"""Makes an inline transform for one direction of one session."""

TransformUse: TypeAlias = "StageMaker | Cell[Upstream]"
"""A named transform: inline code, or the cluster in the middle."""


class StageUse:
    """One element of a route's ingress or egress: a transform of that name, else a cluster of that name."""

    __slots__ = ("_cluster", "_transform", "name")

    def __init__(self, name: str, transform: Cell[TransformUse], cluster: Cell[Upstream]) -> None:
        self.name = name
        self._transform = transform
        self._cluster = cluster

    def resolve(self) -> TransformUse:
        """What the name stands for now: code, or the cell of a cluster that may be missing."""
        return self._transform.value or self._cluster

    @property
    def is_remote(self) -> bool:
        """True when a leg must be opened for it."""
        return isinstance(self.resolve(), Cell)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A route, ready to be used."""

    route: Route
    targets: tuple[Cell[Upstream], ...]
    weights: tuple[int, ...]
    ingress: tuple[StageUse, ...]
    egress: tuple[StageUse, ...]
    warned: set[str] = field(default_factory=set)
    """What was logged about sessions of this plan already; once is enough."""

    @property
    def retry(self) -> RetryPolicy:
        """When and how often stages are connected."""
        return self.route.retry

    def target(self, attributes: Attributes) -> Cell[Upstream]:
        """The cluster of this session: always the same for one session name."""
        if len(self.targets) == 1:
            return self.targets[0]
        index = pick(self.weights, attributes.name)
        if index < 0:
            raise ConnectFailed(Reason.NO_CLUSTER, f'every weight of route "{self.route.name}" is 0')
        return self.targets[index]
