"""One tick of a host that pulls: bring this host to the approved release, if there is anything to do.

quantlab-pull.service runs it. Ends with 0: the approved release is live; 1: it failed, or an operator must
decide; 75: not now, the next tick tries again.
"""

import json
import os
import socket
import subprocess
import sys
from typing import Any

from facts.revision import resolve
from stack.desired import LOCAL, Desired, digest, download_env, load
from stack.errors import Refused
from stack.revision import Revision
from stack.site import ROOT
from stack.site import load as load_site
from stack.tick import LATER, elsewhere, judge
from stack.transport import installed


def main() -> int:
    itself = json.loads((ROOT / "self.json").read_text())
    os.environ |= {"ENV": itself["env"], "QUANTLAB_SELF": itself["host"]}
    try:
        site = load_site()
        name = site.settings.approved or site.settings.branch
        os.environ |= download_env(site.settings.network) | {
            "QUANTLAB_GIT_AS": site.catalogue.user,
            "REV": name,
        }
        os.environ |= {"QUANTLAB_BY": f"pull@{itself['host']}", "REASON": f"pull of {name}"}
        return tick(load()[LOCAL], resolve(site.settings))
    except Refused as refused:
        print("\n".join(f"refused: {reason}" for reason in refused.reasons))
        return 1


def tick(wanted: Desired, revision: Revision) -> int:
    seen = ask("pull-look", code=wanted.site.catalogue.code, files=list(wanted.programs))
    lost = [what for what, address, port in elsewhere(wanted) if not answers(address, port)]
    if no := judge(wanted, revision, seen, lost):
        live = f"release {seen['live']}" if seen["live"] else "nothing"
        print(f"{no.why}\n  live now: {live}\n  next: {no.next}")
        if no.code != LATER:
            note(seen, no.why)
        return no.code
    deploy = [sys.executable, "-m", "pyinfra", "-y", LOCAL, "deploy.py"]
    if subprocess.run(deploy, env={**os.environ, "PYINFRA_PROGRESS": "off"}).returncode:
        after = ask("pull-look", code=wanted.site.catalogue.code, files=[])
        return LATER if after["lock"] else 1  # somebody was quicker
    pulled = digest(revision.commit, wanted.files)
    (ROOT.parent / "settled.json").write_text(json.dumps({"digest": pulled}))
    print(f"{revision.name} ({revision.commit[:7]}) is live")
    return 0


def ask(verb: str, **request: Any) -> Any:
    """A verb of the programs on this host."""
    command, told = ["sh", "-c", installed(verb)], json.dumps(request)
    done = subprocess.run(command, input=told, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Refused("the programs of this host are damaged or of another version: type make pull")
    return json.loads(done.stdout)


def note(seen: dict[str, Any], why: str) -> None:
    """Say it in the host's history: once, not with every tick."""
    if seen["last"].get("why") != why:
        who = {"id": "tick", "by": os.environ["QUANTLAB_BY"]}
        ask("record", run=who, kind="deploy", code=load_site().catalogue.code, why=why)


def answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
