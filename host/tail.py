"""Log files: their lines with times, through logrotate's copies, and as they are written."""

import gzip
import os
import re
import time
import zlib
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

Entry = tuple[float, str, str, str]  # time, program, text, and where it was read
STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d{1,6})?(Z|[+-]\d\d:?\d\d)?")


def stamp(text: str) -> float | None:
    """The time that a line itself bears near its beginning, as text or in JSON. Without a zone: UTC."""
    found = STAMP.search(text[:60])
    try:
        at = datetime.fromisoformat(found[0].replace(",", ".")) if found else None
    except ValueError:
        return None
    if at is None or not 1970 <= at.year < 9999:  # no time that anybody logged at, or could be shown
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


class Tail:
    """A log file that grows. It may be copied away and emptied (as logrotate does), or not be there yet."""

    def __init__(self, path: Path, program: str) -> None:
        self._path, self._program = path, program
        self._position, self._rest = 0, b""

    def backlog(self, since: float, most: int) -> list[Entry]:
        """The newest lines, from rotated copies too if there are not enough in the file itself."""
        found: list[Entry] = []
        for copy in self._copies():
            try:
                written = copy.stat().st_mtime
                if written < since or len(found) >= most:
                    break
                with opened(copy) as file:
                    lines = deque(file, most)
                    if copy == self._path:
                        self._position = file.tell()
            except (FileNotFoundError, EOFError):
                continue  # not there yet, or just being rotated
            except (OSError, zlib.error) as error:
                lines = deque([f"{copy} cannot be read: {error}".encode()])
            found = [entry for entry in self._timed(lines, written) if entry[0] >= since] + found
        return found[-most:]

    def more(self) -> list[Entry]:
        """The lines that have been written since the last look."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._position:
                    self._position, self._rest = 0, b""
                file.seek(self._position)
                text = self._rest + file.read()
                self._position = file.tell()
        except FileNotFoundError:
            return []
        *lines, self._rest = text.split(b"\n")
        return self._timed(lines, time.time())

    def _timed(self, lines: Iterable[bytes], otherwise: float) -> list[Entry]:
        """Lines with their times. One that bears none has that of the line before, or after."""
        texts = [line.decode(errors="replace").rstrip("\r\n") for line in lines]
        times = [stamp(text) for text in texts]
        at = next((first for first in times if first is not None), otherwise)
        found = []
        for text, own in zip(texts, times, strict=True):
            at = own if own is not None else at
            found.append((at, self._program, text, str(self._path)))
        return found

    def _copies(self) -> list[Path]:
        """The file and its rotated copies, newest first: LOG, LOG.1, LOG.1.gz, LOG.2.gz, …"""
        numbered = [
            (int(number), path)
            for path in self._path.parent.glob(f"{self._path.name}.*")
            if (number := path.name[len(self._path.name) + 1 :].removesuffix(".gz")).isdecimal()
        ]
        return [self._path, *(path for _, path in sorted(numbered))]


def opened(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
