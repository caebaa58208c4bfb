"""Prepares a release beside the running one: code at a commit, built; every file; a manifest, last.

A release without a manifest is unfinished: nothing ever activates it, and the next prepare removes it.
"""

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import dependencies
import source
import store
from common import RELEASES, Failed, link_shared, write

# What the manifest takes over from the request as it is.
TOLD = ("id", "digest", "commit", "revision", "code", "user", "enabled", "shared", "catalogue")


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Build release request["id"]; return its number. What is live is not touched, whatever fails here."""
    try:
        return build(request)
    except (Failed, OSError) as failed:
        live = store.live(request["code"])
        now = f"release {live}, unchanged" if live else "nothing yet"
        raise Failed(f"{failed}\n  live now: {now}\n  next: mend it and deploy again") from None


def build(request: dict[str, Any]) -> dict[str, Any]:
    from concurrent.futures import ThreadPoolExecutor  # only here: see probe.py

    release, programs = RELEASES / request["id"], request["services"]
    code = release / "code"
    remove_unfinished()
    source.fetch(request)
    release.mkdir(mode=0o755)
    (release / "files").mkdir(mode=0o700)
    source.check_out(request, code)
    link_shared(request["shared"], code)
    with ThreadPoolExecutor(max_workers=2) as pool:
        keys = pool.map(lambda item: dependencies.install(request, code, item), request["builds"])
        trees = pool.map(lambda program: tree_of(request, code, program), programs)
        built = {item["path"]: key for item, key in zip(request["builds"], keys, strict=True)}
    for path, file in request["files"].items():
        staged = release / "files" / path.lstrip("/")
        write(staged, file["content"], file["mode"], file["owner"], file["group"])
    number = 1 + max((store.manifest(name)["number"] for name in store.names()), default=0)
    manifest = {
        **{key: request[key] for key in TOLD},
        "number": number,
        "prepared": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "by": request["run"]["by"],
        "subjects": subjects(request),
        "built": built,
        "folders": [
            item["path"]
            for item in request["builds"]
            if (code / item["path"] / dependencies.BUILT[item["runtime"]]).is_dir()
        ],
        "files": {
            path: [
                hashlib.sha256(f["content"].encode()).hexdigest(),
                f"{f['mode']:04o}",
                f["owner"],
                f["group"],
            ]
            for path, f in request["files"].items()
        },
        "services": [
            program | {"digest": service_digest(request, tree, program, built)}
            for tree, program in zip(trees, programs, strict=True)
        ],
    }
    store.mark(request["id"], "prepared")
    write(release / "manifest.json", json.dumps(manifest, indent=1), 0o600)
    return {"number": number}


def subjects(request: dict[str, Any]) -> list[str]:
    """The commits that this release brings over the live one, newest first."""
    since = store.manifest(store.live(request["code"])).get("commit")
    try:
        span = f"{since}..{request['commit']}" if since else f"{request['commit']}^!"
        return source.git(request, "log", "--max-count=50", "--format=%h %s", span, "--").splitlines()
    except Failed:
        return []  # the live one is of another repository


def remove_unfinished() -> None:
    RELEASES.mkdir(parents=True, exist_ok=True)
    for release in RELEASES.iterdir():
        if not (release / "manifest.json").exists():
            shutil.rmtree(release)


def tree_of(request: dict[str, Any], code: Path, program: dict[str, Any]) -> str:
    """A program's own paths of the tree: the same text, the same code."""
    return source.git(request, "ls-tree", request["commit"], "--", *program["paths"], cwd=code)


def service_digest(request: dict[str, Any], tree: str, program: dict[str, Any], built: dict[str, str]) -> str:
    """What a running service depends on: its own paths of the tree, its dependencies, env and unit."""
    parts = [tree, built[program["build"]]]
    for path in program["files"]:
        file = request["files"][path]
        parts += [path, file["content"]]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
