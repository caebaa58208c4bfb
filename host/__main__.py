"""What runs on a host: `python3 -I /usr/local/lib/quantlab VERB`.

Installed by the deploy, standard library only. The controller's verbs get a request as JSON on stdin:
it may hold secrets, which therefore stand in no process list, and are never printed.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import activate
import adopt
import by_hand
import control
import fetch
import job
import lock
import logs
import prepare
import pulling
import reunion
import revert
import status
import steps
from common import Failed

# Each renews its run's lock first; a failure that left nothing to give up returns it.
OF_A_RUN: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "take": steps.take,
    "adopt": adopt.adopt,
    "prepare": prepare.prepare,
    "activate": activate.activate,
    "start": steps.start,
    "confirm": steps.confirm,
}
# These change nothing, and so wait for nobody.
READ: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "fetch": fetch.fetch,
    "history": steps.past,
    "pull-look": pulling.glance,
    "reunion": reunion.reunion,
    "runs": fetch.runs,
    "status": status.status,
}
OTHERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "abort": steps.abort,
    "record": steps.record,
    "control": control.control,
    "lock": steps.keep_out,
    "pull-off": pulling.off,
    "pull-on": pulling.set_up,
    "unlock": steps.unlock,
}
# These say what they have to say as it comes, and end with an exit code of their own.
STREAMS: dict[str, Callable[[dict[str, Any]], int]] = {"job": job.job, "logs": logs.logs}
ALONE: dict[str, Callable[[], str]] = {
    "deadman": revert.deadman,
    "early-boot": revert.early_boot,
    "late-boot": revert.late_boot,
    "rollback": lambda: by_hand.rollback(sys.argv[2:]),
}


def act(verb: str) -> str:
    if verb in ALONE:
        return ALONE[verb]()
    if verb not in OTHERS | OF_A_RUN:
        raise Failed(f"the programs on this host do not know '{verb}': deploy first, to renew them")
    request = json.loads(sys.stdin.readline())
    if verb in OTHERS:
        return json.dumps(OTHERS[verb](request))
    lock.hold(request["run"])
    try:
        answer = OF_A_RUN[verb](request)
    except BaseException:
        lock.release(request["run"]["id"])
        raise
    if verb != "confirm":
        lock.hold(request["run"])  # time runs from the end of a step
    return json.dumps(answer)


def main() -> int:
    os.umask(0o022)  # some hosts give their admins another, and releases must be readable
    try:
        if sys.argv[1] in STREAMS:
            return STREAMS[sys.argv[1]](json.loads(sys.stdin.readline()))
        if sys.argv[1] in READ:
            print(json.dumps(READ[sys.argv[1]](json.loads(sys.stdin.readline()))))
            return 0
        with lock.alone():
            print(act(sys.argv[1]))
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: `make status` says what is live", file=sys.stderr)
        return 130
    except OSError as error:  # a full disk, say; what had begun is given up, or was put back, by now
        print(f"{sys.argv[1]}: {error}\n  next: mend that; `make status` says what is live", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
