"""A tree's dependencies: installed from its lock file, or taken from a release that has the same."""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import store
from common import RELEASES, Failed, run

STRANGERS = "nogroup"  # what others wrote is built as the user, but without the group that may read core/.env
BUILT = {"node": "node_modules", "python": ".venv"}  # where each runtime's dependencies are put
KINDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "workspaces")


def install(request: dict[str, Any], code: Path, item: dict[str, Any]) -> str:
    """Install one tree's dependencies, or take them from a release whose lock file is the same.

    Returns the key that they depend on: lock file, folder and runtime version.
    """
    node, user = item["runtime"] == "node", request["user"]
    where, folder = code / item["path"], BUILT[item["runtime"]]
    lock = where / ("package-lock.json" if node else "requirements.txt")
    if not lock.exists():
        raise Failed(f"build of {item['path']}: {lock.name} is missing at commit {request['commit'][:12]}")
    depends = key(item["path"], version(item["runtime"]), lock.read_bytes(), item["scripts"])
    found = reusable(item["path"], folder, depends)
    if found and found.parts:
        copy = ["cp", "--archive", "--link", str(found), str(where / folder)]
        run(copy, what="reuse of dependencies", user=user, group=STRANGERS)
    if found is not None or (node and not item["scripts"] and needs_nothing(where)):
        return depends
    what = f"build of {item['path']}"
    if node:
        npm = ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund"]
        npm += [] if item["scripts"] else ["--ignore-scripts"]
        run(npm, what=what, user=user, group=STRANGERS, cwd=where, env=request["env"])
    else:
        run(["python3", "-m", "venv", ".venv"], what=what, user=user, group=STRANGERS, cwd=where)
        pip = [
            ".venv/bin/python3",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            lock.name,
        ]
        run(
            pip,
            what=what,
            user=user,
            group=STRANGERS,
            cwd=where,
            env=request["env"] | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
    return depends


def needs_nothing(where: Path) -> bool:
    """Whether package.json and its lock agree that there is nothing to install: npm needs a second for it."""
    try:
        package, lock = (json.loads((where / n).read_text()) for n in ("package.json", "package-lock.json"))
        packages = lock["packages"]
        told = [of.get(kind) for of in (package, packages[""]) for kind in KINDS]
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return False  # npm shall say what is wrong
    return list(packages) == [""] and not any(told)


@functools.cache
def version(runtime: str) -> str:
    return run([{"node": "node", "python": "python3"}[runtime], "--version"], what="runtime").strip()


def key(path: str, version: str, lock: bytes, scripts: bool) -> str:
    """What installed dependencies depend on. stack/restarts.py foretells it: change both."""
    more = "scripts\n" if scripts else ""
    return hashlib.sha256(f"{path}\n{version}\n{more}".encode() + lock).hexdigest()


def reusable(path: str, folder: str, depends: str) -> Path | None:
    """Dependencies that an earlier release has installed from the same lock file. Path() when it was found
    that there are none to install (npm makes no folder then); None when they must be installed."""
    for name in reversed(store.names()):
        manifest, source = store.manifest(name), RELEASES / name / "code" / path / folder
        if manifest["built"].get(path) != depends:
            continue
        if source.is_dir():
            return source
        if path not in manifest["folders"]:
            return Path()
    return None
