"""An HTTP server with canned answers that notes what it is asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Canned:
    """`answers` by "METHOD /path"; a value is sent as JSON with 200, a pair is status and value or bytes."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []
        canned = self

        class Answering(BaseHTTPRequestHandler):
            def answer(self) -> None:
                text = self.rfile.read(int(self.headers.get("content-length", 0)))
                line = f"{self.command} {self.path.removeprefix('/api/v1')}"
                canned.asked.append((line, json.loads(text) if text else None))
                found = canned.answers.get(line, {"status": 200, "message": "OK"})
                status, value = found if isinstance(found, tuple) else (200, found)
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Canned:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
