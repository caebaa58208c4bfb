"""A host's disk: an overlay over the image, with copies that it can go back to.

Nothing here mounts anything: the overlay is mounted by the host's own process, and goes with it.
"""

import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.shell import run


@dataclass(frozen=True)
class File:
    """A file that a bare host has beyond the image."""

    path: str
    text: str
    mode: int = 0o644
    owner: int = 0


@dataclass(frozen=True)
class Disk:
    """The folder of one host's disk. Every change is made beside its place, then renamed."""

    folder: Path

    @property
    def upper(self) -> Path:
        """What the host has written; it is there if, and only if, it is whole."""
        return self.folder / "upper"

    @property
    def image(self) -> Path:
        """The image that the overlay lies on: newer images do not suit what is written."""
        return Path((self.folder / "image").read_text())

    def create(self, image: Path, files: Iterable[File]) -> None:
        """Make a bare disk, over whatever was there before."""
        part = self._empty()
        for file in files:
            _place(image, part, file)
        (self.folder / "image").write_text(str(image))
        part.rename(self.upper)

    def snapshot(self, name: str) -> None:
        """Copy the disk of a stopped host."""
        kept, part = self._kept(name), self._kept(f"{name}.part")
        for old in (part, kept):
            if old.exists():
                shutil.rmtree(old)
        part.mkdir(parents=True)
        run("cp", "--archive", "--reflink=auto", self.upper, self.folder / "image", part)
        part.rename(kept)

    def require(self, name: str) -> None:
        """Refuse a snapshot that is not there, before anything is stopped for it."""
        if not self._kept(name).is_dir():
            names = sorted(path.name for path in self._kept(name).parent.glob("*"))
            raise LabError(
                f"host {self.folder.name} has no snapshot '{name}'; it has: {', '.join(names) or 'none'}"
            )

    def restore(self, name: str) -> None:
        """Bring the disk of a stopped host back to a snapshot."""
        part = self._empty()
        run("cp", "--archive", "--reflink=auto", f"{self._kept(name) / 'upper'}/.", part)
        shutil.copy(self._kept(name) / "image", self.folder / "image")
        part.rename(self.upper)

    def _kept(self, name: str) -> Path:
        return self.folder / "snapshots" / name

    def _empty(self) -> Path:
        """Drop the disk; return the empty folder that shall become the next one."""
        for name in ("upper", "upper.part", "work"):
            if (self.folder / name).exists():
                shutil.rmtree(self.folder / name)
        for name in ("upper.part", "work", "root"):
            (self.folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        return self.folder / "upper.part"


def _place(image: Path, upper: Path, file: File) -> None:
    """Write a file into the overlay, in folders with the rights that they have in the image."""
    for parent in reversed(Path(file.path).parents[:-1]):
        if not (upper / parent).exists():
            (upper / parent).mkdir()
            like = (image / parent).stat()
            os.chown(upper / parent, like.st_uid, like.st_gid)
            (upper / parent).chmod(stat.S_IMODE(like.st_mode))
    target = upper / file.path
    target.touch(mode=0o600)
    target.write_text(file.text)
    os.chown(target, file.owner, file.owner)
    target.chmod(file.mode)
