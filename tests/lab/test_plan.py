"""A plan says what a deploy does, changes nothing, and is carried out as it is or not at all."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.machines import Machine, Result, deploy, run

Push = Callable[[str, dict[str, str]], str]
FEATUREXD = "services/featurexd/features.js"
SOURCE = Path("reference/quantlab-backend", FEATUREXD)


def plan(file: Path, **env: str) -> Result:
    return run(".venv/bin/python", "-m", "operate", "plan", PLAN=str(file), **env)


def host_of(file: Path) -> dict[str, Any]:
    """The one host of a plan file."""
    (found,) = json.loads(file.read_text())["hosts"].values()
    return dict(found)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


@pytest.fixture
def changed(branch: Push, host: Machine) -> Iterator[str]:
    """A branch on which featurexd alone is another; afterwards the host is as it was."""
    yield branch("planned", {FEATUREXD: f"{SOURCE.read_text()}// another\n"})
    again = deploy()
    assert again.code == 0, again.text


def test_nothing_to_change_is_said(host: Machine, file: Path) -> None:
    said = plan(file)
    assert said.code == 0, said.text
    assert "No changes" in said.text
    assert host_of(file)["steps"] == []
    done = deploy(PLAN=str(file))
    assert done.code == 0, done.text
    assert "Nothing to change" in done.text


def test_a_plan_is_carried_out_as_it_is_and_once(host: Machine, file: Path, changed: str) -> None:
    before, live = host.pids(), host.sh("readlink /home/deploy/quantlab-backend")
    said = plan(file, REV=changed)
    assert said.code == 0, said.text
    assert "+ " in said.text
    assert " planned\n" in said.text  # the commit's subject
    assert "  starts, in this order:\n    featurexd: code: services/featurexd\n" in said.text
    assert file.stat().st_mode & 0o777 == 0o600
    assert (host.pids(), host.sh("readlink /home/deploy/quantlab-backend")) == (before, live)
    assert host.sh("ls /var/lib/quantlab/lock.json", check=False) == ""

    other = deploy(PLAN=str(file), REV="main")
    assert other.code == 2
    assert "REV=main is another one" in other.text

    done = deploy(PLAN=str(file))
    assert done.code == 0, done.text
    after = host.pids()
    assert {unit for unit in before if before[unit] != after[unit]} == {"quantlab-featurexd.service"}
    again = deploy(PLAN=str(file))
    assert again.code == 1
    assert "not as planned: release was " in again.text
    assert host.pids() == after


def test_a_plan_holds_its_commit_when_the_branch_moves_on(
    host: Machine, file: Path, branch: Push, changed: str, tmp_path: Path
) -> None:
    assert plan(file, REV=changed).code == 0
    commit = json.loads(file.read_text())["revision"]["commit"]
    (tmp_path / changed).rename(tmp_path / "earlier")
    branch(changed, {FEATUREXD: f"{SOURCE.read_text()}// yet another\n"})
    assert deploy(PLAN=str(file), REV=changed).code == 2  # REV now means another commit
    done = deploy(PLAN=str(file))
    assert done.code == 0, done.text
    assert host.sh("runuser -u deploy -- git -C /home/deploy/quantlab-backend rev-parse HEAD") == commit


def test_a_host_that_changed_since_is_not_touched(host: Machine, file: Path, changed: str) -> None:
    assert plan(file, REV=changed).code == 0
    host.sh("echo X=\\'a-hand\\' >>/etc/quantlab/labeld.env; systemctl stop quantlab-run-observer")
    before = host.pids()
    refused = deploy(PLAN=str(file))
    assert refused.code == 1
    assert "not as planned: would now also write /etc/quantlab/labeld.env" in refused.text
    assert "not as planned: would now also start observer" in refused.text
    assert host.pids() == before
    assert "a-hand" in host.sh("cat /etc/quantlab/labeld.env")

    said = plan(file)
    assert said.code == 0, said.text
    assert "+" not in said.text.partition("files:")[0]  # the same commit: no new release
    assert "/etc/quantlab/labeld.env: changed\n      - X=…" in said.text
    assert "labeld: /etc/quantlab/labeld.env was changed by hand" in said.text
    assert "observer: it is down" in said.text
    assert "a-hand" not in said.text + file.read_text()
    done = deploy(PLAN=str(file))
    assert done.code == 0, done.text
    after = host.pids()
    changed_units = {unit for unit in after if before.get(unit) != after[unit]}
    assert changed_units == {"quantlab-labeld.service", "quantlab-run-observer.service"}


def test_another_setting_makes_another_plan(host: Machine, file: Path) -> None:
    assert plan(file).code == 0
    refused = deploy(PLAN=str(file), REVERT_AFTER="99")  # a setting of the lab
    assert refused.code == 2
    assert "the settings changed since it was made" in refused.text
    assert "rendered otherwise now: /etc/systemd/system/quantlab-deadman.timer" in refused.text


def test_pyinfra_by_hand_heeds_the_plan_too(host: Machine, file: Path) -> None:
    assert plan(file).code == 0
    edited = json.loads(file.read_text())
    edited["revision"]["commit"] = "f" * 40
    file.write_text(json.dumps(edited))
    refused = run(".venv/bin/pyinfra", "-y", "inventory.py", "deploy.py", PLAN=str(file))
    assert refused.code != 0
    assert "it was edited after it was made" in refused.text


def test_what_cannot_be_planned_leaves_no_plan(host: Machine, file: Path) -> None:
    assert plan(file).code == 0
    assert run("make", "--silent", "lock", REASON="release day").code == 0
    host.sh('sed -i \'s/"by": "[^"]*"/"by": "you@there"/\' /var/lib/quantlab/lock.json')
    try:
        refused = plan(file)
    finally:
        run("make", "--silent", "unlock")
    assert refused.code == 2
    assert "refused: locked by you@there: release day" in refused.text
    assert not file.exists()
    assert plan(file, REV="nosuch").code == 2
