"""Roles spread over two hosts: the documented order holds across them, locks are all or none, failures spread
only to those who need what failed."""

import json
import re
import sys
from collections.abc import Callable

import pytest

from tests.lab.machines import ROOT, Machine, Result, deploy, lab, run, verify

Branch = Callable[[str, dict[str, str]], str]


@pytest.fixture(scope="module")
def split(fresh: Result) -> Result:
    """The second host up, and the roles spread over both."""
    lab("up", "--hosts", "2")
    result = deploy(ENV="split")
    assert result.code == 0, result.text
    return result


def test_two_hosts(split: Result) -> None:
    replayd = split.text.index("Starting operation: Start replayd")
    assert replayd < split.text.index("Starting operation: Start featurexd")
    market, research = Machine(0), Machine(1)
    assert set(market.pids()) >= {"quantlab-replayd.service", "quantlab-collector.service"}
    assert market.sh("systemctl is-enabled quantlab-featurexd", check=False) != "enabled"
    assert f"REPLAYD_URL='http://{market.address}:3030'" in research.sh("cat /etc/quantlab/featurexd.env")
    result = verify(ENV="split")
    assert result.code == 0, result.text
    again = deploy(ENV="split")
    assert again.code == 0, again.text
    assert "Success" not in again.text.split("Results:")[0]


def test_the_doctor_tells_the_root_on_the_host_where_it_is(split: Result) -> None:
    market, research = Machine(0), Machine(1)
    market.sh("systemctl stop quantlab-replayd; sleep 1")
    try:
        result = run(sys.executable, "-m", "operate", "doctor", ENV="split", JSON="1")
    finally:
        market.sh("systemctl start quantlab-replayd")
    found = json.loads(result.text)
    assert (result.code, found[research.name]) == (1, [])
    (finding,) = found[market.name]
    assert (finding["cause"], finding["subject"]) == ("stopped", "replayd")
    assert "featurexd, strategyd, backtestd: unhealthy because of it" in finding["seen"]
    result = run(sys.executable, "-m", "operate", "doctor", ENV="split")
    assert result.code == 0, result.text


def releases() -> list[str]:
    return [
        Machine(n).sh("readlink /home/deploy/quantlab-backend; ls /opt/quantlab/releases") for n in (0, 1)
    ]


LOCK = """
import json, pathlib, time
boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
lock = {"run": "other", "by": "you@there", "reason": "a deploy", "since": time.time(), "seconds": 600}
lock |= {"boot": boot, "until": time.monotonic() + 600, "kept": False}
pathlib.Path("/var/lib/quantlab/lock.json").write_text(json.dumps(lock))
"""


def test_a_lock_on_one_host_keeps_the_other_untouched(split: Result, branch: Branch) -> None:
    research = Machine(1)
    before = releases()
    research.sh(f"python3 - <<'END'{LOCK}END")
    try:
        log = (ROOT / "reference/quantlab-backend/core/lib/log.js").read_text()
        result = deploy(ENV="split", REV=branch("locked", {"core/lib/log.js": f"{log}// locked\n"}))
    finally:
        research.sh("rm /var/lib/quantlab/lock.json")
    assert result.code == 1
    assert "locked by you@there: a deploy (ends by itself in" in result.text
    assert f"{research.name} could not be locked: nothing was changed here" in result.text
    assert releases() == before
    assert Machine(0).sh("ls /var/lib/quantlab/lock.json", check=False) == ""


def test_who_needs_what_failed_goes_back_too(split: Result, branch: Branch) -> None:
    before = releases()
    replayd = {"core/replay/server.js": "process.exit(3)\n"}
    result = deploy(ENV="split", REV=branch("no-replay", replayd))
    assert result.code == 1
    market, research = Machine(0), Machine(1)
    assert "replayd (quantlab-replayd.service) did not become healthy" in result.text
    now = releases()
    assert [text.splitlines()[0] for text in now] == [text.splitlines()[0] for text in before]
    for host in (market, research):
        assert not [u for u, pid in host.pids().items() if pid == "0" and SERVICE.fullmatch(u)]
    assert verify(ENV="split").code == 0


SERVICE = re.compile(r"quantlab-(?!ml|early-boot|late-boot|deadman).*\.service")
