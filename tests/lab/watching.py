"""Watchers that look for secret values while commands run: on the controller, and on a host as nobody."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab import leak_search
from tests.lab.machines import Machine

OPEN = ["/tmp", "/var/tmp", "/dev/shm"]  # noqa: S108
UNTIL = "/run/quantlab-watch-ends"


def told(
    do: str, host: Machine, user: str, values: dict[str, str], **request: Any
) -> "subprocess.Popen[str]":
    """Start the searcher on the host as a user. What it looks for goes over stdin alone."""
    program = json.dumps(Path(leak_search.__file__).read_text())
    boot = "import json,sys;exec(json.loads(sys.stdin.readline()))"
    ssh = [*host.ssh, f'sudo runuser -u {user} -- python3 -I -c "{boot}"']
    child = subprocess.Popen(ssh, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin
    child.stdin.write(f"{program}\n{json.dumps({'do': do, 'values': values, **request})}\n")
    child.stdin.flush()
    return child


@contextmanager
def watching(host: Machine, values: dict[str, str]) -> Iterator[dict[str, Any]]:
    """nobody on the host looks at all that nobody may see; what it was is there when the block has ended."""
    host.sh(f"rm -f {UNTIL}")
    seen: dict[str, Any] = {}
    folders = [*OPEN, "/etc", "/opt", "/run", "/var/log"]
    child = told("watch", host, "nobody", values, folders=folders, since=time.time(), until=UNTIL)
    try:
        yield seen
    finally:
        host.sh(f"touch {UNTIL}")
        out, _ = child.communicate(timeout=60)
        host.sh(f"rm -f {UNTIL}")
        seen |= json.loads(out)


class Tree:
    """Watches the processes that a test starts on the controller, and theirs."""

    def __init__(self, values: dict[str, str]) -> None:
        self.found: set[str] = set()
        self.seen: set[str] = set()
        self._sought = leak_search.needles(values)
        self._on = True
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Tree":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._on = False
        self._thread.join()

    def _watch(self) -> None:
        while self._on:
            ours = self._ours()
            self.seen |= ours
            for kind, content in leak_search.processes(("cmdline", "environ"), ours):
                self.found |= {f"{name} in {kind}" for name in leak_search.within(content, self._sought)}
            time.sleep(0.1)

    def _ours(self) -> set[str]:
        parents: dict[str, str] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            if text := leak_search.read(str(stat)).decode(errors="replace"):
                parents[stat.parent.name] = text.rsplit(")", 1)[1].split()[1]
        me = str(os.getpid())
        ours = {me}
        while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= more
        return ours - {me}
