"""One difference between a host and what it should be, and where what it should be is written down."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from stack.render import UNITS

DEPLOY = "make deploy"  # stands only where a deploy does undo it: tests/lab/test_drift.py lets it


@dataclass(frozen=True)
class Finding:
    """What, where, how it came, and the two ways out. `keep` is "-" when nobody should."""

    where: str
    what: str
    came: str = ""
    keep: str = "-"
    undo: str = DEPLOY
    lines: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        return asdict(self) | {"deploy_undoes": self.undo == DEPLOY}


def at(moment: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment)) if moment else "at an unknown time"


def source(path: str) -> str:
    """Where to write down a change that is to stay."""
    name = path.rpartition("/")[2]
    if name.endswith(".env"):
        template = "core.env.j2" if name == ".env" else f"{name}.j2"
        return f"write it into templates/env/{template} or the settings, then deploy"
    if path.startswith("/usr/local/lib/quantlab/"):
        return f"write it into host/{name}, then deploy"
    if path.startswith("/etc/apt/"):
        return "write it into network.apt_sources of the settings, then deploy"
    if name == "firewall.nft":
        return "write it into templates/firewall.nft.j2 or `firewall` of the settings, then deploy"
    if "/credentials/" in path:
        return "write it into the secrets, then deploy"
    if path.startswith("/etc/logrotate.d/"):
        return "write it into templates/logrotate.j2, then deploy"
    guards = ("quantlab-deadman.", "quantlab-early-boot.", "quantlab-late-boot.", "quantlab-rollback")
    if name.startswith(guards):
        return f"write it into templates/host/{name}.j2, then deploy"
    if name == "quantlab-firewall.service":
        return "write it into templates/units/firewall.j2, then deploy"
    kind = {".target": "target.j2", ".timer": "timer.j2"}.get(name[name.rfind(".") :], "service.j2 or job.j2")
    return f"write it into templates/units/{kind}, then deploy" if path.startswith(UNITS) else "-"
