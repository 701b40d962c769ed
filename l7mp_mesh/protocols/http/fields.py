"""Header fields that never travel in a `Headers` list: a codec takes them out and writes its own."""

from __future__ import annotations

FRAMING = frozenset(
    (
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"http2-settings",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Fields about one connection or one message's framing (RFC 9110 sections 7.2, 7.6.1 and 10.1.1).

`te: trailers` is the one that passes (section 10.1.4). Whoever makes a head of free metadata
leaves these out.
"""
