"""What happened on this host, one line of JSON for each deploy, rollback and refusal, oldest first."""

import contextlib
import json
import os
import time
from typing import Any

import store
from common import STATE
from pending import boot, uptime

HISTORY = STATE / "history.jsonl"


def add(entry: dict[str, Any]) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with HISTORY.open("a+") as file:
        cut = file.tell() and not HISTORY.read_bytes().endswith(b"\n")  # by a crash
        file.write("\n" * cut + json.dumps({"at": at} | entry) + "\n")
        file.flush()
        os.fsync(file.fileno())


def last(count: int) -> list[dict[str, Any]]:
    """The newest entries, oldest of them first; a line that a crash cut short is left out."""
    found: list[dict[str, Any]] = []
    for line in HISTORY.read_text().splitlines()[-count:] if HISTORY.exists() else []:
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def ended(marker: dict[str, Any], outcome: str, live: str | None, why: str = "") -> None:
    """Record how an activation ended (good, reverted, broken or failed), once."""
    if any(line["run"] == marker["run"] and line["outcome"] == outcome for line in last(1)):
        return  # the host was cut off between this line and the end of the run
    target, origin = store.manifest(marker["id"]), store.manifest(marker["was"])
    add(
        {
            "kind": marker["kind"],
            "by": marker["by"],
            "run": marker["run"],
            "from": marker["was"],
            "to": marker["id"],
            "commits": [origin.get("commit"), target.get("commit")],
            "subjects": target.get("subjects", []) if marker["kind"] == "deploy" else [],
            "outcome": outcome,
            "why": why,
            "live": live,
            "seconds": round(uptime() - marker["began"], 1) if marker["boot"] == boot() else None,
            "healthy": {name: one["seconds"] for name, one in marker["started"].items()},
        }
    )
