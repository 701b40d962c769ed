"""`l7mp-mesh run`: the event loop around one process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections.abc import Callable
from pathlib import Path

from l7mp_mesh.app.bootstrap import is_bootstrap
from l7mp_mesh.app.process import Process, RunOptions, SourceMaker
from l7mp_mesh.control.native import Source, parse
from l7mp_mesh.model.errors import ConfigError, Problem


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop; the exit status."""
    config: Path | None = options.config
    bootstrap: Path | None = options.bootstrap
    try:
        if config is not None and bootstrap is None and is_bootstrap(_read(config)):
            config, bootstrap = None, config
        sources = () if bootstrap is None else (_xds(_read(bootstrap)),)
    except _Refused as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    if config is None and not sources:
        print("l7mp-mesh run: nothing to serve: give a file with -c (see --help)", file=sys.stderr)
        return 1
    if config is not None:
        # Inline transforms may lie beside the configuration that names them.
        sys.path.append(str(config.parent.resolve()))
    told = RunOptions(
        config=config,
        strict=options.strict,
        log_level=options.log_level,
        drain_time=options.drain_time,
        sources=sources,
    )
    with asyncio.Runner(loop_factory=loop_factory(options.loop)) as runner:
        return runner.run(_serve(told))


class _Refused(Exception):
    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


def _read(path: Path) -> Source:
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        why = f"can not be read: {error.strerror or error}"
        raise _Refused(Problem(str(path), 0, 0, "", why)) from error


def _xds(source: Source) -> SourceMaker:
    """What follows the management server that a bootstrap names."""
    # gRPC and protobuf are needed for xDS only.
    from l7mp_mesh.control.xds.bootstrap import read_bootstrap
    from l7mp_mesh.control.xds.source import XdsSource

    if source.faults:
        raise _Refused(*source.problems())
    try:
        bootstrap = read_bootstrap(source.value)
    except ConfigError as error:
        raise _Refused(source.problem(error.path, error.why)) from error
    return lambda clock: XdsSource(bootstrap, clock)


async def _serve(options: RunOptions) -> int:
    process = Process(options)
    # What was imported and configured lives as long as the process: the collector need not look at it.
    gc.freeze()
    return await process.run()


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The event loop of that name."""
    if name == "asyncio":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop
