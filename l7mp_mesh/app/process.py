"""One dataplane process: wires sources, store, runtime and responders, and runs until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from l7mp_mesh.admin.monitor import Monitor
from l7mp_mesh.app import logs
from l7mp_mesh.app.version import version
from l7mp_mesh.control.native import Vocabulary
from l7mp_mesh.control.rest import RestController
from l7mp_mesh.control.store import ConfigStore
from l7mp_mesh.control.yaml.source import FileRefused, FileSource, with_command_line
from l7mp_mesh.io.clock import LoopClock
from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.admin import Admin
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.snapshot import ADMIN_KEY, Key, Kind, Snapshot
from l7mp_mesh.observe.access_log import AccessLog
from l7mp_mesh.observe.log_format import DEFAULT_FORMAT, compile_format
from l7mp_mesh.observe.stats import Stats
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.config import ConfigSource, Update
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.responder import Responder
from l7mp_mesh.protocols import PROTOCOLS
from l7mp_mesh.protocols.http.rescue import reply_for
from l7mp_mesh.runtime.runtime import Runtime
from l7mp_mesh.transforms import load

log = logging.getLogger("l7mp_mesh")

FLUSH = 1.0
"""Seconds after which access-log lines are on disk."""
MANY = 1000
"""Objects in one update that are worth being kept from the garbage collector."""


SourceMaker: TypeAlias = Callable[[LoopClock], ConfigSource]
"""Makes a source inside the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `l7mp-mesh run` was told."""

    config: Path | None = None
    strict: bool = False
    log_level: str | None = None
    drain_time: float = 30.0
    sources: tuple[SourceMaker, ...] = ()
    """Further sources (xDS), made inside the event loop."""


class Process:
    """Everything that runs, made inside the event loop."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._amend = with_command_line(options.log_level, strict=options.strict)
        self._access_log: AccessLog | None = None
        self._admin = Admin()
        self.clock = LoopClock()
        self.stats = Stats()
        vocabulary = Vocabulary(PROTOCOLS)
        responders: dict[str, Responder] = {"Prometheus": Monitor(self.stats)}
        predefined = {key.name: cluster.protocol for key, cluster in vocabulary.predefined().items()}
        self.runtime = Runtime(
            Environment(self.clock, responders), self.stats, PROTOCOLS, reply_for, load, predefined
        )
        self.store = ConfigStore(self.runtime)
        self.store.watch(self._changed)
        responders["L7mpController"] = RestController(
            self.store, self.runtime.registry, self.runtime, vocabulary, version()
        )
        self._file = (
            None
            if options.config is None
            else FileSource(options.config, vocabulary, strict=options.strict, amend=self._amend)
        )
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Load the configuration and begin to serve. Raises FileRefused."""
        self.runtime.start()
        if self._file is None:
            admin = self._amend(Admin())
            await self.store.apply(Update("builtin", "1", {ADMIN_KEY: admin}))
        else:
            for problem in await self._file.load(self.store):
                log.warning("%s", problem)
        self.clock.call_at(self.clock.now() + FLUSH, self._flush)
        for source in self._sources():
            spawn(f"source {type(source).__name__}", source.run(self.store))

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; SIGHUP reloads. Returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        try:
            await self.start()
        except FileRefused as error:
            for problem in error.problems:
                print(problem, file=sys.stderr)
            await self.runtime.stop(0)
            return 1
        log.info("ready", extra={"version": version()})
        await self._stopping.wait()
        log.info("draining", extra={"seconds": self._options.drain_time})
        await self.runtime.stop(self._options.drain_time)
        if self._access_log is not None:
            self._access_log.close()
        return 0

    def _sources(self) -> list[ConfigSource]:
        made: list[ConfigSource] = [make(self.clock) for make in self._options.sources]
        return made if self._file is None else [self._file, *made]

    def _stop(self) -> None:
        if self._stopping.is_set():
            # Asked twice: whoever asks does not want to wait for the drain.
            self.runtime.registry.stop(Reason.SHUTDOWN)
        self._stopping.set()

    def _hang_up(self) -> None:
        if self._access_log is not None:
            self._access_log.reopen()
        if self._file is not None:
            self._file.reload_soon()

    def _changed(self, snapshot: Snapshot, keys: frozenset[Key]) -> None:
        admin = snapshot.objects.get(ADMIN_KEY)
        if ADMIN_KEY in keys and isinstance(admin, Admin):
            self._follow(admin)
        if len(keys) >= MANY:
            # A large configuration lives long and holds no cycles; one look at it is 50 to 100 ms of silence.
            gc.freeze()
        for key in keys:
            if key.kind is Kind.LISTENER and key in snapshot.objects:
                address, _ = self.runtime.address(key.name)
                log.info("listening", extra={"listener": key.name, "address": address})

    def _follow(self, admin: Admin) -> None:
        """Log as the admin settings say."""
        before, self._admin = self._admin, admin
        logs.set_up(admin)
        same = (before.access_log_path, before.access_log_format)
        if self._access_log is not None and same == (admin.access_log_path, admin.access_log_format):
            return
        if self._access_log is not None:
            self._access_log.close()
        self._access_log = self.runtime.access_log = None
        if admin.access_log_path is None:
            return
        try:
            line = compile_format(admin.access_log_format or DEFAULT_FORMAT)
            self._access_log = AccessLog(admin.access_log_path, line)
        except ConfigError as error:
            log.error("no access log: %s", error)  # noqa: TRY400
        else:
            self.runtime.access_log = self._access_log.write

    def _flush(self) -> None:
        if self._access_log is not None:
            self._access_log.flush()
        self.clock.call_at(self.clock.now() + FLUSH, self._flush)
