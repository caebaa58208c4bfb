"""The health probe, as the units run it: a program with arguments, against real sockets."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.render import probe_arguments
from stack.site import ROOT
from tests.unit.examples import catalogue

TOKEN = "made-up-token"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = {"/health": 200, "/made": 201}.get(self.path, 503)
        if self.path == "/guarded":
            status = 200 if self.headers["Authorization"] == f"Bearer {TOKEN}" else 401
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"waiting for replayd\n" if status == 503 else b"")

    def log_message(self, format: str, *_: object) -> None:
        """Say nothing: the output of tests is read."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that nobody else can take, and on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def probe(*arguments: object, **env: str) -> tuple[int, str]:
    command = [sys.executable, "-I", str(ROOT / "host" / "probe.py"), *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if name != "MAINPID"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, env={**clean, **env})
    assert done.stdout == ""
    assert TOKEN not in done.stderr
    return done.returncode, done.stderr.strip()


def http_probe(port: int, path: str, status: int = 200) -> list[object]:
    return ["http", "--port", port, "--path", path, "--status", status]


def test_the_expected_status_is_healthy(port: int) -> None:
    assert probe(*http_probe(port, "/health")) == (0, "")
    assert probe(*http_probe(port, "/made", 201)) == (0, "")


def test_another_status_is_not_and_says_what_the_service_says(port: int) -> None:
    assert probe(*http_probe(port, "/broken")) == (
        1,
        f"not healthy: GET :{port}/broken: 503 waiting for replayd",
    )
    assert probe(*http_probe(port, "/made"))[0] == 1


def test_a_token_is_read_from_the_environment_or_a_file(port: int, tmp_path: Path) -> None:
    guarded = [*http_probe(port, "/guarded"), "--auth", "THE_TOKEN"]
    assert probe(*guarded, THE_TOKEN=TOKEN) == (0, "")
    assert probe(*guarded, THE_TOKEN="another")[0] == 1
    (tmp_path / "token").write_text(TOKEN)
    assert probe(*http_probe(port, "/guarded"), "--auth-file", tmp_path / "token") == (0, "")
    assert probe(*guarded) == (1, f"not healthy: GET :{port}/guarded: 401")


def test_nobody_there_is_not_healthy(closed: int) -> None:
    code, said = probe(*http_probe(closed, "/health"))
    assert (code, "Connection refused" in said) == (1, True)
    code, said = probe("tcp", "--port", closed)
    assert (code, f"port {closed}: " in said) == (1, True)


def test_a_port_that_accepts_is_healthy(port: int) -> None:
    assert probe("tcp", "--port", port) == (0, "")


def test_what_is_no_http_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"no http\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        code, said = probe(*http_probe(server.getsockname()[1], "/health"))
        thread.join()
    assert (code, said.startswith("not healthy: GET ")) == (1, True)


def test_it_waits_for_a_service_that_comes_up() -> None:
    def open_late() -> None:
        with http.server.HTTPServer(("127.0.0.1", late), Answer) as server:
            server.handle_request()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        late = free.getsockname()[1]
    timer = threading.Timer(0.3, open_late)
    timer.start()
    assert probe("--wait", 10, *http_probe(late, "/health")) == (0, "")
    timer.join()


def test_it_does_not_wait_for_a_process_that_has_ended(closed: int) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    said = probe("--wait", 60, *http_probe(closed, "/health"), MAINPID=str(ended.pid))
    assert said == (1, "not healthy: its process has ended")


def test_stable_means_still_there_after_a_while() -> None:
    assert probe("stable", "--seconds", 0.2, MAINPID=str(os.getpid())) == (0, "")
    with subprocess.Popen(["sleep", "0.1"]) as short:
        reaper = threading.Thread(target=short.wait)  # as systemd does
        reaper.start()
        code, said = probe("stable", "--seconds", 2, MAINPID=str(short.pid))
        reaper.join()
    assert (code, said.startswith("not healthy: ")) == (1, True)
    assert probe("stable", "--seconds", 0.2)[0] == 1


def test_every_service_of_the_catalogue_can_be_asked(closed: int) -> None:
    for service in catalogue().services:
        arguments = probe_arguments(service).split()
        if "--port" in arguments:
            arguments[arguments.index("--port") + 1] = str(closed)
        code, said = probe(*arguments)
        assert (code, said.startswith("not healthy: ")) == (1, True), service.name


def test_a_token_that_http_cannot_carry_is_not_shown(port: int) -> None:
    code, said = probe(
        "http", "--port", port, "--path", "/guarded", "--status", 200, "--auth", "T", T="se\ncret"
    )
    assert code == 1
    assert said == f"not healthy: GET :{port}/guarded: its token holds what HTTP cannot carry"
