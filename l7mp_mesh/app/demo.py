"""`l7mp-mesh demo`: a management server, a dataplane and three backends, on one machine and in one story.

The server and the dataplane are processes of their own, as in real life; the backends are parts of this one.
Everything lives in a temporary folder and on loopback ports, and is gone when the demo ends.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from l7mp_mesh.app.demo_backend import Backend
from l7mp_mesh.app.demo_child import Child, DemoFailed, until
from l7mp_mesh.app.demo_client import Phone, get, sessions
from l7mp_mesh.app.demo_files import (
    BACKENDS,
    MISTAKE,
    OTHER_WORKER,
    ROUTES,
    ROUTES_AND_ONE_MORE,
    WORKER,
    Files,
    Ports,
    choose_ports,
)

REQUESTS = 200
"""HTTP requests that show how traffic is split."""
PUSHED_WITHIN = 1.0
"""Seconds from saving a file to the first answer by its new route."""
HEARD_WITHIN = 5.0
"""Seconds for the rest of what follows from an edit."""
FOREVER = float("inf")
WIDTH = 78


def demo(*, once: bool) -> int:
    """Tell the story; with `once` end after it, else stay up until Ctrl-C. Exit status 1 if it went wrong."""
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        return asyncio.run(_demo(once=once))
    print("\nGone, and nothing is left behind.")
    return 0


async def _demo(*, once: bool) -> int:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C: the processes end and the folder goes.
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with AsyncExitStack() as stack:
        show = Demo(stack)
        try:
            await show.start()
            await show.configuration_arrives()
            await show.traffic_is_split()
            await show.datagrams_pass_a_transform()
            await show.an_edit_is_pushed()
            await show.a_live_session_moves()
            await show.a_mistake_is_refused()
            if not once:
                await show.stay()
        except DemoFailed as error:
            print(f"\nFAILED: {error}", file=sys.stderr)
            show.tell_what_was_said()
            return 1
        print(f"\nAll {show.checks} checks hold.")
    return 0


class Demo:
    """Who takes part, and the acts of the story."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.checks = 0
        self._stack = stack
        self._acts = 0
        self._is_live = False
        self._backends = [Backend(name) for name in BACKENDS]
        self._server = Child("xds-server", self._heard)
        self._mesh = Child("l7mp-mesh", self._heard)
        self._phone = Phone()
        self._folder = Path(tempfile.mkdtemp(prefix="l7mp-mesh-demo-"))
        stack.callback(shutil.rmtree, self._folder)
        self._ports: Ports
        self._files: Files

    async def start(self) -> None:
        """Backends first; then the server; the dataplane last, knowing nothing but where the server is."""
        for backend in self._backends:
            await backend.start()
            self._stack.callback(backend.stop)
        ports = {backend.name: backend.port for backend in self._backends}
        self._ports = choose_ports(ports, self._backends[-1].websocket_port)
        self._files = Files(self._folder, self._ports)
        self._stack.push_async_callback(self._server.stop)
        self._stack.push_async_callback(self._mesh.stop)
        self._stack.callback(self._phone.close)
        address = f"127.0.0.1:{self._ports.xds}"
        print(f"{' l7mp-mesh demo ':=^{WIDTH}}")
        _say("Three backends are up: " + ", ".join(f"{name} on port {port}" for name, port in ports.items()))
        _command(f"xds-server serve --dir {self._files.mesh} --grpc {address}")
        await self._server.start("xds_server", "serve", "--dir", str(self._files.mesh), "--grpc", address)
        await self._server.says("serving")
        _command(f"l7mp-mesh run -c {self._files.bootstrap}")
        await self._mesh.start("l7mp_mesh", "run", "-c", str(self._files.bootstrap), "--drain-time", "1")

    async def configuration_arrives(self) -> None:
        """The dataplane asks the server and does what it is told."""
        self._act("The configuration arrives")
        _say(
            "The dataplane knows the address of the server and nothing else. It asks, applies, acknowledges:"
        )
        for listener in ("control", "media", "web"):
            await self._mesh.says(f"listening listener={listener}")
        await self._server.says(" LDS ")
        for line in self._server.lines:
            if " ACK" in line:
                _quote(f"xds-server: {_untimed(line)}")
        for line in self._mesh.lines:
            if "listening" in line:
                _quote(f"l7mp-mesh:  {_untimed(line)}")
        self._holds(self._server.said("NACK") is None, "nothing was refused")

    async def traffic_is_split(self) -> None:
        """Weighted clusters, as Envoy's API describes them."""
        self._act("HTTP traffic is split between two backends")
        _say("web.yaml holds Envoy resources; its one route sends 75 % to blue and 25 % to green.")
        _command(f"curl http://127.0.0.1:{self._ports.web}/")
        answers = Counter([await self._who_answers("/") for _ in range(REQUESTS)])
        _quote(
            f"{REQUESTS} requests: " + ", ".join(f"{name} {count}" for name, count in answers.most_common())
        )
        self._holds(set(answers) == {"blue", "green"}, "both backends serve, and nobody else does")
        self._holds(answers["blue"] > answers["green"], "blue gets more than green")

    async def datagrams_pass_a_transform(self) -> None:
        """A session of datagrams, with a cluster of another protocol in the middle."""
        self._act("A UDP session passes a WebSocket transform")
        _say("media.yaml holds L7mp objects. Datagrams go through gold, a transcoder that speaks WebSocket")
        _say("and answers in capitals, and from there to the UDP worker blue:")
        _quote("client --UDP--> [ listener | transcoder (WebSocket) | worker (UDP) ] --> client")
        await self._phone.connect(self._ports.media)
        await self._ask("hello", "blue heard HELLO")
        live = await sessions(self._ports.control, "media")
        self._holds(len(live) == 1, f"one session: {live[0]['name'] if live else 'none'}")

    async def an_edit_is_pushed(self) -> None:
        """A new route, from the editor to the first answer."""
        self._act("A file is edited, and the change is pushed")
        _say(f"A route is added to {self._files.web}:")
        _, before = await get(self._ports.web, "/new")
        self._holds(not before.startswith("gold"), f"before: {before.strip()}")
        seconds = await self._edit(self._files.web, ROUTES, ROUTES_AND_ONE_MORE, "/new", "gold")
        self._holds(seconds < PUSHED_WITHIN, f"after {seconds:.2f} s: gold answers GET /new")

    async def a_live_session_moves(self) -> None:
        """Make before break: the client keeps its socket and loses nothing."""
        self._act("A live session is re-routed")
        name = [each["name"] for each in await sessions(self._ports.control, "media")]
        _say(f"The route of the UDP session is changed in {self._files.media}; the client does nothing:")
        for line in self._files.edit(self._files.media, WORKER, OTHER_WORKER):
            _quote(line)
        answers: list[str] = []
        clock = asyncio.get_running_loop()
        begin = clock.time()
        while not answers or not answers[-1].startswith("green"):
            if clock.time() - begin > HEARD_WITHIN:
                raise DemoFailed(f"the session was not moved: {answers[-1]!r}")
            answers.append(await self._phone.ask(f"message {len(answers) + 1}"))
        _quote(f"{len(answers)} datagrams sent meanwhile, {len(answers)} answers; the last: {answers[-1]}")
        _quote(f"from saving the file to the answer of green: {clock.time() - begin:.2f} s")
        numbers = [int(answer.rpartition(" ")[2]) for answer in answers]
        self._holds(numbers == list(range(1, len(answers) + 1)), "no message was lost or repeated")
        after = [each["name"] for each in await sessions(self._ports.control, "media")]
        self._holds(after == name, "it is the same session, and the client kept its socket")
        self._holds(
            clock.time() - begin < PUSHED_WITHIN + HEARD_WITHIN, f"{clock.time() - begin:.2f} s in all"
        )

    async def a_mistake_is_refused(self) -> None:
        """The last good configuration stays."""
        self._act("A bad file is refused, and traffic goes on")
        _say(f"Somebody mistypes a word in {self._files.web}:")
        for line in self._files.edit(self._files.web, ROUTES_AND_ONE_MORE, MISTAKE):
            _quote(line)
        place = f"{self._files.web}:"
        said = await self._server.says(place, HEARD_WITHIN)
        _quote(f"xds-server: {said.replace(str(self._files.mesh) + '/', '')}")
        kept = await self._server.says("last good configuration", HEARD_WITHIN)
        _quote(f"xds-server: {kept.replace(str(self._files.mesh), 'mesh')}")
        position = said.removeprefix(place).split(":")
        self._holds(
            position[0].isdigit() and position[1].isdigit(), "file, line, column and reason are named"
        )
        statuses = [(await get(self._ports.web, path))[0] for path in ("/", "/new") * 5]
        self._holds(statuses == [200] * len(statuses), f"{len(statuses)} requests meanwhile: all served")
        await self._ask("still there?", "green heard STILL THERE?")
        self._files.edit(self._files.web, MISTAKE, ROUTES_AND_ONE_MORE)

    async def stay(self) -> None:
        """Everything stays up for whoever wants to play; what server and dataplane say is shown."""
        ports = self._ports
        print(f"\n{' Now it is yours ':=^{WIDTH}}")
        _say("Everything stays up until Ctrl-C. Meanwhile, in another terminal:")
        _command(f"curl http://127.0.0.1:{ports.web}/ http://127.0.0.1:{ports.web}/new")
        _command(f"{_beside('l7mpctl')} --server http://127.0.0.1:{ports.control} sessions")
        _command(f"curl http://127.0.0.1:{ports.control}/api/v1/config")
        python = _short(Path(sys.executable))
        _command(f"{python} -m l7mp_mesh.app.demo_client {ports.media}      (each line is a datagram)")
        _say("Edit these, and watch below what happens:")
        _command(f"{_editor()} {self._files.web}")
        _command(f"{_editor()} {self._files.media}")
        print("-" * WIDTH, flush=True)
        self._is_live = True
        await until("a process ends", lambda: not (self._server.is_alive and self._mesh.is_alive), FOREVER)
        raise DemoFailed("one of the processes has ended")

    def tell_what_was_said(self) -> None:
        """The last words of both processes, for whoever has to find out what went wrong."""
        for child in (self._server, self._mesh):
            for line in list(child.lines)[-10:]:
                print(f"  {child.name}: {line}", file=sys.stderr)

    async def _who_answers(self, path: str) -> str:
        _, body = await get(self._ports.web, path)
        return body.partition(" ")[0]

    async def _ask(self, question: str, expected: str) -> None:
        answer = await self._phone.ask(question)
        _quote(f"> {question}")
        _quote(f"< {answer}")
        self._holds(answer == expected, f"the answer is {expected!r}")

    async def _edit(self, path: Path, old: str, new: str, target: str, backend: str) -> float:
        """Edit a file; seconds until `backend` answers a GET of `target`."""
        for line in self._files.edit(path, old, new):
            _quote(line)
        clock = asyncio.get_running_loop()
        begin = clock.time()
        while await self._who_answers(target) != backend:
            if clock.time() - begin > HEARD_WITHIN:
                raise DemoFailed(f"{backend} does not answer GET {target}")
        return clock.time() - begin

    def _act(self, title: str) -> None:
        self._acts += 1
        print(f"\n{self._acts}. {title}\n", flush=True)

    def _holds(self, holds: bool, what: str) -> None:  # noqa: FBT001 - reads as the assertion it is
        if not holds:
            raise DemoFailed(f"this does not hold: {what}")
        self.checks += 1
        print(f"   [ok] {what}", flush=True)

    def _heard(self, name: str, line: str) -> None:
        if self._is_live:
            print(f"{name:>10} | {line}", flush=True)


def _say(text: str) -> None:
    print(f"   {text}", flush=True)


def _quote(text: str) -> None:
    print(f"      {text}", flush=True)


def _command(text: str) -> None:
    print(f"   $ {text}", flush=True)


def _untimed(line: str) -> str:
    """A line of a log without its time."""
    return line.partition("l7mp_mesh: ")[2] or line.partition(" ")[2]


def _short(path: Path) -> str:
    """A path as short as it can be typed."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _beside(command: str) -> str:
    """A command of this installation, as it can be typed."""
    path = Path(sys.executable).with_name(command)
    return _short(path) if path.exists() else command


def _editor() -> str:
    return next((name for name in ("nano", "vi", "vim", "emacs") if shutil.which(name)), "edit")
