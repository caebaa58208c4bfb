"""A host's disk: what it has written, over snapshots of itself, over the image.

A snapshot copies nothing: what was written until then becomes a layer that is only read, and the
host writes on above it. So keeping and going back take no longer than a boot, whatever is
installed. Nothing here mounts anything: the overlay is mounted by the host's own process, and goes
with it.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.shell import run

# The kernel takes one page of mount options: some fifty layers, of snapshots upon snapshots.
_MOUNT_OPTIONS = 3500


@dataclass(frozen=True)
class File:
    """A file that a bare host has beyond the image."""

    path: str
    text: str
    mode: int = 0o644
    owner: int = 0


@dataclass(frozen=True)
class Disk:
    """The folder of one host's disk. Only that of a stopped host may be changed."""

    folder: Path

    @property
    def upper(self) -> Path:
        """What the host has written; it is there if, and only if, it is whole."""
        return self.folder / "upper"

    @property
    def layers(self) -> list[str]:
        """What lies below: the last snapshot first, the image last."""
        return (self.folder / "layers").read_text().split()

    def create(self, stack: Sequence[str], files: Iterable[File]) -> None:
        """Make a disk of these layers, the image last, over whatever was there before. Snapshots stay."""
        part = self._empty()
        for file in files:
            _place(Path(stack[-1]), part, file)
        self._begin(part, stack)

    def snapshot(self, name: str) -> None:
        """Keep what is written, under a name; a snapshot that had the name is let go."""
        if len(":".join(self.layers)) > _MOUNT_OPTIONS:
            raise LabError(
                f"host {self.folder.name} has {len(self.layers)} layers, more than can be mounted: go back "
                f"to one of its snapshots first (`python -m lab reset --to …`), or to bare"
            )
        number = 1 + max((int(path.name) for path in self._kept_layers()), default=0)
        layer = self.folder / "kept" / str(number)
        layer.parent.mkdir(exist_ok=True)
        stack = [str(layer), *self.layers]
        self.upper.rename(layer)
        _write(self._snapshot(name), stack)
        self._begin(self._empty(like=layer), stack)

    def require(self, name: str) -> None:
        """Refuse a snapshot that is not there, before anything is stopped for it."""
        if not self._snapshot(name).exists():
            names = sorted(path.name for path in (self.folder / "snapshots").glob("[!.]*"))
            raise LabError(
                f"host {self.folder.name} has no snapshot '{name}'; it has: {', '.join(names) or 'none'}"
            )

    def restore(self, name: str) -> None:
        """Go back to a snapshot."""
        stack = self.stack(name)
        self._begin(self._empty(like=Path(stack[0])), stack)

    def stack(self, name: str) -> list[str]:
        """The layers of a snapshot."""
        return self._snapshot(name).read_text().split()

    def _snapshot(self, name: str) -> Path:
        """The file that lists the layers of a snapshot."""
        return self.folder / "snapshots" / name

    def _kept_layers(self) -> list[Path]:
        return list((self.folder / "kept").glob("*"))

    def _empty(self, like: Path | None = None) -> Path:
        """Drop what is written; return the folder that shall be written to next."""
        run("rm", "-rf", *(self.folder / name for name in ("upper", "upper.part", "work")))
        for name in ("upper.part", "work", "root"):
            (self.folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        part = self.folder / "upper.part"
        if like is not None:  # the root of the host's tree has the rights of the topmost layer
            _same_rights(part, like)
        return part

    def _begin(self, part: Path, stack: Sequence[str]) -> None:
        """Let the host write to a new folder above these layers, and drop what lies below nothing."""
        _write(self.folder / "layers", stack)
        part.rename(self.upper)
        lists = [self.folder / "layers", *(self.folder / "snapshots").glob("*")]
        used = {layer for file in lists for layer in file.read_text().split()}
        unused = [layer for layer in self._kept_layers() if str(layer) not in used]
        run("rm", "-rf", *unused)


def _write(file: Path, stack: Sequence[str]) -> None:
    file.parent.mkdir(exist_ok=True)
    part = file.with_name(f".{file.name}")
    part.write_text("".join(f"{layer}\n" for layer in stack))
    part.replace(file)


def _place(image: Path, upper: Path, file: File) -> None:
    """Write a file into the overlay, in folders with the rights that they have in the image."""
    for parent in reversed(Path(file.path).parents[:-1]):
        if not (upper / parent).exists():
            (upper / parent).mkdir()
            _same_rights(upper / parent, image / parent)
    target = upper / file.path
    target.touch(mode=0o600)
    target.write_text(file.text)
    os.chown(target, file.owner, file.owner)
    target.chmod(file.mode)


def _same_rights(folder: Path, like: Path) -> None:
    rights = like.stat()
    os.chown(folder, rights.st_uid, rights.st_gid)
    folder.chmod(stat.S_IMODE(rights.st_mode))
