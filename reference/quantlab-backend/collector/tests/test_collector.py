"""The collector as a process, with a real S3 that comes and goes."""

# ruff: noqa: PT009 - unittest is the runner here, and its asserts tell what they saw

import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from typing import Any

import loss
from rig import COLLECTOR, Rig, until


class CollectorTest(unittest.TestCase):
    def rig(self, **settings: str) -> Rig:
        rig = Rig(**settings)
        self.addCleanup(rig.down)
        return rig

    def test_names_every_setting_that_is_missing_or_wrong(self) -> None:
        env = {"PATH": os.environ["PATH"], "PORT": "seven", "FEED_URL": "wss://exchange"}
        command = [sys.executable, str(COLLECTOR)]
        ended: Any = subprocess.run(command, env=env, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 78)
        self.assertEqual(
            ended.stderr.strip(),
            "collector: cannot start: LISTEN is missing; PORT is not valid; SPOOL_DIR is missing; "
            "FEED_URL is not valid; S3_COMPACT_BUCKET is missing; S3_COMPACT_ENDPOINT is missing; "
            "AWS_ACCESS_KEY_ID is missing; AWS_SECRET_ACCESS_KEY is missing",
        )

    def test_without_s3_it_spools_on_and_catches_up(self) -> None:
        rig = self.rig()
        rig.start()
        until("healthy without S3", rig.healthy)
        until("the queue grows", lambda: rig.metric("queue_size") > 500)
        until("it says so", lambda: rig.get("/status")[1]["s3"] != "ok")
        self.assertTrue(rig.healthy())
        self.assertEqual(rig.metric("uploaded"), 0)
        promised = loss.acknowledged(rig)
        rig.start_s3()
        until("the queue is short again", lambda: 0 <= rig.metric("queue_size") < 400)
        until("it says so", lambda: rig.get("/status")[1]["s3"] == "ok")
        rig.drain()  # what was promised may be the last that is still queued
        stored = rig.stored()
        self.assertLessEqual(promised, stored.keys())
        self.assertEqual(set(stored.values()), {1})

    def test_is_unhealthy_while_the_spool_is_gone(self) -> None:
        rig = self.rig()
        rig.start()
        until("healthy", rig.healthy)
        shutil.rmtree(rig.spool)
        status, answer = rig.get("/health")
        self.assertEqual((status, answer["status"]), (503, "unhealthy"))
        self.assertIn("spool is not writable", answer["reason"])
        rig.spool.mkdir()
        until("healthy again", rig.healthy)

    def test_is_unhealthy_while_the_feed_is_silent(self) -> None:
        rig = self.rig(FEED_URL="sim://market?rate=0.01", FEED_QUIET_SECONDS="0.2")
        rig.start()
        status, answer = until("an answer", lambda: [x for x in [rig.get("/health")] if x[0]])[0]
        self.assertEqual(status, 503)
        self.assertIn("feed: no update", answer["reason"])

    def test_a_stop_is_quick_and_keeps_what_is_in_hand(self) -> None:
        rig = self.rig(SEGMENT_SECONDS="60")
        rig.start_s3()
        rig.start()
        until("updates are spooled", lambda: rig.metric("spooled") > 50)
        promised = loss.acknowledged(rig)
        began = time.monotonic()
        self.assertEqual(rig.stop(rig.collector, signal.SIGTERM), 0)
        self.assertLess(time.monotonic() - began, 1)
        rig.start()
        until("healthy", rig.healthy)
        until("the segment is in S3", lambda: not list(rig.spool.glob("*.closed")))
        self.assertLessEqual(promised, rig.stored().keys())

    def test_a_segment_that_makes_no_sense_does_not_block_the_others(self) -> None:
        rig = self.rig()
        rig.start_s3()
        (rig.spool / "1.closed").write_text("btcusdt {broken\n")
        (rig.spool / "2.closed").write_bytes(b"\xff\n")
        rig.start()
        until("later segments arrive", lambda: rig.metric("uploaded") > 0)
        self.assertEqual(sorted(path.name for path in rig.spool.glob("*.bad")), ["1.bad", "2.bad"])

    def test_an_endpoint_that_is_none_is_told_of_and_costs_no_update(self) -> None:
        rig = self.rig(S3_COMPACT_ENDPOINT="http://a b:c")
        rig.start()
        until("it says so", lambda: "Invalid endpoint" in rig.get("/status")[1].get("s3", ""))
        self.assertTrue(rig.healthy())
        until("the queue grows", lambda: rig.metric("queue_size") > 100)

    def test_kills_at_any_moment_lose_and_double_nothing(self) -> None:
        outcome = loss.run(kills=5)
        self.assertGreater(outcome.acknowledged, 500)
        self.assertEqual((outcome.lost, outcome.doubled), (0, 0))


if __name__ == "__main__":
    unittest.main()
