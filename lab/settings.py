"""Everything that tells one lab from another, derived from one setting: its name."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from lab.errors import LabError

DEFAULT = "quantlab"
CATALOGUE = "group_data/catalogue.yaml"
BACKEND = "reference/quantlab-backend"
SSH_USER = "admin"
GIT_PORT = 9418
S3_PORT = 9000
BUCKETS = {"compact": "quantlab-compact", "archive": "quantlab-runs"}
MAX_HOSTS = 100

VARIABLE_DATA = Path("/var/lib/quantlab-lab")
IMAGE_CACHE = Path("/var/cache/quantlab-lab")
LOCKS = Path("/run")

# Interface names end at 15 characters; host names (`<name>-100`) must stay readable beside them.
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,13}[a-z0-9])?")


@dataclass(frozen=True)
class Settings:
    """One lab of one checkout: where its things lie and what they are called."""

    name: str
    root: Path

    @property
    def prefix(self) -> str:
        """What host names start with: short for the lab that nearly everybody uses."""
        return "lab" if self.name == DEFAULT else self.name

    @property
    def bridge(self) -> str:
        """A name of at most 15 characters; the digest keeps it off every real interface."""
        return f"{self.name[:10]}-{_digest(self.name)[:4]}"

    @property
    def table(self) -> str:
        return f"quantlab-lab-{self.name}"

    @property
    def group(self) -> str:
        """The control group that holds those of the hosts."""
        return f"quantlab-lab-{self.name}"

    @property
    def data(self) -> Path:
        """Root's part: hosts, keys, process records. Gone after `down`."""
        return VARIABLE_DATA / self.name

    @property
    def hosts(self) -> Path:
        return self.data / "hosts"

    @property
    def records(self) -> Path:
        return self.data / "run"

    @property
    def buckets(self) -> Path:
        return self.data / "s3"

    @property
    def files(self) -> Path:
        """The controller's part, readable by whoever typed the command. Gone after `down`."""
        return self.root / ".lab" / self.name

    @property
    def repository(self) -> Path:
        return self.files / "git" / "quantlab-backend.git"

    def host_name(self, number: int) -> str:
        return f"{self.prefix}-{number}"

    def host_number(self, name: str) -> int:
        """The inverse of `host_name`; refuses what cannot be a host of this lab."""
        head, _, tail = name.rpartition("-")
        if head != self.prefix or not tail.isdecimal() or not 1 <= int(tail) <= MAX_HOSTS:
            raise LabError(
                f"'{name}' is no host of lab '{self.name}': they are called {self.host_name(1)}, "
                f"{self.host_name(2)}, … (see `python -m lab status`)"
            )
        return int(tail)


def from_environment(root: Path) -> Settings:
    """The lab that `LAB` names, or the default one."""
    return named(os.environ.get("LAB") or DEFAULT, root)


def named(name: str, root: Path) -> Settings:
    if not _NAME.fullmatch(name):
        raise LabError(f"LAB='{name}' is no name for a lab: up to 15 of a-z, 0-9 and '-', a letter first")
    if name == "lab":
        # Its hosts would be called lab-1, lab-2, … like those of the default lab.
        raise LabError(f"LAB='lab' is taken by the host names of lab '{DEFAULT}': choose another")
    return Settings(name, root)


def subnets(name: str) -> Iterator[IPv4Network]:
    """The /24 networks that this lab would use, the preferred one first.

    They start at 10.64: the low tens are where offices, clouds and VPNs usually live.
    """
    count = (256 - 64) * 256
    start = int(_digest(name)[:8], 16)
    for step in range(count):
        high, low = divmod((start + step) % count, 256)
        yield IPv4Network((f"10.{64 + high}.{low}.0", 24))


def free_subnet(name: str, taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first subnet of this lab that no route of this machine overlaps."""
    routes = list(taken)
    for subnet in subnets(name):
        if not overlapping(subnet, routes):
            return subnet
    raise LabError("no 10.x.y.0/24 is free here: this machine routes all of 10.64.0.0 to 10.255.0.0")


def overlapping(subnet: IPv4Network, routes: Iterable[IPv4Network]) -> bool:
    """Whether this machine sends any of the subnet somewhere already (the way out aside)."""
    return any(subnet.overlaps(route) for route in routes if route.prefixlen > 0)


def gateway(subnet: IPv4Network) -> IPv4Address:
    return subnet[1]


def address(subnet: IPv4Network, number: int) -> IPv4Address:
    """Hosts start at .11: the addresses below are for what stands outside them."""
    return subnet[10 + number]


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
