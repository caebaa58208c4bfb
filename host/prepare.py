"""Prepares a release beside the running one: code at a commit, built; every file; a manifest, last.

A release without a manifest is unfinished: nothing ever activates it, and the next prepare removes it.
"""

import concurrent.futures
import hashlib
import json
import os
import pwd
import shutil
import time
from pathlib import Path
from typing import Any

import store
from common import MIRROR, RELEASES, Failed, link_shared, run, write

# What the manifest takes over from the request as it is.
TOLD = ("id", "digest", "commit", "revision", "code", "user", "enabled", "shared", "catalogue")
STRANGERS = "nogroup"  # what others wrote is built as the user, but without the group that may read core/.env
BUILT = {"node": "node_modules", "python": ".venv"}  # where each runtime's dependencies are put


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Build release request["id"]; return its number."""
    release = RELEASES / request["id"]
    remove_unfinished()
    fetch(request)
    release.mkdir(mode=0o755)
    (release / "files").mkdir(mode=0o700)
    check_out(request, release / "code")
    link_shared(request["shared"], release / "code")
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        keys = list(pool.map(lambda item: build(request, release / "code", item), request["builds"]))
    for path, file in request["files"].items():
        staged = release / "files" / path.lstrip("/")
        write(staged, file["content"], file["mode"], file["owner"], file["group"])
    built = {item["path"]: key for item, key in zip(request["builds"], keys, strict=True)}
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
            if (release / "code" / item["path"] / BUILT[item["runtime"]]).is_dir()
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
            program | {"digest": service_digest(request, release / "code", program, built)}
            for program in request["services"]
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
        return git(request, "log", "--max-count=50", "--format=%h %s", span, "--").splitlines()
    except Failed:
        return []  # the live one is of another repository


def remove_unfinished() -> None:
    RELEASES.mkdir(parents=True, exist_ok=True)
    for release in RELEASES.iterdir():
        if not (release / "manifest.json").exists():
            shutil.rmtree(release)


def git(request: dict[str, Any], *arguments: str, cwd: Path = MIRROR, timeout: float = 300) -> str:
    env = request["env"] | {"GIT_TERMINAL_PROMPT": "0"}
    what = f"git ({request['repository']})"
    return run(["git", *arguments], what=what, user=request["user"], cwd=cwd, env=env, timeout=timeout)


def has_commit(request: dict[str, Any]) -> bool:
    if not (MIRROR / "HEAD").exists():
        return False
    try:
        git(request, "cat-file", "-e", f"{request['commit']}^{{commit}}")
    except Failed:
        return False
    return True


def fetch(request: dict[str, Any]) -> None:
    """Bring the commit into the bare mirror; no network when it is there already."""
    if not (MIRROR / "HEAD").exists():
        account = pwd.getpwnam(request["user"])
        MIRROR.mkdir(parents=True, exist_ok=True)
        os.chown(MIRROR, account.pw_uid, account.pw_gid)
        git(request, "init", "--quiet", "--bare", ".")
    if has_commit(request):
        return
    specs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    git(request, "fetch", "--quiet", "--prune", request["repository"], *specs)
    if not has_commit(request):
        git(request, "fetch", "--quiet", request["repository"], request["commit"])


def check_out(request: dict[str, Any], code: Path) -> None:
    """A clone of its own (hard links to the mirror) on the branch, so that `git pull` works in it."""
    account = pwd.getpwnam(request["user"])
    code.mkdir()
    os.chown(code, account.pw_uid, account.pw_gid)
    branch = request["branch"]
    git(
        request,
        "clone",
        "--quiet",
        "--no-checkout",
        "--local",
        str(MIRROR),
        str(code),
        cwd=code.parent,
    )
    git(request, "remote", "set-url", "origin", request["repository"], cwd=code)
    git(request, "checkout", "--quiet", "--no-track", "-B", branch, request["commit"], cwd=code)
    git(request, "config", f"branch.{branch}.remote", "origin", cwd=code)
    git(request, "config", f"branch.{branch}.merge", f"refs/heads/{branch}", cwd=code)
    ours = request["shared"] + request["generated"]
    ours += [f"{item['path']}/{folder}" for item in request["builds"] for folder in BUILT.values()]
    exclude = code.with_name(
        "exclude"
    )  # beside the tree: what is root's is not written into another's folder
    exclude.write_text("".join(f"/{path}\n" for path in ours))
    git(request, "config", "core.excludesFile", str(exclude), cwd=code)


def build(request: dict[str, Any], code: Path, item: dict[str, Any]) -> str:
    """Install one tree's dependencies, or take them from a release whose lock file is the same.

    Returns the key that they depend on: lock file, folder and runtime version.
    """
    node, user = item["runtime"] == "node", request["user"]
    where, folder = code / item["path"], BUILT[item["runtime"]]
    lock = where / ("package-lock.json" if node else "requirements.txt")
    if not lock.exists():
        raise Failed(f"build of {item['path']}: {lock.name} is missing at commit {request['commit'][:12]}")
    version = run(["node" if node else "python3", "--version"], what="runtime").strip()
    key = dependencies(item["path"], version, lock.read_bytes(), item["scripts"])
    found = reusable(item["path"], folder, key)
    if found and found.parts:
        copy = ["cp", "--archive", "--link", str(found), str(where / folder)]
        run(copy, what="reuse of dependencies", user=user, group=STRANGERS)
    if found is not None:
        return key
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
    return key


def dependencies(path: str, version: str, lock: bytes, scripts: bool) -> str:
    """What installed dependencies depend on. stack/restarts.py foretells it: change both."""
    more = "scripts\n" if scripts else ""
    return hashlib.sha256(f"{path}\n{version}\n{more}".encode() + lock).hexdigest()


def reusable(path: str, folder: str, key: str) -> Path | None:
    """Dependencies that an earlier release has installed from the same lock file. Path() when it was found
    that there are none to install (npm makes no folder then); None when they must be installed."""
    for name in reversed(store.names()):
        manifest, source = store.manifest(name), RELEASES / name / "code" / path / folder
        if manifest["built"].get(path) != key:
            continue
        if source.is_dir():
            return source
        if path not in manifest["folders"]:
            return Path()
    return None


def service_digest(
    request: dict[str, Any], code: Path, program: dict[str, Any], built: dict[str, str]
) -> str:
    """What a running service depends on: its own paths of the tree, its dependencies, env and unit."""
    trees = git(request, "ls-tree", request["commit"], "--", *program["paths"], cwd=code)
    parts = [trees, built[program["build"]]]
    for path in program["files"]:
        file = request["files"][path]
        parts += [path, file["content"]]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
