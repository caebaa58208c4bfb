"""Makes a release the live one: files, units, code link. Services are restarted afterwards, one by one.

A deploy, a rollback and a dead-man's revert all come through here.
"""

import contextlib
import filecmp
import grp
import pwd
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import look
import pending
import store
import tree
from common import RELEASES, UNITS, Failed, link, link_shared, part, pinned, run, show, stage

GUARDS = [f"quantlab-{name}" for name in ("deadman.timer", "deadman.service")]
GUARDS += ["quantlab-early-boot.service", "quantlab-late-boot.service"]
FIREWALL = "quantlab-firewall.service"


def activate(request: dict[str, Any]) -> dict[str, Any]:
    """Activate request["id"] for a run. Returns the services to (re)start now, in order."""
    who = request["run"]
    run = {"kind": request["kind"], "run": who["id"], "by": who["by"]}
    return {"starts": switch(request["id"], run | {"revert_after": request["revert_after"]})}


def switch(target: str, cause: dict[str, Any]) -> list[str]:
    """Put a release in place, and note in the marker what for. Returns the services to (re)start.

    Safe to repeat: it does only what is not yet so. Raises Failed with nothing changed.
    """
    manifest = store.whole(target)
    live, earlier = store.live(manifest["code"]), pending.read()
    if live is None and Path(manifest["code"]).exists():
        raise Failed(f"{manifest['code']} is a plain folder, not a link to a release: a deploy adopts it")
    # What lies on the host now comes from these: more than one when an activation broke off.
    present = {name for name in (live, *((earlier["id"], earlier["was"]) if earlier else ())) if name}
    changed = [path for path in manifest["files"] if differs(target, path)]
    marker = cause | {
        "id": target,
        "was": earlier["was"] if earlier else live,
        "from": None if "gave_up" in cause else origin(earlier, live, target),
        "boot": pending.boot(),
        "began": pending.uptime(),
        "stale": stale(manifest, changed, present, earlier),
        "started": {},
    }
    try:
        if "gave_up" not in cause:
            pending.reserve()
        pending.save(marker)
        for path in changed:
            mode, owner, group = manifest["files"][path][1:]
            content = store.staged(target, path).read_text()
            with placed(target, path) as place:
                stage(place, content, int(mode, 8), owner, group)
    except (Failed, OSError) as error:  # a full disk: found out before anything was changed
        clean(store.place(target, path) for path in changed)
        if earlier:
            pending.save(earlier)
        else:
            pending.clear()
        now = f"live now: release {live}, unchanged"
        raise Failed(f"release {target} cannot be put in place: {error}\n  {now}") from None
    pending.wind(marker)
    others = [store.manifest(name) or unknown() for name in present - {target}]
    replace(manifest, others, changed, reload=bool(earlier))
    states = look.units([f"{s['unit']}.service" for s in manifest["services"]], "Id,ActiveState,MainPID")
    marker["starts"] = [s["name"] for s in manifest["services"] if must_start(s, states, marker["stale"])]
    pending.save(marker)
    return list(marker["starts"])


@contextlib.contextmanager
def placed(release: str, path: str) -> Iterator[Path]:
    """Where to write a file of a release, also when that is in the tree of the services' user."""
    place, code = store.place(release, path), RELEASES / release / "code"
    if not place.is_relative_to(code):
        yield place
        return
    inner = place.relative_to(code)
    with pinned(code, inner.parent, path) as folder:
        yield folder / inner.name


def origin(earlier: dict[str, Any] | None, live: str | None, target: str) -> str | None:
    """The release to go back to, should this one fail: the live one, if it was ever proved."""
    base = earlier["from"] if earlier else live
    if base and store.is_good(base) and base != target:
        return str(base)
    return None if base == target else store.before(target)


def stale(
    manifest: dict[str, Any], changed: list[str], present: set[str], earlier: dict[str, Any] | None
) -> list[str]:
    """The services whose process may have read a file that no release of this host put there: it was
    changed by hand, or the process restarted by itself while an activation that broke off replaced files."""
    drifted = {path for path in changed if not any(same_content(name, path) for name in present)}
    found = {s["name"] for s in manifest["services"] if set(s["files"]) & drifted}
    if earlier:
        found |= set(earlier["stale"])
        for service in manifest["services"]:
            at = show(f"{service['unit']}.service", "ActiveEnterTimestampMonotonic")
            entered = int(at.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
            if earlier["boot"] == pending.boot() and entered >= earlier["began"]:
                found.add(service["name"])
        found -= set(earlier["started"])
    return sorted(found)


def must_start(service: dict[str, Any], states: dict[str, dict[str, str]], stale: list[str]) -> bool:
    """Down, or stale, or started from code, env or unit other than this release's."""
    unit = states.get(f"{service['unit']}.service")
    if unit is None or unit["ActiveState"] != "active" or service["name"] in stale:
        return True
    others = store.manifest(store.running_from(unit["MainPID"])).get("services", [])
    return service["digest"] not in [s["digest"] for s in others if s["name"] == service["name"]]


def replace(
    manifest: dict[str, Any], others: list[dict[str, Any]], changed: list[str], *, reload: bool
) -> None:
    """The change itself. Files come before the link: a service that restarts by itself in between runs
    the old code and is found out by that; the other way round it would look new with an old env file."""
    gone = list(
        dict.fromkeys(
            unit
            for other in others
            for unit in reversed([*other.get("enabled", []), *programs(other)])
            if unit not in [*manifest["enabled"], *programs(manifest)] and (UNITS / unit).exists()
        )
    )
    if gone:
        run(["systemctl", "disable", "--now", *gone], what="removal of units that it has not")
    for path in changed:
        with placed(manifest["id"], path) as place:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            part(place).replace(place)
    surplus = {path for other in others for path in other.get("files", {})} - set(manifest["files"])
    for path in surplus:
        Path(path).unlink(missing_ok=True)
    clean(Path(path) for path in [*manifest["files"], *surplus])
    if reload or gone or any(path.startswith("/etc/systemd/") for path in [*changed, *surplus]):
        run(["systemctl", "daemon-reload"], what="systemd")
    code = RELEASES / manifest["id"] / "code"
    link_shared(manifest["shared"], code)
    link(Path(manifest["code"]), code)
    enable = [unit for unit in manifest["enabled"] if not enabled(unit)]
    if enable:
        run(["systemctl", "reenable", *enable], what="systemd")
    timers = [unit for unit in manifest["enabled"] if unit.endswith(".timer")]
    if timers:
        run(["systemctl", "start", *timers], what="systemd")
    if FIREWALL in manifest["enabled"]:  # whoever it locks out cannot confirm, so the host goes back
        run(["systemctl", "reload-or-restart", FIREWALL], what="firewall")


def unknown() -> dict[str, Any]:
    """What lies on the host when the release that put it there was deleted by hand: all of our names."""
    units = tree.unit_files(GUARDS)
    ours = [path for path in tree.ENV.rglob("*") if path.is_file()]
    return {
        "files": {str(path): [] for path in [*ours, *units]},
        "enabled": [unit.name for unit in units],
    }


def programs(manifest: dict[str, Any]) -> list[str]:
    """Services that run without being enabled, as somebody's hand may have left them."""
    return [f"{service['unit']}.service" for service in manifest.get("services", [])]


def clean(places: Iterable[Path]) -> None:
    """Remove what waits for a rename that does not come, from this or a killed activation."""
    for place in places:
        part(place).unlink(missing_ok=True)


def differs(release: str, path: str) -> bool:
    """Whether the host's copy of a file is not the release's in content, owner or mode."""
    place, wanted = store.place(release, path), store.manifest(release).get("files", {}).get(path)
    if wanted is None or place.is_symlink() or not place.is_file():
        return True
    stat = place.stat()
    try:
        names = [pwd.getpwuid(stat.st_uid).pw_name, grp.getgrgid(stat.st_gid).gr_name]
    except KeyError:
        return True  # of an owner who is gone
    return [f"{stat.st_mode & 0o7777:04o}", *names] != wanted[1:] or not same_content(release, path)


def same_content(release: str, path: str) -> bool:
    place, staged = store.place(release, path), store.staged(release, path)
    return place.is_file() and staged.is_file() and filecmp.cmp(staged, place, shallow=False)


def enabled(unit: str) -> bool:
    """Whether a unit is started by what its file says, and by nothing else (as a hand may have had it)."""
    lines = (UNITS / unit).read_text().splitlines()
    wanted = {t for line in lines if line.startswith("WantedBy=") for t in line[9:].split()}
    return wanted == {place.parent.name.removesuffix(".wants") for place in UNITS.glob(f"*.wants/{unit}")}
