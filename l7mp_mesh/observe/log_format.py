"""Format strings of the access log, in Envoy's language: "%START_TIME% %REQ(:METHOD)% ...".

A format is taken apart once; a line costs one call per command. What a session can not say is "-". Quotes,
backslashes, control characters and everything beyond ASCII are escaped in what comes from outside, so that
nobody can forge a line or leave his field. Hardly any line needs it, so the finished line is looked at first.
"""

from __future__ import annotations

import re
from typing import Final

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.observe import log_commands as commands
from l7mp_mesh.observe.log_commands import Command
from l7mp_mesh.observe.log_time import StartTime, start_time
from l7mp_mesh.ports.session import SessionView

DEFAULT_FORMAT: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESPONSE_DURATION% "
    '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"'
)
"""Envoy's line; where it prints what the upstream says about its service time stands our own measurement."""

FIELD: Final = "admin.access_log_format"

COMMAND: Final = re.compile(r"%(?:%|([A-Z_]+)(?:\((.*?)\))?(?::(\d{1,6}))?%)", re.DOTALL)

PLAIN: Final[dict[str, Command]] = {
    "PROTOCOL": commands.protocol,
    "RESPONSE_CODE": commands.response_code,
    "RESPONSE_FLAGS": commands.response_flags,
    "RESPONSE_CODE_DETAILS": commands.response_code_details,
    "BYTES_RECEIVED": commands.bytes_received,
    "BYTES_SENT": commands.bytes_sent,
    "DURATION": commands.duration,
    "RESPONSE_DURATION": commands.response_duration,
    "UPSTREAM_HOST": commands.upstream_host,
    "UPSTREAM_CLUSTER": commands.upstream_cluster,
    "DOWNSTREAM_REMOTE_ADDRESS": commands.remote_address,
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": commands.remote_host,
    "DOWNSTREAM_LOCAL_ADDRESS": commands.local_address,
    "ROUTE_NAME": commands.route_name,
    "SESSION_NAME": commands.session_name,
    "LISTENER": commands.listener,
}
"""Commands without arguments."""


class Line:
    """A compiled format."""

    __slots__ = ("_backslashes", "_commands", "_quotes", "_template")

    def __init__(self, template: str, parts: list[Command]) -> None:
        self._template = template
        self._commands = parts
        self._quotes = template.count('"')
        self._backslashes = template.count("\\")

    def format(self, view: SessionView) -> str:
        """The line of a session, with its end of line."""
        values = [command(view) for command in self._commands]
        line = self._template % tuple(values)
        if not (
            line.isascii()
            and line.isprintable()
            and line.count('"') == self._quotes
            and line.count("\\") == self._backslashes
        ):
            line = self._template % tuple(map(_fit, self._commands, values))
        return line + "\n"


def _fit(command: Command, value: str | int) -> str | int:
    """A value that can not leave its field; a format's own words may hold anything."""
    return value if isinstance(value, int) or isinstance(command, StartTime) else escaped(value)


def escaped(text: str) -> str:
    """`text` without anything that could end a field or a line."""
    return "".join([_escape(char) for char in text])


def _escape(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isascii() and char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"  # noqa: PLR2004


def compile_format(text: str) -> Line:
    """`text` as a line; raises ConfigError, which names the command and where it stands."""
    template: list[str] = []
    parts: list[Command] = []
    done = 0
    while (start := text.find("%", done)) >= 0:
        template.append(text[done:start])
        found = COMMAND.match(text, start)
        if found is None:
            what = text[start : start + 24]
            raise ConfigError(
                FIELD, f"expected a command such as %DURATION% at position {start}, found {what!r}"
            )
        done = found.end()
        if found[1] is None:
            template.append("%%")
            continue
        template.append("%s")
        parts.append(_command(found, start))
    template.append(text[done:])
    return Line("".join(template).removesuffix("\n"), parts)


def _command(found: re.Match[str], position: int) -> Command:
    name, argument, length = found[1], found[2], found[3]
    where = f"%{name}% at position {position}"
    if name == "START_TIME":
        made: Command = _start_time(argument, where)
    elif name in PLAIN:
        if argument is not None:
            raise ConfigError(FIELD, f"{where} takes no argument, found ({argument})")
        made = PLAIN[name]
    elif name == "REQ":
        made = _request(argument, where)
    elif name == "METADATA":
        if not argument or not argument.startswith("/"):
            raise ConfigError(FIELD, f"{where} needs a path such as (/IP/src_addr), found {argument!r}")
        made = commands.Metadata(argument)
    else:
        raise ConfigError(FIELD, f"unknown command {where}")
    return made if length is None else commands.Shortened(made, int(length))


def _start_time(argument: str | None, where: str) -> StartTime:
    try:
        return start_time(argument)
    except ValueError as error:
        raise ConfigError(FIELD, f"{where}: {error}") from error


def _request(argument: str | None, where: str) -> Command:
    names = (argument or "").split("?")
    if len(names) > 2 or not all(names):  # noqa: PLR2004 - a name and its alternative
        raise ConfigError(FIELD, f"{where} needs (NAME) or (NAME?OTHER), found {argument!r}")
    pseudo = {":METHOD": commands.method, ":PATH": commands.path, ":AUTHORITY": commands.authority}
    choices: list[Command] = []
    for name in names:
        upper = name.upper()
        if upper.startswith(":") and upper not in pseudo:
            raise ConfigError(
                FIELD, f"{where}: unknown pseudo-header {name}, expected one of {', '.join(pseudo)}"
            )
        choices.append(pseudo[upper] if upper in pseudo else commands.RequestHeader(name))
    return choices[0] if len(choices) == 1 else commands.Either(choices[0], choices[1])
