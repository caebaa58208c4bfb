"""What systemd and the kernel hold a host's programs to: exposure, limits, rules. One command for each."""

import functools
import re
from collections.abc import Callable

from tests.verify.observed import Observed, Properties

EXPOSURE = re.compile(r"Overall exposure level for (\S+): ([0-9.]+)")
FACTORS = {"M": 1024**2, "G": 1024**3}


def octets(text: str) -> str:
    return str(int(text[:-1]) * FACTORS[text[-1]])


def seconds(value: float) -> str:
    """As systemd writes a span of time."""
    whole, part = int(value), round(value % 1 * 1000)
    return " ".join([f"{whole}s"] * bool(whole) + [f"{part}ms"] * bool(part))


# A unit's line, the property that systemd tells, and what a value is there.
LIMITS: dict[str, tuple[str, Callable[[str], str]]] = {
    "MemoryHigh": ("MemoryHigh", octets),
    "MemoryMax": ("MemoryMax", octets),
    "CPUQuota": ("CPUQuotaPerSecUSec", lambda text: seconds(int(text.rstrip("%")) / 100)),
    "TasksMax": ("TasksMax", str),
    "LimitNOFILE": ("LimitNOFILE", str),
    "OOMPolicy": ("OOMPolicy", str),
    "Group": ("Group", str),
    "PrivateUsers": ("PrivateUsers", str),
    "ProtectSystem": ("ProtectSystem", str),
    "SocketBindDeny": ("SocketBindDeny", str),
}


def wanted(unit_file: str) -> Properties:
    """The properties that a unit's file asks for."""
    found = {}
    for line in unit_file.splitlines():
        name, _, value = line.partition("=")
        if name in LIMITS:
            property_name, written = LIMITS[name]
            found[property_name] = written(value)
    return found


@functools.cache
def exposures(seen: Observed) -> dict[str, float]:
    """How exposed each service unit is by systemd's own measure, from 0 (none) to 10."""
    units = [name for name in seen.unit_names if name.endswith(".service")]
    text = seen.connection.output("systemd-analyze security --no-pager", *units)
    return {unit: float(value) for unit, value in EXPOSURE.findall(text)}


@functools.cache
def held(seen: Observed) -> dict[str, Properties]:
    """The limits that systemd has of each unit now."""
    names = ",".join(["Id", *(name for name, _ in LIMITS.values())])
    text = seen.connection.output(f"systemctl show --property={names}", *seen.unit_names)
    blocks = (dict(row.split("=", 1) for row in block.splitlines()) for block in text.strip().split("\n\n"))
    return {block["Id"]: block for block in blocks}


def rules(seen: Observed, file: str) -> tuple[str, str]:
    """The rules that the kernel has, and those that it would have from the file: loaded where nothing is."""
    elsewhere = f"nft -f {file} && nft list table inet quantlab"
    loaded = seen.connection.output("nft list table inet quantlab", good=(0, 1))
    return loaded, seen.connection.output("unshare --net sh -c", elsewhere)
