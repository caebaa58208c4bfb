"""What can be done to single hosts of a running lab: reset, snapshot, reboot."""

import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from ipaddress import IPv4Network

from lab import image, keys, owner, ssh, state
from lab.commands import alone, boot
from lab.errors import LabError
from lab.host import Machine
from lab.settings import Settings
from lab.shell import each, locked, poll, say, since


def reset(settings: Settings, names: Sequence[str], label: str | None, of: str | None = None) -> None:
    """Bring hosts (all, if none is named) back to bare or to a snapshot, their own or that `of` another
    host; key and address stay."""
    lab = state.read(settings.root, settings.name)
    machines = [Machine(settings, entry.name) for entry in _chosen(lab, names)]
    for machine in machines if of is None else [Machine(settings, of)]:
        if label is not None:
            machine.disk.require(label)
    fresh = None if label and of is None else _stack(settings, label, of)
    client_key = keys.client_key(settings, owner.invoking())

    def again(machine: Machine) -> None:
        start = time.monotonic()
        with _held(machine):
            machine.stop(orderly=False)
            if fresh is not None:
                machine.create(fresh, IPv4Network(lab.subnet), client_key)
            elif label is not None:
                machine.disk.restore(label)
            boot(machine, lab, bare=label is None)
        say(f"host {machine.name} is back at {label or 'bare'} in {since(start)}")

    with alone(settings, shared=True):
        each(machines, again)


def snapshot(settings: Settings, name: str, label: str) -> None:
    """Keep a host's disk as it is now, under a name."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", label):
        raise LabError(f"'{label}' is no name for a snapshot: use letters, digits, '-' and '_'")
    lab = state.read(settings.root, settings.name)
    (entry,) = _chosen(lab, [name])
    machine = Machine(settings, entry.name)
    start = time.monotonic()
    with alone(settings, shared=True), _held(machine):
        machine.stop(orderly=True)
        try:
            machine.disk.snapshot(label)
        finally:  # kept or not, the host is wanted back
            boot(machine, lab, bare=False)
    say(f"host {name} kept as '{label}' in {since(start)}")


def reboot(settings: Settings, name: str) -> None:
    """Restart a host from inside, as an operator would, and wait until it is back."""
    lab = state.read(settings.root, settings.name)
    (entry,) = _chosen(lab, [name])
    machine = Machine(settings, entry.name)
    look = "cat /proc/sys/kernel/random/boot_id"  # systemd-nspawn gives each boot its own
    start = time.monotonic()
    with alone(settings, shared=True), _held(machine):
        before = ssh.answered(lab, entry, look, alive=machine.is_running)
        ssh.ask(lab, entry, "sudo systemctl reboot")
        for _ in poll(60):
            if ssh.answered(lab, entry, look, alive=machine.is_running) != before:
                break
        else:
            raise LabError(f"host {name} did not reboot within a minute: it still runs")
        ssh.settled(lab, entry, machine.is_running, bare=False)
    say(f"host {name} rebooted in {since(start)}")


def _stack(settings: Settings, label: str | None, of: str | None) -> list[str]:
    """What a host that is made anew stands on."""
    if label is None:
        return [str(image.ensure())]
    return Machine(settings, str(of)).disk.stack(label)


def _chosen(lab: state.Lab, names: Sequence[str]) -> list[state.Host]:
    known = {entry.name: entry for entry in lab.hosts}
    for name in names:
        if name not in known:
            raise LabError(f"lab '{lab.name}' has no host '{name}': it has {', '.join(known)}")
    return [known[name] for name in names or known]


def _held(machine: Machine) -> AbstractContextManager[None]:
    return locked(machine.settings.records / f"{machine.name}.lock")
