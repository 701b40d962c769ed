"""The process log: one line per event, with its fields."""

from __future__ import annotations

import logging
import sys

from l7mp_mesh.model.admin import Admin, LogLevel

_LEVELS = {
    LogLevel.SILLY: logging.DEBUG,
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.VERBOSE: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.NOTICE: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.SILENT: logging.CRITICAL + 1,
}

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Fields(logging.Formatter):
    """Adds what was given as `extra` behind the message: key=value, quoted where it must be."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        line = super().formatMessage(record)
        extra = (f"{key}={_shown(value)}" for key, value in vars(record).items() if key not in _PLAIN)
        return " ".join([line, *extra])


def set_up(admin: Admin) -> None:
    """Send the log where the admin settings say, from their level on. An unwritable file keeps stderr."""
    root = logging.getLogger()
    handler: logging.Handler
    trouble: OSError | None = None
    if admin.log_file in ("stdout", "stderr", "-"):
        handler = logging.StreamHandler(sys.stderr if admin.log_file == "stderr" else sys.stdout)
    else:
        try:
            handler = logging.FileHandler(admin.log_file)
        except OSError as error:
            trouble, handler = error, logging.StreamHandler()
    handler.setFormatter(Fields())
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(_LEVELS[admin.log_level])
    if trouble is not None:
        logging.getLogger("l7mp_mesh").warning("log_file %s can not be opened: %s", admin.log_file, trouble)


def _shown(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(char.isspace() or char in '"=' for char in text) else text
