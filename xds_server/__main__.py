"""The command `xds-server`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SERVE = """\
Watches DIR and pushes what is in it to every dataplane that connects (ADS, or one stream per type).

DIR holds *.yaml, *.yml and *.json files, directly or in DIR/_common. A file holds
  resources:    a list of Envoy v3 resources, each with its "@type", as Envoy reads them from a file; or
  listeners: clusters: rulelists: rules: routes: transforms:    lists of native L7mp objects.
Save a file, and the change is pushed. A bad file is refused with file:line:column and the reason, and
everything stays as it was until it is mended.
"""
SERVE_END = """\
example:
  xds-server serve --dir ./mesh --grpc 127.0.0.1:18000

then point a dataplane's bootstrap at that address: `ads_config` over gRPC, API version V3.
Each line on standard output is an event: time, node, type, version, ACK or NACK with the client's reason.
"""


LONGEST = 3600.0
"""Seconds; a longer interval is a mistake."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xds-server",
        description="A reference xDS management server: a directory in, discovery streams out.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve", help="watch a directory and push it", description=SERVE, epilog=SERVE_END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    serve.set_defaults(run=_serve)
    serve.add_argument("--dir", type=Path, required=True, metavar="DIR", help="the directory to serve")
    serve.add_argument(
        "--grpc", type=_address, default="127.0.0.1:18000", metavar="HOST:PORT",
        help="where to listen (default %(default)s); port 0 takes a free one, which is printed",
    )  # fmt: skip
    serve.add_argument(
        "--interval",
        type=_seconds,
        default=0.2,
        metavar="SECONDS",
        help="how often to look at the files (default %(default)s)",
    )
    serve.add_argument(
        "--debounce", type=_seconds, default=0.1, metavar="SECONDS",
        help="how long the files must stay the same before they are read (default %(default)s)",
    )  # fmt: skip
    serve.add_argument("-o", "--output", choices=("text", "json"), default="text", help="form of the events")
    serve.add_argument("-v", "--verbose", action="store_true", help="show what is sent, too")
    commands.add_parser("version", help="print the version").set_defaults(run=_version)
    return parser


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 1 << 16):
        raise argparse.ArgumentTypeError(f"expected HOST:PORT with a port in 0..65535, got {text!r}")
    return text


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < LONGEST:
        raise argparse.ArgumentTypeError(f"expected seconds between 0 and {LONGEST}, got {text}")
    return value


def _version(_: argparse.Namespace) -> int:
    try:
        sys.stdout.write(f"xds-server {version('l7mp-mesh')}\n")
    except PackageNotFoundError:
        sys.stdout.write("xds-server (not installed)\n")
    return 0


def _serve(options: argparse.Namespace) -> int:
    if not options.dir.is_dir():
        sys.stderr.write(f"xds-server: {options.dir} is not a directory\n")
        return 2
    # Late: grpc takes long to import, and `--help` has no use for it.
    from xds_server.serve import serve

    return asyncio.run(serve(options))


if __name__ == "__main__":
    sys.exit(main())
