"""Format strings of the access log, in Envoy's language: "%START_TIME% %REQ(:METHOD)% ...".

A format is taken apart once; a line costs one call per command. What a session can not say is "-". Quotes,
backslashes, control characters and everything beyond ASCII are escaped in what comes from outside, so that
nobody can forge a line or leave his field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.observe import log_commands as commands
from l7mp_mesh.observe.log_time import start_time
from l7mp_mesh.ports.session import SessionView

DEFAULT_FORMAT: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESPONSE_DURATION% "
    '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"'
)
"""Envoy's line; where it prints what the upstream says about its service time stands our own measurement."""

FIELD: Final = "admin.access_log_format"

COMMAND: Final = re.compile(r"%(?:%|([A-Z_]+)(?:\((.*?)\))?(?::(\d{1,6}))?%)", re.DOTALL)

Command = Callable[[SessionView], str]

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

    __slots__ = ("_commands", "_template")

    def __init__(self, template: str, parts: list[Command]) -> None:
        self._template = template
        self._commands = parts

    def format(self, view: SessionView) -> str:
        """The line of a session, with its end of line."""
        return self._template % tuple([command(view) for command in self._commands])


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
    line = "".join(template)
    return Line(line if line.endswith("\n") else line + "\n", parts)


def _command(found: re.Match[str], position: int) -> Command:
    name, argument, length = found[1], found[2], found[3]
    where = f"%{name}% at position {position}"
    if name == "START_TIME":
        made = _start_time(argument, where)
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


def _start_time(argument: str | None, where: str) -> Command:
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
