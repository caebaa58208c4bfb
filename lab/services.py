"""What stands outside the hosts, as in production: the git remote and S3, on the gateway."""

import os
import shutil
import socket
import sys
from ipaddress import IPv4Address
from pathlib import Path

from lab import process
from lab.errors import LabError
from lab.owner import Owner
from lab.settings import BUCKETS, GIT_PORT, S3_PORT, Settings
from lab.shell import poll, run


def start_git(settings: Settings, owner: Owner, gateway: IPv4Address) -> None:
    """`git daemon`, read-only. Started directly: the `git` in front would outlive its keeper."""
    daemon = Path(run("git", "--exec-path").strip()) / "git-daemon"
    command = [
        str(daemon), "--export-all", f"--base-path={settings.repository.parent}",
        f"--listen={gateway}", f"--port={GIT_PORT}", "--reuseaddr", "--informative-errors",
    ]  # fmt: skip
    # The repository belongs to the user; a daemon of that same user needs no further trust.
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null"}
    _start(settings, "git", command, owner, gateway, GIT_PORT, env)


def start_s3(settings: Settings, owner: Owner, gateway: IPv4Address, credentials: tuple[str, str]) -> None:
    """`rclone serve s3`. Without credentials it would let everybody in: never start it so."""
    if not all(credentials):
        raise LabError("the lab's S3 has no credentials: `python -m lab down`, then `up`")
    rclone = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if rclone is None:
        raise LabError("rclone is missing beside python: install requirements.txt (`make venv`)")
    for bucket in BUCKETS.values():
        owner.folder(settings.buckets / bucket)
    command = [
        rclone, "serve", "s3", str(settings.buckets), f"--addr={gateway}:{S3_PORT}",
        "--config=", "--cache-dir=/nonexistent", "--vfs-cache-mode=off",
    ]  # fmt: skip
    # In the environment, not among the arguments, which every user of this machine may read.
    env = {"PATH": os.environ["PATH"], "RCLONE_AUTH_KEY": '"{},{}"'.format(*credentials)}
    _start(settings, "s3", command, owner, gateway, S3_PORT, env)


def _start(
    settings: Settings,
    name: str,
    command: list[str],
    owner: Owner,
    gateway: IPv4Address,
    port: int,
    env: dict[str, str],
) -> None:
    """Start a service as the user unless it runs; return when it answers."""
    record, log = settings.records / f"{name}.pid", settings.records / f"{name}.log"
    if process.running(record) is not None:
        return
    if _answers(gateway, port):
        raise LabError(
            f"{gateway}:{port}, where the lab's {name} belongs, is held by another program: end it "
            f"(`ss -ltnp sport = :{port}` says which), then `python -m lab up`"
        )
    rights = ["setpriv", f"--reuid={owner.uid}", f"--regid={owner.gid}", "--clear-groups"]
    process.start(record, [*rights, "--pdeathsig=KILL", "--", *command], log=log, env=env)
    for _ in poll(10):
        if _answers(gateway, port) and process.running(record) is not None:
            return
        if process.running(record) is None:
            break
    raise LabError(f"the lab's {name} did not start on {gateway}:{port}: {process.tail(log)}")


def _answers(address: IPv4Address, port: int) -> bool:
    try:
        with socket.create_connection((str(address), port), timeout=1):
            return True
    except OSError:
        return False
