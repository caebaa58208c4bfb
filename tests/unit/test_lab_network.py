"""What the lab asks of the machine's network, and what it makes of the answers."""

import json
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from lab import network

SUBNET = IPv4Network("10.70.80.0/24")


def test_routes_of_every_kind_are_understood() -> None:
    listing = [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
        {"dst": "10.77.0.0/24", "dev": "br0"},
        {"type": "broadcast", "dst": "192.0.2.255", "dev": "eth0"},
        {"dst": "fe80::/64", "dev": "eth0"},
    ]
    found = list(network.routes(json.dumps(listing)))
    assert found == [IPv4Network("10.77.0.0/24"), IPv4Network("192.0.2.255/32")]


def test_rules_replace_only_the_labs_own_table() -> None:
    text = network.rules("quantlab-lab-x", "x-1234", SUBNET)
    lines = [line.split() for line in text.splitlines()]
    tables = {words[words.index("ip") + 1] for words in lines if "table" in words}
    assert tables == {"quantlab-lab-x"}
    assert 'ip saddr 10.70.80.0/24 oifname != "x-1234" masquerade' in text
    assert "flush" not in text


def chain(**extra: str) -> str:
    base = {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward"}
    return json.dumps({"nftables": [{"metainfo": {}}, {"chain": base | extra}]})


def test_a_firewall_that_would_stop_the_hosts_is_named() -> None:
    (note,) = network.obstacles(chain(policy="drop"), "x-1234")
    assert 'nft insert rule ip filter FORWARD iifname "x-1234" accept' in note
    assert list(network.obstacles(chain(policy="accept"), "x-1234")) == []
    assert list(network.obstacles(chain(policy="drop", hook="input"), "x-1234")) == []


@pytest.fixture
def switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in (("net/ipv4/ip_forward", 0), ("fs/inotify/max_user_instances", 4096)):
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_text(f"{value}\n")
    monkeypatch.setattr(network, "_switch", lambda name: tmp_path / name)
    return tmp_path


def value(folder: Path, name: str) -> int:
    return int((folder / name).read_text())


def test_switches_are_raised_and_put_back(switches: Path) -> None:
    memory = switches / "kernel.json"
    network.raise_switches(memory, "boot")
    assert value(switches, "net/ipv4/ip_forward") == 1
    assert value(switches, "fs/inotify/max_user_instances") == 4096  # never lowered
    network.raise_switches(memory, "boot")  # a second lab must not remember our own value
    network.restore_switches(memory, "boot")
    assert value(switches, "net/ipv4/ip_forward") == 0
    assert value(switches, "fs/inotify/max_user_instances") == 4096
    assert not memory.exists()


def test_a_switch_that_somebody_else_set_since_is_left(switches: Path) -> None:
    memory = switches / "kernel.json"
    (switches / "fs/inotify/max_user_instances").write_text("128")
    network.raise_switches(memory, "boot")
    (switches / "fs/inotify/max_user_instances").write_text("8192")
    network.restore_switches(memory, "boot")
    assert value(switches, "fs/inotify/max_user_instances") == 8192


def test_values_of_before_a_restart_of_the_machine_are_forgotten(switches: Path) -> None:
    memory = switches / "kernel.json"
    network.raise_switches(memory, "first boot")
    network.restore_switches(memory, "second boot")
    assert value(switches, "net/ipv4/ip_forward") == 1
