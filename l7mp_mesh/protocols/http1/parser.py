"""HTTP/1 heads: httptools reads the grammar, this module decides what it leaves open.

Only heads are fed to httptools. Where a head ends is found here (the empty line), and bodies are framed by
`codec_body`: so a read is never parsed beyond the message that is wanted, and the bytes that follow an
upgrade, a HEAD response or a pipelined request are still bytes. After every message that has (or announces) a
body the parser is replaced: a new one costs 0.15 us.

httptools 0.9 refuses by itself: bare CR or LF, obs-fold, space before the colon, control characters in names,
values and targets, unknown methods, repeated or malformed Content-Length, Content-Length beside
Transfer-Encoding. Left to us: Host, versions, the number of spaces in the start line, other codings in front
of chunked, fragments, trailing white space of values.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

from l7mp_mesh.pipe.head import UNKNOWN_LENGTH, RequestHead, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.protocols.http.fields import FRAMING
from l7mp_mesh.protocols.http1.writer import STATUS_LINE

COMMON: Final[dict[bytes, bytes]] = {}
"""Lower-case names by common spellings: saves lowering and the look-up in FRAMING."""
for _name in (
    b"Accept Accept-Encoding Accept-Language Accept-Ranges Age Authorization Cache-Control Content-Encoding "
    b"Content-Type Cookie Date ETag Last-Modified Location Origin Pragma Referer Server Set-Cookie "
    b"User-Agent Vary Via X-Envoy-Upstream-Service-Time X-Forwarded-For X-Forwarded-Proto X-Request-Id "
    b"X-Request-ID"
).split():
    COMMON[_name] = COMMON[_name.lower()] = _name.lower()

STATUS_BY_LINE: Final[dict[bytes, int]] = {line[:-2]: status for status, line in STATUS_LINE.items()}
HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%-]*(?::[0-9]*)?|\[[0-9A-Fa-f:.vV]+\](?::[0-9]*)?").fullmatch
STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?").fullmatch
VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]").fullmatch
PERSISTENT: Final = (b"keep-alive", b"Keep-Alive")
"""What most write into Connection."""
PASSED_OPTIONS: Final = frozenset((b"close", b"keep-alive", b"upgrade", b"te", b""))
"""Members of Connection that name no field to be taken out."""
FIELD_LIMIT: Final = 100
"""Most fields of a head; Envoy's `max_headers_count`."""
EMPTY_LINE: Final = b"\r\n\r\n"
SPACE: Final = 32
SWITCHING: Final = 101
NO_CONTENT: Final = 204
NOT_MODIFIED: Final = 304


class BadMessage(Exception):
    """A message that breaks RFC 9112: `status` is the answer to a request, `detail` says what was found."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class HeadReader(ABC):
    """Reads one head after the other; base of both directions.

    After `feed` returned an offset, the subclass has filled its public fields.
    """

    __slots__ = ("_fields", "_is_fresh", "_limit", "_parser", "_partial", "_special", "keeps_alive")

    keeps_alive: bool
    """The peer will take (or send) another message on this connection (RFC 9112 section 9.3)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._partial = bytearray()
        self._fields: list[tuple[bytes, bytes]] = []
        self._special: list[tuple[bytes, bytes]] = []
        self._parser: HttpRequestParser | HttpResponseParser | None = None
        self._is_fresh = False
        """True while the parser stands before a start line."""

    @property
    def has_partial(self) -> bool:
        """True when a head has begun and is not complete."""
        return bool(self._partial)

    def feed(self, data: bytes, start: int) -> int:
        """Read a head in `data[start:]`; the offset behind it, or -1 when all was taken and more is needed.

        Raises BadMessage.
        """
        if self._partial:
            return self._feed_more(data, start)
        end = data.find(EMPTY_LINE, start) + 4
        if end < 4:  # noqa: PLR2004
            return self._feed_more(data, start)
        if end - start > self._limit:
            raise self._too_large()
        head = data[start:end]
        self._begin()
        self._scan(head)
        self._conclude(head[: head.find(b"\r\n")])
        return end

    def unlink(self) -> None:
        """Let go of the parser, which points back here."""
        self._parser = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Callback of httptools."""
        if value and value[-1] <= SPACE:
            # Trailing white space; httptools lets no other control character pass.
            value = value.rstrip(b" \t")
        low = COMMON.get(name)
        if low is None:
            low = name.lower()
            if low in FRAMING:
                self._special.append((low, value))
                return
        self._fields.append((low, value))

    def _obey(self, connection: bytes, *, is_v11: bool) -> bool:
        """Apply a Connection field (RFC 9112 section 9.3); True when it asks for an upgrade."""
        if connection in PERSISTENT:
            self.keeps_alive = True
            return False
        options = connection_options(connection)
        self.keeps_alive = b"close" not in options and (is_v11 or b"keep-alive" in options)
        drop_named(self._fields, options)
        return b"upgrade" in options

    @abstractmethod
    def _make(self) -> HttpRequestParser | HttpResponseParser:
        """A parser of the direction."""

    @abstractmethod
    def _conclude(self, line: bytes) -> None:
        """Check the start line and fill the public fields."""

    def _begin(self) -> None:
        if not self._is_fresh:
            self._parser = self._make()
            self._is_fresh = True
        self._fields = []
        self._special = []

    def _feed_more(self, data: bytes, start: int) -> int:
        """A head in several reads: httptools sees every part at once, so nonsense is refused early."""
        partial = self._partial
        if not partial:
            self._begin()
        known = len(partial)
        partial += data[start : start + self._limit + 1]
        end = partial.find(EMPTY_LINE, max(0, known - 3)) + 4
        if max(end, 0 if end >= 4 else len(partial)) > self._limit:  # noqa: PLR2004
            raise self._too_large()
        if end < 4:  # noqa: PLR2004
            self._scan(bytes(partial[known:]))
            return -1
        self._scan(bytes(partial[known:end]))
        line = bytes(partial[: partial.find(b"\r\n")])
        partial.clear()
        self._conclude(line)
        return start + end - known

    def _scan(self, part: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(part)
        except HttpParserUpgrade:
            # httptools stops behind the head, which is where we stop anyway.
            return
        except HttpParserError as error:
            for name, value in self._special:
                if name == b"transfer-encoding" and value.lower() != b"chunked":
                    raise BadMessage(501, f"transfer-encoding {shown(value)} is not supported") from error
            raise BadMessage(400, str(error)) from error
        if len(self._fields) + len(self._special) > FIELD_LIMIT:
            raise BadMessage(431, f"more than {FIELD_LIMIT} fields")

    def _too_large(self) -> BadMessage:
        return BadMessage(431, f"header section longer than {self._limit} bytes")


class RequestReader(HeadReader):
    """Request heads; the fields below hold what was read last."""

    __slots__ = ("expects", "head", "is_chunked", "is_v11")

    head: RequestHead
    """`upgrade` is set only where RFC 9110 section 7.8 lets it count: HTTP/1.1, no body, not h2c."""
    is_v11: bool
    is_chunked: bool
    expects: bool
    """The client waits for 100 (Continue)."""

    def feed(self, data: bytes, start: int) -> int:
        # Empty lines in front of a request line are to be ignored (RFC 9112 section 2.2).
        if not self._partial:
            while start < len(data) and data[start] in b"\r\n":
                start += 1
            if start == len(data):
                return -1
        return super().feed(data, start)

    def _make(self) -> HttpRequestParser:
        return HttpRequestParser(self)

    def _conclude(self, line: bytes) -> None:
        words = line.split(b" ")
        if len(words) != 3:  # noqa: PLR2004
            raise BadMessage(400, "malformed request line")
        method, target, version = words
        self.is_v11 = version == b"HTTP/1.1"
        if not self.is_v11 and version != b"HTTP/1.0":
            raise BadMessage(505 if VERSION(version) else 400, f"version {shown(version)} is not supported")
        self.keeps_alive = self.is_v11
        self.is_chunked = False
        self.expects = False
        length, host, upgrade = self._read_special()
        if host is None:
            if self.is_v11:
                raise BadMessage(400, "Host is missing")
            host = b""
        if not target.startswith(b"/"):
            target, host = _other_target(method, target, host)
        if b"#" in target:
            raise BadMessage(400, "fragment in the request target")
        if length or self.is_chunked:
            self._is_fresh = False
            upgrade = b""
            if method == b"CONNECT":
                raise BadMessage(400, "CONNECT with a body")
        self.head = RequestHead(
            method, target, host, Headers(self._fields), UNKNOWN_LENGTH if self.is_chunked else length
        )
        if upgrade:
            self.head.upgrade = upgrade

    def _read_special(self) -> tuple[int, bytes | None, bytes]:
        """(length, host, upgrade)."""
        length = 0
        host: bytes | None = None
        upgrade = connection = b""
        for name, value in self._special:
            if name == b"host":
                if host is not None:
                    raise BadMessage(400, "more than one Host")
                if not HOST(value):
                    raise BadMessage(400, f"invalid Host {shown(value)}")
                host = value
            elif name == b"connection":
                connection = b"%b,%b" % (connection, value) if connection else value
            elif name == b"content-length":
                length = int(value)
            elif name == b"upgrade":
                upgrade = value
            else:
                self._read_rare(name, value)
        if connection and self._obey(connection, is_v11=self.is_v11) and upgrade and self.is_v11:
            return length, host, _wanted(upgrade)
        return length, host, b""

    def _read_rare(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding":
            self.is_chunked = True
            check_coding(value, self.is_v11)
        elif name == b"expect":
            if value.lower() != b"100-continue":
                raise BadMessage(417, f"unknown expectation {shown(value)}")
            self.expects = self.is_v11
        elif name == b"te":
            pass_te(self._fields, value)


class ResponseReader(HeadReader):
    """Response heads; the fields below hold what was read last."""

    __slots__ = ("head", "is_chunked")

    head: ResponseHead
    """`length` is UNKNOWN_LENGTH without a Content-Length."""
    is_chunked: bool

    def _make(self) -> HttpResponseParser:
        return HttpResponseParser(self)

    def _conclude(self, line: bytes) -> None:
        status = STATUS_BY_LINE.get(line, 0)
        is_v11 = True
        reason = b""
        if not status:
            status, is_v11, reason = _unusual_line(line)
        self.is_chunked = False
        self.keeps_alive = is_v11
        length = UNKNOWN_LENGTH
        upgrade = connection = b""
        for name, value in self._special:
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                self.is_chunked = True
                check_coding(value, is_v11)
            elif name == b"connection":
                connection = b"%b,%b" % (connection, value) if connection else value
            elif name == b"upgrade":
                upgrade = value.lower()
        if connection:
            self._obey(connection, is_v11=is_v11)
        self.head = ResponseHead(status, Headers(self._fields), length, reason=reason)
        if status == SWITCHING:
            self.head.upgrade = upgrade
        elif length or self.is_chunked:
            self._is_fresh = False


def connection_options(value: bytes) -> list[bytes]:
    """The members of a Connection field."""
    return [option.strip(b" \t") for option in value.lower().split(b",")]


def drop_named(fields: list[tuple[bytes, bytes]], options: list[bytes]) -> None:
    """Take out the fields that Connection names (RFC 9110 section 7.6.1)."""
    named = set(options) - PASSED_OPTIONS
    if named:
        fields[:] = [field for field in fields if field[0] not in named]


def check_coding(value: bytes, is_v11: bool) -> None:  # noqa: FBT001
    """Only chunked can be read, and only in HTTP/1.1 (RFC 9112 section 6.1)."""
    if value.lower() != b"chunked":
        raise BadMessage(501, f"transfer-encoding {shown(value)} is not supported")
    if not is_v11:
        raise BadMessage(400, "transfer-encoding in HTTP/1.0")


def pass_te(fields: list[tuple[bytes, bytes]], value: bytes) -> None:
    """TE is about one connection, but `trailers` is what every hop here can do."""
    if b"trailers" in connection_options(value):
        fields.append((b"te", b"trailers"))


def shown(value: bytes) -> str:
    """A peer's bytes for a message: short and printable."""
    return repr(value[:64])[1:]


def _unusual_line(line: bytes) -> tuple[int, bool, bytes]:
    """Status, whether it is HTTP/1.1, and the reason phrase."""
    found = STATUS(line)
    if found is None:
        raise BadMessage(502, f"malformed status line {shown(line)}")
    return int(found[2]), found[1] == b"1", found[3] or b""


def _wanted(upgrade: bytes) -> bytes:
    # h2c would carry requests that no rule has seen; RFC 9113 section 3.1 retired it.
    first = upgrade.split(b",", 1)[0].strip(b" \t").lower()
    return b"" if first.startswith(b"h2c") else first


def _other_target(method: bytes, target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """Target and authority of everything that is not in origin-form (RFC 9112 section 3.2)."""
    if method == b"CONNECT":
        if not HOST(target) or b":" not in target:
            raise BadMessage(400, "CONNECT needs host:port")
        return target, target
    if target == b"*" and method == b"OPTIONS":
        return target, host
    scheme, mark, rest = target.partition(b"://")
    if not mark or scheme.lower() not in (b"http", b"https", b"ws", b"wss"):
        raise BadMessage(400, f"invalid request target {shown(target)}")
    cut = len(rest)
    for sign in (b"/", b"?"):
        found = rest.find(sign)
        if 0 <= found < cut:
            cut = found
    authority, path = rest[:cut], rest[cut:]
    if not authority or not HOST(authority):
        raise BadMessage(400, f"invalid authority {shown(authority)}")
    if not path:
        return (b"*" if method == b"OPTIONS" else b"/"), authority
    return (path if path[:1] == b"/" else b"/" + path), authority
