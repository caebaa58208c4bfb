"""Files for whoever typed the command, though root writes them."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """The user behind `sudo`, or the one we are."""

    uid: int
    gid: int

    @property
    def ids(self) -> tuple[int, int]:
        return self.uid, self.gid

    def folder(self, path: Path) -> Path:
        """The folder, with every parent that had to be made, owned by the user."""
        if not path.exists():
            self.folder(path.parent)
            path.mkdir(0o755)
            os.chown(path, *self.ids)
        return path

    def write(self, path: Path, content: str | bytes, mode: int = 0o644) -> None:
        """Put a file in place in one step, never readable by more than it should be."""
        self.folder(path.parent)
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            os.fchown(handle, *self.ids)
            file.write(content.encode() if isinstance(content, str) else content)
        part.replace(path)


def invoking() -> Owner:
    if os.getuid() == 0 and "SUDO_UID" in os.environ:
        return Owner(int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
    return Owner(os.getuid(), os.getgid())
