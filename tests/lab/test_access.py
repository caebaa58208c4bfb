"""The way in: sudo with a password that nobody else sees, and hosts that are who they were."""

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import state
from stack.site import ROOT
from tests.lab import leak_search
from tests.lab.machines import NAME, Machine, Result, deploy, run
from tests.lab.watching import Tree, watching

Watched = Callable[[], dict[str, Any]]


class Guarded:
    """A host whose admin needs a password for sudo, and the least that sudo must allow."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.password = f"{secrets.token_hex(8)} $ '\" {secrets.token_hex(8)}"

    def run(self, *command: str, given: str | None = None, **env: str) -> Result:
        """A command with the sudo password on standard input, as SUDO=ask takes it without a terminal."""
        line = self.password if given is None else given
        return run(sys.executable, "-m", "stack.sudo", *command, stdin=f"{line}\n", **env)


@pytest.fixture
def guarded(host: Machine) -> Iterator[Guarded]:
    """Another user, without a password, is the test's way back."""
    found = Guarded(host)
    host.sh(
        "id tester >/dev/null 2>&1 || useradd --create-home tester\n"
        "cp -r ~admin/.ssh ~tester/ && chown -R tester: ~tester/.ssh\n"
        "echo 'tester ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/tester\n"
        "cp -p /etc/sudoers.d/admin /root/sudoers.kept\n"
        "gpasswd --quiet --delete admin sudo\n"
        "echo 'admin ALL=(root) /usr/bin/sh' >/etc/sudoers.d/admin\n"
        f"chpasswd <<'END'\nadmin:{found.password}\nEND\n"
    )
    back = Machine(0)
    back.ssh[-1] = back.ssh[-1].replace("admin@", "tester@")
    found.machine = back
    yield found
    back.sh("usermod --password '!' --append --groups sudo admin; mv /root/sudoers.kept /etc/sudoers.d/admin")
    host.sh("userdel --force --remove tester 2>/dev/null; rm /etc/sudoers.d/tester; test ! -e /home/tester")


def test_a_sudo_password_serves_every_command_and_nobody_sees_it(guarded: Guarded) -> None:
    before = guarded.machine.pids()
    values = {"sudo password": guarded.password}
    with watching(guarded.machine, values) as watched, Tree(values) as tree:
        guarded.machine.sh("echo X=\\'1\\' >> /etc/quantlab/labeld.env; rm /usr/local/lib/quantlab/probe.py")
        deployed = guarded.run(sys.executable, "run.py", "-vvv", "--debug-all", "deploy.py")
        again = guarded.run(sys.executable, "run.py", "-vv", "deploy.py")
        # With make, deploy and verify both get what was typed once.
        made = run("make", "deploy", "SUDO=ask", stdin=f"{guarded.password}\n")
        restarted = run("make", "restart", "SUDO=ask", stdin=f"{guarded.password}\n", SERVICE="labeld")
    texts = [deployed, again, made, restarted]
    assert [text.code for text in texts] == [0] * 4, [text.text for text in texts]
    assert "No changes" in again.text
    assert 1 <= again.text.count(">>>") <= 3, again.text  # one more: whether the host wants a password
    assert re.search(r"\d+ passed in ", made.text)
    after = guarded.machine.pids()
    assert {unit for unit in before if before[unit] != after[unit]} == {"quantlab-labeld.service"}
    sought = leak_search.needles(values)
    for text in texts:
        assert leak_search.within(text.text.encode(), sought) == set()
    assert tree.found == set()
    assert watched["found"] == []
    assert watched["turns"] > 20
    left = guarded.machine.sh(
        "ls -A /tmp /var/tmp /home/admin /run/sudo 2>/dev/null; journalctl -o cat | tail -n 3000"
    )
    assert leak_search.within(left.encode(), sought) == set()
    assert "askpass" not in left


def test_without_the_password_or_with_a_wrong_one_nothing_is_touched(guarded: Guarded) -> None:
    before = guarded.machine.pids()
    wants, refuses = (
        "sudo asks for a password: type it once with SUDO=ask",
        "sudo does not accept the password",
    )
    for result, why in (
        (deploy(), wants),
        (guarded.run(sys.executable, "run.py", "deploy.py", given="wrong"), refuses),
        (run("make", "--silent", "status"), wants),
        (run("make", "--silent", "verify"), wants),
    ):
        assert result.code != 0
        assert why in result.text, result.text
        assert "Traceback" not in result.text
    assert guarded.machine.pids() == before


@pytest.fixture
def second(host: Machine, tmp_path: Path) -> Iterator[Path]:
    """The host once more under another address, as a second host of the inventory; its known_hosts file."""
    file = state.path(ROOT, NAME)
    text, running = file.read_text(), state.read(ROOT, NAME)
    address = running.hosts[0].address.rsplit(".", 1)[0] + ".250"
    host.sh(f"ip address add {address}/24 dev host0")
    known = tmp_path / "known_hosts"
    known.write_text(Path(running.known_hosts).read_text())
    told = json.loads(text)
    told["known_hosts"] = str(known)
    told["hosts"].append({"name": f"{NAME}-2", "address": address})
    file.write_text(json.dumps(told))
    yield known
    file.write_text(text)
    host.sh(f"ip address del {address}/24 dev host0")


def test_a_changed_key_stops_every_host(host: Machine, second: Path, tmp_path: Path) -> None:
    host.sh("echo X=\\'1\\' >> /etc/quantlab/labeld.env")  # there would be something to do
    before, address = host.pids(), f"{host.address.rsplit('.', 1)[0]}.250"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    good, other = second.read_text(), (tmp_path / "key.pub").read_text()
    second.write_text(f"{good}{address} {other}")
    result = deploy()
    assert result.code == 1
    assert f"Host key for {address} does not match. ({second}) Compare the keys: make trust" in result.text
    assert f"[{host.name}] nothing is touched here, since another host is not who it was" in result.text
    asked = run("make", "--silent", "restart", SERVICE="labeld")
    assert asked.code == 2
    assert f"refused: nothing is touched here, since another host is not who it was: {NAME}-2" in asked.text
    verified = run("make", "--silent", "verify", LIMIT=f"{NAME}-2")
    assert verified.code != 0
    assert "compare host keys: `make trust`" in verified.text
    assert host.pids() == before
    # The operator looks, and vouches for the new key.
    key = subprocess.check_output(["ssh-keygen", "-lf", "-"], input=good, text=True).split()[1]
    refused = run("make", "--silent", "trust", FINGERPRINTS=key)
    assert refused.code == 2
    assert f"{NAME}-2: {second} has another key for {address}" in refused.text
    assert run("make", "--silent", "trust", FINGERPRINTS=key, CHANGED=f"{NAME}-2").code == 0
    mended = deploy(LIMIT=f"{NAME}-2")  # what was changed by hand above
    assert mended.code == 0, mended.text


def test_an_unknown_key_drops_that_host_alone(host: Machine, second: Path) -> None:
    result = run("make", "--silent", "status")
    assert result.code != 0
    assert f"{NAME}-2: cannot be reached: StrictPolicy: No host key for " in result.text
    assert "Compare and write it: make trust" in result.text
    assert f"{host.name}  release" in result.text
