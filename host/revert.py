"""The ways back: after a failed gate, when nobody confirms in time, and at boot.

All go through the activation and the gates that a deploy goes through.
"""

from typing import Any

import activate
import finish
import history
import lock
import pending
import service
import store
from common import RELEASES, Failed

SETTLE = 2  # seconds that services must have stayed up, as in a deploy


def give_up(marker: dict[str, Any], why: str, *, blame: bool) -> str:
    """Take the host back to where an activation came from; the whole story for the operator.

    `blame`: it is the release's fault, so that nothing ever chooses it again by itself.
    """
    pending.spend()
    if marker.get("passed"):
        finish.finish(marker)
        return f"{why}\n  release {marker['id']} had passed all gates and is live"
    if "gave_up" in marker:
        return resume(marker, why)
    if blame:
        store.mark(marker["id"], "bad", why=why.splitlines()[0])
    if marker["from"] is None:
        history.ended(marker, "failed", marker["id"], why.splitlines()[0])
        lock.release(marker["run"])
        return (
            f"{why}\n  live now: release {marker['id']}, unfinished: later services were left as they were; "
            "there is no other good release to go back to\n"
            "  next: mend it and deploy again, or look: sudo journalctl -u 'quantlab-*' -n 50"
        )
    return resume(back(marker, why), why)


def back(marker: dict[str, Any], why: str) -> dict[str, Any]:
    """The marker of the way back from a given-up activation."""
    gave_up = {**marker, "why": why.splitlines()[0]}
    return {
        "id": marker["from"],
        "gave_up": gave_up,
        "kind": "revert",
        "run": marker["run"],
        "by": marker["by"],
        "revert_after": marker["revert_after"],
    }


def resume(way: dict[str, Any], why: str) -> str:
    """Go back, or go on with it: activate, start in order, each through its gate. When that fails, the
    dead-man switch stays wound and tries again: what was healthy once may be so again."""
    base, failed, began = way["id"], way["gave_up"]["id"], pending.uptime()
    cause = {key: way[key] for key in ("gave_up", "kind", "run", "by", "revert_after")}
    try:
        activate.switch(base, cause)
        bring_up(SETTLE)
    except (Failed, OSError) as second:
        history.ended(way["gave_up"], "broken", base, f"{way['gave_up']['why']}; going back: {second}")
        lock.release(way["run"])
        if marker := pending.read():
            pending.wind(marker)
        return (
            f"{why}\nBROKEN: going back to release {base} failed, too: {second}\n"
            f"  live now: release {base}, not healthy; the host tries again every {way['revert_after']:g} s\n"
            f"  next: look (sudo journalctl -u 'quantlab-*' -n 50), then deploy again or choose another\n"
            f"  release: sudo quantlab-rollback RELEASE; good ones: {store.listed('good')}"
        )
    return (
        f"{why}\n  went back in {pending.uptime() - began:.1f} s\n"
        f"  live now: release {base}, all services healthy; {failed} is kept for a look in "
        f"{RELEASES}\n  next: mend it and deploy again"
    )


def bring_up(seconds: float) -> None:
    """Start what the release under way still wants started, in order, each through its gate; see it stay
    up for so many seconds; finish. Raises Failed."""
    marker = pending.read()
    if marker is None:
        raise Failed("nothing is under way")
    services, failures = store.whole(marker["id"])["services"], []
    for one in services:
        if one["name"] in set(marker["starts"]) - set(marker["started"]):
            try:
                service.start(marker, one)
            except Failed as failed:
                if "gave_up" not in marker:
                    raise
                failures.append(str(failed))  # on the way back, all that can run shall run
    if failures:
        raise Failed("\n".join(failures))
    service.settle(marker, services, seconds)
    finish.finish(marker)


def deadman() -> str:
    """What the dead-man switch does when it fires: nobody has gone on with the run for too long."""
    marker = pending.read()
    if marker is None or marker["boot"] != pending.boot() or pending.uptime() < marker["deadline"] - 1:
        return "nothing to give up"  # wound up again, or ended, while we waited for our turn
    why = f"nobody went on within {marker['revert_after']:g} s: the controller or the network was lost"
    if "gave_up" in marker:
        why = f"going back to release {marker['id']} is not finished"
    return give_up(marker, why, blame=not store.is_good(marker["id"]))


def early_boot() -> str:
    """Before any service of ours starts: files, units and link of an unconfirmed release go back."""
    marker = pending.read()
    if marker is None or marker.get("passed") or not (marker["from"] or "gave_up" in marker):
        return "nothing to give up"
    if "gave_up" not in marker:
        if not store.is_good(marker["id"]):
            store.mark(marker["id"], "bad", why="the host restarted before it was confirmed")
        marker = back(marker, "the host restarted before the release was confirmed")
    cause = {key: marker[key] for key in ("gave_up", "kind", "run", "by", "revert_after")}
    activate.switch(marker["id"], cause)
    return f"the host restarted before a release was confirmed: release {marker['id']} is in place again"


def late_boot() -> str:
    """When all services had their turn at boot: prove the release that the host went back to."""
    marker = pending.read()
    if marker is None:
        return "nothing to finish"
    why = marker.get("gave_up", {}).get("why", "the host restarted before the release was confirmed")
    return give_up(marker, why, blame=False)
