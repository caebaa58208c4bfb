"""No secret is anywhere that it need not be: deploys under watch, and every place searched for values.

Each token is a new random one, so that whatever is found was written by what these tests did.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.site import ROOT
from stack.vault import open_vault
from tests.lab import leak_search
from tests.lab.machines import BARE, NAME, Machine, Result, run
from tests.lab.watching import OPEN, Tree, told, watching

FILES = ROOT / ".lab" / NAME
SECRETS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "REPLAYD_TOKEN", "STRATEGYD_TOKEN"]

# Where a value may lie on a host, and how.
ALLOWED = {
    r"/etc/quantlab/[a-z-]+\.env": "0600 0:0",
    r"/opt/quantlab/releases/[^/]+/files/etc/quantlab/[a-z-]+\.env": "0600 0:0",
    r"/opt/quantlab/releases/[^/]+/files/home/deploy/quantlab-backend/core/\.env": "0640 0:deploy",
    r"/opt/quantlab/releases/[^/]+/code/core/\.env": "0640 0:deploy",  # for the tools run by hand
}


def values() -> dict[str, str]:
    return open_vault(FILES / "secrets.age", FILES / "age-identity", SECRETS)


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What every command printed, by the command."""
    return {}


@pytest.fixture
def say(host: Machine, said: dict[str, str]) -> Callable[..., Result]:
    def say(*command: str, good: bool = True, **env: str) -> Result:
        result = run(*command, **env)
        assert not good or result.code == 0, result.text
        said[" ".join(command[1:])] = result.text
        return result

    return say


@pytest.fixture
def renewed(say: Callable[..., Result]) -> None:
    """New tokens that no host has yet."""
    say("make", "--silent", "secrets", GENERATE="REPLAYD_TOKEN,STRATEGYD_TOKEN")


def pyinfra(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pyinfra", *arguments]


def test_no_command_shows_a_value_anywhere(
    host: Machine, say: Callable[..., Result], said: dict[str, str], renewed: None
) -> None:
    began = time.time()
    report = ROOT / "reports" / f"leaks-{NAME}.xml"
    with watching(host, values()) as seen, Tree(values()) as tree:
        say(*pyinfra("--dry", "--diff", "-v", "inventory.py", "deploy.py"))
        say(*pyinfra("--debug-operations", "--debug-facts", "-y", "inventory.py", "deploy.py"))
        say(*pyinfra("--json", "inventory.py", "debug-inventory"))
        full = say(sys.executable, "run.py", "-vvv", "--debug-all", "--diff", "deploy.py")
        host.sh("echo X=\\'1\\' >> /etc/quantlab/labeld.env")
        say(sys.executable, "run.py", "-vv", "deploy.py")
        verify = [sys.executable, "-m", "pytest", "tests/verify", "-vv", "-p", "no:cacheprovider"]
        say(*verify, f"--junitxml={report}")
        for command in ("status", "history", "runs", "collector"):
            say("make", "--silent", command, JSON="1")
        say("make", "--silent", "secrets", LIST="1", JSON="1")
    sought = leak_search.needles(values())
    shown = {c: found for c, text in said.items() if (found := leak_search.within(text.encode(), sought))}
    assert shown == {}
    assert "Start strategyd" in full.text  # the tokens were really on their way
    assert len(tree.seen) > 20
    assert tree.found == set()
    assert seen["found"] == []
    assert seen["turns"] > 20
    assert seen["processes"] > 50
    home = Path.home()
    places = [str(ROOT), *OPEN, *(str(home / name) for name in (".cache", ".local", ".ssh"))]
    written = list(leak_search.files(places, began))
    assert str(report) in written
    report.unlink()
    assert {file for file in written if leak_search.within(leak_search.read(file), sought)} == set()


def test_a_host_holds_values_only_where_it_must(host: Machine) -> None:
    folders = [*OPEN, "/etc", "/opt", "/run", "/var", "/home", "/root", "/usr/local"]
    out, _ = told("search", host, "root", values(), folders=folders, since=0).communicate(timeout=120)
    found = json.loads(out)
    group = host.sh("getent group deploy").split(":")[2]
    strange = {
        path: what
        for path, what in found["files"].items()
        if what[0]
        not in [how.replace("deploy", group) for place, how in ALLOWED.items() if re.fullmatch(place, path)]
    }
    assert strange == {}
    assert {f"/etc/quantlab/{name}.env" for name in ("replayd", "strategyd", "console")} <= set(
        found["files"]
    )
    assert found["cmdline"] == []
    assert host.sh("stat -c '%U %a' /opt/quantlab/releases/*/files | sort -u") == "root 700"
    # The journal is compressed on disk: it is asked for its lines.
    journal = subprocess.run(
        [*host.ssh, "sudo journalctl -o export --no-pager"], capture_output=True, check=True
    )
    assert len(journal.stdout) > 10_000
    assert leak_search.within(journal.stdout, leak_search.needles(values())) == set()


def test_a_service_that_prints_its_secrets_as_it_dies_is_not_quoted(
    host: Machine, say: Callable[..., Result], branch: Callable[[str, dict[str, str]], str]
) -> None:
    crash = "console.error(JSON.stringify(process.env)); console.error('dying'); process.exit(1);\n"
    name = branch("prints-its-secrets", {"services/strategyd/server.js": crash})
    failed = say(sys.executable, "run.py", "-vvv", "--debug", "deploy.py", good=False, REV=name)
    assert failed.code == 1
    assert "dying" in failed.text
    assert '"STRATEGYD_TOKEN":"[STRATEGYD_TOKEN]"' in failed.text
    history = say("make", "--silent", "history", JSON="1", COUNT="1")
    assert "strategyd (quantlab-strategyd.service) did not become healthy" in history.text
    sought = leak_search.needles(values())
    assert leak_search.within((failed.text + history.text).encode(), sought) == set()
    assert leak_search.within(host.sh("cat /var/lib/quantlab/*").encode(), sought) == set()


def test_nothing_of_it_is_left_in_the_environment(said: dict[str, str]) -> None:
    """Values are read from the encrypted file alone: no variable of ours hands one on."""
    assert not set(values().values()) & {*os.environ.values(), *BARE.values()}
    assert len(said) > 10
