"""Bad input and broken services: each caused, each answered with what is wrong and where."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.endstate import seen
from tests.lab.machines import Machine, cut_off, deploy, run

Branch = Callable[[str, dict[str, str]], str]


@pytest.fixture
def mended(host: Machine) -> Iterator[Machine]:
    """A host for a test that leaves it broken: the next deploy must mend it."""
    yield host
    result = deploy()
    assert result.code == 0, result.text


def test_lab_not_running() -> None:
    result = deploy(LAB="nosuch")
    assert result.code == 2
    assert "lab 'nosuch' is not running: type `LAB=nosuch make lab`" in result.text
    assert "Traceback" not in result.text


def test_unknown_environment_names_those_that_exist() -> None:
    result = deploy(ENV="nosuch")
    assert result.code == 2
    assert "inventory/nosuch.py: no such environment; there are: bench, lab, production, split" in result.text


def test_limit_that_matches_nothing(host: Machine) -> None:
    result = deploy(LIMIT="nosuch")
    assert result.code == 2
    assert "LIMIT=nosuch: nosuch is no host or role" in result.text


def test_unknown_revision(host: Machine) -> None:
    result = deploy(REV="nosuch")
    assert result.code == 1
    assert "revision nosuch is neither branch, tag nor commit of git://" in result.text


def test_git_remote_unreachable(host: Machine, lab_json: Callable[[dict[str, object]], None]) -> None:
    lab_json({"git": "git://127.0.0.1:9/none.git"})
    result = deploy()
    assert result.code == 1
    assert "git remote git://127.0.0.1:9/none.git cannot be read" in result.text


def test_host_unreachable(host: Machine, lab_json: Callable[[dict[str, object]], None]) -> None:
    lab_json({"hosts": [{"name": host.name, "address": host.address.rsplit(".", 1)[0] + ".250"}]})
    result = deploy()
    assert result.code == 1
    assert "Could not connect" in result.text


def test_wrong_host_key(host: Machine, lab_json: Callable[[dict[str, object]], None], tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    known = tmp_path / "known_hosts"
    known.write_text(f"{host.address} {key.with_suffix('.pub').read_text()}")
    lab_json({"known_hosts": str(known)})
    result = deploy()
    assert result.code == 1
    assert f"Host key for {host.address} does not match" in result.text
    known.write_text("")
    result = deploy()
    assert result.code == 1
    assert f"No host key for {host.address} found in known_hosts" in result.text


def test_not_debian(host: Machine) -> None:
    host.sh("cp /usr/lib/os-release /root/kept; sed -i 's/^ID=.*/ID=alpine/' /usr/lib/os-release")
    try:
        result = deploy()
    finally:
        host.sh("cp /root/kept /usr/lib/os-release")
    assert result.code == 1
    assert "runs alpine 12; supported: debian 12, debian 13" in result.text


def test_port_held_by_a_stranger(mended: Machine) -> None:
    mended.sh(
        "systemctl stop quantlab-console-ui; "
        "systemd-run --unit=stranger --collect python3 -m http.server --bind 127.0.0.1 8080; sleep 1"
    )
    try:
        result = deploy()
    finally:
        mended.sh("systemctl stop stranger")
    assert result.code == 1
    assert "port 8080 of console-ui is held by python3 (pid " in result.text
    assert "stranger.service" in result.text


def test_no_sudo(host: Machine) -> None:
    # The way back must not need sudo: a unit of the host restores it.
    rule, kept = "/etc/sudoers.d/admin", "/root/sudoers.kept"
    back = f"systemd-run --on-active=8s --timer-property=AccuracySec=100ms mv {kept} {rule}"
    host.sh(f"{back}; mv {rule} {kept}")
    result = deploy()
    time.sleep(9)
    host.sh("true")
    assert result.code == 1
    assert "sudo asks for a password" in result.text
    assert "Traceback" not in result.text, result.text


def test_npm_ci_fails(host: Machine, branch: Branch) -> None:
    before = host.pids()
    result = deploy(REV=branch("bad-lock", {"core/package-lock.json": "{}"}))
    assert result.code == 1
    assert "build of core: npm ci" in result.text
    assert f"live now: release {seen(host).live}, unchanged" in result.text
    assert host.pids() == before  # the running release was not touched
    assert deploy().code == 0


def test_service_that_exits_at_once_takes_the_host_back(host: Machine, branch: Branch) -> None:
    before, processes = seen(host), host.pids()
    broken = {"collector/collector.py": "import sys\nsys.exit('no feed today')\n"}
    result = deploy(REV=branch("exits", broken))
    assert result.code == 1
    assert "collector (quantlab-collector.service) did not become healthy" in result.text
    assert "no feed today" in result.text
    assert "Start featurexd" not in result.text  # it stops there
    assert f"live now: release {before.live}, all services healthy" in result.text
    end = seen(host)
    assert end.whole, end
    assert (end.live, end.last["outcome"], end.lock) == (before.live, "reverted", None)
    assert {u for u, pid in host.pids().items() if processes[u] != pid} == {"quantlab-collector.service"}
    marked = host.sh(f"cat /opt/quantlab/releases/{end.last['to']}/state.json")
    assert '"state": "bad"' in marked


NEVER_HEALTHY = """
require('node:http').createServer((_, answer) => { answer.statusCode = 503; answer.end('warming up') })
  .listen(Number(process.env.PORT), process.env.LISTEN)
"""


def test_service_that_never_gets_healthy(mended: Machine, branch: Branch) -> None:
    result = deploy(REV=branch("never-healthy", {"services/labeld/server.js": NEVER_HEALTHY}))
    assert result.code == 1
    assert "labeld (quantlab-labeld.service) did not become healthy" in result.text
    assert "503 warming up" in result.text
    assert seen(mended).whole


DIES = """
setTimeout(() => process.exit(7), 1000)
require('node:http').createServer((_, answer) => answer.end('{"status":"ok"}'))
  .listen(Number(process.env.PORT), process.env.LISTEN)
"""


def test_service_that_is_healthy_and_then_dies(mended: Machine, branch: Branch) -> None:
    result = deploy(REV=branch("dies", {"services/backtestd/server.js": DIES}))
    assert result.code == 1
    assert "backtestd (quantlab-backtestd.service)" in result.text
    assert "was healthy, then died" in result.text
    assert seen(mended).whole


def test_interrupt_is_not_success(host: Machine) -> None:
    # At a word, not at a time: a deploy with nothing to change has ended before one has counted to two.
    result = cut_off("Connecting to hosts", signal.SIGINT, sys.executable, "run.py", "deploy.py")
    assert result.code == 130, result.text
    assert run(sys.executable, "run.py", "deploy.py").code == 0
