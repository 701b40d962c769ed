"""What sessions of one listener have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from l7mp_mesh.model.listener import Listener, ReplyStyle
from l7mp_mesh.observe.stats import Counter, Gauge, Histogram
from l7mp_mesh.pipe.head import ResponseHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.session import SessionView
from l7mp_mesh.routing.table import Cell, RuleTable
from l7mp_mesh.session.plan import Plan

Rescue: TypeAlias = Callable[[Reason, str, ReplyStyle], tuple[ResponseHead, bytes]]
"""Makes the HTTP answer that tells a client why its session failed."""


@dataclass(frozen=True, slots=True)
class SourceStats:
    """Handles of one listener."""

    requests: Counter
    failures: Counter
    active: Gauge
    received: Counter
    sent: Counter
    duration: Histogram
    received_messages: Counter = field(default_factory=Counter)
    sent_messages: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Source:
    """A listener as its sessions see it."""

    listener: Listener
    table: Cell[RuleTable[Plan]]
    stats: SourceStats
    rescue: Rescue
    log: Callable[[SessionView], None] | None = None
    """Writes the access-log line of an ended session; None when there is no access log."""
