"""The lab's own network: one bridge, one firewall table, and two kernel switches."""

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.settings import Settings, free_subnet, gateway, overlapping
from lab.shell import run, say

# Forwarding lets hosts install packages; each systemd needs several inotify instances, and the
# kernel's 128 are used up by some twenty hosts.
_SWITCHES = {"net/ipv4/ip_forward": 1, "fs/inotify/max_user_instances": 1024}


def ensure(settings: Settings) -> IPv4Network:
    """Bridge, address, masquerading: made if missing. Returns the lab's subnet."""
    remembered = settings.data / "subnet"
    taken = list(routes(run("ip", "-json", "route", "show", "table", "all")))
    if not remembered.exists():
        remembered.write_text(str(free_subnet(settings.name, taken)))
    subnet = IPv4Network(remembered.read_text())
    if not exists(settings.bridge):
        if overlapping(subnet, taken):  # a lab of before this machine's restart
            raise LabError(
                f"{subnet}, where lab '{settings.name}' was, is routed elsewhere now: "
                "`python -m lab down`, then `up`"
            )
        run("ip", "link", "add", settings.bridge, "mtu", str(uplink_mtu()), "type", "bridge")
    run("ip", "address", "replace", f"{gateway(subnet)}/{subnet.prefixlen}", "dev", settings.bridge)
    run("ip", "link", "set", settings.bridge, "up")
    run("nft", "-f", "-", stdin=rules(settings.table, settings.bridge, subnet))
    for warning in obstacles(run("nft", "-j", "list", "chains"), settings.bridge):
        say(warning)
    return subnet


def remove(settings: Settings) -> None:
    """Take away what `ensure` made, whatever of it is there."""
    if exists(settings.bridge):
        run("ip", "link", "delete", settings.bridge)
    tables = _objects(run("nft", "-j", "list", "tables"), "table")
    if any(table["name"] == settings.table for table in tables):
        run("nft", "delete", "table", "ip", settings.table)


def exists(interface: str) -> bool:
    return Path("/sys/class/net", interface).exists()


def interfaces() -> set[str]:
    """Every name of every interface of this machine (the kernel shortens long ones)."""
    links = json.loads(run("ip", "-json", "link", "show"))
    return {name for link in links for name in (link["ifname"], *link.get("altnames", []))}


def routes(listing: str) -> Iterator[IPv4Network]:
    """Where this machine already sends IPv4, from the JSON of `ip route`."""
    for route in json.loads(listing):
        target = route.get("dst", "default")
        if target != "default" and ":" not in target:
            yield IPv4Network(target, strict=False)


def uplink_mtu() -> int:
    """The packet size that this machine's way out can carry; hosts must not send more."""
    for route in json.loads(run("ip", "-json", "route", "show", "default")):
        mtu: int = json.loads(run("ip", "-json", "link", "show", route["dev"]))[0]["mtu"]
        return mtu
    return 1500


def rules(table: str, bridge: str, subnet: IPv4Network) -> str:
    """The lab's table, replaced in one step: what leaves the bridge goes as this machine."""
    return f"""\
table ip {table} {{}}
delete table ip {table}
table ip {table} {{
    chain leaving {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {subnet} oifname != "{bridge}" masquerade
    }}
}}
"""


def obstacles(chains: str, bridge: str) -> Iterator[str]:
    """Firewall chains of others that would keep hosts from the package mirrors.

    An accept of ours cannot overrule them, and what is theirs is not ours to change.
    """
    for chain in _objects(chains, "chain"):
        if chain.get("hook") == "forward" and chain.get("policy") == "drop":
            place = f"{chain['family']} {chain['table']} {chain['name']}"
            yield (
                f"note: this machine's firewall chain '{place}' drops what it does not know; if "
                "hosts reach neither mirrors nor each other: "
                f'`nft insert rule {place} iifname "{bridge}" accept` and '
                f'`nft insert rule {place} oifname "{bridge}" accept`'
            )


def raise_switches(memory: Path, boot: str) -> None:
    """Set the kernel switches that are lower than needed; note once what they were."""
    now = {name: int(_switch(name).read_text()) for name in _SWITCHES}
    noted = json.loads(memory.read_text()) if memory.exists() else {}
    if noted.get("boot") != boot:  # after a restart of the machine, the old values say nothing
        memory.write_text(json.dumps({"boot": boot, "before": now}))
    for name, needed in _SWITCHES.items():
        if now[name] < needed:
            _switch(name).write_text(str(needed))


def restore_switches(memory: Path, boot: str) -> None:
    """Put the switches back that we changed, unless somebody else changed them since."""
    noted = json.loads(memory.read_text())
    if noted["boot"] == boot:
        for name, before in noted["before"].items():
            if before < _SWITCHES[name] == int(_switch(name).read_text()):
                _switch(name).write_text(str(before))
    memory.unlink()


def _switch(name: str) -> Path:
    return Path("/proc/sys", name)


def _objects(listing: str, kind: str) -> list[dict[str, Any]]:
    try:
        return [entry[kind] for entry in json.loads(listing)["nftables"] if kind in entry]
    except (ValueError, KeyError) as error:
        raise LabError(f"`nft -j list` speaks a dialect that is not understood: {error}") from error
