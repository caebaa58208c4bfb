"""Labs run side by side only if everything about them derives from their names."""

from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import settings
from lab.errors import LabError

ROOT = Path("/somewhere")
NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,13}[a-z0-9])?", fullmatch=True).filter(lambda name: name != "lab")


@given(NAMES)
def test_every_name_gives_an_interface_that_linux_accepts(name: str) -> None:
    bridge = settings.named(name, ROOT).bridge
    assert len(bridge) <= 15
    assert set(bridge) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(NAMES, NAMES)
def test_two_labs_share_nothing(one: str, other: str) -> None:
    a, b = settings.named(one, ROOT), settings.named(other, ROOT)
    if one == other:
        assert a == b
    else:
        for thing in ("bridge", "table", "group", "data", "files", "repository"):
            assert getattr(a, thing) != getattr(b, thing), thing
        assert a.host_name(1) != b.host_name(1)


@pytest.mark.parametrize("name", ["", "A", "1a", "a_b", "a/b", "..", "a-", "a" * 16, "lab", "a b"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="LAB="):
        settings.named(name, ROOT)


def test_the_environment_names_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB", "other")
    assert settings.from_environment(ROOT).name == "other"
    monkeypatch.setenv("LAB", "")
    assert settings.from_environment(ROOT).name == "quantlab"
    assert settings.from_environment(ROOT).host_name(1) == "lab-1"


def test_host_numbers_and_names_are_inverse() -> None:
    lab = settings.named("a-1", ROOT)
    assert [lab.host_number(lab.host_name(n)) for n in (1, 42, 100)] == [1, 42, 100]


@pytest.mark.parametrize("name", ["a-0", "a-101", "b-1", "a", "a-x", "a-1-1"])
def test_hosts_of_others_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="is no host of lab 'a'"):
        settings.named("a", ROOT).host_number(name)


def test_a_subnet_that_is_routed_already_is_passed_over() -> None:
    first, second, third = islice(settings.subnets("x"), 3)
    assert settings.free_subnet("x", []) == first
    default_route = IPv4Network("0.0.0.0/0")
    assert settings.free_subnet("x", [default_route]) == first
    assert settings.free_subnet("x", [first, IPv4Network((second[7], 32))]) == third


def test_no_free_subnet_is_said() -> None:
    with pytest.raises(LabError, match="no 10"):
        settings.free_subnet("x", [IPv4Network("10.0.0.0/8")])


@given(NAMES)
def test_subnets_are_private_and_each_comes_once(name: str) -> None:
    some = list(islice(settings.subnets(name), 300))
    assert len(set(some)) == 300
    assert all(net.subnet_of(IPv4Network("10.0.0.0/8")) and net.prefixlen == 24 for net in some)


def test_a_hundred_hosts_have_addresses_of_their_own() -> None:
    subnet = IPv4Network("10.70.80.0/24")
    addresses = [str(settings.address(subnet, n)) for n in range(1, settings.MAX_HOSTS + 1)]
    assert (addresses[0], addresses[-1]) == ("10.70.80.11", "10.70.80.110")
    assert str(settings.gateway(subnet)) == "10.70.80.1"
