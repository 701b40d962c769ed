"""Answers: what is refused and why, and how values are written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

from l7mp_mesh.model.value import Json
from l7mp_mesh.pipe.head import ResponseHead
from l7mp_mesh.pipe.headers import Headers

OK: Json = {"status": 200, "message": "OK"}
"""What a change answers."""

NOT_VALID = "Unprocessable Entity: Input JSON schema validation failed"
"""Message of 422, as existing clients know it."""


class Refused(Exception):
    """A request that is not carried out.

    `content` says why; `problems` are all that is wrong with the body, each with its position; `allow` are
    the methods that the path has.
    """

    def __init__(
        self, status: int, content: Json, *, problems: Iterable[str] = (), allow: Iterable[str] = ()
    ) -> None:
        super().__init__(f"{status}: {content}")
        self.status = int(status)
        self.content = content
        self.problems = tuple(problems)
        self.allow = tuple(allow)


def refusal(error: Refused) -> tuple[ResponseHead, bytes]:
    """The answer to a request that is refused."""
    message = (
        NOT_VALID if error.status == HTTPStatus.UNPROCESSABLE_ENTITY else HTTPStatus(error.status).phrase
    )
    made: dict[str, Json] = {"status": error.status, "message": message, "content": error.content}
    if error.problems:
        made["problems"] = list(error.problems)
    head = _head(error.status)
    if error.allow:
        head.headers.append(b"allow", ", ".join(error.allow).encode())
    return head, json.dumps(made, indent=4).encode()


def success(value: Json, form: str) -> tuple[ResponseHead, bytes]:
    """The answer to a request that was carried out."""
    return _head(200), render(value, form).encode()


def _head(status: int) -> ResponseHead:
    return ResponseHead(status, Headers([(b"content-type", b"application/json")]))


def render(value: Json, form: str) -> str:
    """`value` as JSON: `terse` without spaces, `space` on one line, `lines` with a line per member, `diffy`
    with sorted members; anything else is indented by two."""
    match form:
        case "terse":
            return json.dumps(value, separators=(",", ":"))
        case "space":
            return json.dumps(value)
        case "lines":
            return _lines(value)
        case "diffy":
            return json.dumps(value, indent=2, sort_keys=True)
        case _:
            return json.dumps(value, indent=2)


def _lines(value: Json) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
    if isinstance(value, dict) and value:
        members = (f"{json.dumps(key)}: {json.dumps(item)}" for key, item in value.items())
        return "{\n" + ",\n".join(members) + "\n}"
    return json.dumps(value)
