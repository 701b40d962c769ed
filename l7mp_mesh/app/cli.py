"""`l7mp-mesh`: run, validate, demo, schema, version.

Everything heavy is imported by the command that needs it: `version` must answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

LEVELS = ("silly", "debug", "verbose", "info", "notice", "warn", "error", "silent")

_EXAMPLES = """\
examples:
  l7mp-mesh run -c mesh.yaml              serve a native configuration
  l7mp-mesh run -c bootstrap.yaml         serve what an xDS server sends (an Envoy bootstrap)
  l7mp-mesh validate mesh.yaml            say everything that is wrong with a file
  l7mp-mesh schema > l7mp.schema.json     completion and checks for editors
  l7mp-mesh demo                          see it work, with a server, backends and a live re-route
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if (given and given[0] in ("-c", "-s", "-l")) or (given and given[0].startswith("-c")):
        # The original's command line has no sub-commands.
        given.insert(0, "run")
    parser = _parser()
    options = parser.parse_args(given)
    if not hasattr(options, "call"):
        parser.print_usage(sys.stderr)
        return 1
    status: int = options.call(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="l7mp-mesh",
        description="A programmable dataplane for service meshes.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    run = commands.add_parser("run", help="serve a configuration")
    run.add_argument(
        "-c", "--config", metavar="FILE", type=Path, help="native YAML or JSON, or Envoy bootstrap"
    )
    run.add_argument(
        "-s", "--strict", action="store_true", help="unknown fields and dangling names are errors"
    )
    run.add_argument(
        "-b", "--bootstrap", metavar="FILE", type=Path, help="Envoy bootstrap, beside a native configuration"
    )
    run.add_argument("-l", "--log-level", metavar="LEVEL", choices=LEVELS, help=", ".join(LEVELS))
    run.add_argument(
        "--drain-time",
        metavar="SECONDS",
        type=_seconds,
        default=30.0,
        help="at SIGTERM, sessions may end for this long (default: 30)",
    )
    run.add_argument(
        "--loop", choices=("uvloop", "asyncio"), default="uvloop", help="event loop (default: uvloop)"
    )
    run.set_defaults(call=_run)
    validate = commands.add_parser("validate", help="say everything that is wrong with a file")
    validate.add_argument(
        "file", metavar="FILE", help="native YAML or JSON, or Envoy bootstrap; - reads standard input"
    )
    validate.add_argument("-o", "--output", choices=("text", "json"), default="text")
    validate.add_argument("-s", "--strict", action="store_true", help="warnings are errors")
    validate.set_defaults(call=_validate)
    demo = commands.add_parser("demo", help="see it work")
    demo.add_argument("--once", action="store_true", help="do everything, check every answer, exit 0 or 1")
    demo.set_defaults(call=_demo)
    schema = commands.add_parser("schema", help="print the JSON Schema of native configurations")
    schema.set_defaults(call=_schema)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(call=_version)
    return parser


def _seconds(text: str) -> float:
    """A duration of the command line."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more, got {text}")
    return value


def _run(options: argparse.Namespace) -> int:
    from l7mp_mesh.app.run import run

    return run(options)


def _validate(options: argparse.Namespace) -> int:
    from l7mp_mesh.app.inspect import validate

    return validate(options.file, as_json=options.output == "json", strict=options.strict)


def _schema(options: argparse.Namespace) -> int:
    from l7mp_mesh.app.inspect import schema

    del options
    return schema()


def _demo(options: argparse.Namespace) -> int:
    from l7mp_mesh.app.demo import demo

    return demo(once=options.once)


def _version(options: argparse.Namespace) -> int:
    from l7mp_mesh.app.version import version

    del options
    print(f"l7mp-mesh {version()}")
    return 0
