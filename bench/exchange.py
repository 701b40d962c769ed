"""CPU per HTTP/1.1 exchange without sockets: what our own code costs.

One keep-alive connection of a client and one of a server, both in memory, with the configuration of
`bench/h1.py`; everything between them is the product. System calls and the event loop are missing, so the
figures fluctuate little and a change of a few per cent shows.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import h1
import uvloop

from l7mp_mesh.app.process import Process, RunOptions
from l7mp_mesh.io import dial, serve
from l7mp_mesh.io.serve import AcceptedDriver
from l7mp_mesh.io.stream import StreamDriver
from l7mp_mesh.pipe.reason import Reason

REQUEST = f"GET {h1.PATH} HTTP/1.1\r\nHost: {h1.HOST}\r\n\r\n".encode()
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 20 Nov 2026 14:00:00 GMT\r\n"
    b"Content-Type: text/plain\r\n"
    b"Content-Length: 64\r\nConnection: keep-alive\r\n\r\n" + b"x" * 64
)


class Wire:
    """A transport that remembers what was written last."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written = data

    def writelines(self, chunks: list[bytes]) -> None:
        self.written = chunks[-1]

    def set_write_buffer_limits(self, **limits: int) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 40000)


class Network:
    """Stands in for the sockets of `l7mp_mesh.io`."""

    def __init__(self) -> None:
        self.accept: Callable[[AcceptedDriver], None] | None = None
        self.upstreams: list[tuple[StreamDriver, Wire]] = []

    async def serve(self, sock: Any, accepted: Callable[[AcceptedDriver], None], backlog: int) -> Any:
        self.accept = accepted
        return sock

    async def connect(self, address: str, port: int, local: object) -> StreamDriver:
        driver, wire = StreamDriver(Reason.UPSTREAM_RESET), Wire()
        driver.connection_made(cast("asyncio.BaseTransport", wire))
        self.upstreams.append((driver, wire))
        return driver

    def client(self) -> tuple[AcceptedDriver, Wire]:
        """A connection to the one listener."""
        assert self.accept is not None
        driver, wire = AcceptedDriver(self.accept), Wire()
        driver.connection_made(cast("asyncio.BaseTransport", wire))
        return driver, wire


async def run(config: Path, options: argparse.Namespace) -> None:
    network = Network()
    serve.listen = network.serve  # type: ignore[assignment]
    dial.tcp = network.connect  # type: ignore[assignment]
    process = Process(RunOptions(config=config))
    await process.start()
    client, down = network.client()
    client.data_received(REQUEST)
    while not network.upstreams:
        await asyncio.sleep(0.001)
    server, _ = network.upstreams[0]
    server.data_received(RESPONSE)
    gc.collect()
    gc.freeze()
    rounds = [turn(client, server, options.exchanges) for _ in range(options.rounds)]
    cyclic = gc.collect()
    assert down.written.endswith(b"x" * 64), "no answer"
    assert len(network.upstreams) == 1, "the connection was not kept"
    print(f"{min(rounds):.2f} us/exchange (best)  {statistics.median(rounds):.2f} (median)")
    print(f"objects in cycles after {options.rounds * options.exchanges} exchanges: {cyclic}")
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(turn, client, server, options.exchanges)
        pstats.Stats(profile).sort_stats("tottime").print_stats(50)


def turn(client: AcceptedDriver, server: StreamDriver, exchanges: int) -> float:
    """CPU microseconds per exchange."""
    ask, answer = client.data_received, server.data_received
    start = time.process_time()
    for _ in range(exchanges):
        ask(REQUEST)
        answer(RESPONSE)
    return (time.process_time() - start) / exchanges * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--exchanges", type=int, default=5000)
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(run(h1.mesh_config(Path(folder), h1.free_port(), 1), parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
