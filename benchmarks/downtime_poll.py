"""Runs on a host: asks a port every 20 ms whether it answers HTTP, and writes each answer down."""

import json
import socket
import sys
import time
from pathlib import Path

port, result = int(sys.argv[1]), Path(sys.argv[2])
with result.open("w", buffering=1) as file:
    while True:
        at = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as wire:
                wire.sendall(b"GET /health HTTP/1.0\r\n\r\n")
                good = wire.recv(5) == b"HTTP/"
        except OSError:
            good = False
        file.write(json.dumps([at, good]) + "\n")
        time.sleep(max(0.0, at + 0.02 - time.monotonic()))
