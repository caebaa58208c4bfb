"""A few market days in the lab's S3, so that replay, backtest and training work from the first minute."""

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

from lab.owner import Owner
from lab.settings import BACKEND, BUCKETS, IMAGE_CACHE, LOCKS, Settings
from lab.shell import locked, run, say, since


def load(settings: Settings, owner: Owner) -> None:
    """Put the days that are missing into the bucket's folder. A backend without a generator has none."""
    generator = settings.root / BACKEND / "tools" / "seed.py"
    if not generator.exists():
        return
    made = _made(generator, owner)
    bucket = owner.folder(settings.buckets / BUCKETS["compact"])
    for day in sorted(made.glob("*/*/*/*")):
        place = bucket / day.relative_to(made)
        if not place.exists():
            _copy(day, place, settings.data / "seed.part", owner)


def _made(generator: Path, owner: Owner) -> Path:
    """What the generator makes, made once on this machine for each of its versions."""
    digest = hashlib.sha256(generator.read_bytes()).hexdigest()[:12]
    cached = IMAGE_CACHE / f"seed-{digest}"
    with locked(LOCKS / "quantlab-lab.seed.lock"):
        if not cached.exists():
            start = time.monotonic()
            part = cached.with_suffix(".part")
            if part.exists():  # of a run that was killed
                shutil.rmtree(part)
            part.mkdir(parents=True)
            os.chown(part, *owner.ids)
            user = owner.ids if os.getuid() == 0 else None
            run(sys.executable, "-I", str(generator), str(part / "bucket"), user=user)
            (part / "bucket").rename(cached)
            part.rmdir()
            say(f"market days made in {since(start)} (cached as {cached})")
    return cached


def _copy(day: Path, place: Path, part: Path, owner: Owner) -> None:
    """Beside the bucket, then renamed: a day that is there is whole."""
    if part.exists():
        shutil.rmtree(part)
    shutil.copytree(day, part)
    for path in (part, *part.iterdir()):
        os.chown(path, *owner.ids)
    owner.folder(place.parent)
    part.rename(place)
