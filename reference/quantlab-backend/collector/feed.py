"""Where best bid/offer updates come from.

A feed is what an exchange's websocket would be: an endless iterator of messages in the exchange's own
book-ticker form. The simulator computes each message from its number and a seed alone. Numbers follow
the clock, so that a restarted collector meets a market that went on without it, as it would in reality,
and never the same update again.
"""

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

Message = dict[str, Any]

START_PRICES = {"btcusdt": 95_000.0, "ethusdt": 3_300.0}
WAVES = (7, 61, 433, 2711, 19_937)  # periods in updates: swings from seconds to hours


@dataclass(frozen=True)
class Symbol:
    name: str
    price: float
    phases: tuple[float, ...]
    salt: int

    @classmethod
    def seeded(cls, name: str, seed: int) -> "Symbol":
        chance = random.Random(f"{seed}:{name}")  # noqa: S311 - a market, not a secret
        price = START_PRICES.get(name, chance.uniform(1, 1000))
        phases = tuple(chance.uniform(0, math.tau) for _ in WAVES)
        return cls(name, price, phases, chance.getrandbits(32))

    def message(self, number: int, ms: int) -> Message:
        swing = sum(
            math.sin(math.tau * (number % period) / period + phase) * math.sqrt(period)
            for period, phase in zip(WAVES, self.phases, strict=True)
        )
        noise = ((number ^ self.salt) * 2_654_435_761 % 2**32) / 2**32
        mid = self.price * (1 + swing * 2e-5 + (noise - 0.5) * 1e-5)
        half = self.price * 1e-5 * (1 + noise)
        return {
            "E": ms, "u": number, "s": self.name.upper(),
            "b": f"{mid - half:.2f}", "B": f"{0.1 + 5 * noise:.3f}",
            "a": f"{mid + half:.2f}", "A": f"{0.1 + 5 * (1 - noise):.3f}",
        }  # fmt: skip


class Simulator:
    """rate: updates of each symbol in a second."""

    def __init__(self, symbols: list[str], seed: int, rate: float) -> None:
        self.symbols = [Symbol.seeded(name, seed) for name in symbols]
        self.rate = rate

    def messages(self, stop: Event) -> Iterator[Message]:
        number = int(time.time() * self.rate)
        while not stop.is_set():
            due = int(time.time() * self.rate)
            while number < due:
                number += 1
                ms = int(number * 1000 / self.rate)
                for symbol in self.symbols:
                    yield symbol.message(number, ms)
            stop.wait(min(0.02, 1 / self.rate))


def connect(url: str, symbols: list[str]) -> Simulator:
    query = parse_qs(urlsplit(url).query)
    seed = int(query.get("seed", ["1"])[0])
    rate = float(query.get("rate", ["10"])[0])
    if not rate > 0:
        raise ValueError("the rate must be above 0")
    return Simulator(symbols, seed, rate)


def update_of(message: Message) -> tuple[str, str]:
    """The symbol, and the line that the spool and S3 keep: time and number first, for quick reading."""
    line = (
        f'{{"ts":{message["E"]},"u":{message["u"]},"b":"{message["b"]}","B":"{message["B"]}",'
        f'"a":"{message["a"]}","A":"{message["A"]}"}}'
    )
    return message["s"].lower(), line
