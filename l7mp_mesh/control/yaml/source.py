"""A native configuration file as a source: read at start, on demand, and when it changes.

A file that can not be used changes nothing: what was in force stays, and every problem is reported.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from l7mp_mesh.control.native import Decoder, Names, Vocabulary, parse
from l7mp_mesh.io.tasks import survive
from l7mp_mesh.model.admin import Admin, LogLevel
from l7mp_mesh.model.errors import Problem
from l7mp_mesh.model.snapshot import ADMIN_KEY, Key, Object
from l7mp_mesh.ports.config import ConfigSource, Store, Update

log = logging.getLogger("l7mp_mesh.file")

SOURCE = "file"
"""Owner of what a configuration file brings."""

POLL = 1.0
"""Seconds between two looks at the file."""


class FileRefused(Exception):
    """The file can not be used; `problems` says why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class FileSource(ConfigSource):
    """One file. `amend` is what the command line has to say about the admin settings."""

    def __init__(
        self,
        path: Path,
        vocabulary: Vocabulary,
        *,
        strict: bool,
        amend: Callable[[Admin], Admin],
    ) -> None:
        self.path = path
        self._vocabulary = vocabulary
        self._strict = strict
        self._amend = amend
        self._owned: frozenset[Key] = frozenset()
        self._seen: tuple[int, int, int] | None = None
        self._wake = asyncio.Event()

    async def load(self, store: Store) -> tuple[Problem, ...]:
        """Read the file and apply it; returns the warnings. Raises FileRefused, nothing was changed then."""
        self._seen = self._stamp()
        snapshot = store.snapshot.objects
        objects, warnings = self._decode(
            {key: value for key, value in snapshot.items() if store.owner(key) != SOURCE}
        )
        update = Update(
            source=SOURCE,
            version=str(self._seen),
            upserts=objects,
            # What a REST client or another source has taken over since is no longer the file's to remove.
            removals=frozenset(
                key for key in self._owned if key not in objects and store.owner(key) == SOURCE
            ),
        )
        outcome = await store.apply(update)
        if not outcome.applied:
            raise FileRefused(
                [
                    Problem(str(self.path), 0, 0, _path(rejection.key, rejection.path), rejection.why)
                    for rejection in outcome.rejections
                ]
            )
        self._owned = frozenset(objects)
        return warnings

    def reload_soon(self) -> None:
        """Read the file again, even if it looks the same (SIGHUP)."""
        self._seen = None
        self._wake.set()

    async def run(self, store: Store) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL):
                    await self._wake.wait()
            except TimeoutError:
                if self._stamp() == self._seen:
                    continue
            self._wake.clear()
            await survive("reload configuration", self._reload(store))

    async def _reload(self, store: Store) -> None:
        try:
            warnings = await self.load(store)
        except FileRefused as error:
            log.error("configuration not changed: %d problem(s)", len(error.problems))  # noqa: TRY400
            for problem in error.problems:
                log.error("%s", problem)  # noqa: TRY400
            return
        for problem in warnings:
            log.warning("%s", problem)
        log.info("configuration reloaded", extra={"file": str(self.path)})

    def _decode(self, others: Mapping[Key, Object]) -> tuple[dict[Key, Object], tuple[Problem, ...]]:
        try:
            text = self.path.read_bytes()
        except OSError as error:
            why = f"can not be read: {error.strerror or error}"
            raise FileRefused([Problem(str(self.path), 0, 0, "", why)]) from error
        # Names are generated from 0 again, so that a file that did not change yields the same objects.
        decoder = Decoder(self._vocabulary, Names(), others, strict=self._strict)
        decoded = decoder.config(parse(text, str(self.path)))
        if decoded.errors:
            raise FileRefused(decoded.errors)
        objects = dict(decoded.objects)
        admin = objects.get(ADMIN_KEY)
        objects[ADMIN_KEY] = self._amend(admin if isinstance(admin, Admin) else Admin())
        return objects, decoded.problems

    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells one version of the file from another."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino)


def with_command_line(level: str | None, *, strict: bool) -> Callable[[Admin], Admin]:
    """Flags override the file (L7mp `-l`, `-s`)."""

    def amend(admin: Admin) -> Admin:
        if level is not None:
            admin = replace(admin, log_level=LogLevel(level))
        return replace(admin, strict=True) if strict else admin

    return amend


def _path(key: Key, path: str) -> str:
    where = f'{key.kind.value} "{key.name}"'
    return f"{where}: {path}" if path else where
