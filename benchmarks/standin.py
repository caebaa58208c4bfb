#!/usr/bin/python3 -I
"""Stands in for node and npm where there are too many hosts for this machine: it answers, and no more.

The lab's copy of it lies at /usr/bin/node and /usr/bin/npm; installing dependencies is nothing to do for it.
"""

import os
import socket
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


def serve() -> None:
    if "PORT" not in os.environ:
        time.sleep(10**9)
    listener = socket.create_server((os.environ.get("LISTEN", "127.0.0.1"), int(os.environ["PORT"])))
    while True:
        caller, _ = listener.accept()
        with caller:
            caller.settimeout(1)
            try:
                caller.recv(65536)
                caller.sendall(ANSWER)
            except OSError:
                continue  # the caller has gone


if __name__ == "__main__":
    if "--version" in sys.argv:
        print("v0-stand-in")
    elif "ci" not in sys.argv:
        serve()
