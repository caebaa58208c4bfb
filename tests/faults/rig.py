"""One lab host and its controller: a run that can be disturbed when it begins a step."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.settings import named
from tests.faults.edition import Edition
from tests.lab.endstate import End, seen
from tests.lab.machines import BARE, CHECKOUT, ROOT, Machine

LAB = f"qf-{CHECKOUT}"
REVERT_AFTER = 10
_publishing = threading.Lock()
Disturb = Callable[[subprocess.Popen[str]], None]


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code and all that it said."""

    code: int
    text: str


class Rig:
    def __init__(self, position: int, folder: Path) -> None:
        self.host = Machine(position, LAB)
        self.edition = Edition(folder)
        self.random = random.Random(position)  # noqa: S311 (moments of faults, to be had again)
        self.count = 0
        self.commit = ""  # of the newest revision

    def env(self, **more: str) -> dict[str, str]:
        own = {"LAB": LAB, "LIMIT": self.host.name, "REVERT_AFTER": str(REVERT_AFTER)}
        return {**os.environ, **BARE, **own, "PYTHONUNBUFFERED": "1", **more}

    def run(self, file: str, step: str = "", disturb: Disturb | None = None, **env: str) -> Ended:
        """Run a deploy file; when it begins `step`, disturb it once."""
        child = subprocess.Popen(
            [str(ROOT / ".venv/bin/python"), "run.py", file],
            cwd=self.edition.root,
            env=self.env(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        lines: list[str] = []
        assert child.stdout
        for line in child.stdout:
            lines.append(line)
            if disturb and "operation: " in line and line.split("operation: ")[1].startswith(step):
                time.sleep(self.random.uniform(0, 0.3))
                disturb(child)
                disturb = None
        assert disturb is None, f"no step {step}:\n{''.join(lines)}"
        return Ended(child.wait(), "".join(lines))

    def deploy(self, revision: str = "") -> Ended:
        """A deploy that has to succeed."""
        ended = self.run("deploy.py", REV=revision)
        assert ended.code == 0, ended.text
        return ended

    def revision(self, **files: str) -> str:
        """A new edition, and a new branch on which every service has changed too; some files are as given
        ("/" is "__"). Returns the branch."""
        self.count += 1
        self.edition.turn(self.count)
        name = f"{self.host.name}-{self.count}"
        comment = {"core/lib/service.js": f"// {name}\n", "collector/collector.py": f"# {name}\n"}
        given = {path.replace("__", "/"): text for path, text in files.items()}
        remote = ROOT / ".lab" / LAB / "git" / "quantlab-backend.git"
        git = ["git", "-c", "safe.directory=*", "-c", "user.name=test", "-c", "user.email=test@example.com"]
        with _publishing, tempfile.TemporaryDirectory() as work:
            subprocess.run([*git, "clone", "-q", str(remote), work], check=True)
            for path, text in comment.items():
                with Path(work, path).open("a") as file:
                    file.write(text)
            for path, text in given.items():
                Path(work, path).write_text(text)
            subprocess.run([*git, "commit", "-qam", name], cwd=work, check=True)
            subprocess.run([*git, "push", "-qf", "origin", f"HEAD:refs/heads/{name}"], cwd=work, check=True)
            head = subprocess.run([*git, "rev-parse", "HEAD"], cwd=work, check=True, capture_output=True)
        self.commit = head.stdout.decode().strip()
        return name

    def kill(self, child: subprocess.Popen[str]) -> None:
        """End the controller as a crash would: all of its processes, at once, without a word."""
        os.killpg(child.pid, signal.SIGKILL)

    def cut(self, child: subprocess.Popen[str]) -> None:
        """Cut the host off from its controller, for longer than the dead-man switch waits."""
        address, table = self.host.address, f"fault-{self.host.name}"
        rules = f"""
        table ip {table} {{
            chain out {{ type filter hook output priority 0; ip daddr {address} drop; }}
            chain in {{ type filter hook input priority 0; ip saddr {address} drop; }}
        }}"""
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
        try:
            child.wait(60)  # it must notice by itself
            time.sleep(REVERT_AFTER)
        finally:
            subprocess.run(["nft", "delete", "table", "ip", table], check=True)

    def reboot(self, child: subprocess.Popen[str]) -> None:
        env = {**os.environ, "LAB": LAB}
        subprocess.run([sys.executable, "-m", "lab", "reboot", self.host.name], env=env, cwd=ROOT, check=True)

    def power_off(self, child: subprocess.Popen[str]) -> None:
        """The host ends from one moment to the next, and starts again."""
        keeper = (named(LAB, ROOT).records / f"{self.host.name}.pid").read_text().split()[0]
        os.kill(int(keeper), signal.SIGINT)
        time.sleep(1)
        env = {**os.environ, "LAB": LAB}
        subprocess.run([sys.executable, "-m", "lab", "up"], env=env, cwd=ROOT, check=True)

    def end(self, seconds: float = 120) -> End:
        """The host's state when nothing is under way on it any more."""
        limit = time.monotonic() + seconds
        time.sleep(2)  # what the host was told before may still be on its way
        while True:
            try:
                self.host.sh("flock --wait 60 /run/quantlab.mutex true")  # a step that goes on by itself
                found = seen(self.host)
            except (AssertionError, ValueError, subprocess.TimeoutExpired):
                found = None  # the host is restarting
            over = found and found.pending is None and "activating" not in found.busy
            if found and (over or time.monotonic() > limit):
                return found
            assert time.monotonic() < limit, f"{self.host.name} does not answer"
            time.sleep(1)

    def unlock(self) -> None:
        """A lock that a killed run has left would keep the next one out until its time is over."""
        command = [sys.executable, "-m", "operate", "unlock"]
        subprocess.run(command, cwd=ROOT, env=self.env(), check=True, capture_output=True)
