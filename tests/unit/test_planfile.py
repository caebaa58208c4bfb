"""A plan file binds what was looked at: each way in which it no longer fits is a refusal that names it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from stack.desired import Desired, desired
from stack.plan import plan
from stack.planfile import VERSION, Document, Seal, bound, common, moved, revision, sealed, steps, unfit
from stack.revision import Revision
from tests.unit.examples import REVISION, RUN, SPREAD, as_wanted, bare, secrets, site, wanted

SITE = site()
HOST = wanted(SITE)
SECRETS = secrets(SITE.catalogue)
SALT = "00" * 16


def document(hosts: dict[str, Desired], values: dict[str, str] = SECRETS) -> Document:
    seal = Seal(values, SALT)
    made = {
        "version": VERSION,
        "environment": "made-up",
        "revision": {"name": "main", "commit": REVISION.commit, "branch": "main"},
        "salt": SALT,
        **common(next(iter(hosts.values())), seal),
        "hosts": {name: {"bound": bound(host, seal)} for name, host in hosts.items()},
    }
    made = sealed(made, seal)
    return dict(json.loads(json.dumps(made)))  # as it comes back from a file


def refused(now: Desired, made: Document | None = None, values: dict[str, str] = SECRETS) -> list[str]:
    return unfit(made or document({"one": HOST}), {"one": now}, ["one"], values)


def test_an_unchanged_checkout_fits() -> None:
    assert refused(HOST) == []
    assert revision(document({"one": HOST})) == Revision("main", REVISION.commit, "main")


def test_another_setting_is_named_with_the_file_that_it_changes() -> None:
    assert refused(wanted(site(feed_url="sim://other"))) == [
        "the settings changed since it was made",
        "one: rendered otherwise now: /etc/quantlab/collector.env",
    ]


def test_a_setting_that_no_file_shows_is_noticed() -> None:
    assert refused(wanted(site(keep_releases=9))) == ["the settings changed since it was made"]


def test_where_keys_lie_is_each_operators_own_matter() -> None:
    assert refused(wanted(site(identity="elsewhere", secrets="elsewhere"))) == []


def test_another_catalogue_is_noticed() -> None:
    known = SITE.catalogue.model_copy(update={"packages": (*SITE.catalogue.packages, "vim")})
    there = replace(SITE, catalogue=known)
    now = desired(there, there.host("one"), SECRETS)
    assert refused(now) == ["the catalogue changed since it was made"]


def test_another_template_or_program_is_noticed() -> None:
    path = "/usr/local/lib/quantlab/look.py"
    edited = replace(HOST.programs[path], content="other")
    now = replace(HOST, programs=HOST.programs | {path: edited})
    assert refused(now) == [f"one: rendered otherwise now: {path}"]
    mode = replace(HOST.programs[path], mode=0o600)
    assert refused(replace(HOST, programs=HOST.programs | {path: mode})) != []


def test_other_roles_and_another_address_are_noticed() -> None:
    now = replace(HOST, host=replace(HOST.host, roles=frozenset({"market"}), address="192.0.2.9"))
    assert refused(now) == [
        "one: roles was ['console', 'market', 'research'], is ['market']",
        "one: address was one, is 192.0.2.9",
    ]


def test_other_secrets_are_noticed() -> None:
    assert refused(HOST, values=SECRETS | {"REPLAYD_TOKEN": "new"}) == [
        "the secrets have changed since it was made"
    ]


@pytest.mark.parametrize("key", ["revision", "hosts", "seal", "environment", "version", "secrets"])
def test_an_edited_plan_is_refused(key: str) -> None:
    made = document({"one": HOST})
    made[key] = {"name": "main", "commit": "f" * 40, "branch": "main"} if key == "revision" else {}
    assert refused(HOST, made) != []


def test_the_hosts_of_the_run_are_the_plans() -> None:
    there = site(SPREAD)
    both = {name: wanted(there, name) for name in ("feed", "research")}
    made = document(both)
    assert unfit(made, both, ["feed", "research"], SECRETS) == []
    assert unfit(made, both, ["feed"], SECRETS) == ["it is for research as well, which this run leaves out"]
    one = document({"feed": both["feed"]})
    assert unfit(one, both, ["feed", "research"], SECRETS) == [
        "it is not for research; LIMIT=feed leaves the hosts that it is for"
    ]


def test_no_secret_and_no_guess_of_one_can_be_read_from_a_plan() -> None:
    short = dict.fromkeys(SECRETS, "abc")  # as short as no token should be
    made = json.dumps(document({"one": desired(SITE, SITE.host("one"), short)}, short))
    assert not [value for value in SECRETS.values() if value in made]
    # The same content under another vault's key has other hashes: without the vault no guess can be checked.
    path = "/etc/quantlab/replayd.env"
    ours = bound(HOST, Seal(SECRETS, SALT))["content"][path]
    assert ours != bound(HOST, Seal({**SECRETS, "STRATEGYD_TOKEN": "a guess"}, SALT))["content"][path]
    assert ours != bound(HOST, Seal(SECRETS, "11" * 16))["content"][path]


def planned(seen: dict[str, Any]) -> dict[str, Any]:
    found = plan(HOST, seen, REVISION, "new", RUN)
    return {"live": found.live, "pending": found.pending, "steps": steps(found, seen)}


def mismatch(now: dict[str, Any], then: dict[str, Any] | None = None) -> list[str]:
    return moved(planned(then or changed()), plan(HOST, now, REVISION, "new", RUN), now)


def changed() -> dict[str, Any]:
    """A host on which another commit is live."""
    seen = as_wanted(HOST)
    seen["releases"]["live"]["digest"] = "of another commit"
    return seen


def test_a_host_that_did_not_change_fits() -> None:
    assert mismatch(changed()) == []
    assert mismatch(bare(), bare()) == []
    assert planned(changed())["steps"] == [
        f"prepare a release of commit {REVISION.commit[:12]}",
        "activate it",
    ]
    assert planned(as_wanted(HOST))["steps"] == []


def test_another_base_release_is_named() -> None:
    seen = changed()
    seen["releases"]["other"] = seen["releases"]["live"]
    assert mismatch(seen | {"release": "other"}) == ["release was live when it was made, is other"]


def test_a_pending_activation_is_named() -> None:
    assert mismatch(changed() | {"pending": {"id": "live"}}) == [
        "unconfirmed release was none when it was made, is live"
    ]


def edited(seen: dict[str, Any]) -> None:
    seen["files"]["/etc/quantlab/labeld.env"] = ["edited", "0600", "root", "root"]


def down(seen: dict[str, Any]) -> None:
    seen["units"]["quantlab-labeld.service"]["ActiveState"] = "failed"


def removed(seen: dict[str, Any]) -> None:
    seen["installed"].remove("jq")


def foldered(seen: dict[str, Any]) -> None:
    seen["files"]["/opt/quantlab/spool"] = ["directory", "0777", "deploy", "deploy"]


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (edited, "write /etc/quantlab/labeld.env"),
        (down, "start labeld"),
        (removed, "install package jq"),
        (foldered, "put /opt/quantlab/spool"),
    ],
)
def test_steps_that_come_or_go_are_named(change: Any, step: str) -> None:
    seen = changed()
    change(seen)
    assert mismatch(seen) == [f"would now also {step}"]
    assert mismatch(changed(), seen) == [f"would no longer {step}"]


def test_a_release_that_is_there_by_now_is_another_step() -> None:
    seen = changed()
    seen["releases"]["earlier"] = as_wanted(HOST)["releases"]["live"] | {"number": 0}
    assert mismatch(seen)[0] == "would now also activate release earlier"
