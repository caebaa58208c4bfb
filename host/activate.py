"""Makes a prepared release the live one: link, files, units. Services keep running until restarted."""

import filecmp
import grp
import json
import pwd
import shutil
from pathlib import Path
from typing import Any

from common import RELEASES, STATE, Failed, link, link_shared, read_json, run, write


def activate(request: dict[str, Any]) -> dict[str, Any]:
    """Activate request["id"]. Safe to repeat: it does only what is not yet so."""
    code, release = Path(request["code"]), RELEASES / request["id"]
    manifest = read_json(release / "manifest.json", None)
    if manifest is None:
        raise Failed(f"release {request['id']} is not on this host, or was never finished")
    if code.exists() and not code.is_symlink():
        raise Failed(f"{code} is a plain folder, not a link to a release: move it away first")
    before = code.resolve().parent if code.is_symlink() else None
    old = read_json(before / "manifest.json", {}) if before else {}
    gone = sorted(set(old.get("enabled", [])) - set(manifest["enabled"]), reverse=True)
    if gone:
        run(
            ["systemctl", "disable", "--now", *gone],
            what="removal of units that the release has not",
        )
    link_shared(manifest["shared"], release / "code")
    link(code, release / "code")
    for path in set(old.get("files", {})) - set(manifest["files"]):
        Path(path).unlink(missing_ok=True)
    changed = [path for path, wanted in manifest["files"].items() if install(release, path, wanted)]
    if gone or any(path.startswith("/etc/systemd/") for path in changed):
        run(["systemctl", "daemon-reload"], what="systemd")
    enable = [unit for unit in manifest["enabled"] if not enabled(unit)]
    if enable:
        run(["systemctl", "enable", *enable], what="systemd")
    timers = [unit for unit in manifest["enabled"] if unit.endswith(".timer")]
    if timers:
        run(["systemctl", "start", *timers], what="systemd")
    write(release / "state.json", json.dumps({"state": "active"}))
    write(STATE / "active.json", json.dumps({"id": request["id"]}))
    return {"changed": sorted(changed), "removed": gone}


def install(release: Path, path: str, wanted: list[str]) -> bool:
    """Copy one staged file to its place if content, owner or mode differ; True if it did."""
    staged, place = release / "files" / path.lstrip("/"), Path(path)
    if place.is_file() and not place.is_symlink():
        stat = place.stat()
        names = [pwd.getpwuid(stat.st_uid).pw_name, grp.getgrgid(stat.st_gid).gr_name]
        alike = [f"{stat.st_mode & 0o7777:04o}", *names] == wanted[1:]
        if alike and filecmp.cmp(staged, place, shallow=False):
            return False
    elif place.is_dir():
        shutil.rmtree(place)
    write(place, staged.read_text(), int(wanted[1], 8), wanted[2], wanted[3])
    return True


def enabled(unit: str) -> bool:
    wants = Path("/etc/systemd/system").glob(f"*.wants/{unit}")
    return next(wants, None) is not None
