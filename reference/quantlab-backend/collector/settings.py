"""Settings come from the environment, secrets also from files that it names.

All problems are named at once and the exit code is 78.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

EX_CONFIG = 78

REQUIRED = object()


def port(value: str) -> int:
    number = int(value)
    if not 1 <= number <= 65535:
        raise ValueError
    return number


def positive(value: str) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError
    return value.rstrip("/")


def feed(value: str) -> str:
    if not value.startswith("sim://"):
        raise ValueError
    return value


def symbols(value: str) -> list[str]:
    names = [name.strip().lower() for name in value.split(",") if name.strip()]
    if not names or not all(name.isalnum() for name in names):
        raise ValueError
    return names


@dataclass(frozen=True)
class Settings:
    listen: str
    port: int
    spool_dir: Path
    feed_url: str
    feed_symbols: list[str]
    segment_seconds: float
    batch_seconds: float
    feed_quiet_seconds: float
    bucket: str
    endpoint: str
    access_key_id: str
    secret_access_key: str
    region: str


# field: variable, what its text must be, and the default
SPEC: dict[str, tuple[str, Callable[[str], Any], Any]] = {
    "listen": ("LISTEN", str, REQUIRED),
    "port": ("PORT", port, REQUIRED),
    "spool_dir": ("SPOOL_DIR", Path, REQUIRED),
    "feed_url": ("FEED_URL", feed, "sim://market?seed=1&rate=10"),
    "feed_symbols": ("FEED_SYMBOLS", symbols, ["btcusdt", "ethusdt"]),
    "segment_seconds": ("SEGMENT_SECONDS", positive, 10.0),
    "batch_seconds": ("BATCH_SECONDS", positive, 0.05),
    "feed_quiet_seconds": ("FEED_QUIET_SECONDS", positive, 5.0),
    "bucket": ("S3_COMPACT_BUCKET", str, REQUIRED),
    "endpoint": ("S3_COMPACT_ENDPOINT", address, REQUIRED),
    "access_key_id": ("AWS_ACCESS_KEY_ID", str, REQUIRED),
    "secret_access_key": ("AWS_SECRET_ACCESS_KEY", str, REQUIRED),
    "region": ("AWS_REGION", str, "us-east-1"),
}


def given(variable: str) -> str:
    """A secret that an env file cannot hold comes as a file: a credential, or what NAME_FILE names."""
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), variable)
    named = Path(os.environ.get(f"{variable}_FILE", "/nonexistent"))
    file = next((file for file in (credential, named) if file.is_file()), None)
    return os.environ.get(variable) or (file.read_text() if file else "")


def read() -> Settings:
    values: dict[str, Any] = {}
    problems = []
    for field in fields(Settings):
        variable, kind, default = SPEC[field.name]
        text = given(variable)
        try:
            if text:
                values[field.name] = kind(text)
            elif default is REQUIRED:
                problems.append(f"{variable} is missing")
            else:
                values[field.name] = default
        except ValueError:
            problems.append(f"{variable} is not valid")
    if problems:
        print(f"collector: cannot start: {'; '.join(problems)}", file=sys.stderr)
        sys.exit(EX_CONFIG)
    return Settings(**values)
