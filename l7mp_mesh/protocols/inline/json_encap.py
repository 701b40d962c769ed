"""Wraps every message in JSON, together with what is known about its session."""

from __future__ import annotations

import base64
import json

from l7mp_mesh.pipe.verbs import TEXT, Stage
from l7mp_mesh.ports.attributes import Attributes, Tree


class JsonEncap(Stage):
    """Each message becomes `{"metadata": {...}, "payload": "<base64>"}`, as text."""

    __slots__ = ("_attributes",)

    def __init__(self) -> None:
        super().__init__()
        self._attributes: Attributes | None = None

    def bind(self, attributes: Attributes) -> None:
        """Learn whose messages these are; the metadata are read per message, so rewrites show."""
        self._attributes = attributes

    def data(self, chunk: bytes, flags: int) -> None:
        metadata: Tree = {} if self._attributes is None else self._attributes.tree
        payload = base64.b64encode(chunk).decode()
        text = json.dumps({"metadata": metadata, "payload": payload}, separators=(",", ":"))
        self.next.data(text.encode(), TEXT)


def make_encap(attributes: Attributes) -> Stage:
    """The encapsulation of one session."""
    stage = JsonEncap()
    stage.bind(attributes)
    return stage
