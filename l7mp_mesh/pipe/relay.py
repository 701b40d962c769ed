"""A valve in front of a valve: for a source that does not exist yet, or that changes hands."""

from __future__ import annotations

from l7mp_mesh.pipe.verbs import OPEN_VALVE, Valve


class Relay(Valve):
    """One holder's pauses of a source, which may come later (`attach`) and be given up (`let_go`)."""

    __slots__ = ("_held", "_source")

    def __init__(self, source: Valve = OPEN_VALVE) -> None:
        self._source = source
        self._held = 0

    @property
    def is_held(self) -> bool:
        """True while more `pause()` than `resume()` were called."""
        return self._held > 0

    def attach(self, source: Valve) -> None:
        """Obey from now on by holding back `source`; the one before it, if any, is let go."""
        before, self._source = self._source, source
        for _ in range(self._held):
            source.pause()
            before.resume()

    def let_go(self) -> None:
        """Give back whatever is still held, and hold nothing from now on."""
        before, self._source = self._source, OPEN_VALVE
        if self._held:
            for _ in range(self._held):
                before.resume()

    def pause(self) -> None:
        self._held += 1
        self._source.pause()

    def resume(self) -> None:
        if self._held:
            self._held -= 1
            self._source.resume()
