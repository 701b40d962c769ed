"""`spec`: a protocol's word and its options, from and to loose values."""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import TYPE_CHECKING

from l7mp_mesh.control.native.options import decode_options, encode_options
from l7mp_mesh.control.native.reader import Cursor, Fields
from l7mp_mesh.control.native.scope import Scope
from l7mp_mesh.control.native.vocabulary import Word
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.model.value import Json

if TYPE_CHECKING:
    from l7mp_mesh.protocols.base import Protocol


class Role(Enum):
    """What a protocol is used for."""

    LISTENER = "listener"
    CLUSTER = "cluster"


def decode_spec(scope: Scope, owner: Fields, role: Role) -> ProtocolUse | None:
    """The protocol of a listener or cluster. None when a problem was reported.

    The concept document also has `protocol` beside `spec`: accepted with a warning.
    """
    outer = owner.take("protocol")
    if outer is not None:
        scope.report.warn(outer.path, "protocol belongs into spec", key=True)
    if outer is not None and owner.take("spec") is None:
        spec: Cursor | None = owner.cursor.child("spec", {})
    else:
        spec = owner.require("spec")
    fields = None if spec is None else spec.fields()
    if fields is None:
        return None
    protocol = fields.take("protocol") or outer or fields.require("protocol")
    word = None if protocol is None else _find(scope, protocol, role)
    if word is None or protocol is None:
        return None
    options = decode_options(_options_class(word.protocol, role), fields, word.implied)
    fields.finish()
    if options is None:
        return None
    spelled = "" if protocol.value == word.protocol.name else str(protocol.value)
    return ProtocolUse(word.protocol.name, options, spelled)


def _options_class(row: Protocol, role: Role) -> type[Hashable]:
    used = row.listener if role is Role.LISTENER else row.cluster
    assert used is not None, f"{row.name} can not be a {role.value}"
    return used.options


def _find(scope: Scope, cursor: Cursor, role: Role) -> Word | None:
    text = cursor.text()
    if text is None:
        return None
    vocabulary = scope.vocabulary
    rows = vocabulary.listeners() if role is Role.LISTENER else vocabulary.clusters()
    word = vocabulary.find(text)
    if word is not None and word.protocol in rows:
        return word
    known = ", ".join(row.name for row in rows)
    why = "unknown protocol" if word is None else f"no {role.value} protocol:"
    cursor.refuse(f'{why} "{text[:60]}"; known: {known}')
    return None


def encode_spec(use: ProtocolUse, *, spelled: bool) -> dict[str, Json]:
    """The inverse of `decode_spec`; with the word as it was written, or the canonical one."""
    word = use.spelled if spelled and use.spelled else use.name
    return {"protocol": word, **encode_options(use.options)}
