"""Causes that lie in the release, its files and what it runs with."""

import hashlib
import os
import shutil
from pathlib import Path

import dependencies
import look
import store
import tree
from common import RELEASES, Failed, run

from doctor.kinds import Evidence
from doctor.machine import mount_of
from doctor.observed import Observed, Program, read

RUNTIMES = {"node": ("/usr/bin/node", "nodejs"), "python": ("/usr/bin/python3", "python3-minimal")}


def nothing(seen: Observed, program: Program | None) -> Evidence | None:
    if seen.manifest:
        return None
    by_hand = Path(seen.request["code"]).is_dir() and not Path(seen.request["code"]).is_symlink()
    return Evidence("this host was set up by hand" if by_hand else f"no finished release in {RELEASES}")


def link_lost(seen: Observed, program: Program | None) -> Evidence | None:
    code = Path(seen.request["code"])
    if not seen.manifest or os.path.lexists(code):
        return None
    return Evidence(f"{code} is not there; it should lead to {seen.code}")


def folder(seen: Observed, program: Program | None) -> Evidence | None:
    code = Path(seen.request["code"])
    if not seen.manifest or code.is_symlink() or not code.exists():
        return None
    return Evidence(f"{code} is a folder of its own, and should be a link to {seen.code}")


def lost(seen: Observed, program: Program | None) -> Evidence | None:
    """The live release, or a part of it, is gone."""
    try:
        if seen.live:
            store.whole(seen.live)
    except Failed as failed:
        manifest = f"{RELEASES}/{seen.live}/manifest.json"
        return Evidence(str(failed).partition(";")[0], words={"manifest": manifest})
    return None


def damaged(seen: Observed, program: Program) -> Evidence | None:
    """What of the program's own code is not as its commit has it."""
    code, commit, paths = seen.code, seen.manifest["commit"], program.told["paths"]
    status = tree.git(code, "status", "--porcelain", "--untracked-files=no", "--", *paths)
    head = tree.git(code, "rev-parse", "HEAD")
    words = {"reset": f"sudo -u {seen.request['user']} git -C {code} reset --hard {commit}"}
    if status:
        lines = [f"{line[3:]} ({line[:2].strip()})" for line in status.splitlines()]
        return Evidence(", ".join(lines), words=words)
    if head != commit:
        return Evidence(f"the tree is at {head[:12]}, its release at {commit[:12]}", words=words)
    return None


def programs_missing(seen: Observed, program: Program | None) -> Evidence | None:
    gone = [path for path in seen.request["programs"] if not Path(path).is_file()]
    return Evidence(", ".join(gone)) if gone else None


def programs_old(seen: Observed, program: Program | None) -> Evidence | None:
    wanted = seen.request["programs"]
    old = [path for path, sha in wanted.items() if (look.described(path) or [""])[0] != sha]
    return Evidence(f"{len(old)} of {len(wanted)}: {', '.join(old[:4])}") if old else None


def no_user(seen: Observed, program: Program | None) -> Evidence | None:
    user = seen.request["user"]
    return None if look.user_there(user) else Evidence(f"there is no user {user}")


def no_runtime(seen: Observed, program: Program) -> Evidence | None:
    place, package = RUNTIMES[program.told["runtime"]]
    wanted = [(place, package)] + (
        [("/usr/bin/npm", "npm")] if program.told["start"].startswith("npm ") else []
    )
    for path, owner in wanted:
        if not shutil.which(path):
            return Evidence(f"{path} is not there, or cannot be run", words={"package": owner})
    return None


def other_runtime(seen: Observed, program: Program) -> Evidence | None:
    """Dependencies belong to the version that they were installed with: its key is in the manifest."""
    build, node = program.told["build"], program.told["runtime"] == "node"
    lock = seen.code / build / ("package-lock.json" if node else "requirements.txt")
    version = run(["node" if node else "python3", "--version"], what="runtime").strip()
    key = hashlib.sha256(f"{build}\n{version}\n".encode() + lock.read_bytes()).hexdigest()
    if key == seen.manifest["built"].get(build):
        return None
    return Evidence(
        f"{build} was built with another version or lock file; {program.told['runtime']} is {version}"
    )


def no_dependencies(seen: Observed, program: Program) -> Evidence | None:
    build, folder = program.told["build"], dependencies.BUILT[program.told["runtime"]]
    place = seen.code / build / folder
    whole = place.is_dir() and any(place.iterdir())
    if folder == ".venv":
        whole = whole and (place / "bin" / "python3").exists()
    if whole or build not in seen.manifest["folders"]:
        return None
    return Evidence(f"{place} is not there, or empty")


def env_missing(seen: Observed, program: Program) -> Evidence | None:
    secrets = program.credentials(read(program.env_file)).values()
    gone = [path for path in (str(program.env_file), *secrets) if not os.path.lexists(path)]
    return Evidence(f"{', '.join(gone)} is not there") if gone else None


def env_gone(seen: Observed, _: Program | None) -> Evidence | None:
    """Services run on without the file that their next start needs."""
    found = [env_missing(seen, one) for one in [*seen.services, *seen.jobs] if one.name not in seen.ill]
    return Evidence("; ".join(one.text for one in found if one)) if any(found) else None


def env_unreadable(seen: Observed, program: Program) -> Evidence | None:
    try:
        program.env_file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        return Evidence(f"{program.env_file}: {getattr(error, 'strerror', None) or error}")
    return None


def variable_missing(seen: Observed, program: Program) -> Evidence | None:
    now = seen.env(program)
    lacking = [n for n, value in seen.wanted(program).items() if value and not now.get(n)]
    words = [f"{name} is {'empty' if name in now else 'missing'}" for name in lacking]
    return Evidence(f"{', '.join(words)} in {program.env_file}") if lacking else None


def variable_edited(seen: Observed, program: Program) -> Evidence | None:
    names = seen.edited(program)
    return Evidence(f"{', '.join(sorted(names))} in {program.env_file}") if names else None


def not_writable(seen: Observed, program: Program) -> Evidence | None:
    """Folders and logs that it writes to: there, of the right owner, on a file system that can be written."""
    for path in program.writes:
        found, wanted = look.described(path), seen.request["places"].get(path)
        if found is None:
            return Evidence(f"{path} is not there")
        if wanted and found[1:] != wanted:
            return Evidence(f"{path} is {' '.join(found[1:])}, and should be {' '.join(wanted)}")
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return Evidence(f"{path} is mounted read-only", mend=f"sudo mount -o remount,rw {mount_of(path)}")
    return None
