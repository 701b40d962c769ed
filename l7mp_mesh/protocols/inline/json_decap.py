"""Unwraps what `json_encap` wrapped."""

from __future__ import annotations

import base64
import binascii
import json

from l7mp_mesh.pipe.verbs import Stage
from l7mp_mesh.ports.attributes import Attributes


class JsonDecap(Stage):
    """Each `{"payload": "<base64>"}` becomes its payload; `dropped` counts messages that are none."""

    __slots__ = ("dropped",)

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0

    def data(self, chunk: bytes, flags: int) -> None:
        payload = parse_payload(chunk)
        if payload is None:
            self.dropped += 1
        else:
            self.next.data(payload, 0)


def parse_payload(message: bytes) -> bytes | None:
    """The bytes wrapped in `message`, None if there are none to be found."""
    try:
        value: object = json.loads(message)
    except (ValueError, RecursionError):
        return None
    match value:
        case {"payload": str() as text}:
            try:
                return base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                return None
        case _:
            return None


def make_decap(_attributes: Attributes) -> Stage:
    """The decapsulation of one session."""
    return JsonDecap()
