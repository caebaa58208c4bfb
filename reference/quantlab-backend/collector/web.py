"""GET /health, /status and /metrics, as JSON."""

import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import log

Answer = Callable[[], tuple[int, dict[str, Any]]]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, _request: Any, _client: Any) -> None:
        """A client that goes while it is served is not our trouble; all else is one line like any other."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            log.error("request failed", reason=f"{type(error).__name__}: {error}")


def serve(listen: str, port: int, answers: dict[str, Answer]) -> Server:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10  # a client that says nothing does not hold a thread for ever

        def do_GET(self) -> None:
            answer = answers.get(self.path.split("?")[0])
            status, value = answer() if answer else (404, {"error": "no such address"})
            body = f"{json.dumps(value)}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Probes come every second: a line for each would drown what matters."""

    server = Server((listen, port), Handler)
    log.info("collector listens", listen=listen, port=port)
    return server
