"""Who may connect to a host, and what that follows from: the inventory, and whom the services call."""

import re
from typing import Any

import pytest

from stack import firewall, reach
from stack.errors import Refused
from stack.site import Site
from tests.unit.examples import ONE, SPREAD, Roles, site, wanted

OFF = {"enabled": False}
SIX: Roles = SPREAD | {role: [("research", {"address": "2001:db8::12"})] for role in ("research", "console")}
NAMED: Roles = SPREAD | {
    role: [("research", {"address": "r.example.com"})] for role in ("research", "console")
}


def rules(site: Site, host: str) -> list[str]:
    """What is accepted beyond what every host accepts."""
    text = wanted(site, host).files[firewall.RULES].content
    return [line.strip() for line in text.splitlines() if "dport" in line and "udp" not in line]


def test_a_host_alone_lets_in_ssh_and_nothing_else() -> None:
    assert rules(site(), "one") == ["tcp dport { 22 } accept"]


def test_ports_of_ssh_and_settings_are_open_to_all() -> None:
    roles: Roles = {role: [("one", {"ssh_port": 2222})] for role in ONE}
    assert rules(site(roles, firewall={"open": [8080, 443]}), "one") == [
        "tcp dport { 443, 2222, 8080 } accept"
    ]


def test_behind_a_gateway_the_port_is_open_where_sshd_listens() -> None:
    roles: Roles = {role: [("one", {"ssh_port": 2222, "sshd_port": 22})] for role in ONE}
    assert rules(site(roles), "one") == ["tcp dport { 22 } accept"]


@pytest.mark.parametrize("port", ["ssh", 0, 99999, 22.5, None])
def test_a_port_that_is_none_is_refused(port: object) -> None:
    roles: Roles = {role: [("one", {"sshd_port": port})] for role in ONE}
    with pytest.raises(Refused, match=f"inventory: host one: sshd_port: {port} is no port"):
        wanted(site(roles), "one")


def test_a_service_is_open_to_the_hosts_that_call_it() -> None:
    spread = site(SPREAD)
    assert rules(spread, "feed") == [
        "tcp dport { 22 } accept",
        'ip saddr { 192.0.2.12 } tcp dport 3030 accept comment "replayd"',
        'ip saddr { 192.0.2.12 } tcp dport 9100 accept comment "collector"',
    ]
    assert rules(spread, "research") == ["tcp dport { 22 } accept"]


def test_a_call_need_not_be_a_need() -> None:
    """The console shows labeld and is told its address; in the catalogue it only needs observer-api."""
    apart: Roles = SPREAD | {"console": [("console", {"address": "192.0.2.13"})]}
    opened = {re.findall(r"(\d+) accept", line)[0] for line in rules(site(apart), "research")[1:]}
    assert opened == {"3000", "3031", "3041", "3051", "3061"}
    assert rules(site(apart), "feed")[1].startswith("ip saddr { 192.0.2.12, 192.0.2.13 } tcp dport 3030")


def test_addresses_of_both_families() -> None:
    assert 'ip6 saddr { 2001:db8::12 } tcp dport 3030 accept comment "replayd"' in rules(site(SIX), "feed")


def test_a_name_is_no_address() -> None:
    with pytest.raises(Refused) as caught:
        wanted(site(NAMED), "feed")
    (reason,) = caught.value.reasons
    assert reason.startswith(
        "inventory/made-up.py: research: other hosts' firewalls need an IP address, and r.exa"
    )
    assert firewall.RULES not in wanted(site(NAMED, firewall=OFF), "feed").files


def test_without_it_there_is_neither_file_nor_unit() -> None:
    host = wanted(site(firewall=OFF))
    assert not [path for path in host.files if "firewall" in path]
    assert firewall.UNIT not in host.enabled
    assert firewall.UNIT in wanted(site()).enabled


def peers(site: Site, host: str) -> dict[str, Any]:
    here = site.host(host)
    called = reach.clients(site, here)
    return {s.name: reach.peers(site, here, s, called) for s in site.services_on(here)}


def test_a_program_exchanges_packets_with_those_that_it_calls_alone() -> None:
    assert peers(site(), "one") == {
        **dict.fromkeys(["replayd", "collector", "observer"], None),
        **{name: [] for name in ("featurexd", "labeld", "strategyd", "backtestd")},
        **{name: [] for name in ("job-worker", "observer-api", "console-ui")},
    }
    assert peers(site(SPREAD), "research")["featurexd"] == ["192.0.2.11"]
    assert peers(site(SPREAD), "research")["labeld"] == []
    assert peers(site(firewall={"open": [8080]}), "one")["console-ui"] is None
    unit = wanted(site(SPREAD), "research").files["/etc/systemd/system/quantlab-featurexd.service"].content
    assert "IPAddressDeny=any\nIPAddressAllow=localhost 192.0.2.11\n# No devices" in unit


def test_a_host_that_is_new_restarts_nothing_elsewhere() -> None:
    more: Roles = SPREAD | {"console": [*SPREAD["console"], ("more", {"address": "192.0.2.14"})]}
    before, after = wanted(site(SPREAD), "feed").files, wanted(site(more), "feed").files
    assert {path for path in after if before[path].content != after[path].content} == {firewall.RULES}
