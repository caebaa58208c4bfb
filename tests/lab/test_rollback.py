"""The ways back: by an operator, from the host alone, without a controller, over a restart; and the lock."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.lab.endstate import End, recovered, seen, settled
from tests.lab.machines import ROOT, Machine, deploy, disturbed, lab, run

Branch = Callable[[str, dict[str, str]], str]
BACKEND = ROOT / "reference" / "quantlab-backend"
LABELD, SERVICE = "services/labeld/server.js", "core/lib/service.js"


def with_comment(path: str, comment: str) -> dict[str, str]:
    """A file of the backend that does as before, but is another."""
    return {path: f"{(BACKEND / path).read_text()}// {comment}\n"}


@contextlib.contextmanager
def away(host: Machine, ports: str) -> Iterator[None]:
    """What listens on these ports outside the hosts cannot be reached by one of them."""
    root = [] if os.getuid() == 0 else ["sudo"]
    table = f"away-{host.name}"
    rules = f"""
    table ip {table} {{
        chain in {{
            type filter hook input priority 0;
            ip saddr {host.address} tcp dport {{ {ports} }} reject;
        }}
    }}"""
    subprocess.run([*root, "nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "nft", "delete", "table", "ip", table], check=True)


made: list[tuple[End, End]] = []


@pytest.fixture
def newer(host: Machine, branch: Branch) -> tuple[End, End]:
    """The release of main, and one on top of it that is live; as the test before left them, if it did."""
    if not made or seen(host).live != made[-1][1].live:
        assert deploy().code == 0
        older = seen(host)
        result = deploy(REV=branch("newer", with_comment(LABELD, "newer")))
        assert result.code == 0, result.text
        made.append((older, seen(host)))
    return made[-1]


def test_rollback_is_verified_and_a_second_one_refused(host: Machine, newer: tuple[End, End]) -> None:
    older, live = newer
    result = run("make", "rollback")
    assert result.code == 0, result.text
    assert re.search(r"\d+ passed", result.text)
    end = seen(host)
    assert end.whole, end
    assert (end.live, end.last["kind"], end.last["from"]) == (older.live, "rollback", live.live)
    assert list(end.last["healthy"]) == ["labeld"]  # nothing else was restarted
    named = run("make", "rollback", TO=live.live)
    assert named.code == 0, named.text
    assert seen(host).live == live.live
    missing = run(sys.executable, "run.py", "rollback.py", TO="nosuch")
    assert missing.code == 1
    assert "TO=nosuch: is not on this host; good releases: " in missing.text
    assert older.live in missing.text


def test_rollback_on_the_host_alone_without_git_and_s3(host: Machine, newer: tuple[End, End]) -> None:
    with away(host, "9418, 9000"):
        said = host.sh("quantlab-rollback 2>&1")
    assert f"release {newer[0].live} is live, all services healthy (1 restarted)" in said
    end = recovered(host)  # replayd asks S3 by itself, and may have missed it
    assert end.whole, end
    assert end.last["by"].startswith("admin@")
    assert "nosuch is no good release of this host" in host.sh("quantlab-rollback nosuch 2>&1", check=False)


def test_a_lost_controller_takes_the_host_back(host: Machine, newer: tuple[End, End], branch: Branch) -> None:
    revision = branch("lost", with_comment(SERVICE, "lost"))
    lost = disturbed("Start observer-api", signal.SIGKILL, REV=revision, REVERT_AFTER="10")
    assert lost.code == -signal.SIGKILL, lost.text
    assert seen(host).timer == "active"
    end = settled(host)
    assert end.whole, end
    assert (end.live, end.last["outcome"], end.lock) == (newer[1].live, "reverted", None)
    assert "nobody went on within 10 s" in end.last["why"]


def test_a_restart_takes_an_unconfirmed_release_back(
    host: Machine, newer: tuple[End, End], branch: Branch
) -> None:
    revision = branch("restart", with_comment(SERVICE, "restart"))
    lost = disturbed("Start strategyd", signal.SIGKILL, REV=revision)
    assert lost.code == -signal.SIGKILL, lost.text
    lab("reboot", host.name)
    end = settled(host)
    assert end.whole, end
    assert (end.live, end.last["outcome"]) == (newer[1].live, "reverted")
    assert "the host restarted before the release was confirmed" in end.last["why"]


def test_an_interrupt_takes_the_host_back_at_once(
    host: Machine, newer: tuple[End, End], branch: Branch
) -> None:
    revision = branch("interrupted", with_comment(SERVICE, "interrupted"))
    result = disturbed("Start labeld", signal.SIGINT, again="interrupted: hosts", REV=revision)
    assert result.code == 130, result.text
    assert "Traceback" not in result.text  # a second Ctrl-C does not cut the way back short
    end = seen(host)
    assert end.whole, end
    assert (end.live, end.last["outcome"], end.lock) == (newer[1].live, "reverted", None)
    assert "interrupted by the operator" in end.last["why"]


def test_a_lock_keeps_others_out_and_says_why(host: Machine, newer: tuple[End, End]) -> None:
    locked = run("make", "lock", REASON="release day")
    assert locked.code == 0, locked.text
    assert deploy(REV="newer").code == 0  # one's own word does not keep oneself out
    host.sh('sed -i \'s/"by": "[^"]*"/"by": "somebody@elsewhere"/\' /var/lib/quantlab/lock.json')
    refused = deploy()
    assert refused.code == 1
    assert "locked by somebody@elsewhere: release day (ends by itself in" in refused.text
    assert seen(host).last["outcome"] == "refused"
    byhand = host.sh("quantlab-rollback 2>&1", check=False)
    assert "locked by somebody@elsewhere since" in byhand
    freed = run("make", "unlock")
    assert "unlocked; it was held by somebody@elsewhere: release day" in freed.text
    assert deploy().code == 0


def test_history_tells_all_of_it(host: Machine, newer: tuple[End, End]) -> None:
    result = run("make", "history", COUNT="3")
    assert result.code == 0, result.text
    assert f"{newer[0].live} -> {newer[1].live}" in result.text
    assert re.search(r"deploy by \S+@\S+: good in [0-9.]+ s", result.text)
    assert "healthy after: labeld" in result.text
