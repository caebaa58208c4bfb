"""Asks a service whether it is healthy, as the catalogue says. Used by the unit itself and the gate.

Exit 0: healthy. Exit 1: not, with the reason on stderr. Tokens are read from the environment variable that
--auth names or, where an env file cannot carry them, from the file --auth-file: no process list shows them.
"""

import argparse
import os
import socket
import sys
import time
from pathlib import Path

POLL = 0.05  # seconds between two tries: short beside the time that any service needs to start


def http_reason(port: int, path: str, status: int, token: str | None) -> str | None:
    """None when a GET answers with the status, else why not."""
    import http.client  # it takes as long as all the rest of a step's start, and few steps ask

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        body = answer.read(300).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"GET :{port}{path}: {error}"
    except ValueError:  # whose words would show the token
        return f"GET :{port}{path}: its token holds what HTTP cannot carry"
    finally:
        connection.close()
    return None if answer.status == status else f"GET :{port}{path}: {answer.status} {body.strip()}"


def tcp_reason(port: int) -> str | None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=3).close()
    except OSError as error:
        return f"port {port}: {error}"
    return None


def token(options: argparse.Namespace) -> str | None:
    if options.auth_file:
        return Path(options.auth_file).read_text()
    return os.environ.get(options.auth, "") if options.auth else None


def is_there(pid: str) -> bool:
    """Asked by a signal that does nothing: /proc shows a unit's programs no process of another's."""
    try:
        os.kill(int(pid), 0)
    except (OSError, ValueError):  # gone (or its number is another user's by now), or none is named
        return False
    return True


def stable_reason(pid: str, seconds: float) -> str | None:
    """None when the process is still there after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_there(pid):
            return f"process {pid} ended within {seconds:g} s"
        time.sleep(POLL)
    return None


def ask(options: argparse.Namespace) -> str | None:
    if options.kind == "http":
        return http_reason(options.port, options.path, options.status, token(options))
    if options.kind == "tcp":
        return tcp_reason(options.port)
    return stable_reason(os.environ.get("MAINPID", ""), options.seconds)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wait", type=float, default=0, help="seconds to keep asking")
    parser.add_argument("kind", choices=["http", "tcp", "stable"])
    parser.add_argument("--port", type=int)
    parser.add_argument("--path")
    parser.add_argument("--status", type=int)
    parser.add_argument("--auth")
    parser.add_argument("--auth-file")
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    end = time.monotonic() + options.wait
    pid = os.environ.get("MAINPID")
    while reason := ask(options):
        gone = pid is not None and not is_there(pid)
        if gone or time.monotonic() >= end:
            print(f"not healthy: {'its process has ended' if gone else reason}", file=sys.stderr)
            return 1
        time.sleep(POLL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
