"""Settings of the process.

Source: L7mp `admin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class LogLevel(Enum):
    """L7mp's levels, from most to least."""

    SILLY = "silly"
    DEBUG = "debug"
    VERBOSE = "verbose"
    INFO = "info"
    NOTICE = "notice"
    WARN = "warn"
    ERROR = "error"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Admin:
    """Logging and strictness."""

    log_level: LogLevel = LogLevel.INFO
    log_file: str = "stderr"
    """"stdout", "stderr" or a path."""
    access_log_path: str | None = None
    """"stdout", "stderr" or a path; None writes no access log."""
    access_log_format: str | None = None
    """Format string; None takes the default line."""
    strict: bool = False
    """Unknown fields and dangling names are errors."""
