"""Units: enabled, active, none failed, none too many; services without a port stay up; timers run."""

import time
from collections.abc import Callable

from stack.catalogue import Service, Timer
from stack.desired import Desired
from stack.pull import UNITS as PULL
from tests.verify.observed import Observed
from tests.verify.saying import journal, redeploy, require

Record = Callable[[str, object], None]


def test_enabled(where: Desired, seen: Observed, unit: str) -> None:
    state = seen.units[unit].get("UnitFileState") or seen.units[unit]["LoadState"]
    require(state == "enabled", where, unit, f"is {state}, not enabled", redeploy(where))


def test_guard(where: Desired, seen: Observed, guard: str) -> None:
    """What takes an unconfirmed release back at boot is in place."""
    state = seen.units[guard].get("UnitFileState")
    require(state == "enabled", where, guard, f"is {state}, not enabled", redeploy(where))


def test_active(where: Desired, seen: Observed, unit: str, record_testsuite_property: Record) -> None:
    now = seen.units[unit]
    record_testsuite_property(f"{where.host.name} {unit} NRestarts", now.get("NRestarts", "0"))
    state = f"{now['ActiveState']} ({now['SubState']}), result {now.get('Result', '-')}"
    require(now["ActiveState"] == "active", where, unit, f"is {state}", journal(where, unit))
    stale = now["NeedDaemonReload"] == "yes"
    require(not stale, where, unit, "systemd has an older version of it", "sudo systemctl daemon-reload")


def test_no_drop_ins(where: Desired, seen: Observed, unit: str) -> None:
    """A unit is what the catalogue says, whole: a drop-in can take its gate, its user, its sandbox away."""
    added = [path for path in seen.units[unit]["DropInPaths"].split() if not path.startswith("/usr/lib/")]
    then = f"on {where.host.name}: sudo systemctl revert {unit}"
    require(not added, where, unit, f"is changed by {', '.join(added)}", then)


def test_none_failed(where: Desired, seen: Observed) -> None:
    """Also of units that the catalogue no longer has."""
    text = seen.connection.output("systemctl list-units --failed --plain --no-legend --full 'quantlab*'")
    failed = [line.split()[0] for line in text.splitlines() if line.strip()]
    failed = [unit for unit in failed if unit not in PULL]  # its last tick says nothing of what is live
    then = journal(where, failed[0]) if failed else ""
    require(not failed, where, "units", f"failed: {', '.join(failed)}", then)


def test_none_too_many(where: Desired, seen: Observed) -> None:
    """A service is on the hosts of its role and on no other."""
    strange = sorted(seen.unit_files - set(seen.unit_names) - set(PULL))  # a host may pull or not
    then = f"sudo systemctl disable --now {' '.join(strange)}, then remove the files"
    require(not strange, where, "units", f"not of this host's roles: {', '.join(strange)}", then)


def test_stays_up(where: Desired, seen: Observed, stable: Service) -> None:
    """A service that no port can be asked of: the same process, for as long as the catalogue says."""
    unit, seconds = f"{stable.unit}.service", stable.health.stable or 0
    before = seen.units[unit]
    age = seen.monotonic - int(before["ExecMainStartTimestampMonotonic"]) / 1e6
    time.sleep(min(max(seconds - age, 0), seconds))
    now = seen.show()[unit]
    wrong = [] if now["MainPID"] not in ("0", "") else ["has no process"]
    if now["MainPID"] != before["MainPID"]:
        wrong.append(f"process {before['MainPID']} was replaced by {now['MainPID']} within {seconds:g} s")
    require(not wrong, where, stable.unit, "; ".join(wrong), journal(where, stable.unit))


def test_last_run(where: Desired, seen: Observed, timer: Timer) -> None:
    """The timer will run again, and its last run (if there was one) did not fail."""
    job, clock = seen.units[f"{timer.unit}.service"], seen.units[f"{timer.unit}.timer"]
    good = job["LoadState"] == "loaded" and job["Result"] == "success" and job["ActiveState"] != "failed"
    wrong = f"its last run: {job['LoadState']}, {job['ActiveState']}, result {job['Result']}"
    require(good, where, f"{timer.unit}.service", wrong, f"sudo tail -n 50 {timer.log}")
    waits = clock["SubState"] in ("waiting", "running")
    then = f"sudo systemctl restart {timer.unit}.timer"
    require(waits, where, f"{timer.unit}.timer", f"is {clock['SubState']}, not waiting", then)
