"""From metadata back to HTTP: the request head that a session's `HTTP` section describes.

What was not rewritten is taken from the head as it was parsed, so duplicates, order and odd bytes survive.
What was is untrusted text: it is made fit for the wire here, so no rewrite can smuggle a second request.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote_from_bytes

from l7mp_mesh.pipe.head import UNKNOWN_LENGTH, RequestHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.ports.attributes import Attributes, Json, Tree, http_tree

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_PATH_SAFE = "/%?[]@!$&'()*+,;=:~-._"

_OURS = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields that say how a message is framed or where it goes: heads have typed members for them."""


def request_from(attributes: Attributes, length: int = UNKNOWN_LENGTH) -> RequestHead:
    """The request that a session becomes when it is no request itself.

    POST / to the endpoint itself and without headers, unless the metadata say otherwise. `length` is that of
    the body, if it is known.
    """
    http = _section(attributes)
    url = _object(http.get("url"))
    headers = _object(http.get("headers"))
    return RequestHead(
        _method(http.get("method"), b"POST"),
        _target(url) or b"/",
        _authority(url, headers) or attributes.authority,
        _written(headers),
        length,
    )


def rewritten_head(head: RequestHead, attributes: Attributes) -> RequestHead:
    """`head` with whatever a rewrite changed in the `HTTP` section; `head` itself without a rewrite."""
    if not attributes.is_rewritten:
        return head
    http = _section(attributes)
    before = http_tree(head)
    url, old_url = _object(http.get("url")), _object(before["url"])
    headers, old_headers = http.get("headers"), _object(before["headers"])
    return RequestHead(
        _method(http.get("method"), head.method),
        head.target if _target(url) == _target(old_url) else _target(url) or head.target,
        _changed_authority(head, url, old_url, _object(headers), old_headers),
        _changed_headers(head.headers, headers, old_headers) if isinstance(headers, dict) else head.headers,
        head.length,
        scheme=head.scheme,
        upgrade=head.upgrade,
    )


def _section(attributes: Attributes) -> Tree:
    if attributes.head is None and not attributes.has_tree:
        return {}
    return _object(attributes.tree.get("HTTP"))


def _object(value: Json) -> Tree:
    return value if isinstance(value, dict) else {}


def _bytes(text: str) -> bytes:
    # Metadata read off the wire are latin-1 (one character per byte); a configuration may hold anything.
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _method(value: Json, default: bytes) -> bytes:
    return value.encode() if isinstance(value, str) and _TOKEN.fullmatch(value) else default


def _target(url: Tree) -> bytes:
    """Path and query in origin form; empty when the metadata name none."""
    path, query = url.get("path"), url.get("query")
    if not isinstance(path, str) or not path:
        return b""
    if isinstance(query, str) and query and "?" not in path:
        path = f"{path}?{query}"
    if path == "*":
        return b"*"
    written = quote_from_bytes(_bytes(path), _PATH_SAFE).encode()
    return written if written.startswith(b"/") else b"/" + written


def _authority(url: Tree, headers: Tree) -> bytes:
    host = headers.get("host")
    if not isinstance(host, str) or not host:
        host = _host_and_port(url)
    return _UNSAFE.sub(b"", _bytes(host)).replace(b" ", b"")


def _host_and_port(url: Tree) -> str:
    host, port = url.get("host"), url.get("port")
    if not isinstance(host, str) or not host:
        return ""
    return f"{host}:{port}" if isinstance(port, str | int) and str(port).isdigit() else host


def _changed_authority(
    head: RequestHead, url: Tree, old_url: Tree, headers: Tree, old_headers: Tree
) -> bytes:
    if headers.get("host", "") not in ("", old_headers.get("host", "")):
        return _authority({}, headers) or head.authority
    if _host_and_port(url) not in ("", _host_and_port(old_url)):
        return _authority(url, {})
    return head.authority


def _changed_headers(fields: Headers, wanted: Tree, before: Tree) -> Headers:
    changed = Headers([(name, value) for name, value in fields if name.decode("latin-1") in wanted])
    fresh: Tree = {}
    for name, value in wanted.items():
        if name not in before:
            fresh[name] = value
        elif before[name] != value:
            changed.set(name.encode("latin-1"), _value(value))
    for field, text in _written(fresh):
        changed.set(field, text)
    return changed


def _written(headers: Tree) -> Headers:
    """Metadata keys as field names: `content_type` is content-type; no pseudo or framing fields."""
    written = Headers()
    for key, value in headers.items():
        name = key.lower().replace("_", "-")
        if name not in _OURS and value is not None and _TOKEN.fullmatch(name):
            written.append(name.encode(), _value(value))
    return written


def _value(value: Json) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return _UNSAFE.sub(b" ", _bytes(text)).strip(b" \t")
