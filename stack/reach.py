"""Who talks to whom, as the env templates and `needs` say: whom a service calls, who calls a host."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections import defaultdict
from collections.abc import Collection

from jinja2 import BaseLoader, TemplateNotFound

from stack.catalogue import Program, Service
from stack.errors import Refused
from stack.site import Host, Site
from stack.templates import TEMPLATES

_URL = re.compile(r"""\burl\(\s*["']([a-z0-9-]+)["']\s*\)""")


@functools.cache
def _told(loader: BaseLoader, env_file: str) -> frozenset[str]:
    """The services whose address an env template gives."""
    try:
        return frozenset(_URL.findall(loader.get_source(TEMPLATES, f"env/{env_file}.j2")[0]))
    except TemplateNotFound:  # rendering that host refuses it
        return frozenset()


def called(site: Site, program: Program) -> list[Service]:
    """The services that a program is told the address of, or needs."""
    assert TEMPLATES.loader
    names = _told(TEMPLATES.loader, program.env_file) | {*getattr(program, "needs", ())}
    return [s for s in site.catalogue.services if s.name in names and s.port is not None]


def homes(site: Site, host: Host, program: Program) -> list[Host]:
    """The other hosts that a program of this host calls."""
    return list(
        {home.name: home for s in called(site, program) if (home := site.host_of(s, host)) != host}.values()
    )


def clients(site: Site, host: Host) -> dict[str, list[Host]]:
    """The other hosts that call a service of this one, by the service's name."""
    found: dict[str, dict[str, Host]] = defaultdict(dict)
    calls = {p.name: [s for s in called(site, p) if s.role in host.roles] for p in site.catalogue.programs}
    for other in site.hosts.values():
        for program in site.catalogue.programs if other != host else ():
            for service in calls[program.name] if program.role in other.roles else ():
                if service.role not in other.roles and site.host_of(service, other) == host:
                    found[service.name][other.name] = other
    return {name: list(hosts.values()) for name, hosts in found.items()}


def literal(site: Site, host: Host) -> str:
    """A host's address as a rule needs it: a name may lead elsewhere tomorrow."""
    try:
        return str(ipaddress.ip_address(host.address))
    except ValueError:
        raise Refused(
            f"inventory/{site.environment}.py: {host.name}: other hosts' firewalls need an IP address, and "
            f"{host.address} is a name: give `address`, or switch the firewall off (docs/hardening.md)"
        ) from None


def peers(site: Site, host: Host, program: Program, called: Collection[str]) -> list[str] | None:
    """The addresses beyond this host that a program may exchange packets with; None: any. `called` are the
    programs of this host that others call.

    Only of programs that nobody calls from elsewhere: a host that is new in the inventory must not restart
    what it calls, and the firewall keeps strangers out already.
    """
    open_to_all = isinstance(program, Service) and program.port in site.settings.firewall.open
    if program.outside or open_to_all or program.name in called:
        return None
    try:
        return sorted(literal(site, home) for home in homes(site, host, program))
    except Refused:
        if site.settings.firewall.enabled:
            raise
        return None  # a name: its program asks a name server for it, too
