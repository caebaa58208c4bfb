"""Roles spread over two hosts: the documented order holds across them, locks are all or none, failures spread
only to those who need what failed."""

import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.lab.machines import ROOT, Machine, Result, deploy, lab, run, tick, verify

Branch = Callable[[str, dict[str, str]], str]


@pytest.fixture(scope="module")
def split(fresh: Result) -> Result:
    """The second host up, and the roles spread over both. It stays up: this file has to be the last one."""
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


def test_commands_keep_the_order_across_hosts_and_wait_for_who_needs_it(split: Result) -> None:
    market, research = Machine(0).name, Machine(1).name
    result = run("make", "--silent", "restart", SERVICE="strategyd,replayd", ENV="split")
    assert result.code == 0, result.text
    said = [line.split()[:3] for line in result.text.splitlines()]
    assert said[:2] == [[f"{market}:", "replayd", "restarted,"], [f"{research}:", "strategyd", "restarted,"]]
    assert said[2:] == [[f"{research}:", name, "needs"] for name in ("featurexd", "labeld", "backtestd")]
    logs = run("make", "--silent", "logs", SERVICE="strategyd,replayd", SINCE="1 min ago", ENV="split")
    assert logs.code == 0, logs.text
    lines = [line.split() for line in logs.text.splitlines()]
    assert {(line[1], line[2]) for line in lines} == {(market, "replayd"), (research, "strategyd")}
    assert [line[0] for line in lines] == sorted(line[0] for line in lines)


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


def test_a_host_that_pulls_waits_for_the_one_that_it_needs(split: Result) -> None:
    market, research = Machine(0), Machine(1)
    set_up = run("make", "pull", ENV="split", LIMIT=research.name, EVERY="1d")
    assert set_up.code == 0, set_up.text
    before = releases()
    try:
        market.sh("systemctl stop quantlab-replayd")
        late = tick(research)
        assert late.code == 75, late.text
        assert f"waits for replayd on {market.name}, needed here" in late.text
        market.sh("systemctl start quantlab-replayd")
        there = tick(research)
        assert there.code == 0, there.text
    finally:
        market.sh("systemctl start quantlab-replayd")
        off = run("make", "pull", ENV="split", LIMIT=research.name, OFF="1")
    assert off.code == 0, off.text
    assert releases() == before


SERVICE = re.compile(r"quantlab-(?!ml|early-boot|late-boot|deadman|firewall).*\.service")


REACH = """
import socket, sys
for address, port in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        socket.create_connection((address, int(port)), timeout=3).close()
    except OSError:
        print(port, "refused")
    else:
        print(port, "open")
"""


def reached(addresses: list[str], ports: list[int], who: Machine | None = None) -> dict[int, str]:
    """What becomes of connections to these ports, from a host or from this machine."""
    words = [word for address in addresses for port in ports for word in (address, str(port))]
    if who:
        said = who.sh(f"python3 - {' '.join(words)} <<'END'{REACH}END")
    else:
        said = subprocess.run(
            [sys.executable, "-", *words], input=REACH, capture_output=True, text=True
        ).stdout
    return {int(port): word for port, word in (line.split() for line in said.splitlines())}


STRANGER = 4444  # a port that something of the host's own listens on, on every address


def test_a_host_is_reached_by_those_who_need_it_alone(split: Result) -> None:
    market, research = Machine(0), Machine(1)
    for host in (market, research):
        listen = f"python3 -m http.server {STRANGER} --bind :: --directory /var/empty"
        host.sh(f"mkdir -p /var/empty; systemd-run --quiet --unit=stranger --collect {listen}")
        host.sh(f"for n in $(seq 100); do ss -ltn | grep -q ':{STRANGER} ' && exit; sleep 0.1; done; exit 1")
    try:
        ports = [22, 3030, 3031, 3051, 9100, STRANGER]
        needed = dict.fromkeys(ports, "refused") | {22: "open", 3030: "open", 9100: "open"}
        assert reached(["127.0.0.1"], [3030, STRANGER], market) == {3030: "open", STRANGER: "open"}
        assert reached([market.address], ports, research) == needed
        assert reached([research.address], ports, market) == dict.fromkeys(ports, "refused") | {22: "open"}
        for host in (market, research):
            found = reached([host.address], ports)
            assert found == dict.fromkeys(ports, "refused") | {22: "open"}
        six = market.sh("ip -6 -o address show dev host0 scope link | awk '{print $4}' | cut -d/ -f1")
        assert reached([f"{six}%host0"], [22, 3030, STRANGER], research) == {
            22: "open",
            3030: "refused",
            STRANGER: "refused",
        }
    finally:
        for host in (market, research):
            host.sh("systemctl stop stranger")
