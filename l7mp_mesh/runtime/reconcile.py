"""Moving live sessions after a change of configuration, a few at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from l7mp_mesh.model.listener import OnChange
from l7mp_mesh.ports.leg import Kind
from l7mp_mesh.ports.session import RerouteFailed
from l7mp_mesh.session.plan import Plan
from l7mp_mesh.session.registry import Registry
from l7mp_mesh.session.session import Session

log = logging.getLogger("l7mp_mesh.reconcile")

AT_ONCE = 64
"""Sessions that are moved concurrently: each opens new legs before it closes the old ones."""


def affected(registry: Registry, routes: set[str]) -> list[Session]:
    """Sessions that took one of these routes and whose listener wants them moved."""
    return [
        session
        for session in registry.live()
        if session.route_name in routes
        and session.kind is not Kind.EXCHANGE
        and session.source.listener.options.on_change is OnChange.REROUTE
    ]


async def move(sessions: list[Session], plan_of: Callable[[str], Plan | None]) -> None:
    """Re-route every session to what its route is when its turn comes, so that the last change wins.

    One that can not be moved stays where it is.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(session: Session) -> None:
        async with gate:
            try:
                await session.reroute(lambda: plan_of(session.route_name))
            except RerouteFailed as error:
                log.warning(
                    "session stays on its old route", extra={"session": session.name, "reason": error.why}
                )

    await asyncio.gather(*(one(session) for session in sessions))
