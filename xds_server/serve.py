"""`xds-server serve`: a directory, a server and a console, until a signal comes."""

from __future__ import annotations

import asyncio
import signal
import sys
from argparse import Namespace

from xds_server.ledger import Entry, Event, Ledger
from xds_server.server import BindFailed, XdsServer
from xds_server.store import DirectoryStore, Pace


async def serve(options: Namespace) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = Console(is_json=options.output == "json", is_verbose=options.verbose)
    store = DirectoryStore(options.dir, console.note, Pace(options.interval, options.debounce))
    try:
        async with XdsServer(store, options.grpc, ledger=Ledger(console.show)) as server:
            host = options.grpc.rpartition(":")[0]
            console.note(f"xds-server: serving {options.dir} on {host}:{server.port}")
            await stop.wait()
            console.note("xds-server: shutting down")
    except BindFailed as error:
        console.note(f"xds-server: {error}")
        return 1
    return 0


class Console:
    """Events go to standard output, everything else to standard error; a line at a time."""

    def __init__(self, *, is_json: bool, is_verbose: bool) -> None:
        self._is_json = is_json
        self._is_verbose = is_verbose

    def show(self, entry: Entry) -> None:
        """Print an event; what was sent only if verbose, for the answer to it tells the same."""
        if self._is_verbose or entry.event is not Event.SENT:
            sys.stdout.write(f"{entry.json() if self._is_json else entry}\n")
            sys.stdout.flush()

    def note(self, line: str) -> None:
        """Print a remark."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
