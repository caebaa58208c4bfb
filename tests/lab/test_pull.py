"""A host that deploys itself: each tick here is the one that its timer would start."""

import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.lab.endstate import End, seen
from tests.lab.machines import NAME, ROOT, Machine, Result, deploy, run, tick, verify
from tests.lab.test_rollback import LABELD, with_comment
from tests.lab.test_split import LOCK

Branch = Callable[[str, dict[str, str]], str]


@pytest.fixture(scope="module")
def pulling(fresh: Result) -> Iterator[Machine]:
    """The host, set up to pull what is approved: for now the commit that is live."""
    remote = ROOT / ".lab" / NAME / "git" / "quantlab-backend.git"
    git = ["git", "-c", "safe.directory=*", "-C", str(remote)]
    subprocess.run([*git, "branch", "--force", "approved", "main"], check=True)
    # Once a day, so that no tick of the timer itself comes in between.
    result = run("make", "pull", EVERY="1d", APPROVED="approved")
    assert result.code == 0, result.text
    try:
        yield Machine(0)
    finally:
        run("make", "pull", OFF="1")
        assert deploy().code == 0


def test_nothing_to_change(pulling: Machine) -> None:
    before, pids = seen(pulling), pulling.pids()
    result = tick(pulling)
    assert result.code == 0, result.text
    assert f"Nothing to change: release {before.live} is live" in result.text
    assert (seen(pulling), pulling.pids()) == (before, pids)
    status = run("make", "--silent", "status")
    assert re.search(r"quantlab-pull\.timer: active, .* next \w{3} 2", status.text), status.text


def test_the_secrets_that_a_host_pulls_with_are_for_itself(pulling: Machine) -> None:
    """No key of an operator lies there, and what does is root's."""
    project = "/opt/quantlab/pull/project"
    assert pulling.sh("stat -c '%U %a' /opt/quantlab/pull") == "root 700"
    key = (ROOT / ".lab" / NAME / "age-identity").read_text().splitlines()[-1]
    assert pulling.sh(f"grep -rlF '{key}' {project} || echo none") == "none"
    assert pulling.sh(f"grep -ac '^-> ssh-ed25519 ' {project}/secrets.age") == "1"
    assert pulling.sh("runuser -u deploy -- cat /opt/quantlab/pull/project/secrets.age", check=False) == ""


def test_a_commit_that_is_approved_goes_live_and_stays_when_it_is_the_operator_who_goes_back(
    pulling: Machine, branch: Branch
) -> None:
    before = seen(pulling)
    branch("approved", with_comment(LABELD, "approved"))
    result = tick(pulling)
    assert result.code == 0, result.text
    end = seen(pulling)
    assert end.whole, end
    assert end.live != before.live
    assert (end.last["by"], end.last["outcome"]) == (f"pull@{pulling.name}", "good")
    assert list(end.last["healthy"]) == ["labeld"]  # nothing else was restarted
    pulling.sh("quantlab-rollback")
    held = tick(pulling)
    assert held.code == 75, held.text
    assert f"somebody put release {before.live} in its place: it stays" in held.text
    assert seen(pulling).live == before.live


def test_a_commit_that_fails_is_tried_once(pulling: Machine, branch: Branch) -> None:
    before = seen(pulling)
    branch("approved", {LABELD: "process.exit(3)\n"})
    first = tick(pulling)
    assert first.code == 1, first.text
    assert "labeld (quantlab-labeld.service) did not become healthy" in first.text
    assert f"live now: release {before.live}, all services healthy" in first.text
    ends = []
    for _ in range(2):
        again = tick(pulling)
        assert again.code == 1, again.text
        assert "failed here before, as release" in again.text
        assert f"make deploy ENV=lab LIMIT={pulling.name} REV=approved" in again.text
        ends.append(seen(pulling))
    assert ends[0] == ends[1]  # said once in the history
    assert ends[0].whole, ends[0]
    assert (ends[0].live, ends[0].last["outcome"]) == (before.live, "refused")


def test_a_tick_that_finds_the_host_locked_waits_for_the_next(pulling: Machine) -> None:
    before = seen(pulling)
    pulling.sh(f"python3 - <<'END'{LOCK}END")
    try:
        result = tick(pulling)
    finally:
        pulling.sh("rm /var/lib/quantlab/lock.json")
    assert result.code == 75, result.text
    assert "locked by you@there: a deploy" in result.text
    assert seen(pulling) == before


def test_a_controller_deploys_there_too_and_is_not_undone(pulling: Machine, branch: Branch) -> None:
    result = deploy(REV=branch("by-hand", with_comment(LABELD, "by hand")), REVERT_AFTER="99")
    assert result.code == 0, result.text
    before: End = seen(pulling)
    branch("approved", with_comment(LABELD, "approved later"))
    refused = tick(pulling)
    assert refused.code == 1, refused.text
    assert "deployed with another version of the project, or other settings or secrets" in refused.text
    assert seen(pulling).live == before.live
    assert verify(REV="by-hand", REVERT_AFTER="99").code == 0  # as after any deploy
    renewed = run("make", "pull", EVERY="1d", APPROVED="approved", REVERT_AFTER="99")
    assert renewed.code == 0, renewed.text
    assert tick(pulling).code == 0
    assert seen(pulling).live != before.live


def test_off_leaves_nothing_but_the_release(pulling: Machine) -> None:
    pids = pulling.pids()
    pulling.sh("rm -r /opt/quantlab/pull/project; ! systemctl start quantlab-pull")  # a failed tick, too
    result = run("make", "--silent", "pull", OFF="1")
    assert (result.code, result.text) == (0, f"{pulling.name}: pulls no more\n")
    left = "ls -d /opt/quantlab/pull; systemctl list-unit-files -q $U; systemctl list-units -q --all $U"
    assert pulling.sh(f"U='quantlab-pull*'; {left}", check=False) == ""
    pids.pop("quantlab-pull.service", None)
    assert pulling.pids() == pids
    again = run("make", "--silent", "pull", OFF="1")
    assert (again.code, again.text) == (0, f"{pulling.name}: did not pull\n")


def test_a_time_that_is_none_is_refused_before_a_host_is_touched(fresh: Result) -> None:
    result = run("make", "--silent", "pull", EVERY="often")
    assert "refused: EVERY=often: give minutes that divide an hour" in result.text
    assert result.code == 2
