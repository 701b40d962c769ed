"""Writes what passes to a file or to standard output."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.options import option
from l7mp_mesh.observe.outlet import Outlet
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import Stage
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.upstream import Connector
from l7mp_mesh.protocols.inline.leg import InlineLeg

log = logging.getLogger("l7mp_mesh.inline.logger")

STDOUT: Final = "-"
RETRY: Final = 0.1
"""Seconds until a pipe that was full is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggerOptions:
    """Where a Logger writes. Source: L7mp cluster spec."""

    log_file: str = field(default=STDOUT, metadata=option(doc="File to append to; '-' is standard output."))
    log_prefix: str = field(default="", metadata=option(doc="Printed before every line, with a colon."))


class LogFile:
    """One file, shared by every Logger that names it: lines of many sessions, never truncated.

    What it does not take at once is kept, within bounds, and offered again every RETRY seconds.
    """

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._outlet = Outlet("stdout" if path == STDOUT else path)
        self._clock = clock
        self._is_broken = False
        self._is_waiting = False

    def write(self, line: bytes) -> None:
        """Append a line. A file that can not be written is reported once; traffic goes on."""
        try:
            self._outlet.write(line)
        except OSError as error:
            if not self._is_broken:
                log.error("can not write", extra={"path": self._path, "error": str(error)})  # noqa: TRY400
            self._is_broken = True
        else:
            self._is_broken = False
        if self._outlet.is_clogged and not self._is_waiting:
            self._is_waiting = True
            self._clock.call_at(self._clock.now() + RETRY, self._offer)

    def _offer(self) -> None:
        self._is_waiting = False
        self.write(b"")


class LogFiles:
    """The log files of a runtime, each opened once, at first use, and open as long as the runtime lives."""

    def __init__(self) -> None:
        self._files: dict[str, LogFile] = {}

    def open(self, path: str, clock: Clock) -> LogFile:
        """The file at `path`. Raises OSError."""
        if path not in self._files:
            self._files[path] = LogFile(path, clock)
        return self._files[path]


class Logger(Stage):
    """Passes everything on and writes it down."""

    __slots__ = ("_file", "_prefix")

    def __init__(self, file: LogFile, prefix: str) -> None:
        super().__init__()
        self._file = file
        self._prefix = f"{prefix}: ".encode() if prefix else b""

    def data(self, chunk: bytes, flags: int) -> None:
        self._file.write(b"%b%b\n" % (self._prefix, chunk))
        self.next.data(chunk, flags)


class LoggerConnector(Connector):
    """Legs that log."""

    def __init__(self, options: LoggerOptions, files: LogFiles, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._files = files

    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        try:
            file = self._files.open(self._options.log_file, self._clock)
        except OSError as error:
            raise ConnectFailed(Reason.CONNECT_FAILED, f"{self._options.log_file}: {error}") from error
        return InlineLeg(Logger(file, self._options.log_prefix), attributes.kind)
