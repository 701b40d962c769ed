"""One call of the control API at a time, with a deadline."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote, urlsplit

from l7mp_mesh.model.value import Json

DEFAULT_PORT = 1234
_OK = 200


class CallFailed(Exception):
    """What is said to the user; `problems` are what is wrong with a body, as the server sees it."""

    def __init__(self, text: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.problems = problems


class Client:
    """Talks to one server; every call is a connection of its own."""

    def __init__(self, server: str, timeout: float) -> None:
        given = server if "://" in server else f"http://{server}"
        try:
            parts = urlsplit(given)
            port = parts.port or DEFAULT_PORT
        except ValueError as error:
            raise CallFailed(f'"{server}" is no address: {error}') from error
        if parts.scheme != "http" or not parts.hostname:
            raise CallFailed(f'"{server}" is no address; expected http://HOST:PORT')
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.server = f"http://{host}:{port}"
        self._host = parts.hostname
        self._port = port
        self._timeout = timeout

    def get(self, *path: str, recursive: bool = False) -> Json:
        """What is shown at a path."""
        return self.call("GET", path, recursive=recursive)

    def call(self, method: str, path: tuple[str, ...], body: Json = None, *, recursive: bool = False) -> Json:
        """The decoded answer. Raises CallFailed."""
        target = "/api/v1/" + "/".join(quote(part, safe="") for part in path)
        if recursive:
            target += "?recursive=true"
        text = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json"}
        if text is not None:
            headers["Content-Type"] = "application/json"
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            connection.request(method, target, text, headers)
            response = connection.getresponse()
            status, answer = response.status, response.read()
        except TimeoutError as error:
            raise CallFailed(f"no answer from {self.server} within {self._timeout:g} s") from error
        except OSError as error:
            raise CallFailed(self._unreachable(error)) from error
        except HTTPException as error:
            raise CallFailed(f"{self.server} does not speak HTTP as expected: {error!r}") from error
        finally:
            connection.close()
        return self._read(status, answer)

    def _read(self, status: int, answer: bytes) -> Json:
        try:
            value: Json = json.loads(answer)
        except ValueError:
            value = None
        if status == _OK and value is not None:
            return value
        if isinstance(value, dict) and "content" in value:
            content, problems = value["content"], value.get("problems")
            text = content if isinstance(content, str) else str(value.get("message"))
            given = problems if isinstance(problems, list) else []
            raise CallFailed(text, tuple(str(problem) for problem in given))
        raise CallFailed(f"{self.server} answered {status}, but not as the control API of l7mp-mesh does")

    def _unreachable(self, error: OSError) -> str:
        why = error.strerror or str(error)
        return (
            f"can not reach {self.server} ({why}); start a dataplane with `l7mp-mesh run -c FILE`, where a"
            ' listener leads to the cluster "controller", or name another one with --server'
        )
