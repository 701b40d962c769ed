"""Inline transforms: Python classes, named `module:Class`, that a session's data pass through.

A transform is a `Stage`: it gets the four verbs of one direction of one session and passes on what it likes
to `self.next`. One object is made per session and direction.

    from l7mp_mesh.pipe.verbs import Stage

    class Shout(Stage):
        def __init__(self, mark: str = "!") -> None:
            super().__init__()
            self._mark = mark.encode()

        def data(self, chunk: bytes, flags: int) -> None:
            self.next.data(chunk.upper() + self._mark, flags)

and in the configuration `{name: shout, type: INLINE, target: "my.module:Shout", params: {mark: "?"}}`.

- The parameters are the keyword arguments of the constructor, as JSON values.
- A class with a method `bind(attributes)` has it called with the session's attributes after construction.
- Verbs never block or wait. `data` gets one whole message in a session of messages (UDP, WebSocket), and a
  piece of any size of a byte stream or an HTTP body otherwise. `flags` say whether it is text.
- A stage that keeps data bounds them, and pauses the `valve` it got in `open` before it must drop any.
- An exception ends that session with TRANSFORM_FAULT, and nothing else.
- To answer an HTTP request itself, a transform derives from `l7mp_mesh.ports.transform.ExchangeStage`.
"""

from __future__ import annotations

from l7mp_mesh.transforms.load import load

__all__ = ["load"]
