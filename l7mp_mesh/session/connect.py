"""Opening one upstream leg with the retries of the route."""

from __future__ import annotations

import asyncio

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.rules import RetryPolicy
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.upstream import Lease, Upstream
from l7mp_mesh.routing.table import Cell


def require(cell: Cell[Upstream]) -> Upstream:
    """The cluster of that name. Raises ConnectFailed when there is none (yet)."""
    if cell.value is None:
        raise ConnectFailed(Reason.NO_CLUSTER, f"No such cluster: {cell.name}")
    return cell.value


async def connect(
    cell: Cell[Upstream],
    attributes: Attributes,
    retry: RetryPolicy,
    attempts: int,
    tried: list[Endpoint] | None = None,
    *,
    is_fresh: bool = False,
) -> Lease:
    """A leg to the cluster of that name, trying `attempts` times with the pause of the policy in between.

    A missing cluster is waited for in the same way: it may be about to be configured. `tried` holds the
    endpoints that failed before, and those that fail here are added; `is_fresh` as in `Upstream.open`.
    Raises ConnectFailed.
    """
    tried = [] if tried is None else tried
    for attempt in range(1, attempts + 1):
        try:
            return await require(cell).open(attributes, within=retry.timeout, avoid=tried, is_fresh=is_fresh)
        except ConnectFailed as error:
            failed = getattr(error, "endpoint", None)
            if isinstance(failed, Endpoint):
                tried.append(failed)
            if attempt == attempts or not error.reason.may_retry:
                raise
            await asyncio.sleep(retry.timeout)
    raise ConnectFailed(Reason.CONNECT_FAILED, "no attempt is allowed")


def first_attempts(retry: RetryPolicy) -> int:
    """How often a stage is tried when the session is set up."""
    return 1 + retry.num_retries if retry.retry_on.on_connect else 1
