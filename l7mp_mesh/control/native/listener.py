"""Listeners, from and to loose values."""

from __future__ import annotations

from l7mp_mesh.control.native.options import decode_options, encode_options
from l7mp_mesh.control.native.reader import DUMPED, Cursor
from l7mp_mesh.control.native.rules import decode_rules_of
from l7mp_mesh.control.native.scope import Scope
from l7mp_mesh.control.native.spec import Role, decode_spec, encode_spec
from l7mp_mesh.model.listener import Listener, ListenerOptions
from l7mp_mesh.model.snapshot import Kind
from l7mp_mesh.model.value import Json


def decode_listener(scope: Scope, cursor: Cursor) -> str | None:
    """Put a listener and what is written inside it into `scope`; its name, None when it has none."""
    fields = cursor.fields()
    if fields is None:
        return None
    name = scope.name(Kind.LISTENER, fields, None)
    use = decode_spec(scope, fields, Role.LISTENER)
    rules = decode_rules_of(scope, fields, name or "unnamed")
    options = _options(fields.take("options"))
    fields.finish(DUMPED)
    if name is not None and use is not None and rules is not None and options is not None:
        scope.put(Listener(name, use, rules, options))
    return name


def _options(cursor: Cursor | None) -> ListenerOptions | None:
    if cursor is None:
        return ListenerOptions()
    fields = cursor.fields()
    if fields is None:
        return None
    made = decode_options(ListenerOptions, fields, {})
    fields.finish()
    assert made is None or isinstance(made, ListenerOptions)
    return made


def encode_listener(listener: Listener, *, spelled: bool) -> dict[str, Json]:
    """The inverse of `decode_listener`; `track` is always there, as in L7mp."""
    options = encode_options(listener.options)
    track: Json = options.pop("track", 0)
    return {
        "name": listener.name,
        "spec": encode_spec(listener.protocol, spelled=spelled),
        "rules": listener.rules,
        "options": {"track": track, **options},
    }
