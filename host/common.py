"""Paths, small files and subprocesses that the host programs share."""

import contextlib
import grp
import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

BASE = Path("/opt/quantlab")
RELEASES = BASE / "releases"
SHARED = BASE / "shared"
MIRROR = BASE / "mirror.git"
STATE = Path("/var/lib/quantlab")
UNITS = Path("/etc/systemd/system")


class Failed(Exception):
    """A step that did not succeed; the text is for the operator."""


def read_json(path: Path, default: Any) -> Any:
    """A record of ours; the default when there is none. A damaged one counts as missing, as in the look:
    then what it recorded is done anew, where a parse error would end this deploy and every later one."""
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return default
    return value if isinstance(value, dict) else default


def part(path: Path) -> Path:
    """Where a file's new content waits for its rename: one name for each, so that none is left behind."""
    return path.with_name(f".{path.name}.quantlab")


def stage(path: Path, content: str, mode: int, owner: str, group: str) -> None:
    """Put a file's new content beside it. It has its owner and mode before it has its content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part(path).unlink(missing_ok=True)
    descriptor = os.open(part(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchown(descriptor, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def write(path: Path, content: str, mode: int = 0o644, owner: str = "root", group: str = "root") -> None:
    """Replace a file in one rename, and let the rename reach the disk."""
    try:
        stage(path, content, mode, owner, group)
        part(path).replace(path)
    except BaseException:
        part(path).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def link(path: Path, target: Path) -> None:
    """Point a symlink elsewhere in one rename."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)


@contextlib.contextmanager
def pinned(code: Path, folder: PurePath, what: str) -> Iterator[Path]:
    """A folder of a code tree, made if it is missing, by a name that goes on meaning it.

    The tree is the services' user's, who may put a link in its place between root's look and root's write:
    so it is held by a descriptor. Raises Failed when a link in the tree leads out of it.
    """
    tree = code.resolve()
    held = os.open(code, os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for part in folder.parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=held)
            inner = os.open(part, os.O_DIRECTORY, dir_fd=held)
            os.close(held)
            held = inner
            if not (where := Path(f"/proc/self/fd/{held}").readlink()).is_relative_to(tree):
                raise Failed(f"{what}: a link in the code leads out of the tree, to {where}")
        yield Path(f"/proc/self/fd/{held}")
    finally:
        os.close(held)


def link_shared(paths: list[str], code: Path) -> None:
    """Runs and logs outlive releases: they lie outside, and each release's tree links to them."""
    for path in map(PurePath, paths):
        with pinned(code, path.parent, f"shared path {path}") as folder:
            place = folder / path.name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            link(place, SHARED / path)


def run(
    command: list[str],
    *,
    what: str,
    user: str | None = None,
    group: str | None = None,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    timeout: float = 600,
) -> str:
    """Run a command, as `user` if given (in `group` alone, or else the user's own), and return its output;
    raise Failed with its last lines."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
    }
    who: dict[str, Any] = {}
    if user:
        account = pwd.getpwnam(user)
        environment["HOME"] = account.pw_dir
        of = grp.getgrnam(group).gr_gid if group else account.pw_gid
        who = {"user": account.pw_uid, "group": of, "extra_groups": []}
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            cwd=cwd or "/",
            env=environment | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            umask=0o022,
            **who,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{what}: no end after {timeout:g} s: {' '.join(command[:4])}") from None
    if done.returncode != 0:
        tail = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-15:])
        raise Failed(f"{what}: {' '.join(command[:4])} ended with {done.returncode}\n{tail}")
    return done.stdout


def show(unit: str, *properties: str) -> dict[str, str]:
    """Properties of a unit as systemd has them now."""
    text = run(["systemctl", "show", unit, f"--property={','.join(properties)}"], what=unit, timeout=30)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
