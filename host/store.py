"""The releases that a host holds: their manifests, their states, which one is live."""

import json
from pathlib import Path
from typing import Any

import look
from common import RELEASES, Failed, read_json, write

_finished: dict[Path, dict[str, Any]] = {}


def manifest(name: str | None) -> dict[str, Any]:
    """What a release is; empty when there is no such release, or an unfinished one. Once it is written
    nobody changes it, so it is read once."""
    place = RELEASES / name / "manifest.json" if name else Path()
    if name and place not in _finished and (found := read_json(place, {})):
        _finished[place] = found
    return _finished.get(place, {})


def state(name: str | None) -> dict[str, Any]:
    """{"state": prepared, good or bad, …}; empty for a release that is not there."""
    return read_json(RELEASES / name / "state.json", {}) if name else {}


def is_good(name: str | None) -> bool:
    return state(name).get("state") == "good" and bool(manifest(name))


def mark(name: str, word: str, **more: Any) -> None:
    """Record a release's state; what was recorded with the last one is kept."""
    write(RELEASES / name / "state.json", json.dumps(state(name) | {"state": word} | more))


def whole(name: str) -> dict[str, Any]:
    """The manifest of a release that can be activated. Raises Failed when anything of it is missing."""
    found, home = manifest(name), RELEASES / name
    if not found:
        raise Failed(f"release {name} is not on this host, or was never finished; there are: {listed()}")
    lost = [str(home / "code")] if not (home / "code").is_dir() else []
    lost += [path for path in found["files"] if not staged(name, path).is_file()]
    if lost:
        raise Failed(f"release {name} is not whole, {lost[0]} is missing; good ones: {listed('good')}")
    return found


def staged(name: str, path: str) -> Path:
    """Where a release keeps its copy of a file of the host."""
    return RELEASES / name / "files" / path.lstrip("/")


def place(name: str, path: str) -> Path:
    """Where a release puts a file: at its path, or in its own tree if the path leads through the link."""
    code = manifest(name).get("code", "")
    return RELEASES / name / "code" / path[len(code) + 1 :] if path.startswith(f"{code}/") else Path(path)


def changed(name: str | None) -> list[str]:
    """The files that are not on the host as a release put them: content, owner or mode."""
    files = manifest(name).get("files", {})
    return [path for path, wanted in files.items() if look.described(str(place(str(name), path))) != wanted]


def live(code: str | Path) -> str | None:
    """The release that the code link leads to."""
    place = Path(code)
    return place.readlink().parent.name if place.is_symlink() else None


def names() -> list[str]:
    """Every finished release, oldest first, by the number that each got when it was prepared."""
    found = {r.name: manifest(r.name) for r in RELEASES.iterdir()} if RELEASES.exists() else {}
    return sorted((name for name, m in found.items() if m), key=lambda name: int(found[name]["number"]))


def listed(word: str = "") -> str:
    return ", ".join(n for n in names() if word in ("", state(n).get("state"))) or "none"


def before(name: str | None) -> str | None:
    """The release that a rollback from `name` goes to."""
    return look.before(look.summaries(), name)


def running_from(pid: str) -> str | None:
    """The release whose code a process was started from, as the kernel tells."""
    try:
        folder = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None  # no such process
    if not folder.is_relative_to(RELEASES) or folder == RELEASES:
        return None
    return folder.relative_to(RELEASES).parts[0]


def in_use() -> set[str]:
    """Releases that some process was started from."""
    return {name for p in Path("/proc").glob("[0-9]*") if (name := running_from(p.name))}
