"""A collector and a real S3 server on loopback, in one temporary folder, for tests and measurements."""

import gzip
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

COLLECTOR = Path(__file__).parents[1] / "collector.py"
RCLONE = os.environ.get("RCLONE_BIN", "rclone")

Updates = Counter[tuple[str, int]]  # how often S3 holds the update of a symbol with a number


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(what: str, ask: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what} (last: {answer})")
        time.sleep(0.02)


class Rig:
    def __init__(self, **settings: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="quantlab-")
        root = Path(self.folder.name)
        self.spool, self.bucket = root / "spool", root / "s3" / "compact"
        self.spool.mkdir()
        self.bucket.mkdir(parents=True)
        self.port, self.s3_port = free_port(), free_port()
        endpoint = f"http://127.0.0.1:{self.s3_port}"
        self.env = {
            "PATH": os.environ["PATH"], "LISTEN": "127.0.0.1", "PORT": str(self.port),
            "SPOOL_DIR": str(self.spool), "FEED_URL": "sim://market?seed=3&rate=200",
            "SEGMENT_SECONDS": "0.3", "BATCH_SECONDS": "0.02", "FEED_QUIET_SECONDS": "1",
            "S3_COMPACT_BUCKET": "compact", "S3_COMPACT_ENDPOINT": endpoint,
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", **settings,
        }  # fmt: skip
        self.client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1",
            aws_access_key_id="key", aws_secret_access_key="secret",  # noqa: S106 - of this rig only
            config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip
        self.collector: subprocess.Popen[bytes] | None = None
        self.s3: subprocess.Popen[bytes] | None = None
        self.log = (root / "collector.log").open("wb")

    def start_s3(self) -> None:
        address = f"127.0.0.1:{self.s3_port}"
        env = {"PATH": os.environ["PATH"], "HOME": self.folder.name, "RCLONE_AUTH_KEY": '"key,secret"'}
        command = [RCLONE, "serve", "s3", str(self.bucket.parent), "--addr", address]
        self.s3 = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
        until("S3 answers", self._s3_listens)

    def _s3_listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.s3_port)) == 0

    def start(self) -> None:
        command = [sys.executable, str(COLLECTOR)]
        self.collector = subprocess.Popen(command, env=self.env, stdout=self.log, stderr=self.log)

    def stop(self, process: subprocess.Popen[bytes] | None, signal: int) -> int:
        assert process is not None
        process.send_signal(signal)
        return process.wait(timeout=5)

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status 0 stands for a collector that is not there."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, {}

    def healthy(self) -> bool:
        return self.get("/health")[0] == 200

    def metric(self, name: str) -> int:
        return int(self.get("/metrics")[1].get(name, -1))

    def stored(self) -> Updates:
        """Everything in S3, read over its own interface."""
        found: Updates = Counter()
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="compact")
        for item in (item for page in pages for item in page.get("Contents", [])):
            symbol = item["Key"].split("symbol=")[1].split("/")[0]
            body = self.client.get_object(Bucket="compact", Key=item["Key"])["Body"].read()
            found.update((symbol, json.loads(line)["u"]) for line in gzip.decompress(body).splitlines())
        return found

    def drain(self) -> None:
        """Waits until S3 has all that lies in the spool now: each segment has its own patience."""
        waiting = sorted(path.stem for path in self.spool.iterdir())
        for name in waiting:
            until(f"segment {name} is in S3", lambda name=name: not list(self.spool.glob(f"{name}.*")), 120)

    def down(self) -> None:
        for process in (self.collector, self.s3):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.log.close()
        self.folder.cleanup()
