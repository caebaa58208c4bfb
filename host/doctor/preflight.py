"""Can a deploy succeed? The doctor's probes, asked with what is wanted instead of what is there."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lock
import source
import steps
import store

from doctor import s3
from doctor.neighbours import git_lost
from doctor.observed import variables
from doctor.table import CAUSES


def answer(request: dict[str, Any]) -> list[str]:
    """One line for each reason why not. `late`: the run has begun; it is ended here."""
    found = [line for verdict in verdicts(request) for line in told(*verdict)]
    if found and request["late"]:
        if store.live(request["code"]):
            with lock.alone():
                steps.record(request["record"] | {"code": request["code"], "why": "; ".join(found)})
        sys.exit("\n".join([*found, request["override"]]))
    return found


def verdicts(request: dict[str, Any]) -> list[s3.Verdict]:
    """S3 as each service would reach it; the code's remote, if a commit must come from there."""
    targets = [s3.target(variables(text)) for text in request["env"]]
    wanted = list(dict.fromkeys(target for target in targets if target))
    fetch = request["fetch"]
    with ThreadPoolExecutor(8) as pool:
        git = pool.submit(lambda: git_lost(fetch) if fetch and not source.has_commit(fetch) else None)
        found = [verdict for verdict in pool.map(s3.verdict, wanted) if verdict]
        lost = git.result()
    return found + ([("git", lost)] if lost else [])


def told(cause: str, evidence: str) -> list[str]:
    return [f"{CAUSES[cause].means}: {evidence}", f"  next: {CAUSES[cause].mend}"]
