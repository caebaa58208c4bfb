"""Roles placed on hosts: who runs what, where the others find it, and what is refused."""

from typing import Any

import pytest

from stack.errors import Refused
from stack.render import Renderer
from stack.site import load, place
from tests.unit.examples import ONE, SPREAD, Roles, catalogue, secrets, site


def refused(roles: Roles) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        place("test", dict(roles), catalogue())
    return caught.value.reasons


def test_a_role_without_host_is_refused() -> None:
    assert refused({**ONE, "console": []}) == ("inventory/test.py: role console has no host",)
    without = {role: hosts for role, hosts in ONE.items() if role != "market"}
    assert refused(without) == ("inventory/test.py: role market has no host",)


def test_a_list_that_is_no_role_is_refused() -> None:
    assert refused({**ONE, "reserch": [("one", {})]}) == (
        "inventory/test.py: reserch: no service has this role",
    )


def test_a_host_described_twice_and_differently_is_refused() -> None:
    (reason,) = refused({**ONE, "console": [("one", {"ssh_port": 2222})]})
    assert reason == "inventory/test.py: console: one is described twice and differently"


def test_all_mistakes_are_told_at_once() -> None:
    assert len(refused({"market": [("a", {})], "consol": [("a", {"x": 1})]})) == 4


@pytest.mark.parametrize("entry", ["one", ("one",), ("one", "data"), ("one", {}, {})])
def test_a_host_that_is_no_pair_is_refused(entry: Any) -> None:
    (reason,) = refused({**ONE, "console": [entry]})
    assert reason == "inventory/test.py: console: each host is (name, {data})"


def test_private_names_are_not_roles() -> None:
    assert list(place("test", {**ONE, "_hosts": [("other", {})], "note": "text"}, catalogue())) == ["one"]


def test_every_host_checks_host_keys_strictly() -> None:
    for _, data in (entry for group in site(SPREAD).groups().values() for entry in group):
        assert data["ssh_strict_host_key_checking"] == "yes"


@pytest.mark.parametrize(
    ("data", "address"),
    [
        ({}, "h"),
        ({"ssh_hostname": "h.example.com"}, "h.example.com"),
        ({"ssh_hostname": "h.example.com", "address": "192.0.2.1"}, "192.0.2.1"),
    ],
)
def test_the_address_falls_back_to_what_ssh_uses(data: dict[str, Any], address: str) -> None:
    hosts = place("test", {role: [("h", data)] for role in ONE}, catalogue())
    assert hosts["h"].address == address


def test_roles_place_services_in_the_documented_order() -> None:
    spread = site(SPREAD)
    order = [service.name for service in spread.catalogue.services]
    feed, research = (
        [s.name for s in spread.services_on(spread.host(name))] for name in ("feed", "research")
    )
    assert feed == ["replayd", "collector"]
    assert research == [name for name in order if name not in feed]
    assert spread.timers_on(spread.host("feed")) == []
    assert [timer.name for timer in spread.timers_on(spread.host("research"))] == ["ml-scheduler"]


def test_groups_are_the_roles_and_the_environment() -> None:
    names = {group: [name for name, _ in hosts] for group, hosts in site(SPREAD).groups().items()}
    assert names == {
        "market": ["feed"],
        "research": ["research"],
        "console": ["research"],
        "made-up": ["feed", "research"],
    }


def test_a_need_is_reached_on_loopback_or_by_the_address_of_its_host() -> None:
    spread = site(SPREAD)
    here = Renderer(spread, spread.host("research"), secrets(spread.catalogue))
    assert here.url("strategyd") == "http://127.0.0.1:3031"
    assert here.url("replayd") == "http://192.0.2.11:3030"


@pytest.mark.parametrize("name", ["nobody", "job-worker"])
def test_what_has_no_port_has_no_address(name: str) -> None:
    alone = site()
    with pytest.raises(Refused, match=f"no service with a port is named {name}"):
        Renderer(alone, alone.host("one"), {}).url(name)


def test_a_need_on_several_other_hosts_is_ambiguous() -> None:
    several = site({**SPREAD, "market": [("a", {}), ("b", {})]})
    replayd = several.catalogue.services[0]
    with pytest.raises(Refused) as caught:
        several.host_of(replayd, several.host("research"))
    assert "research needs replayd, which runs on 2 hosts: give role market" in str(caught.value)
    assert several.host_of(replayd, several.host("a")).name == "a"


def test_services_listen_beyond_loopback_only_for_other_hosts() -> None:
    alone, spread = site(), site(SPREAD)
    service = alone.catalogue.services[0]
    assert Renderer(alone, alone.host("one"), {}).listen(service) == "127.0.0.1"
    assert Renderer(spread, spread.host("feed"), {}).listen(service) == "0.0.0.0"  # noqa: S104 (compared)
    chosen = site(listen="192.0.2.7")
    assert Renderer(chosen, chosen.host("one"), {}).listen(service) == "192.0.2.7"


@pytest.mark.parametrize(
    ("limit", "hosts"),
    [(None, ["feed", "research"]), ("", ["feed", "research"]), ("feed", ["feed"]), ("console", ["research"])],
)
def test_limit_leaves_hosts_and_roles(limit: str | None, hosts: list[str]) -> None:
    assert site(SPREAD).chosen(limit) == hosts


@pytest.mark.parametrize("limit", ["nosuch", "feed,nosuch", ",", "feed,", "feed research"])
def test_a_limit_that_names_no_host_is_refused(limit: str) -> None:
    """A word that is none must never mean every host."""
    with pytest.raises(Refused, match=r"LIMIT=.* is no host or role"):
        site(SPREAD).chosen(limit)


@pytest.mark.parametrize("name", ["../inventory", "../deploy", "lab/"])
def test_an_environment_is_a_name_and_no_path(name: str) -> None:
    with pytest.raises(Refused, match="no such environment; there are: bench, lab, production, split"):
        load(name)


def test_a_host_of_another_environment_is_named() -> None:
    with pytest.raises(Refused, match=r"stranger is not in inventory/made-up\.py"):
        site().host("stranger")
