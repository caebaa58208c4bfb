"""Bringing a lab up, taking it down, and telling how it is."""

import json
import shutil
import time
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from lab import cgroup, host, image, keys, network, outfit, owner, process, publish, ssh, state
from lab.errors import LabError
from lab.host import Machine
from lab.settings import LOCKS, MAX_HOSTS, VARIABLE_DATA, Settings
from lab.shell import each, locked, say, since

_SWITCHES_BEFORE = VARIABLE_DATA / "kernel.json"


def alone(settings: Settings, *, shared: bool = False) -> AbstractContextManager[None]:
    """Up and down have the lab for themselves; work on single hosts shares it."""
    return locked(LOCKS / f"quantlab-lab-{settings.name}.lock", shared=shared)


def up(settings: Settings, wanted: int | None) -> None:
    """Bring up what is missing, keep what runs; return when every host answers."""
    if wanted is not None and not 1 <= wanted <= MAX_HOSTS:
        raise LabError(f"--hosts {wanted}: a lab has 1 to {MAX_HOSTS} hosts")
    start = time.monotonic()
    user = owner.invoking()
    with alone(settings):
        _claim(settings)
        current = image.ensure()
        with _machine_wide():
            network.raise_switches(_SWITCHES_BEFORE, state.boot_id())
            subnet = network.ensure(settings)
        numbers = [settings.host_number(machine.name) for machine in host.made(settings)]
        names = [settings.host_name(n + 1) for n in range(max([wanted or 1, *numbers]))]
        lab = outfit.prepare(settings, user, subnet, names)
        client_key = keys.client_key(settings, user)

        def bring_up(known: state.Host) -> None:
            machine = Machine(settings, known.name)
            if machine.is_running():
                ssh.settled(lab, known, machine.is_running, bare=False)
                return
            begin = time.monotonic()
            bare = not machine.disk.upper.exists()
            if bare:
                machine.create([str(current)], subnet, client_key)
            boot(machine, lab, bare=bare)
            say(f"host {known.name} up at {known.address} in {since(begin)}")

        each(lab.hosts, bring_up)
        user.write(state.path(settings.root, settings.name), state.render(lab))
    say(f"lab '{settings.name}' is up with {len(names)} host(s) after {since(start)}")


def boot(machine: Machine, lab: state.Lab, *, bare: bool) -> None:
    """Start a host and wait until it has booted in full and lets us in with its own key."""
    (known,) = (entry for entry in lab.hosts if entry.name == machine.name)
    machine.start()
    try:
        ssh.settled(lab, known, machine.is_running, bare=bare)
    except LabError as error:
        if machine.is_running():
            raise
        raise LabError(f"{error}: {process.tail(machine.log)}") from error


def down(settings: Settings) -> None:
    """Take everything away but the image cache; quiet if there is nothing."""
    _refuse_anothers(settings)
    with alone(settings):
        anything = settings.data.exists() or settings.files.exists()
        state.path(settings.root, settings.name).unlink(missing_ok=True)
        names = [path.name for path in sorted(settings.hosts.glob("*"))]
        each(names, lambda name: Machine(settings, name).stop(orderly=False))
        for record in sorted(settings.records.glob("*.pid")):
            process.stop(record, orderly=True)
        for tree in cgroup.trees():
            cgroup.remove(tree / settings.group)
        with _machine_wide():
            network.remove(settings)
            _remove(settings.data)
            _remove(settings.files)
            if _SWITCHES_BEFORE.exists() and not any(p.is_dir() for p in VARIABLE_DATA.iterdir()):
                network.restore_switches(_SWITCHES_BEFORE, state.boot_id())
            for folder in (VARIABLE_DATA, settings.files.parent):
                if folder.exists() and not any(folder.iterdir()):
                    folder.rmdir()
    if anything:
        say(f"lab '{settings.name}' is gone; the image stays cached (`image --drop` removes it)")


def status(settings: Settings, *, as_json: bool) -> None:
    """Tell what runs. Needs no root; fails if the lab is not up or a host is down."""
    lab = state.read(settings.root, settings.name)
    running = {entry.name: Machine(settings, entry.name).is_running() for entry in lab.hosts}
    services = {name: process.running(settings.records / f"{name}.pid") is not None for name in ("git", "s3")}
    if as_json:
        print(json.dumps({**asdict(lab), "running": running | services}, indent=2))
    else:
        say(f"'{lab.name}' on {lab.subnet}")
        for entry in lab.hosts:
            say(f"  {entry.name} {entry.address} {_word(running[entry.name])}")
        say(f"  git {lab.git} {_word(services['git'])}")
        say(f"  s3 {lab.s3} {_word(services['s3'])}")
    dead = [name for name, alive in (running | services).items() if not alive]
    if dead:
        raise LabError(f"not running: {', '.join(dead)}; `python -m lab up` starts them again")


def publish_backend(settings: Settings) -> None:
    """Bring the lab's git remote up to the working tree."""
    lab = state.read(settings.root, settings.name)
    commit = publish.publish(settings, owner.invoking())
    say(f"{lab.git} main is {commit}")


def _machine_wide() -> AbstractContextManager[None]:
    """Labs take turns where they share something: free subnets and kernel switches."""
    return locked(LOCKS / "quantlab-lab.machine.lock")


def _claim(settings: Settings) -> None:
    """Make the lab's folders, unless another checkout uses the name or half the lab is lost."""
    _refuse_anothers(settings)
    if any(settings.hosts.glob("*")) and not (settings.files / "age-identity").exists():
        raise LabError(
            f"{settings.files} has lost the keys of lab '{settings.name}': type "
            f"`LAB={settings.name} make lab-down`, then start it again"
        )
    if not settings.data.exists():  # what is left of a lab without hosts has keys that fit nothing
        _remove(settings.files)
    for folder, mode in (
        (settings.data, 0o755),
        (settings.hosts, 0o700),
        (settings.records, 0o755),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    (settings.data / "checkout").write_text(str(settings.root))


def _refuse_anothers(settings: Settings) -> None:
    """Two checkouts of this project must not take each other's lab for their own."""
    marker = settings.data / "checkout"
    other = Path(marker.read_text()) if marker.exists() else settings.root
    if other != settings.root and other.exists():
        raise LabError(
            f"lab '{settings.name}' belongs to the checkout {other}: choose another name (LAB=…), "
            f"or type `LAB={settings.name} make lab-down` there"
        )


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _word(running: bool) -> str:
    return "running" if running else "STOPPED"
