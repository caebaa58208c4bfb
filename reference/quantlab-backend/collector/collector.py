"""collector: takes market updates from a feed, keeps them in a spool and brings them to S3.

Three threads: one reads the feed into a queue, one writes the queue to the spool, one uploads. The
queue between feed and spool is short; when the spool cannot take more, new updates are counted as
dropped rather than held in memory, because only the spool is a promise.
"""

import os
import signal
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

import feed
import log
import settings as env
from spool import Spool, Update
from uploader import Uploader
from web import serve

QUEUE_LIMIT = 100_000


class Collector:
    def __init__(self, settings: env.Settings) -> None:
        self.settings = settings
        self.stop = threading.Event()
        self.feed = feed.connect(settings.feed_url, settings.feed_symbols)
        self.queue: SimpleQueue[Update] = SimpleQueue()
        self.spool = Spool(settings.spool_dir, settings.segment_seconds)
        self.uploader = Uploader(settings, self.spool)
        self.received = self.dropped = 0
        self.started = time.time()
        self.last_update = 0.0
        self.feed_seen = threading.Event()

    def read_feed(self) -> None:
        for message in self.feed.messages(self.stop):
            self.received += 1
            self.last_update = time.time()
            self.feed_seen.set()
            if self.queue.qsize() >= QUEUE_LIMIT:
                self.dropped += 1
            else:
                self.queue.put(feed.update_of(message))

    def write_spool(self) -> None:
        batch: list[Update] = []
        while not self.stop.is_set():
            self.stop.wait(self.settings.batch_seconds)
            batch += self._drain()
            try:
                if batch:
                    self.spool.append(batch)
                    batch = []
                if self.spool.due():
                    self.spool.close()
            except OSError as error:
                log.warn("cannot write the spool", reason=str(error))
                self.stop.wait(1)
        try:
            self.spool.append(batch + self._drain())
            self.spool.close()
        except OSError as error:
            log.warn("the last updates could not be spooled", reason=str(error))

    def _drain(self) -> list[Update]:
        found: list[Update] = []
        try:
            while len(found) < QUEUE_LIMIT:
                found.append(self.queue.get_nowait())
        except Empty:
            return found
        return found

    def problems(self) -> list[str]:
        self.feed_seen.wait(0.3)  # a probe right after the start waits for the first update
        found = [self.spool.problem] if self.spool.problem else []
        if not os.access(self.settings.spool_dir, os.W_OK):
            found.append("spool is not writable")
        quiet = time.time() - (self.last_update or self.started)
        if not self.last_update or quiet > self.settings.feed_quiet_seconds:
            found.append(f"feed: no update for {quiet:.1f} s")
        return found

    def health(self) -> tuple[int, dict[str, Any]]:
        problems = self.problems()
        status = "unhealthy" if problems else "ok"
        return (503 if problems else 200), {"status": status, "reason": "; ".join(problems) or None}

    def metrics(self) -> tuple[int, dict[str, Any]]:
        """queue_size: updates that are here and not yet in S3, in memory or in the spool."""
        with self.spool.closed:
            segments, spooled = len(self.spool.pending), sum(self.spool.pending.values())
        unspooled = self.queue.qsize()
        return 200, {
            "queue_size": unspooled + self.spool.open_count + spooled,
            "unspooled": unspooled,
            "segments_waiting": segments,
            "received": self.received,
            "dropped": self.dropped,
            "spooled": sum(seen.count for seen in self.spool.acknowledged.values()),
            "uploaded": self.uploader.uploaded,
            "objects": self.uploader.objects,
            "lag_seconds": round(self._lag(), 3),
        }

    def _lag(self) -> float:
        """The age of the oldest update that S3 does not have yet, by the name of its segment."""
        oldest = self.spool.oldest()
        return time.time() - int(oldest.stem) / 1e9 if oldest else 0.0

    def status(self) -> tuple[int, dict[str, Any]]:
        _, health = self.health()
        return 200, {
            **health,
            "s3": self.uploader.problem or "ok",
            "feed": self.settings.feed_url,
            "uptime_seconds": round(time.time() - self.started, 1),
            "acknowledged": {
                symbol: {"first": seen.first, "last": seen.last, "count": seen.count}
                for symbol, seen in list(self.spool.acknowledged.items())
            },
            "metrics": self.metrics()[1],
        }


def main() -> None:
    settings = env.read()
    try:
        collector = Collector(settings)
    except (OSError, ValueError) as error:
        print(f"collector: cannot start: spool or feed: {error}", file=sys.stderr)
        sys.exit(env.EX_CONFIG)
    answers = {
        "/health": collector.health,
        "/status": collector.status,
        "/metrics": collector.metrics,
    }
    try:
        server = serve(settings.listen, settings.port, answers)
    except OSError as error:
        where = f"{settings.listen}:{settings.port}"
        print(f"collector: cannot listen on {where}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: collector.stop.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=collector.read_feed, daemon=True).start()
    threading.Thread(target=collector.uploader.run, args=(collector.stop,), daemon=True).start()
    collector.write_spool()  # here, so that the process ends only after the last batch is safe
    log.info("collector stopped", waiting_for_s3=collector.metrics()[1]["queue_size"])
    # An upload may be on its way: it is repeated at the next start, so nobody waits for it now.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
