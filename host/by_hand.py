"""`sudo quantlab-rollback [RELEASE]`: back to a good release with nothing but this host."""

import os
import secrets
import socket
import sys

import activate
import lock
import pending
import revert
import store
from common import RELEASES, Failed


def rollback(arguments: list[str]) -> str:
    """Activate the release that is named, or the one before the live one. Raises Failed."""
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        raise Failed(f"usage: sudo quantlab-rollback [RELEASE]; good ones: {store.listed('good')}")
    names = store.names()
    if not names:
        raise Failed(f"no release in {RELEASES}: nothing was ever deployed here")
    live = store.live(store.manifest(names[-1])["code"])
    target = arguments[0] if arguments else store.before(live)
    if target is None:
        raise Failed(f"release {live} is live, and no good release is older")
    if not store.is_good(target):
        raise Failed(f"{target} is no good release of this host; good ones: {store.listed('good')}")
    store.whole(target)
    who = {
        "id": f"host-{secrets.token_hex(4)}",
        "by": f"{os.environ.get('SUDO_USER', 'root')}@{socket.gethostname()}",
        "reason": f"rollback to {target}",
    }
    lock.hold(who)
    print(f"release {live} is live; going back to {target}", file=sys.stderr)
    cause = {"kind": "rollback", "run": who["id"], "by": who["by"], "revert_after": 300}
    try:
        starts = activate.switch(target, cause)
    except BaseException:
        lock.release(who["id"])
        raise
    try:
        revert.bring_up(revert.SETTLE)
    except (Failed, OSError, KeyboardInterrupt) as failed:
        marker, why, blame = pending.read(), str(failed) or "interrupted", isinstance(failed, Failed)
        raise Failed(revert.give_up(marker, why, blame=blame) if marker else why) from None
    return f"release {target} is live, all services healthy ({len(starts)} restarted)"
