"""The plan: what differs is done, what does not is left alone, and what must not be is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.desired import Desired, desired
from stack.plan import Plan, must_start, owned, plan
from tests.unit.examples import ONE, REVISION, SPREAD, as_wanted, bare, secrets, site, wanted

HOST = wanted(site())
SERVICES = HOST.services


def planned(host: Desired, seen: dict[str, Any]) -> Plan:
    return plan(host, seen, REVISION, "new", "me")


def restarted(planned: Plan, prepared: dict[str, str]) -> list[str]:
    return [s.name for s in planned.desired.services if must_start(planned, s, prepared)]


def digests(seen: dict[str, Any], **changed: str) -> dict[str, str]:
    """What a new release says of its services, most of them unchanged."""
    return {**seen["manifest"]["services"], **changed}


def test_a_bare_host_gets_everything() -> None:
    found = planned(HOST, bare())
    assert found.refusals == []
    assert set(found.packages) == set(HOST.site.catalogue.packages)
    assert found.user
    assert found.activate
    assert found.confirm
    assert found.release == "new"
    assert found.starts == SERVICES
    assert found.put is not None
    assert set(found.put["directories"]) == set(HOST.directories)
    assert set(found.put["files"]) == set(HOST.programs)
    assert found.prepare is not None
    assert (found.prepare["commit"], found.prepare["branch"]) == (REVISION.commit, "main")
    assert set(found.prepare["files"]) == set(HOST.files)
    assert not found.empty


def test_a_host_as_wanted_gets_nothing() -> None:
    found = planned(HOST, as_wanted(HOST))
    assert found.empty
    assert found.starts == []
    assert found.release == "live"


text = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="'\\"))


@given(
    st.sampled_from([("one", ONE), ("feed", SPREAD), ("research", SPREAD)]),
    st.fixed_dictionaries({"branch": text, "feed_url": text, "ml_symbol": text}),
    st.fixed_dictionaries(dict.fromkeys(HOST.site.catalogue.secrets, text)),
)
@settings(max_examples=25, deadline=None)
def test_whatever_the_data_a_host_as_wanted_gets_nothing(
    where: tuple[str, Any], changes: dict[str, str], values: dict[str, str]
) -> None:
    name, roles = where
    there = site(roles, **changes)
    host = desired(there, there.host(name), values)
    assert planned(host, as_wanted(host)).empty
    assert not planned(host, bare()).empty


@given(st.sets(st.sampled_from(HOST.looked_at), min_size=1), st.data())
@settings(max_examples=50, deadline=None)
def test_whatever_is_missing_is_put_back(gone: set[str], data: st.DataObject) -> None:
    seen = as_wanted(HOST)
    for path in gone:
        seen["files"][path] = None
    found = planned(HOST, seen)
    assert not found.empty
    put = {path for part in (found.put or {}).values() for path in part}
    assert put == gone & {*HOST.programs, *HOST.directories, *HOST.logs}
    assert found.activate == bool(gone & {*HOST.files})
    assert found.prepare is None


def test_a_changed_env_file_makes_a_release_and_restarts_that_service_alone() -> None:
    seen = as_wanted(HOST)
    there = site(feed_url="sim://market?seed=2&rate=20")  # only the collector reads it
    found = planned(desired(there, there.host("one"), secrets(there.catalogue)), seen)
    assert found.prepare is not None
    assert found.activate
    assert restarted(found, digests(seen, collector="another")) == ["collector"]


def test_a_changed_commit_restarts_the_services_whose_code_changed() -> None:
    seen = as_wanted(HOST)
    seen["manifest"]["digest"] = "of another commit"
    found = planned(HOST, seen)
    assert found.prepare is not None
    assert restarted(found, digests(seen)) == []
    assert restarted(found, digests(seen, labeld="x", observer="x")) == ["labeld", "observer"]


def test_before_a_release_is_prepared_every_start_is_possible() -> None:
    seen = as_wanted(HOST)
    seen["manifest"]["digest"] = "of another commit"
    assert planned(HOST, seen).starts == SERVICES


@pytest.mark.parametrize("state", ["inactive", "failed", "activating"])
def test_a_service_that_is_down_is_started_and_nothing_else_done(state: str) -> None:
    seen = as_wanted(HOST)
    seen["units"]["quantlab-labeld.service"]["ActiveState"] = state
    found = planned(HOST, seen)
    assert [service.name for service in found.starts] == ["labeld"]
    assert (found.prepare, found.put, found.activate) == (None, None, False)
    assert not found.empty


@pytest.mark.parametrize("started", [{}, {"labeld": {"digest": "of an earlier release"}}])
def test_a_service_that_was_started_from_something_else_is_restarted(started: dict[str, Any]) -> None:
    seen = as_wanted(HOST)
    del seen["started"]["labeld"]
    seen["started"].update(started)
    assert [service.name for service in planned(HOST, seen).starts] == ["labeld"]


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_file_whose_mode_or_owner_changed_is_activated_again(position: int) -> None:
    seen = as_wanted(HOST)
    path = "/etc/quantlab/labeld.env"
    seen["files"][path] = [*seen["files"][path]]
    seen["files"][path][position] = "0644" if position == 1 else "nobody"
    found = planned(HOST, seen)
    assert found.activate
    assert found.prepare is None
    assert found.starts == []  # its content is what it was started with


def test_an_edited_unit_is_activated_again_and_its_service_restarted() -> None:
    seen = as_wanted(HOST)
    seen["files"]["/etc/systemd/system/quantlab-labeld.service"][0] = "edited"
    found = planned(HOST, seen)
    assert found.activate
    assert [service.name for service in found.starts] == ["labeld"]


def test_a_disabled_unit_is_activated_again() -> None:
    seen = as_wanted(HOST)
    seen["units"]["quantlab-ml.timer"]["UnitFileState"] = "disabled"
    found = planned(HOST, seen)
    assert found.activate
    assert found.starts == []


def test_a_stopped_timer_is_activated_again() -> None:
    seen = as_wanted(HOST)
    seen["units"]["quantlab-ml.timer"]["ActiveState"] = "inactive"
    found = planned(HOST, seen)
    assert found.activate
    assert (found.prepare, found.starts) == (None, [])


def test_a_log_is_made_once_and_never_overwritten() -> None:
    seen = as_wanted(HOST)
    for path, log in HOST.logs.items():
        seen["files"][path] = ["grown since", *owned(log)]
    assert planned(HOST, seen).empty


def test_a_log_with_another_owner_or_mode_is_given_back() -> None:
    seen = as_wanted(HOST)
    log = next(iter(HOST.logs))
    seen["files"][log] = ["grown since", "0600", "root", "root"]
    put = planned(HOST, seen).put
    assert put
    assert list(put["logs"]) == [log]


def test_a_missing_link_to_what_is_shared_is_mended_by_activation() -> None:
    found = planned(HOST, as_wanted(HOST) | {"links": {}})
    assert found.activate
    assert (found.prepare, found.starts) == (None, [])


def test_a_release_that_was_never_confirmed_is_confirmed() -> None:
    for state in (None, {"state": "active"}):
        found = planned(HOST, as_wanted(HOST) | {"state": state})
        assert found.confirm
        assert not found.empty
        assert found.starts == []


def test_missing_packages_and_user_are_named() -> None:
    seen = as_wanted(HOST)
    seen["installed"].remove("jq")
    found = planned(HOST, seen | {"user": False})
    assert found.packages == ["jq"]
    assert found.user


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"os": "debian 11"}, "runs debian 11; supported: debian 12, debian 13"),
    ({"os": "ubuntu 24.04"}, "runs ubuntu 24.04; supported: "),
    ({"disk_free_mb": 1023}, "only 1023 MB free under /opt; a deploy needs 1024 (disk_free_mb)"),
    ({"code": "tree"}, "/home/deploy/quantlab-backend is a plain folder, not a link to a release"),
    (
        {"listeners": {"3061": ["nginx", "4711", "nginx.service"]}},
        "port 3061 of labeld is held by nginx (pid 4711, nginx.service): stop it first",
    ),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_a_deploy_that_must_not_start_says_why(change: dict[str, Any], reason: str) -> None:
    for seen in (bare(), as_wanted(HOST)):
        found = planned(HOST, seen | change)
        (said,) = found.refusals
        assert said.startswith(reason)
        assert (found.prepare, found.put, found.packages) == (None, None, [])


def test_all_refusals_are_told_at_once() -> None:
    seen = as_wanted(HOST)
    for change, _ in REFUSED:
        seen |= change
    assert len(planned(HOST, seen).refusals) == 4  # `os` stands twice in the list, and counts once


def test_a_port_held_by_its_own_service_is_no_stranger() -> None:
    seen = as_wanted(HOST)
    seen["listeners"]["3061"] = ["node", "1", "quantlab-replayd.service"]
    (reason,) = planned(HOST, seen).refusals
    assert "port 3061 of labeld is held by node (pid 1, quantlab-replayd.service)" in reason
