"""`l7mpctl`: look at a running dataplane, and change it.

Everything heavy is imported by the command that needs it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l7mp_mesh.app.ctl_commands import Commands

DEFAULT = "http://127.0.0.1:1234"

_KINDS = "listener, cluster, endpoint, rulelist, rule, route, transform, session, admin or config"
_EXAMPLES = """\
examples:
  l7mpctl status                                 what runs, and how many sessions there are
  l7mpctl get clusters                           a table; -o json or -o yaml for programs
  l7mpctl describe listener web                  one object with everything that it names
  l7mpctl add cluster -f cluster.yaml            create from a file; - reads standard input
  l7mpctl add route -f route.yaml --replace      change a route: its live sessions follow
  l7mpctl add endpoint -f e.yaml --in backends   add an endpoint to a cluster
  l7mpctl add rule -f r.yaml --in web --at 0     insert a rule into a rule list
  l7mpctl delete listener web --recursive        with what was written inside it, and its sessions
  l7mpctl sessions --watch                       follow sessions; Ctrl-C ends it
  l7mpctl session reroute NAME --route canary    move one live session
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = _parser()
    defaults = argparse.Namespace(
        server=os.environ.get("L7MP_SERVER") or DEFAULT, output="table", timeout=10.0
    )
    options = parser.parse_args(arguments, defaults)
    if not hasattr(options, "call"):
        parser.print_usage(sys.stderr)
        return 1
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from l7mp_mesh.app.ctl_client import CallFailed, Client
    from l7mp_mesh.app.ctl_commands import Commands
    from l7mp_mesh.app.ctl_table import Screen

    try:
        client = Client(options.server, options.timeout)
        options.call(Commands(client, Screen(sys.stdout), options.output), options)
    except CallFailed as error:
        print(f"l7mpctl: {error.text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # The reader went away (`l7mpctl get sessions | head`): nothing is left to be said, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    common = _common()
    parser = argparse.ArgumentParser(
        prog="l7mpctl",
        description="Look at a running l7mp-mesh dataplane, and change it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(
        name: str, what: str, call: Callable[[Commands, argparse.Namespace], None]
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what, description=what, parents=[common])
        made.set_defaults(call=call)
        return made

    command("status", "what runs", lambda do, _: do.status())
    get = command("get", "list objects, or show one", lambda do, given: do.get(given.kind, given.name))
    get.add_argument("kind", metavar="KIND", help=_KINDS)
    get.add_argument("name", metavar="NAME", nargs="?")
    describe = command(
        "describe", "show an object with all it names", lambda do, given: do.describe(given.kind, given.name)
    )
    describe.add_argument("kind", metavar="KIND", help=_KINDS)
    describe.add_argument("name", metavar="NAME", nargs="?")
    _add_add(command("add", "create an object from a file", _call_add))
    _add_delete(command("delete", "delete an object", _call_delete))
    _add_sessions(command("sessions", "list or follow sessions", _call_sessions))
    _add_session(commands.add_parser("session", help="end or move one session"), common)
    version = commands.add_parser(
        "version", help="versions of this command and of the dataplane", parents=[common]
    )
    version.set_defaults(call=lambda do, _: do.version())
    return parser


def _common() -> argparse.ArgumentParser:
    """Flags that may stand before or after the command; without defaults, which would undo the former."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--server", metavar="URL", help=f"control API (default: $L7MP_SERVER, or {DEFAULT})")
    common.add_argument("-o", "--output", choices=("table", "json", "yaml"), help="default: table")
    common.add_argument("--timeout", metavar="SECONDS", type=_seconds, help="for each call (default: 10)")
    return common


def _seconds(word: str) -> float:
    value = float(word)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("expected seconds above 0")
    return value


def _add_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", help=_KINDS)
    parser.add_argument(
        "-f", "--file", metavar="FILE", required=True, help="YAML or JSON; - reads standard input"
    )
    parser.add_argument(
        "--in", dest="inside", metavar="NAME", help="cluster of an endpoint, rule list of a rule"
    )
    parser.add_argument("--at", metavar="POSITION", type=int, default=0, help="before this rule (default: 0)")
    parser.add_argument("--replace", action="store_true", help="replace the object if there is one")


def _add_delete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", help=_KINDS)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--recursive", action="store_true", help="also what was written inside it, and its sessions"
    )
    parser.add_argument("--in", dest="inside", metavar="RULELIST", help="take a rule off this list")


def _add_sessions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-w", "--watch", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument("--interval", metavar="SECONDS", type=_seconds, default=1.0, help="default: 1")
    parser.add_argument("--count", metavar="N", type=int, default=0, help="stop after N looks")


def _add_session(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    kill = commands.add_parser("kill", help="end a session", parents=[common])
    kill.add_argument("name", metavar="NAME")
    kill.set_defaults(call=lambda do, given: do.kill(given.name))
    reroute = commands.add_parser("reroute", help="move a live session to another route", parents=[common])
    reroute.add_argument("name", metavar="NAME")
    target = reroute.add_mutually_exclusive_group(required=True)
    target.add_argument("--route", metavar="ROUTE", help="name of a route")
    target.add_argument("-f", "--file", metavar="FILE", help="a route of its own; - reads standard input")
    reroute.set_defaults(call=lambda do, given: do.reroute(given.name, given.route, given.file))


def _call_add(do: Commands, given: argparse.Namespace) -> None:
    do.add(given.kind, given.file, inside=given.inside, position=given.at, replace=given.replace)


def _call_delete(do: Commands, given: argparse.Namespace) -> None:
    do.delete(given.kind, given.name, inside=given.inside, recursive=given.recursive)


def _call_sessions(do: Commands, given: argparse.Namespace) -> None:
    do.sessions(watch=given.watch, interval=given.interval, count=given.count)
