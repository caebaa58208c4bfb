"""Brings closed segments to S3, one after the other, and deletes each only when S3 has all of it."""

import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import log
from settings import Settings
from spool import Spool

Row = tuple[int, int, str]  # time, number, line


def compact(content: str) -> dict[str, bytes]:
    """The objects of a segment by key: split by symbol and day, in order, each update once.

    A pure function of the segment: a second try after a kill writes the same bytes to the same keys.
    """
    days: dict[tuple[str, str], set[Row]] = defaultdict(set)
    for entry in content.splitlines():
        symbol, line = entry.split(" ", 1)
        update = json.loads(line)
        date = datetime.fromtimestamp(update["ts"] / 1000, UTC).strftime("%Y%m%d")
        days[symbol, date].add((update["ts"], update["u"], line))
    objects = {}
    for (symbol, date), rows in sorted(days.items()):
        ordered = sorted(rows)
        first, last = ordered[0], ordered[-1]
        name = f"{first[0]}-{first[1]}-{last[0]}-{last[1]}.ndjson.gz"
        key = f"exchange=binance/stream=bbo/symbol={symbol}/date={date}/{name}"
        body = "".join(f"{line}\n" for _, _, line in ordered)
        objects[key] = gzip.compress(body.encode(), compresslevel=6, mtime=0)
    return objects


def client(settings: Settings) -> Any:
    # Imported here, in the uploader's own thread: it takes longer than all the rest of the start.
    import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from botocore.config import Config  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        region_name=settings.region,
        config=Config(
            connect_timeout=3,
            read_timeout=10,
            retries={"max_attempts": 1},  # the loop below is the retry, and it never gives up
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class Uploader:
    def __init__(self, settings: Settings, spool: Spool) -> None:
        self.settings = settings
        self.spool = spool
        self.uploaded = 0
        self.objects = 0
        self.problem: str | None = None

    def run(self, stop: Event) -> None:
        s3 = None
        wait = 0.1
        while not stop.is_set():
            path = self._oldest()
            if path is None:
                with self.spool.closed:
                    self.spool.closed.wait(0.2)
                continue
            try:
                s3 = s3 or client(self.settings)
                self._upload(s3, path)
                wait = 0.1
                if self.problem:
                    log.info("S3 takes data again")
                self.problem = None
            except Exception as error:  # whatever it is, the segment stays and is tried again
                reason = f"{type(error).__name__}: {error}"
                if not self.problem:
                    log.warn("upload failed; spooling on", segment=path.name, reason=reason)
                self.problem = reason
                stop.wait(wait)
                wait = min(wait * 2, 2.0)

    def _oldest(self) -> Path | None:
        with self.spool.closed:
            return min(self.spool.pending, default=None)

    def _upload(self, s3: Any, path: Path) -> None:
        count = self.spool.pending[path]
        try:
            objects = compact(path.read_text())
        except (ValueError, KeyError, FileNotFoundError) as error:
            # Trying again would not help, and would keep all later segments from S3.
            log.error("segment cannot be read; put aside", segment=path.name, reason=str(error))
            self.spool.put_aside(path)
            return
        for key, body in objects.items():
            s3.put_object(Bucket=self.settings.bucket, Key=key, Body=body)
            self.objects += 1
        self.spool.remove(path)
        self.uploaded += count
