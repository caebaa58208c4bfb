"""The lab that is measured on. Odd hosts are ours, even ones the peers', who all make the same end state."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import wait
from lab import settings, ssh, state
from stack.site import ROOT

NAME = os.environ.get("LAB") or "bench"
LIGHT_FROM = 20  # hosts per side, from which on this machine would not hold the services themselves
STAND_IN = Path(__file__).with_name("standin.py")
SIDES = ("ours", "peers")
_BATCH = 10  # hosts that boot at the same time


def lab(*words: str) -> None:
    """The lab's own command, quietly."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", *words],
        cwd=ROOT,
        env={**os.environ, "LAB": NAME},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"bench: lab {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")


def running() -> state.Lab:
    return state.read(ROOT, NAME)


def members(side: str, size: int) -> list[state.Host]:
    """The first hosts of a side."""
    return list(running().hosts[SIDES.index(side) :: 2][:size])


def on_host(host: state.Host, script: str) -> str:
    """Run a script as root, by plain ssh; its output."""
    words = ssh.command(running(), host, "sudo", "sh", "-eu", "-s")
    done = subprocess.run(words, input=script, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {host.name}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def folder() -> Path:
    """What a run needs beside the lab: hosts, files for the peers. It goes with the lab."""
    place = settings.named(NAME, ROOT).files / "bench"
    place.mkdir(mode=0o700, exist_ok=True)
    return place


@dataclass(frozen=True)
class Base:
    """A host with packages and certificates, from which every fresh one is made."""

    light: bool

    @property
    def label(self) -> str:
        return "light" if self.light else "packages"

    def ensure(self, packages: Sequence[str], certificates: list[Path]) -> None:
        """Make the snapshot on the first host, once in a lab's life."""
        first = running().hosts[0]
        kept = settings.named(NAME, ROOT).hosts / first.name / "snapshots" / self.label
        if kept.exists():
            return
        lab("reset", first.name)
        words = shlex.join([*packages, "python3-apt"])  # which ansible's module for apt cannot do without
        # sshd then tells of each command that it was asked for: they are counted there, for everybody alike.
        lines = ["echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/bench.conf"]
        for file in certificates:
            place = f"/usr/local/share/ca-certificates/quantlab-{file.stem}.crt"
            lines.append(f"cat >{place} <<'EOF'\n{file.read_text().rstrip()}\nEOF")
        lines += [
            "update-ca-certificates >/dev/null",
            "export DEBIAN_FRONTEND=noninteractive",
            "apt-get update -qq",
            f"apt-get install -y -qq --no-install-recommends {words} >/dev/null 2>&1",
            "apt-get clean",
        ]
        if self.light:
            for place in ("/usr/bin/node", "/usr/bin/npm"):
                lines += [f"rm {place}", f"cat >{place} <<'EOF'\n{STAND_IN.read_text().rstrip()}\nEOF"]
                lines.append(f"chmod 755 {place}")
        on_host(first, "\n".join(lines))
        lab("snapshot", first.name, self.label)

    def fresh(self, hosts: list[state.Host]) -> None:
        """Bring hosts back to where nothing was deployed yet."""
        clone(hosts, self.label, running().hosts[0])


def clone(hosts: list[state.Host], label: str, of: state.Host) -> None:
    """Make hosts anew from a snapshot, a few at a time, and wait until this machine is quiet again."""
    for begin in range(0, len(hosts), _BATCH):
        names = [host.name for host in hosts[begin : begin + _BATCH]]
        lab("reset", "--to", label, "--of", of.name, *names)
    wait.until_quiet()


def write_hosts(side: str, hosts: list[state.Host], ports: list[int] | None) -> None:
    """Tell the contenders where a side's hosts are: themselves, or behind proxies at these ports."""
    known, place = running(), folder()
    data = {}
    keys = dict(line.split(" ", 1) for line in Path(known.known_hosts).read_text().splitlines())
    lines = list(Path(known.known_hosts).read_text().splitlines())
    for number, host in enumerate(hosts):
        address, port = (host.address, 22) if ports is None else ("127.0.0.1", ports[number])
        if ports is not None:
            lines.append(f"[127.0.0.1]:{port} {keys[f'{host.address},{host.name}']}")
        data[host.name] = {
            "ssh_hostname": address,
            "ssh_port": port,
            "sshd_port": 22,
            "address": host.address,
            "ssh_user": known.ssh_user,
            "ssh_key": known.ssh_key,
            "ssh_known_hosts_file": str(place / f"{side}.known_hosts"),
            "ssh_strict_host_key_checking": "yes",
        }
    (place / f"{side}.known_hosts").write_text("\n".join(lines) + "\n")
    entries = [{"name": name, "data": one} for name, one in data.items()]
    (place / f"{side}.json").write_text(json.dumps(entries, indent=1))
    for_ansible = {
        name: {
            "ansible_host": one["ssh_hostname"],
            "ansible_port": one["ssh_port"],
            "ansible_user": one["ssh_user"],
            "ansible_ssh_private_key_file": one["ssh_key"],
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={one['ssh_known_hosts_file']} "
            "-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes",
        }
        for name, one in data.items()
    }
    (place / f"{side}.ansible.json").write_text(json.dumps({"all": {"hosts": for_ansible}}, indent=1))
