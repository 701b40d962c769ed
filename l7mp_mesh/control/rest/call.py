"""A request to the API, taken apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from l7mp_mesh.control.native import Format, Source, parse
from l7mp_mesh.control.rest.reply import Refused
from l7mp_mesh.pipe.head import RequestHead

BASE = ("api", "v1")
"""Segments before every path of the API."""

_JSON = "application/json text/json application/x-json text/x-json"
_YAML = "text/yaml text/x-yaml application/yaml application/x-yaml"
FORMATS = dict.fromkeys(_JSON.split(), Format.JSON) | dict.fromkeys(_YAML.split(), Format.YAML)
"""Content types of request bodies."""

_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_MAX_QUERY = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `names` are what stands in the place of the path's placeholders."""

    method: str
    path: tuple[str, ...] | None
    """Decoded segments below the base; None when the path is not below it."""
    listener: str
    """Name of the listener through which it came."""
    recursive: bool = False
    form: str = "plain"
    """How the answer is to be written."""
    content_type: str | None = None
    body: bytes = b""
    names: tuple[str, ...] = ()
    after: list[Callable[[], None]] = field(default_factory=list)
    """What is to be done when the answer has been given: the session that asks may end by it."""

    def source(self) -> Source:
        """The body. Raises Refused: 415 for a foreign content type, 400 for what is not JSON or YAML."""
        source = parse(self.body, form=_format(self.content_type))
        if source.faults:
            problems = [str(problem) for problem in source.problems()]
            raise Refused(HTTPStatus.BAD_REQUEST, "\n".join(problems), problems=problems)
        return source


def read_call(request: RequestHead, body: bytes, listener: str) -> Call:
    """Take a request apart; a name may hold any character, a slash as %2F."""
    target, _, query = request.target.decode("latin-1").partition("?")
    segments = tuple(unquote(part) for part in target.removeprefix("/").split("/"))
    if segments[-1] == "":
        segments = segments[:-1]
    depth = len(BASE)
    flags = _flags(query)
    content_type = request.headers.get(b"content-type")
    return Call(
        method=request.method.decode("latin-1"),
        path=segments[depth:] if segments[:depth] == BASE else None,
        listener=listener,
        recursive=flags.get("recursive") == "true",
        form=flags.get("format", "plain"),
        content_type=None if content_type is None else content_type.decode("latin-1"),
        body=body,
    )


def _flags(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_QUERY))
    except ValueError:
        return {}


def _format(content_type: str | None) -> Format:
    if content_type is None:
        return Format.ANY
    parsed = Message()
    parsed["content-type"] = "".join(char for char in content_type if char.isprintable())
    word = parsed.get_content_type() if "/" in content_type else content_type
    charset = parsed.get_content_charset("utf-8")
    known = FORMATS.get(word.strip().lower())
    if known is None or charset not in _CHARSETS:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f'Content type "{content_type[:100]}" is not supported; '
            f"expected one of {', '.join(FORMATS)} in UTF-8",
        )
    return known
