"""Who may connect to a host: its operators over SSH, and the hosts that call its services. Pure."""

from __future__ import annotations

import ipaddress

from stack.catalogue import Service
from stack.errors import Refused
from stack.reach import literal
from stack.site import Host, Site

RULES = "/etc/quantlab/firewall.nft"
UNIT = "quantlab-firewall.service"
Door = tuple[Service, str, list[str]]


def opened(site: Site, host: Host) -> list[int]:
    """Ports that anybody may connect to: where sshd listens (`ssh_port`, unless that is a gateway's), and
    what the settings say."""
    ssh = host.data.get("sshd_port", host.data.get("ssh_port", 22))
    if not str(ssh).isdecimal() or not 0 < int(ssh) < 65536:
        raise Refused(f"inventory: host {host.name}: sshd_port: {ssh} is no port")
    return sorted({int(ssh), *site.settings.firewall.open})


def doors(site: Site, host: Host, clients: dict[str, list[Host]]) -> list[Door]:
    """Each service that other hosts call, with the addresses that it is open to, by family."""
    found = []
    for service in site.services_on(host):
        addresses = [ipaddress.ip_address(literal(site, other)) for other in clients.get(service.name, ())]
        for family, version in (("ip", 4), ("ip6", 6)):
            if of_it := sorted(str(address) for address in addresses if address.version == version):
                found.append((service, family, of_it))
    return found
