"""The spool: what the collector has promised to keep.

Updates are appended in batches to one open segment; a batch is acknowledged when fsync has returned.
A segment is closed by renaming it, and never written again. That makes its contents, and so the names
of the objects that it becomes in S3, the same however often its upload is tried.
"""

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import log

OPEN, CLOSED, BAD = ".open", ".closed", ".bad"

Update = tuple[str, str]


@dataclass
class Acknowledged:
    """Of one symbol, since the start of this process."""

    first: int
    last: int
    count: int = 0


class Spool:
    def __init__(self, folder: Path, segment_seconds: float) -> None:
        self.folder = folder
        self.segment_seconds = segment_seconds
        self.acknowledged: dict[str, Acknowledged] = {}
        self.pending: dict[Path, int] = {}  # closed segments and how many updates they hold
        self.open_count = 0
        self.problem: str | None = None
        self.closed = threading.Condition()
        self._file: int | None = None
        self._path = folder
        self._opened = 0.0
        self._size = 0
        self._recover()

    def _recover(self) -> None:
        """A kill may have left an open segment with half a line at its end: nobody was promised that."""
        for path in sorted(self.folder.glob(f"*{OPEN}")):
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole:
                with path.open("r+b") as file:
                    file.truncate(whole)
                    os.fsync(file.fileno())
                path.rename(path.with_suffix(CLOSED))
            else:
                path.unlink()
            log.info("recovered a segment", segment=path.name, cut_bytes=len(content) - whole)
        self._sync_folder()
        for path in sorted(self.folder.glob(f"*{CLOSED}")):
            self.pending[path] = path.read_bytes().count(b"\n")

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _open(self) -> int:
        self._path = self.folder / f"{time.time_ns()}{OPEN}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
        self._file = os.open(self._path, flags, 0o640)
        self._sync_folder()
        self._opened = time.monotonic()
        self._size = self.open_count = 0
        return self._file

    def append(self, batch: list[Update]) -> None:
        """Returns when the batch is safe on disk; raises OSError, with nothing half kept, when not."""
        data = "".join(f"{symbol} {line}\n" for symbol, line in batch).encode()
        try:
            file = self._file if self._file is not None else self._open()
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        except OSError as error:
            self.problem = f"spool is not writable: {error.strerror}"
            self._undo()
            raise
        self.problem = None
        self._size += len(data)
        self.open_count += len(batch)
        for symbol, line in batch:
            number = json.loads(line)["u"]
            seen = self.acknowledged.setdefault(symbol, Acknowledged(number, number))
            seen.last = number
            seen.count += 1

    def _undo(self) -> None:
        """Cuts a half-written batch off; what cannot even be cut is left to the next start."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._size)
            self.close()
        except OSError as error:
            log.warn("segment is left as it is", segment=self._path.name, reason=error.strerror)
            os.close(self._file)
            self._file = None

    def due(self) -> bool:
        return self._file is not None and time.monotonic() - self._opened >= self.segment_seconds

    def close(self) -> None:
        """Closes the open segment and hands it to the uploader."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if not self.open_count:
            self._path.unlink()
            return
        closed = self._path.with_suffix(CLOSED)
        self._path.rename(closed)
        self._sync_folder()
        with self.closed:
            self.pending[closed] = self.open_count
            self.open_count = 0
            self.closed.notify()

    def oldest(self) -> Path | None:
        """The segment that has waited longest for S3, closed or still open."""
        with self.closed:
            return min(self.pending, default=self._path if self.open_count else None)

    def remove(self, path: Path) -> None:
        path.unlink()
        with self.closed:
            del self.pending[path]

    def put_aside(self, path: Path) -> None:
        """Keeps a segment that makes no sense for a human to look at."""
        if path.exists():
            path.rename(path.with_suffix(BAD))
        with self.closed:
            del self.pending[path]
