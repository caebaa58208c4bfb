"""One JSON object a line on stdout, with the journal's priority prefix when stdout is the journal."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

PRIORITY = {"error": "<3>", "warn": "<4>", "info": ""}


def _stdout_is_journal() -> bool:
    stat = os.fstat(1)
    return os.environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


_JOURNAL = _stdout_is_journal()


def _write(level: str, message: str, fields: dict[str, Any]) -> None:
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"time": time, "level": level, "message": message, **fields})
    prefix = PRIORITY[level] if _JOURNAL else ""
    sys.stdout.write(f"{prefix}{line}\n")
    sys.stdout.flush()


def info(message: str, **fields: Any) -> None:
    _write("info", message, fields)


def warn(message: str, **fields: Any) -> None:
    _write("warn", message, fields)


def error(message: str, **fields: Any) -> None:
    _write("error", message, fields)
