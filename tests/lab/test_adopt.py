"""A host that somebody set up by hand after the runbook is adopted, and can be given back."""

import re
from collections.abc import Iterator

import pytest

from stack.catalogue import load
from stack.site import ROOT
from tests.lab.machines import Machine, Result, deploy, run, verify

UNDO = (ROOT / "tests" / "lab" / "by_hand.sh").read_text()
UNITS = [f"{service.unit}.service" for service in load(ROOT / "group_data" / "catalogue.yaml").services]


@pytest.fixture(scope="module")
def by_hand(fresh: Result) -> Iterator[Machine]:
    assert fresh.code == 0, fresh.text
    host = Machine(0)
    host.sh(UNDO)
    yield host
    again = deploy(ADOPT="1")
    assert again.code == 0, again.text


def active(host: Machine) -> list[str]:
    return [unit for unit in UNITS if host.sh(f"systemctl is-active {unit}", check=False) == "active"]


def test_nothing_is_touched_before_it_is_meant(by_hand: Machine) -> None:
    before = by_hand.pids()
    result = deploy()
    assert result.code == 1
    assert "is a plain checkout: this host was set up by hand" in result.text
    assert "/etc/quantlab/labeld.env: HELLO would go" in result.text
    assert "quantlab-extra.service: would be stopped and removed" in result.text
    assert "network: connections from elsewhere to ports other than 22 would be refused" in result.text
    assert "ADOPT=1 make deploy" in result.text
    assert by_hand.pids() == before
    assert by_hand.sh(
        "test -d /home/deploy/quantlab-backend/.git && test ! -e /opt/quantlab/releases && echo as"
    )


def test_it_is_adopted_and_its_data_kept(by_hand: Machine) -> None:
    result = deploy(ADOPT="1")
    assert result.code == 0, result.text
    proof = verify()
    assert proof.code == 0, proof.text
    assert "kept" in by_hand.sh("cat /home/deploy/quantlab-backend/services/strategyd/runs/kept.json")
    assert by_hand.sh("systemctl is-active quantlab-extra", check=False) == "inactive"
    assert deploy().text.count("Nothing to change") > 0


def test_it_can_be_given_back(by_hand: Machine) -> None:
    result = run("make", "rollback")
    assert result.code == 0, result.text
    assert re.search(r"SKIPPED .*what was set up by hand is live", result.text)
    assert active(by_hand) == UNITS
    assert by_hand.sh("systemctl is-active quantlab-extra") == "active"
    assert by_hand.sh("stat -c %a /etc/quantlab/labeld.env; grep HELLO /etc/quantlab/labeld.env") == (
        "644\nHELLO=by-hand"
    )
    assert by_hand.sh("ls /etc/systemd/system/quantlab.target; nft list tables", check=False) == ""
    assert "kept" in by_hand.sh("cat /home/deploy/quantlab-backend/services/strategyd/runs/kept.json")
