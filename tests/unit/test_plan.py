"""The plan: what differs is done, what does not is left alone, and what must not be is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.desired import GUARDS, Desired, desired
from stack.difference import owned
from stack.plan import Plan, plan, rollback
from tests.unit.examples import (
    ONE,
    REVISION,
    RUN,
    SPREAD,
    as_wanted,
    bare,
    secrets,
    site,
    summary,
    wanted,
)

HOST = wanted(site())
EVERY = [service.name for service in HOST.services]


def planned(host: Desired, seen: dict[str, Any]) -> Plan:
    return plan(host, seen, REVISION, "new", RUN)


def test_a_bare_host_gets_everything() -> None:
    found = planned(HOST, bare())
    assert found.refusals == []
    assert set(found.packages) == set(HOST.site.catalogue.packages)
    assert found.user
    assert found.activate
    assert (found.release, found.kind, found.live) == ("new", "deploy", None)
    assert list(found.starts) == EVERY
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
    assert found.starts == ()
    assert found.release == "live"


text = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="'\\"))
token = st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]))


@given(
    st.sampled_from([("one", ONE), ("feed", SPREAD), ("research", SPREAD)]),
    st.fixed_dictionaries({"branch": text, "feed_url": text, "ml_symbol": text}),
    st.fixed_dictionaries(
        {name: token if name.endswith("TOKEN") else text for name in HOST.site.catalogue.secrets}
    ),
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
    put = {path for name, part in (found.put or {}).items() for path in part if name != "then"}
    assert put == gone & {*HOST.programs, *HOST.directories, *HOST.logs}
    assert found.activate == bool(gone & {*HOST.files})
    assert found.prepare is None


def test_a_changed_env_file_makes_a_release() -> None:
    there = site(feed_url="sim://market?seed=2&rate=20")
    found = planned(desired(there, there.host("one"), secrets(there.catalogue)), as_wanted(HOST))
    assert found.prepare is not None
    assert found.activate
    assert (found.release, found.live) == ("new", "live")


SHORT = {"memory_free_mb": 100, "inodes_free": 12, "writable": False}


def test_a_machine_that_is_short_is_not_changed_unless_told_otherwise() -> None:
    found = plan(HOST, bare() | SHORT, REVISION, "new", RUN)
    assert [line.split(";")[0] for line in found.refusals] == [
        "/opt is mounted read-only",
        "only 100 MB of memory available",
        "only 12 inodes free under /opt",
        "  to deploy all the same: PREFLIGHT=0 make deploy",
    ]
    assert plan(HOST, bare() | SHORT, REVISION, "new", RUN, check=False).refusals == []


def test_a_machine_that_is_short_may_stay_as_it_is_and_go_back() -> None:
    seen = as_wanted(HOST) | SHORT
    assert planned(HOST, seen).empty
    seen["releases"]["earlier"] = {**seen["releases"]["live"], "number": 0}
    assert rollback(HOST, seen, "earlier", RUN).refusals == []


def test_a_changed_commit_makes_a_release_and_every_start_is_possible() -> None:
    seen = as_wanted(HOST)
    seen["releases"]["live"]["digest"] = "of another commit"
    found = planned(HOST, seen)
    assert found.prepare is not None
    assert list(found.starts) == EVERY


@pytest.mark.parametrize("state", ["prepared", "good"])
def test_a_release_that_is_there_already_is_not_built_again(state: str) -> None:
    seen = as_wanted(HOST)
    seen["releases"]["earlier"] = {**seen["releases"]["live"], "number": 0, "state": state}
    seen["releases"]["live"]["digest"] = "of another commit"
    found = planned(HOST, seen)
    assert (found.prepare, found.release, found.activate) == (None, "earlier", True)


def test_a_bad_release_is_never_taken_again() -> None:
    seen = as_wanted(HOST)
    seen["releases"]["earlier"] = {**seen["releases"]["live"], "number": 2, "state": "bad"}
    seen["releases"]["live"]["digest"] = "of another commit"
    found = planned(HOST, seen)
    assert found.prepare is not None
    assert found.release == "new"


def test_a_service_that_is_down_is_started() -> None:
    seen = as_wanted(HOST)
    del seen["running"]["quantlab-labeld.service"]
    found = planned(HOST, seen)
    assert found.starts == ("labeld",)
    assert (found.prepare, found.put, found.activate) == (None, None, True)


def test_a_service_that_was_started_from_something_else_is_restarted() -> None:
    seen = as_wanted(HOST)
    seen["running"]["quantlab-labeld.service"] = {"labeld": "of an earlier release"}
    assert planned(HOST, seen).starts == ("labeld",)


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_file_whose_mode_or_owner_changed_is_activated_again(position: int) -> None:
    seen = as_wanted(HOST)
    path = "/etc/quantlab/labeld.env"
    seen["files"][path] = [*seen["files"][path]]
    seen["files"][path][position] = "0644" if position == 1 else "nobody"
    found = planned(HOST, seen)
    assert found.activate
    assert found.prepare is None
    assert found.starts == ()  # its content is what it was started with


def test_an_edited_unit_is_activated_again_and_its_service_restarted() -> None:
    seen = as_wanted(HOST)
    seen["files"]["/etc/systemd/system/quantlab-labeld.service"][0] = "edited"
    found = planned(HOST, seen)
    assert found.activate
    assert found.starts == ("labeld",)


def test_a_disabled_unit_is_activated_again() -> None:
    seen = as_wanted(HOST)
    seen["units"]["quantlab-ml.timer"]["UnitFileState"] = "disabled"
    found = planned(HOST, seen)
    assert found.activate
    assert found.starts == ()


def test_a_stopped_timer_is_activated_again() -> None:
    seen = as_wanted(HOST)
    seen["units"]["quantlab-ml.timer"]["ActiveState"] = "inactive"
    found = planned(HOST, seen)
    assert found.activate
    assert (found.prepare, found.starts) == (None, ())


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
    assert (found.prepare, found.starts) == (None, ())


def test_a_release_that_was_never_confirmed_is_activated_and_proved() -> None:
    for change in ({"state": "prepared"}, {}):
        seen = as_wanted(HOST)
        seen["releases"]["live"] |= change
        found = planned(HOST, seen | ({} if change else {"pending": {"id": "live"}}))
        assert found.activate
        assert (found.prepare, found.starts) == (None, ())


def test_guards_that_are_off_are_enabled() -> None:
    seen = as_wanted(HOST)
    seen["units"][GUARDS[0]]["UnitFileState"] = "disabled"
    put = planned(HOST, seen).put
    assert put
    assert ["systemctl", "enable", *GUARDS] in put["then"]


LOCK = {"by": "you@there", "reason": "release day", "boot": "this", "until": 1060.0, "kept": False}


@pytest.mark.parametrize(
    ("change", "kept_out"),
    [
        ({}, True),
        ({"until": 999.0}, False),  # its time is over
        ({"boot": "before", "since": 0, "seconds": 1}, False),  # the host restarted: that run is gone
        ({"by": "me@here"}, True),  # another run of one's own, too
        ({"by": "me@here", "kept": True}, False),  # one's own word to keep others out
        ({"kept": True}, True),
        ({"boot": "before", "kept": True, "since": 1_799_999_999, "seconds": 60}, True),
    ],
)
def test_a_lock_keeps_others_out(change: dict[str, Any], kept_out: bool) -> None:
    found = planned(HOST, as_wanted(HOST) | {"lock": LOCK | change})
    assert bool(found.refusals) == kept_out
    if kept_out:
        who = (LOCK | change)["by"]
        assert found.refusals[0].startswith(f"locked by {who}: release day (ends by itself in")


def with_earlier(state: str = "good") -> dict[str, Any]:
    seen = as_wanted(HOST)
    digests = dict.fromkeys(EVERY, "earlier")
    seen["releases"]["earlier"] = summary(0, "earlier", digests, state)
    return seen | {"back": "earlier" if state == "good" else None}


def test_a_rollback_goes_to_the_good_release_before() -> None:
    found = rollback(HOST, with_earlier(), None, RUN)
    assert (found.release, found.kind, found.activate) == ("earlier", "rollback", True)
    assert (found.prepare, found.packages, found.user) == (None, [], False)


def test_a_rollback_needs_no_disk_space() -> None:
    assert rollback(HOST, with_earlier() | {"disk_free_mb": 0}, None, RUN).refusals == []


def test_a_rollback_to_the_live_release_changes_nothing() -> None:
    assert rollback(HOST, with_earlier(), "live", RUN).empty


@pytest.mark.parametrize(
    ("to", "state", "said"),
    [
        (None, "bad", "release live is live; no good release is older (good: live)"),
        ("earlier", "bad", "TO=earlier: is bad; good releases: live"),
        ("nosuch", "good", "TO=nosuch: is not on this host; good releases: earlier, live"),
    ],
)
def test_a_rollback_that_cannot_be_says_what_can(to: str | None, state: str, said: str) -> None:
    assert rollback(HOST, with_earlier(state), to, RUN).refusals == [said]


def test_a_rollback_of_a_bare_host_says_that_there_is_nothing() -> None:
    seen = with_earlier() | {"release": None, "releases": {}, "back": None}
    assert rollback(HOST, seen, None, RUN).refusals == ["no release is live (good: none); next: make deploy"]


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
    assert len(planned(HOST, seen).refusals) == 3  # `os` stands twice in the list, and counts once


def test_a_port_held_by_its_own_service_is_no_stranger() -> None:
    seen = as_wanted(HOST)
    seen["listeners"]["3061"] = ["node", "1", "quantlab-replayd.service"]
    (reason,) = planned(HOST, seen).refusals
    assert "port 3061 of labeld is held by node (pid 1, quantlab-replayd.service)" in reason
