"""Makes market days, so that replay, backtest and training have something to read at once.

    python3 tools/seed.py FOLDER [--symbols btcusdt,ethusdt] [--from 20260115] [--days 3] [--rate 1]

FOLDER becomes what the bucket of market data holds: object keys are paths. The same arguments make the
same updates under the same names. A day that is there is left alone; one that is not appears whole.
"""

import argparse
import gzip
import random
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

DAY = 86_400
PRICES = {"btcusdt": 95_000.0, "ethusdt": 3_300.0}


def updates(symbol: str, day: datetime, rate: int) -> Iterator[tuple[int, int, str]]:
    """Time, number and line of each update: a random walk whose drift lasts, so that there is something
    to learn, and shows in the sizes."""
    chance = random.Random(f"{symbol}{day:%Y%m%d}").random  # noqa: S311 - a market, not a secret
    price, drift, begin = PRICES.get(symbol, 100.0), 0.0, int(day.timestamp())
    for number in range(begin * rate, (begin + DAY) * rate):
        noise = chance()
        drift = 0.98 * drift + (chance() - 0.5) * 4e-6
        price *= 1 + drift + (noise - 0.5) * 2e-5
        half = price * 1e-5 * (0.5 + noise)
        lean = max(-0.9, min(0.9, drift * 1e5))
        size = 1 + 4 * chance()
        ts = number * 1000 // rate
        yield (
            ts,
            number,
            (
                f'{{"ts":{ts},"u":{number},"b":"{price - half:.2f}","B":"{size * (1 + lean):.3f}",'
                f'"a":"{price + half:.2f}","A":"{size * (1 - lean):.3f}"}}\n'
            ),
        )


def write_day(folder: Path, symbol: str, day: datetime, rate: int, span: int) -> None:
    """One object for each `span` seconds, named as the collector names its own."""
    market = updates(symbol, day, rate)
    for _ in range(DAY // span):
        rows = [next(market) for _ in range(span * rate)]
        name = f"{rows[0][0]}-{rows[0][1]}-{rows[-1][0]}-{rows[-1][1]}.ndjson.gz"
        body = "".join(line for _, _, line in rows).encode()
        (folder / name).write_bytes(gzip.compress(body, compresslevel=6, mtime=0))


def seed(bucket: Path, symbols: list[str], days: list[datetime], rate: int, span: int) -> None:
    for symbol in symbols:
        for day in days:
            place = bucket / f"exchange=binance/stream=bbo/symbol={symbol}/date={day:%Y%m%d}"
            if place.exists():
                print(f"{symbol} {day:%Y%m%d}: is there already")
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            # Beside the bucket: nobody who reads it meets half a day.
            part = Path(tempfile.mkdtemp(prefix="seed-", dir=bucket.parent))
            try:
                write_day(part, symbol, day, rate, span)
                part.chmod(0o755)
                part.rename(place)
            finally:
                if part.exists():
                    shutil.rmtree(part)
            print(f"{symbol} {day:%Y%m%d}: {DAY * rate} updates written")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--symbols", default="btcusdt,ethusdt")
    parser.add_argument("--from", dest="first", default="20260115", metavar="YYYYMMDD")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--rate", type=int, default=1, help="updates of each symbol in a second")
    parser.add_argument("--span", type=int, default=3600, help="seconds of one object; divides a day")
    chosen = parser.parse_args()
    if min(chosen.days, chosen.rate, chosen.span) < 1 or DAY % chosen.span:
        parser.error("--days, --rate and --span are whole numbers from 1 up, --span divides 86400")
    try:
        first = datetime.strptime(chosen.first, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        parser.error("--from must be a day as YYYYMMDD")
    days = [first + timedelta(days=number) for number in range(chosen.days)]
    seed(chosen.folder, chosen.symbols.split(","), days, chosen.rate, chosen.span)


if __name__ == "__main__":
    main()
