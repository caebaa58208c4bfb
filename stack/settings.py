"""Settings of one environment: everything that differs between the lab and production."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from stack.catalogue import Port
from stack.errors import Refused
from stack.reading import Model, problems


class S3(Model):
    """Where market data and archived runs live."""

    endpoint: Annotated[str, Field(pattern=r"^https?://\S+$")]
    region: str = "us-east-1"
    compact_bucket: str
    archive_bucket: str
    archive_enabled: bool = True


class Network(Model):
    """For hosts that reach the world through somebody: proxy, mirrors, extra trusted certificates."""

    proxy: str | None = None
    no_proxy: str = "localhost,127.0.0.1"
    apt_sources: str | None = None  # the text of one deb822 sources file; None: the host's own
    npm_registry: str | None = None
    pip_index: str | None = None
    ca_certificates: tuple[Path, ...] = ()  # PEM files beside the controller, trusted on the hosts


class Firewall(Model):
    """Who may connect to a host besides the hosts that call its services."""

    enabled: bool = True
    open: tuple[Port, ...] = ()  # TCP ports that anybody may connect to, besides SSH's


class Settings(Model):
    """What `group_data/<environment>.py` may say."""

    repository: str
    branch: str = "main"
    approved: str | None = None  # branch or tag that hosts which pull deploy; None: the branch
    s3: S3
    secrets: Path
    identity: Path
    listen: str = "127.0.0.1"
    feed_symbols: Annotated[tuple[str, ...], Field(min_length=1)] = ("btcusdt", "ethusdt")
    feed_url: str = "sim://market?seed=1&rate=20"
    segment_seconds: Annotated[float, Field(gt=0, le=3600)] = 10  # how long an update waits for S3
    verify_flow: Literal["all", "read", "none"] = "all"  # read: nothing that starts a run
    ml_symbol: str = "btcusdt"
    network: Network = Network()
    firewall: Firewall = Firewall()
    signers: Path | None = None  # an allowed_signers file; without one, commits need no signature
    disk_free_mb: int = 1024  # less than this on the host, and a deploy does not start
    keep_releases: Annotated[int, Field(ge=2)] = 5
    # Seconds without a step of the deploy after which a host gives it up and goes back by itself.
    revert_after: Annotated[int, Field(ge=10, le=3600)] = 180


def load(path: Path) -> Settings:
    """Run a settings file and check its public names. Raises Refused with every problem at once."""
    if not path.exists():
        raise Refused(f"{path}: no such settings file")
    try:
        names = runpy.run_path(str(path))
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"{path}: {type(error).__name__}: {error}") from error
    raw: dict[str, Any] = {
        key: value
        for key, value in names.items()
        if not key.startswith("_") and not isinstance(value, ModuleType | FunctionType | type)
    }
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        raise Refused(*(f"{path}: {line}" for line in problems(raw, error))) from error
