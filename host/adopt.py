"""Takes over a host that was set up by hand: what is there becomes release 0, to which one can roll back.

Services run on all the while: their files keep their places, and the code tree moves with its processes.
"""

import errno
import grp
import json
import os
import pwd
import shutil
import time
from pathlib import Path, PurePath
from typing import Any

import look
import store
import tree
from common import RELEASES, SHARED, Failed, link, pinned, run, show, write

NAME = "0-by-hand"


def adopt(request: dict[str, Any]) -> dict[str, Any]:
    """Make release 0 of the plain checkout at request["code"] and of the env files and units around it."""
    code, home = Path(request["code"]), RELEASES / NAME
    if not code.is_dir() or code.is_symlink():
        raise Failed(f"{code} is not a plain folder any more\n  next: type the command again")
    shutil.rmtree(home, ignore_errors=True)  # of an adoption that broke off before the tree moved
    (home / "files").mkdir(parents=True, mode=0o700)
    units = tree.unit_files(request["ours"])
    files = [*tree.env_files(), *units]
    described = {str(path): look.described(str(path)) for path in files}
    for path, (_, mode, owner, group) in ((p, d) for p, d in described.items() if d):
        write(store.staged(NAME, path), Path(path).read_text(), int(mode, 8), owner, group)
    write(
        home / "manifest.json",
        json.dumps(manifest(request, code, units, {p: d for p, d in described.items() if d}), indent=1),
        0o600,
    )
    store.mark(NAME, "good")
    for path in request["shared"]:
        share(code, PurePath(path), request["user"])
    for path in request["data"]:
        run(["chown", "--recursive", f"{request['user']}:", path], what="ownership of the data")
    move(code, home / "code")
    link(code, home / "code")
    return {"release": NAME, "units": [unit.name for unit in units]}


def manifest(
    request: dict[str, Any], code: Path, units: list[Path], files: dict[str, list[str]]
) -> dict[str, Any]:
    """What release 0 is, as far as it can be told."""
    states = {unit.name: show(unit.name, "UnitFileState", "ActiveState") for unit in units}
    known = {service["unit"]: service for service in request["services"]}
    services = [unit.stem for unit in units if states[unit.name]["ActiveState"] == "active"]
    order = [*known, *(name for name in services if name not in known)]
    return {
        "id": NAME,
        "number": 0,
        "digest": "by hand",
        "commit": tree.git(code, "rev-parse", "HEAD"),
        "revision": "what was set up by hand",
        "prepared": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "by": request["run"]["by"],
        "code": str(code),
        "user": request["user"],
        "catalogue": request["catalogue"],
        "subjects": [],
        "built": {},
        "folders": [],
        "shared": request["shared"],
        "enabled": [n for n, s in states.items() if s["UnitFileState"] == "enabled"],
        "files": files,
        "services": [
            {
                "name": known.get(name, {}).get("name", name),
                "unit": name,
                "port": known.get(name, {}).get("port"),
                "start_timeout": 60,
                "files": [str(unit) for unit in units if unit.stem == name],
                "digest": f"{name} by hand",
                "by_hand": True,
            }
            for name in sorted(services, key=order.index)
            if name.startswith("quantlab-") and f"{name}.service" in states
        ],
    }


def share(code: Path, path: PurePath, user: str) -> None:
    """Move runs and logs to where they outlive releases, and leave a link. Services may be writing them."""
    if (code / path).is_symlink() or not (code / path).exists():
        return
    with pinned(code, path.parent, f"shared path {path}") as folder:
        take(folder / path.name, SHARED / path, pwd.getpwnam(user))


def take(place: Path, kept: Path, account: pwd.struct_passwd) -> None:
    if place.is_dir():
        kept.mkdir(parents=True, exist_ok=True)
        while True:
            with pinned(place, PurePath(), str(kept)) as folder:
                for entry in folder.iterdir():
                    shutil.move(entry, kept / entry.name)
            try:
                place.rmdir()
                break
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
        link(place, kept)
        owner = f"{account.pw_uid}:{account.pw_gid}"
        run(
            ["chown", "--recursive", "--no-dereference", owner, str(kept)], what="ownership of what is shared"
        )
    else:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(place, kept)  # whoever writes to it goes on writing to the same file
        link(place, kept)
        held = os.open(kept, os.O_RDONLY | os.O_NOFOLLOW)
        os.fchown(held, account.pw_uid, grp.getgrnam("adm").gr_gid)
        os.fchmod(held, 0o640)
        os.close(held)


def move(code: Path, place: Path) -> None:
    """Processes that run in the tree move with it; across file systems they stay in the old one."""
    try:
        code.rename(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        run(["cp", "--archive", str(code), str(place)], what="copy of the code tree")
        code.rename(code.with_name(f"{code.name}.by-hand"))
