"""Where snapshots come from."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import strerror
from pathlib import Path
from stat import S_ISREG

from l7mp_mesh.control.native import Vocabulary, installed
from l7mp_mesh.model.errors import Problem
from xds_server.resources import Loaded, load_files
from xds_server.snapshot import Snapshot

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
COMMON = "_common"
"""Folder beside the files whose content every node gets as well."""

Fingerprint = Mapping[Path, tuple[int, ...]]
"""What tells a file from a changed one; of what can not be looked at, the error number alone."""


class Store(ABC):
    """A source of snapshots."""

    @abstractmethod
    def watch(self) -> AsyncIterator[Snapshot]:
        """Each snapshot from now on, the current one first; ones that are overtaken may be skipped."""


class MemoryStore(Store):
    """Serves what it is told to."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self._snapshot = snapshot
        self._changed = asyncio.Event()

    def set(self, snapshot: Snapshot) -> None:
        """Serve this from now on."""
        self._snapshot = snapshot
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self) -> AsyncIterator[Snapshot]:
        seen: Snapshot | None = None
        while True:
            changed = self._changed
            if self._snapshot is not None and self._snapshot != seen:
                seen = self._snapshot
                yield seen
            else:
                await changed.wait()


def _seconds() -> float:
    return datetime.now(UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Pace:
    """How a directory is watched; seconds."""

    interval: float = 0.2
    """Between two looks at the files."""
    debounce: float = 0.1
    """For which changed files must stay the same before they are read."""
    patience: float = 10.0
    """After which files that keep changing are read all the same."""


DEFAULT_PACE = Pace()


class DirectoryStore(Store):
    """The files of a directory, read again when they change.

    The directory is polled, so that in-place writes, renames, deletions and swapped symlinks (Kubernetes
    ConfigMaps) all look alike. What is bad keeps the last good snapshot of everything; the problems are
    reported once, and so is recovery.
    """

    def __init__(
        self,
        directory: Path,
        report: Callable[[str], None] = print,
        pace: Pace = DEFAULT_PACE,
        *,
        now: Callable[[], float] = _seconds,
        vocabulary: Callable[[], Vocabulary] = installed,
    ) -> None:
        """`report` gets one line per problem, warning and recovery; `vocabulary`: the native protocols."""
        self._directory = directory
        self._report = report
        self._pace = pace
        self._now = now
        self._vocabulary = vocabulary
        self._loaded: Fingerprint | None = None
        self._seen: Fingerprint | None = None
        self._seen_at = 0.0
        self._unstable_since = 0.0
        self.warnings: tuple[Problem, ...] = ()
        """What is served all the same."""
        self.snapshot: Snapshot | None = None
        """The last good one."""
        self.problems: tuple[Problem, ...] = ()
        """Why the files as they are now are not served; empty if they are."""

    async def watch(self) -> AsyncIterator[Snapshot]:
        yielded: Snapshot | None = None
        while True:
            # In a thread: a big file takes long to parse, and streams go on meanwhile.
            await asyncio.to_thread(self.scan)
            if self.snapshot is not None and self.snapshot != yielded:
                yielded = self.snapshot
                yield yielded
            await asyncio.sleep(
                self._pace.interval if self._seen == self._loaded else self._pace.debounce / 2
            )

    def scan(self) -> bool:
        """Look at the directory once; read it if it changed and settled. Returns whether it was read."""
        found = self._look()
        now = self._now()
        if found == self._loaded:
            self._seen = found
            return False
        if self._loaded is not None and not self._has_settled(found, now):
            return False
        loaded = load_files(sorted(path for path, mark in found.items() if len(mark) > 1), self._vocabulary)
        refused = tuple(_unreadable(path, mark[0]) for path, mark in found.items() if len(mark) == 1)
        if self._look() != found:
            # Written to while it was read: what came out may be half of each.
            return False
        self._loaded = self._seen = found
        self._take(replace(loaded, snapshot=None, problems=refused) if refused else loaded)
        return True

    def _has_settled(self, found: Fingerprint, now: float) -> bool:
        if self._seen == self._loaded:
            self._unstable_since = now
        if found != self._seen:
            self._seen, self._seen_at = found, now
        return now - self._seen_at >= self._pace.debounce or now - self._unstable_since >= self._pace.patience

    def _look(self) -> Fingerprint:
        found: dict[Path, tuple[int, ...]] = {}
        for folder in (self._directory, self._directory / COMMON):
            try:
                for path in folder.iterdir():
                    _note(path, found)
            except OSError as error:
                # A folder that is gone is a mishap (an unmounted volume), not a wish to remove everything.
                if folder == self._directory or not isinstance(error, FileNotFoundError):
                    found[folder] = (error.errno or 0,)
        return found

    def _take(self, loaded: Loaded) -> None:
        if loaded.snapshot is None:
            self._refuse(loaded.problems)
            return
        if self.problems:
            self._report(f"{self._directory}: good again, and served")
        self.problems = ()
        for warning in loaded.warnings:
            if warning not in self.warnings:
                self._report(str(warning))
        self.warnings = loaded.warnings
        self.snapshot = loaded.snapshot

    def _refuse(self, problems: tuple[Problem, ...]) -> None:
        if problems != self.problems:
            for problem in problems:
                self._report(str(problem))
            kept = "the last good configuration stays" if self.snapshot else "nothing is served yet"
            self._report(f"{self._directory}: refused; {kept}")
        self.problems = problems


def _note(path: Path, found: dict[Path, tuple[int, ...]]) -> None:
    if path.name.startswith((".", "#", "_")) or path.suffix not in SUFFIXES:
        return
    try:
        status = path.stat()
    except FileNotFoundError:  # removed since it was listed, or a dangling link
        return
    except OSError as error:
        found[path] = (error.errno or 0,)
        return
    if S_ISREG(status.st_mode):
        found[path] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _unreadable(path: Path, number: int) -> Problem:
    return Problem(str(path), 0, 0, "", f"can not be read: {strerror(number)}")
