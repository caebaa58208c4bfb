"""The end of a run whose gates were all passed: the release is good, old ones go."""

import shutil
from typing import Any

import history
import lock
import pending
import store
from common import RELEASES, run


def finish(marker: dict[str, Any]) -> None:
    """Make the release good and end the run. Each line may be the last that the host gets to, so the
    marker says first that all gates were passed: whoever finds it there only finishes."""
    pending.save(marker | {"passed": True})
    name, was = marker["id"], marker["was"]
    if "quantlab.target" in store.manifest(name)["enabled"]:  # not so in what was set up by hand
        run(["systemctl", "start", "quantlab.target"], what="quantlab.target")
    after = {"after": was} if marker["kind"] == "deploy" and was != name else {}
    store.mark(name, "good", **after)
    if gave_up := marker.get("gave_up"):
        history.ended(gave_up, "reverted", name, gave_up["why"])
    else:
        history.ended(marker, "good", name)
    pending.clear()
    lock.release(marker["run"])


def prune(active: str, keep: int) -> list[str]:
    """Remove all releases but the newest `keep` good ones, the one that a rollback would choose, the
    newest that failed (to look into), the active one and any that a process still runs from."""
    names = store.names()
    good = [name for name in names if store.is_good(name)]
    bad = [name for name in names if store.state(name).get("state") == "bad"]
    kept = {active, store.before(active), *good[-keep:], *bad[-1:], *store.in_use()}
    gone = [name for name in names if name not in kept]
    for name in gone:
        (RELEASES / name / "manifest.json").unlink()  # unfinished from now on, whatever happens
        shutil.rmtree(RELEASES / name)
    return gone
