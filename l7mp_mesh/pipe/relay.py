"""A valve for a source that does not exist yet."""

from __future__ import annotations

from l7mp_mesh.pipe.verbs import OPEN_VALVE, Valve


class Relay(Valve):
    """Handed out before its source is known; what was asked of it until then is passed on by `attach`."""

    __slots__ = ("_held", "_source")

    def __init__(self) -> None:
        self._source: Valve = OPEN_VALVE
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

    def pause(self) -> None:
        self._held += 1
        self._source.pause()

    def resume(self) -> None:
        if self._held:
            self._held -= 1
            self._source.resume()
