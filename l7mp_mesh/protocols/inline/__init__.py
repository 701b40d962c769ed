"""Clusters inside the proxy: their legs answer by themselves. `ROWS` goes into the table of protocols."""

from __future__ import annotations

from l7mp_mesh.model.options import NoOptions
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.upstream import Connector
from l7mp_mesh.protocols.base import ClusterRole, Protocol
from l7mp_mesh.protocols.inline.direct_response import DirectConnector, DirectResponseOptions
from l7mp_mesh.protocols.inline.discard import make_silence
from l7mp_mesh.protocols.inline.echo import make_echo
from l7mp_mesh.protocols.inline.json_decap import make_decap
from l7mp_mesh.protocols.inline.json_encap import make_encap
from l7mp_mesh.protocols.inline.leg import InlineConnector
from l7mp_mesh.protocols.inline.logger import LogFiles, LoggerConnector, LoggerOptions
from l7mp_mesh.protocols.inline.responder import ControllerOptions, ResponderConnector

__all__ = ["ROWS"]

CONTROLLER = "L7mpController"
PROMETHEUS = "Prometheus"


def _echo(_options: NoOptions, _environment: Environment) -> Connector:
    return InlineConnector(make_echo)


def _discard(_options: NoOptions, _environment: Environment) -> Connector:
    return InlineConnector(make_silence)


def _logger(options: LoggerOptions, environment: Environment) -> Connector:
    return LoggerConnector(options, environment.share(LogFiles), environment.clock)


def _encap(_options: NoOptions, _environment: Environment) -> Connector:
    return InlineConnector(make_encap, by_message=True)


def _decap(_options: NoOptions, _environment: Environment) -> Connector:
    return InlineConnector(make_decap, by_message=True)


def _direct(options: DirectResponseOptions, _environment: Environment) -> Connector:
    return DirectConnector(options)


def _controller(options: ControllerOptions, environment: Environment) -> Connector:
    return ResponderConnector(CONTROLLER, environment, is_public=options.public, http_only=True)


def _prometheus(_options: NoOptions, environment: Environment) -> Connector:
    return ResponderConnector(PROMETHEUS, environment, is_public=True, http_only=False)


ROWS: tuple[Protocol, ...] = (
    Protocol("Echo", Kind.MESSAGE, aliases=("ECHO",), cluster=ClusterRole(_echo, is_virtual=True)),
    Protocol("Discard", Kind.MESSAGE, aliases=("DROP",), cluster=ClusterRole(_discard, is_virtual=True)),
    Protocol("Logger", Kind.MESSAGE, cluster=ClusterRole(_logger, LoggerOptions, is_virtual=True)),
    Protocol(
        "JSONEncap", Kind.MESSAGE, aliases=("JSON_ENCAP",), cluster=ClusterRole(_encap, is_virtual=True)
    ),
    Protocol(
        "JSONDecap", Kind.MESSAGE, aliases=("JSON_DECAP",), cluster=ClusterRole(_decap, is_virtual=True)
    ),
    Protocol(
        "DirectResponse",
        Kind.MESSAGE,
        aliases=("direct_response",),
        cluster=ClusterRole(_direct, DirectResponseOptions, is_virtual=True),
    ),
    Protocol(
        CONTROLLER,
        Kind.EXCHANGE,
        aliases=("L7MPController",),
        cluster=ClusterRole(_controller, ControllerOptions, is_virtual=True, is_retriable=False),
    ),
    Protocol(
        PROMETHEUS, Kind.EXCHANGE, aliases=("PROMETHEUS",), cluster=ClusterRole(_prometheus, is_virtual=True)
    ),
)
"""`kind` is what a session sees before a leg exists; the legs of the first six take the session's own."""
