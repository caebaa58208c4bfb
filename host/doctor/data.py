"""Causes that lie in the data: is it collected, does it reach S3, is it there to be replayed?"""

import datetime
import time
from typing import Any

import fetch
import look
from common import Failed

from doctor import s3
from doctor.kinds import Evidence
from doctor.observed import Observed, Program

ROOT = "exchange=binance/stream=bbo/"


def lag_limit(seen: Observed, program: Program) -> float:
    """How old an update may get before it reaches S3: a few segments."""
    return 3 * float(seen.env(program).get("SEGMENT_SECONDS") or 10) + 10


def metrics(program: Program) -> dict[str, Any]:
    found: dict[str, Any] = fetch.get(program.told, "/metrics", {})
    return found


def collecting(seen: Observed) -> list[Program | None]:
    """The collector, if what it takes does not get to S3 in time."""
    program = seen.here("collector")
    if program is None or program.name in seen.ill:
        return []
    deadline = time.monotonic() + 3  # one failed upload is tried again
    try:
        while fetch.get(program.told, "/status", {}).get("s3", "ok") != "ok":
            if time.monotonic() > deadline:
                return [program]
            time.sleep(0.5)
        return [program] if float(metrics(program)["lag_seconds"]) > lag_limit(seen, program) else []
    except (Failed, KeyError, TypeError, ValueError):  # it does not say: its health is all there is
        return []


def slow(seen: Observed, program: Program) -> Evidence | None:
    told = metrics(program)
    if told["lag_seconds"] <= lag_limit(seen, program):
        return None
    return Evidence(
        f"{told['queue_size']} updates wait, the oldest for {told['lag_seconds']:.0f} s, and S3 answers"
    )


def refused(seen: Observed, program: Program) -> Evidence | None:
    said = fetch.get(program.told, "/status", {}).get("s3", "ok")
    return Evidence(str(said)) if said != "ok" else None


def symbols(seen: Observed) -> list[str]:
    """What the programs of this host are told to follow."""
    told = [seen.env(one).get("FEED_SYMBOLS", "") for one in seen.services]
    return sorted({name.strip().lower() for text in told for name in text.split(",") if name.strip()})


def replaying(seen: Observed) -> list[Program | None]:
    """replayd, if it is here and the collector has had the time to write something."""
    program, collector = seen.here("replayd"), seen.here("collector")
    if program is None or program.name in seen.ill:
        return []
    young = (
        collector is not None
        and collector.name not in seen.ill
        and seen.age(collector) < lag_limit(seen, collector)
    )
    return [] if young else [program]


def no_data(seen: Observed, program: Program) -> Evidence | None:
    """A symbol that is followed and has no day at all; which days there are."""
    target = s3.target(seen.env(program))
    if target is None or s3.verdict(target):
        return None
    there = {name: s3.folders(target, f"{ROOT}symbol={name}/") for name in s3.folders(target, ROOT)}
    wanted = symbols(seen)
    empty = [name for name in wanted if not there.get(name)] if wanted else [] if there else [""]
    if not empty:
        return None
    names = " and ".join(f"{ROOT}symbol={name}/" if name else ROOT for name in empty)
    days = [f"{name} {span(dates)}" for name, dates in sorted(there.items()) if dates]
    text = f"bucket {target.bucket} has nothing under {names}; there is: {', '.join(days) or 'nothing'}"
    if seen.edited(program, "S3_COMPACT_BUCKET"):
        return Evidence(
            f"{text}; S3_COMPACT_BUCKET in {program.env_file} was changed by hand", mend="make deploy"
        )
    return Evidence(text)


def span(dates: list[str]) -> str:
    return dates[0] if len(dates) == 1 else f"{min(dates)} to {max(dates)} ({len(dates)} days)"


def failed_jobs(seen: Observed) -> list[Program | None]:
    return [job for job in seen.jobs if seen.units[job.unit]["Result"] != "success"]


def day_of(seen: Observed, program: Program) -> str:
    """The day that the job was to work on when it last ran: the one before."""
    _, began, *_ = seen.units[program.unit]["ExecMainStartTimestamp"].split()
    return f"{datetime.date.fromisoformat(began) - datetime.timedelta(days=1):%Y%m%d}"


def day_missing(seen: Observed, program: Program) -> Evidence | None:
    """The day has no data of the job's symbol."""
    target, symbol = s3.target(seen.env(program)), seen.env(program).get("ML_SYMBOL")
    if target is None or not symbol or s3.verdict(target):
        return None
    dates, day = s3.folders(target, f"{ROOT}symbol={symbol}/"), day_of(seen, program)
    if day in dates:
        return None
    there = f"there is: {span(dates)}" if dates else "there is none at all"
    today = f"{datetime.datetime.now(datetime.UTC):%Y%m%d}"
    whole = max((date for date in dates if date < today), default="YYYYMMDD")
    return Evidence(f"{symbol} has no data of {day}; {there}", words={"symbol": symbol, "day": whole})


def job_failed(seen: Observed, program: Program) -> Evidence | None:
    tail = look.output("tail", "-n", "3", program.told["log"]).splitlines()
    said = "\n".join([f"{seen.units[program.unit]['Result']}; the end of {program.told['log']}:", *tail])
    words = {"symbol": seen.env(program).get("ML_SYMBOL", ""), "day": day_of(seen, program)}
    return Evidence(said, words=words)
