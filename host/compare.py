"""The look, and what the files on this host hold beside what its live release put there. Changes nothing.

Sent over stdin like the look. Values of env files leave the host as keyed hashes only.
"""

from pathlib import Path
from typing import Any

import history
import look
import store
import tree

LARGEST = 200_000  # characters of a text that is worth a diff
TOLD = ("id", "commit", "revision", "prepared", "by", "files", "services", "enabled", "built", "folders")


def compare(request: dict[str, Any]) -> dict[str, Any]:
    """What a plan needs: the look, the live release, and every file that is not as wanted or as released."""
    seen = look.look(request)
    name = recorded() or seen["release"]
    manifest = store.manifest(name)
    files, wanted = manifest.get("files", {}), request["wanted"]
    drifted, found = store.changed(name), {}
    for path in dict.fromkeys([*wanted, *files]):
        place = store.place(name, path) if name and path in files else Path(path)
        now = look.described(str(place))
        if path in drifted or (path in wanted and (now or [""])[0] != wanted[path]):
            found[path] = {
                "now": now,
                "host": held(place, request["key"]),
                "release": held(store.staged(name, path), request["key"]) if path in files else None,
                "changed": changed(place),
            }
    by_hand = seen["code"] == "tree"
    return seen | {
        "manifest": {key: manifest[key] for key in TOLD if key in manifest},
        "differing": found,
        "versions": {name: look.output(name, "--version").strip() for name in request["runtimes"]},
        "tree": tree.tree(request) | {"key": request["key"]} if by_hand else None,
    }


def recorded() -> str | None:
    """The release that the last run left live, whatever the code link was bent to since."""
    entries = [line for line in history.last(50) if line.get("outcome") != "refused"]
    name = entries[-1]["live"] if entries else None
    return name if store.manifest(name) else None


def held(place: Path, key: str) -> dict[str, Any] | None:
    """What a file holds, as far as it may be told: variables with hashes, or a text. None without a file."""
    if place.is_symlink():
        return {"link": str(place.readlink())}
    if not place.exists():
        return None
    secret = place.parent.name == "credentials"  # all of it
    if secret or not place.is_file() or place.stat().st_size > LARGEST:
        return {"size": place.stat().st_size if place.is_file() else None}
    try:
        text = place.read_text()
    except UnicodeDecodeError:
        return {"size": place.stat().st_size}
    if is_env(place):
        return {"variables": tree.variables(text, key)}
    return {"text": text}


def is_env(place: Path) -> bool:
    """All files of /etc/quantlab are read as env files: a stray one (old.env.bak) holds secrets as well."""
    return place.suffix == ".env" or place.name == ".env" or "/etc/quantlab/" in str(place)


def changed(place: Path) -> float | None:
    """When somebody last wrote a file, or what it lies in if it is gone."""
    while not place.exists() and not place.is_symlink():
        place = place.parent
    return place.lstat().st_mtime
