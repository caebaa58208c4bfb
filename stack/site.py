"""One environment put together: catalogue, settings, hosts and the roles placed on them."""

from __future__ import annotations

import functools
import os
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack import catalogue as catalogues
from stack import settings as settings_files
from stack.catalogue import Catalogue, Service, Timer
from stack.errors import Refused
from stack.settings import Settings
from stack.vault import open_vault

ROOT = Path(__file__).resolve().parent.parent

# Of every host that says nothing else. Text is sent: compressed, a far host has it in fewer round trips.
CONNECTION = {"ssh_strict_host_key_checking": "yes", "ssh_paramiko_connect_kwargs": {"compress": True}}


@dataclass(frozen=True)
class Host:
    """A host of the inventory. `address` is where the other hosts reach its services."""

    name: str
    address: str
    roles: frozenset[str]
    data: dict[str, Any]


@dataclass(frozen=True)
class Site:
    environment: str
    catalogue: Catalogue
    settings: Settings
    hosts: dict[str, Host]

    def services_on(self, host: Host) -> list[Service]:
        """The services placed on a host, in the documented order."""
        return [service for service in self.catalogue.services if service.role in host.roles]

    def timers_on(self, host: Host) -> list[Timer]:
        return [timer for timer in self.catalogue.timers if timer.role in host.roles]

    def chosen(self, limit: str | None) -> list[str]:
        """The hosts that LIMIT, hosts or roles with commas between them, leaves; all without one."""
        groups = self.groups()
        words = limit.split(",") if limit else list(self.hosts)
        if unknown := [word or "nothing" for word in words if word not in {*self.hosts, *groups}]:
            raise Refused(
                f"LIMIT={limit}: {', '.join(unknown)} is no host or role of inventory/{self.environment}.py; "
                f"there are: {', '.join(sorted({*self.hosts, *groups}))}"
            )
        named = {host for word in words for host, _ in groups.get(word, [(word, {})])}
        return [name for name in self.hosts if name in named]

    def host(self, name: str) -> Host:
        if name not in self.hosts:
            raise Refused(f"{name} is not in inventory/{self.environment}.py: which ENV is meant?")
        return self.hosts[name]

    def host_of(self, service: Service, seen_from: Host) -> Host:
        """The host whose `service` is used by `seen_from`: itself if it runs there, else the only one."""
        if service.role in seen_from.roles:
            return seen_from
        homes = [host for host in self.hosts.values() if service.role in host.roles]
        if len(homes) != 1:
            raise Refused(
                f"inventory/{self.environment}.py: {seen_from.name} needs {service.name}, which runs on "
                f"{len(homes)} hosts: give role {service.role} to one of them, or to {seen_from.name}"
            )
        return homes[0]

    def secrets(self) -> dict[str, str]:
        return open_vault(self.settings.secrets, self.settings.identity, self.catalogue.secrets)

    def groups(self) -> dict[str, list[tuple[str, dict[str, Any]]]]:
        """The inventory as pyinfra reads it: one group per role and one for the environment."""
        groups = {
            role: [(h.name, h.data) for h in self.hosts.values() if role in h.roles]
            for role in self.catalogue.roles
        }
        groups[self.environment] = [(h.name, h.data) for h in self.hosts.values()]
        return groups


def place(environment: str, names: dict[str, Any], catalogue: Catalogue) -> dict[str, Host]:
    """Read the role lists of an inventory file. Raises Refused for lists that are not roles, roles
    of the catalogue without a host, and hosts described twice and differently."""
    where = f"inventory/{environment}.py"
    lists = {k: v for k, v in names.items() if isinstance(v, list) and not k.startswith("_")}
    reasons = [f"{where}: {k}: no service has this role" for k in lists if k not in catalogue.roles]
    reasons += [f"{where}: role {r} has no host" for r in catalogue.roles if not lists.get(r)]
    data: dict[str, dict[str, Any]] = {}
    roles: dict[str, set[str]] = {}
    for role, hosts in lists.items():
        for entry in hosts:
            if not (isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], dict)):
                reasons.append(f"{where}: {role}: each host is (name, {{data}})")
                continue
            name, host_data = entry
            if data.setdefault(name, host_data) != host_data:
                reasons.append(f"{where}: {role}: {name} is described twice and differently")
            roles.setdefault(name, set()).add(role)
    if reasons:
        raise Refused(*reasons)
    return {
        name: Host(
            name=name,
            address=str(data[name].get("address", data[name].get("ssh_hostname", name))),
            roles=frozenset(roles[name]),
            # pyinfra's own default would accept an unknown host key at the first contact.
            data={**CONNECTION, **data[name]},
        )
        for name in sorted(data)
    }


@functools.cache
def load(environment: str | None = None, root: Path = ROOT) -> Site:
    """Load and check an environment (default: $ENV, else the lab) without touching any host."""
    environment = environment or os.environ.get("ENV") or "lab"
    inventory = root / "inventory" / f"{environment}.py"
    if "/" in environment or not inventory.exists():
        known = ", ".join(sorted(path.stem for path in (root / "inventory").glob("*.py")))
        raise Refused(f"inventory/{environment}.py: no such environment; there are: {known}")
    reasons: list[str] = []
    catalogue, settings, hosts = None, None, dict[str, Host]()
    try:
        catalogue = catalogues.load(root / "group_data" / "catalogue.yaml")
    except Refused as refused:
        reasons += refused.reasons
    try:
        names = runpy.run_path(str(inventory))
    except Refused as refused:
        raise Refused(*reasons, *refused.reasons) from None
    except Exception as error:
        reason = f"inventory/{environment}.py: {type(error).__name__}: {error}"
        raise Refused(*reasons, reason) from error
    try:
        settings = settings_files.load(root / "group_data" / f"{names.get('_settings', environment)}.py")
    except Refused as refused:
        reasons += refused.reasons
    try:
        hosts = place(environment, names, catalogue) if catalogue else {}
    except Refused as refused:
        reasons += refused.reasons
    if reasons or catalogue is None or settings is None:
        raise Refused(*reasons)
    return Site(environment, catalogue, settings, hosts)
