"""What an operator must know before a host that was set up by hand is taken over. Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from stack import firewall
from stack.desired import Desired
from stack.render import UNITS


def differences(desired: Desired, tree: dict[str, Any], commit: str, observed: dict[str, Any]) -> list[str]:
    """One line for each file that a deploy would change; names of variables, never values."""
    found = []
    if tree["commit"] != commit:
        found.append(
            f"code: {tree['commit'][:12] or 'no commit'} ({tree['branch']}) would become {commit[:12]}"
        )
    found += [f"code: edited by hand: {line}" for line in tree["edited"]]
    for path, held in tree["env"].items():
        file = desired.files.get(path)
        if file is None:
            found.append(f"{path}: would go (no service of the catalogue reads it)")
        elif changes := changed(held, assignments(file.content, tree["key"])):
            found.append(f"{path}: {'; '.join(changes)}")
    for path in tree["units"]:
        if path not in desired.files:
            found.append(f"{path}: would be stopped and removed (not of this host's roles)")
        elif observed["files"][path][0] != desired.files[path].sha256:
            found.append(f"{path}: would be replaced")
    there = {*tree["env"], *tree["units"]}
    if firewall.RULES in desired.files and f"{UNITS}/{firewall.UNIT}" not in tree["units"]:
        ports = ", ".join(map(str, firewall.opened(desired.site, desired.host)))
        found.append(
            f"network: connections from elsewhere to ports other than {ports} would be refused, but "
            "for those of hosts of the inventory (docs/hardening.md)"
        )
    new = [p for p in desired.files if p.startswith(("/etc/quantlab/", UNITS)) and p not in there]
    return found + [f"{path}: would come" for path in new]


def changed(held: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """How the variables of an env file would change."""
    parts = {
        "would go": [name for name in held if name not in wanted],
        "would come": [name for name in wanted if name not in held],
        "would get another value": [n for n in wanted if n in held and held[n] != wanted[n]],
    }
    return [f"{', '.join(names)} {what}" for what, names in parts.items() if names]


def assignments(content: str, key: str) -> dict[str, str]:
    """The variables of a rendered env file with keyed hashes of their values."""
    lines = (line.partition("=") for line in content.splitlines() if line and not line.startswith("#"))
    return {
        name: hmac.new(key.encode(), value[1:-1].encode(), hashlib.sha256).hexdigest()
        for name, _, value in lines
    }


def refusal(desired: Desired, lines: list[str]) -> list[str]:
    """What a first deploy to such a host says, before it touches anything."""
    return [
        f"{desired.site.catalogue.code} is a plain checkout: this host was set up by hand. A deploy would "
        "save what is there as release 0-by-hand, keep runs, spool and logs, and change:",
        *(f"  {line}" for line in (lines or ["nothing but who manages it"])),
        "  next: if that is meant, `ADOPT=1 make deploy`; `make rollback` then goes back to what was there",
    ]
