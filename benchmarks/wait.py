"""Waits until the machine is quiet: what hosts do while they boot is nobody's to pay for."""

import time
from pathlib import Path

_BUSY = 0.25  # the part of all cores that may be in use
_PATIENCE = 60


def busy() -> tuple[int, int]:
    """Ticks of work, and of everything, since this machine started."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def until_quiet(patience: float = _PATIENCE) -> bool:
    """Whether the machine became quiet for two seconds on end before the patience ended."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        before = busy()
        time.sleep(2)
        work, all_ = (now - then for now, then in zip(busy(), before, strict=True))
        if work < _BUSY * all_:
            return True
    return False
