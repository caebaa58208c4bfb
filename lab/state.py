"""What a running lab tells the controller. Light to import, needs no root.

Inventories and tests call `read`; only `up` and `down` write.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.errors import LabError, LabNotRunning
from lab.settings import DEFAULT

__all__ = ["Host", "Lab", "LabNotRunning", "boot_id", "path", "read", "render"]


@dataclass(frozen=True)
class Host:
    """One machine of the lab, as SSH reaches it."""

    name: str
    address: str


@dataclass(frozen=True)
class Lab:
    """A lab that is up: everything that a deploy against it must know."""

    name: str
    gateway: str
    subnet: str
    git: str
    s3: str
    s3_buckets: dict[str, str]
    ssh_user: str
    ssh_key: str
    known_hosts: str
    ca_certificates: tuple[str, ...]
    secrets: str
    identity: str
    hosts: tuple[Host, ...]


def path(root: Path, name: str) -> Path:
    """`lab.json`: it is there if, and only if, the lab is up."""
    return root / ".lab" / name / "lab.json"


def read(root: Path, name: str = DEFAULT) -> Lab:
    """The running lab of this checkout, or `LabNotRunning` with what to type."""
    start = "make lab" if name == DEFAULT else f"LAB={name} make lab"
    try:
        text = path(root, name).read_text()
    except FileNotFoundError:
        raise LabNotRunning(f"lab '{name}' is not running: type `{start}`") from None
    try:
        found = json.loads(text)
        if found.pop("boot") != boot_id():
            raise LabNotRunning(
                f"lab '{name}' ended when this machine was restarted: type `{start}` to repair it"
            )
        hosts = tuple(Host(**host) for host in found.pop("hosts"))
        certificates = tuple(found.pop("ca_certificates"))
        return Lab(**found, ca_certificates=certificates, hosts=hosts)
    except (ValueError, TypeError, KeyError) as error:
        raise LabError(
            f"{path(root, name)} is not what this version of the lab writes ({error}): "
            f"type `{start}` to write it anew"
        ) from error


def render(lab: Lab) -> str:
    """The text of `lab.json`; it knows the boot that the lab belongs to."""
    return json.dumps({**asdict(lab), "boot": boot_id()}, indent=2) + "\n"


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
