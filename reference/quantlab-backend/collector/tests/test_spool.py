"""Spool and compaction on their own: no process, no S3."""

# ruff: noqa: PT009, PT027 - unittest is the runner here, and its asserts tell what they saw

import gzip
import json
import resource
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from feed import Simulator, update_of
from spool import Spool, Update
from uploader import compact


def update(number: int, ms: int = 1_768_435_200_000, symbol: str = "btcusdt") -> Update:
    message = {"E": ms, "u": number, "s": symbol.upper(), "b": "1", "B": "2", "a": "3", "A": "4"}
    return update_of(message)


class SpoolTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def closed(self) -> str:
        (path,) = self.folder.glob("*.closed")
        return path.read_text()

    def test_half_a_line_is_cut_off_at_the_next_start(self) -> None:
        Spool(self.folder, 60).append([update(1), update(2)])
        (path,) = self.folder.iterdir()
        with path.open("a") as file:
            file.write('btcusdt {"ts":17684352')
        spool = Spool(self.folder, 60)
        self.assertEqual(
            self.closed(), "".join(f"{symbol} {line}\n" for symbol, line in [update(1), update(2)])
        )
        self.assertEqual(list(spool.pending.values()), [2])

    def test_an_empty_segment_leaves_nothing(self) -> None:
        (self.folder / "1.open").touch()
        self.assertEqual(Spool(self.folder, 60).pending, {})
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_waits_longest_for_s3_may_still_be_open(self) -> None:
        spool = Spool(self.folder, 60)
        self.assertIsNone(spool.oldest())
        spool.append([update(1)])
        (path,) = self.folder.glob("*.open")
        self.assertEqual(spool.oldest(), path)
        spool.close()
        spool.append([update(2)])
        closed = path.with_suffix(".closed")
        self.assertEqual(spool.oldest(), closed)
        spool.remove(closed)
        self.assertEqual([spool.oldest()], list(self.folder.glob("*.open")))

    def test_a_full_disk_keeps_nothing_of_the_batch_and_all_of_the_earlier_ones(self) -> None:
        spool = Spool(self.folder, 60)
        spool.append([update(1)])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
        try:
            with self.assertRaises(OSError):
                spool.append([update(number) for number in range(2, 9)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        self.assertIn("not writable", spool.problem or "")
        self.assertEqual(self.closed().count("\n"), 1)
        spool.append([update(number) for number in range(2, 9)])
        self.assertIsNone(spool.problem)
        self.assertEqual(spool.acknowledged["btcusdt"].last, 8)


class CompactTest(unittest.TestCase):
    def test_splits_by_symbol_and_day_in_order_and_once(self) -> None:
        midnight = 1_768_521_600_000
        twice = update(2, midnight - 1)
        segment = [update(3, midnight), twice, twice, update(1, midnight - 1)]
        segment.append(update(9, midnight, "ethusdt"))
        text = "".join(f"{symbol} {line}\n" for symbol, line in segment)
        objects = compact(text)
        root = "exchange=binance/stream=bbo/symbol="
        self.assertEqual(list(objects), [
            f"{root}btcusdt/date=20260115/{midnight - 1}-1-{midnight - 1}-2.ndjson.gz",
            f"{root}btcusdt/date=20260116/{midnight}-3-{midnight}-3.ndjson.gz",
            f"{root}ethusdt/date=20260116/{midnight}-9-{midnight}-9.ndjson.gz",
        ])  # fmt: skip
        first = gzip.decompress(next(iter(objects.values()))).splitlines()
        self.assertEqual([json.loads(line)["u"] for line in first], [1, 2])
        self.assertEqual(compact(text), objects, "a second try writes the same bytes")


class SimulatorTest(unittest.TestCase):
    def test_the_market_depends_on_its_seed_alone(self) -> None:
        def prices(seed: int) -> list[str]:
            (symbol,) = Simulator(["btcusdt"], seed, 10).symbols
            return [symbol.message(number, 0)["b"] for number in range(50)]

        self.assertEqual(prices(1), prices(1))
        self.assertNotEqual(prices(1), prices(2))
        self.assertGreater(len(set(prices(1))), 40)


if __name__ == "__main__":
    unittest.main()
