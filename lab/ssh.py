"""Reaching a host as the deploy does: as an ordinary user, with its key known beforehand."""

import socket
import subprocess
import time
from collections.abc import Callable

from lab.errors import LabError
from lab.settings import SSH_USER
from lab.shell import last_words, poll, say
from lab.state import Host, Lab

_PATIENCE = 300  # a host with the whole stack on it boots until the last service is healthy
_UNREACHED = 255  # ssh's own failures; anything else is the remote command's status


def command(lab: Lab, host: Host, *remote: str) -> list[str]:
    """An `ssh` that uses the lab's key and known hosts, and nothing of the user's own."""
    options = {
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": lab.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "BatchMode": "yes",
        "ConnectTimeout": "5",
    }
    words = ["ssh", "-F", "/dev/null", "-i", lab.ssh_key]
    for name, value in options.items():
        words += ["-o", f'{name}="{value}"' if " " in value else f"{name}={value}"]
    return [*words, f"{lab.ssh_user}@{host.address}", *remote]


def ask(lab: Lab, host: Host, *remote: str) -> subprocess.CompletedProcess[bytes]:
    words = command(lab, host, *remote)
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"host {host.name}: `{' '.join(remote)}` did not end in {_PATIENCE} s; start it "
            f"afresh: `python -m lab reset {host.name}`"
        ) from error


def answered(lab: Lab, host: Host, *remote: str, alive: Callable[[], bool], seconds: float = 60) -> str:
    """What a command prints on a host that is still booting: asked until the host lets us in."""
    excuse = "it does not listen on port 22"
    for _ in poll(seconds):
        if not alive():
            raise LabError(f"host {host.name} went down while it was booting")
        if not _listens(host.address):
            continue
        done = ask(lab, host, *remote)
        if done.returncode != _UNREACHED:
            return done.stdout.decode(errors="replace").strip()
        excuse = last_words(done.stderr)
        if "Host key verification failed" in excuse:
            break
        time.sleep(0.1)
    raise LabError(f"host {host.name} ({host.address}) lets nobody in as {SSH_USER}: {excuse}")


def settled(lab: Lab, host: Host, alive: Callable[[], bool], *, bare: bool) -> None:
    """Wait until a host has finished booting. A bare one must have done so in full.

    On one that was deployed to, a failed unit is the deploy's affair: it is only told.
    """
    verdict = answered(lab, host, "systemctl is-system-running --wait", alive=alive)
    if verdict == "running":
        return
    units = answered(lab, host, "systemctl --failed --plain --no-legend", alive=alive)
    failed = ", ".join(line.split()[0] for line in units.splitlines() if line.split())
    finding = f"host {host.name} is {verdict or 'in no known state'} (failed: {failed or 'nothing'})"
    if bare:
        raise LabError(f"{finding}; see `journalctl -p warning` there")
    say(f"note: {finding}")


def _listens(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1):
            return True
    except OSError:
        return False
