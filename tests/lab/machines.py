"""What the tests of the deploy run: what an operator runs, against a lab of their own."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from lab import state

ROOT = Path(__file__).resolve().parent.parent.parent
# Each checkout tests in labs of its own, so that two of them on one machine do not meet.
CHECKOUT = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
# Each of the processes that share the tests has a lab of its own, too.
NAME = f"qt-{CHECKOUT}{os.environ.get('PYTEST_XDIST_WORKER', '')}"


# What an operator's shell may hold must not reach the tests.
UNSET = ("REV", "PLAN", "LIMIT", "TO", "ADOPT", "REASON", "AGAINST", "PREFLIGHT", "APPROVED")
BARE = {"LAB": NAME, "ENV": "lab", **dict.fromkeys(UNSET, "")}


@dataclass(frozen=True)
class Result:
    code: int
    text: str


def run(*command: str, stdin: str = "", **env: str) -> Result:
    """Run a command in the project as an operator would, against this test's lab."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **BARE, **env},
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    return Result(done.returncode, done.stdout)


def disturbed(step: str, signal: int, again: str = "", **env: str) -> Result:
    """A deploy whose whole process group gets a signal when it begins a step, `again` when it says so."""
    command = (sys.executable, "run.py", "deploy.py")
    return cut_off(f"operation: {step}", signal, *command, again=again, **env)


def cut_off(at: str, signal: int, *command: str, again: str = "", **env: str) -> Result:
    """A command whose whole process group gets a signal once it has printed a text, and another after the
    text `again`; one that does not print it is ended after a while."""
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **BARE, "PYTHONUNBUFFERED": "1", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert child.stdout
    lines = []
    impatience = threading.Timer(300, child.kill)
    impatience.start()
    for line in child.stdout:
        lines.append(line)
        if at in line:
            time.sleep(0.2)  # until what it announces is on its way
            os.killpg(child.pid, signal)
            if not again:
                break
            at, again = again, ""
    rest, _ = child.communicate(timeout=120)
    impatience.cancel()
    return Result(child.returncode, "".join(lines) + rest)


def deploy(**env: str) -> Result:
    return run(sys.executable, "run.py", "deploy.py", **env)


def verify(**env: str) -> Result:
    return run(sys.executable, "-m", "pytest", "tests/verify", "-q", "-p", "no:cacheprovider", **env)


def lab(*arguments: str) -> None:
    done = run(sys.executable, "-m", "lab", *arguments)
    assert done.code == 0, done.text


class Machine:
    """A host by another route than the code under test: plain ssh as the admin."""

    def __init__(self, position: int, lab: str = NAME) -> None:
        running = state.read(ROOT, lab)
        host = running.hosts[position]
        self.name, self.address = host.name, host.address
        self.ssh = ["ssh", "-i", running.ssh_key, "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]
        self.ssh += ["-o", f"UserKnownHostsFile={running.known_hosts}", f"{running.ssh_user}@{host.address}"]

    def sh(self, script: str, check: bool = True) -> str:
        """Run a script as root on the host; its output."""
        done = subprocess.run(
            [*self.ssh, "sudo", "sh", "-s"], input=script, capture_output=True, text=True, timeout=120
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def pids(self) -> dict[str, str]:
        """The main process of each of our services."""
        text = self.sh("systemctl show -p Id,MainPID 'quantlab-*.service'")
        rows = (dict(line.split("=", 1) for line in block.splitlines()) for block in text.split("\n\n"))
        return {row["Id"]: row["MainPID"] for row in rows}


def tick(host: Machine) -> Result:
    """What `systemctl start quantlab-pull` ends with, and what the journal has on it."""
    code = host.sh("systemctl start quantlab-pull; systemctl show -p ExecMainStatus --value quantlab-pull")
    state = host.sh("systemctl is-failed quantlab-pull", check=False)
    assert (state == "failed") == (code == "1"), (state, code)
    unit = "_SYSTEMD_INVOCATION_ID=$(systemctl show -p InvocationID --value quantlab-pull)"
    return Result(int(code), host.sh(f"journalctl --sync; journalctl -o cat --no-pager {unit}"))
