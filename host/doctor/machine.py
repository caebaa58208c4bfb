"""Causes that lie in the machine: disk, memory."""

import os
from pathlib import Path

import look
from common import BASE, STATE

from doctor.kinds import Evidence
from doctor.observed import ENV, Observed, Program

FULL_KB, FULL_INODES = 8 * 1024, 1000  # less than this is as good as nothing
PLACES = (BASE, STATE, ENV, Path("/var/log"), Path("/tmp"))  # noqa: S108 (asked, not written to)


def places(seen: Observed, program: Program | None) -> list[Path]:
    """Where the program, or any, and the deploy write."""
    programs = [program] if program else [*seen.services, *seen.jobs]
    written = {Path(path) for one in programs for path in one.writes}
    return [path for path in dict.fromkeys([*PLACES, *sorted(written)]) if path.exists()]


def disk_full(seen: Observed, program: Program | None) -> Evidence | None:
    for path in places(seen, program):
        disk = os.statvfs(path)
        if (free := disk.f_bavail * disk.f_frsize // 1024) < FULL_KB:
            size = disk.f_blocks * disk.f_frsize // 1024
            return Evidence(f"{path}: {free} of {size} kB free", words={"path": str(path)})
    return None


def no_inodes(seen: Observed, program: Program | None) -> Evidence | None:
    for path in places(seen, program):
        disk = os.statvfs(path)
        if disk.f_files and disk.f_favail < FULL_INODES:
            text = f"{path}: {disk.f_favail} of {disk.f_files} inodes free"
            return Evidence(text, words={"path": str(path)})
    return None


def disk_low(seen: Observed, program: Program | None) -> Evidence | None:
    """Less than a deploy asks for."""
    free, need = look.disk_free_mb(), seen.request["disk_free_mb"]
    return (
        Evidence(f"{free} MB free under /opt, a deploy needs {need} (disk_free_mb)") if free < need else None
    )


def memory_short(seen: Observed, program: Program | None) -> Evidence | None:
    free, need = look.memory_free_mb(), seen.request["memory_free_mb"]
    return Evidence(f"{free} MB available, a start needs {need}") if free < need else None


def mount_of(path: str) -> str:
    """The mount point that a path lies under; a bind mount has the device of what lies above it, too."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    parents = [path, *map(str, Path(path).parents)]
    return next(parent for parent in parents if parent in points)


def read_only(seen: Observed, program: Program | None) -> Evidence | None:
    return (
        None if look.writable() else Evidence("/opt is mounted read-only", words={"place": mount_of("/opt")})
    )
