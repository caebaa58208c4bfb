"""The main job: a bare host becomes ten healthy services, and stays so."""

import sys
import time

from stack.catalogue import load
from stack.site import ROOT
from tests.lab.machines import Machine, Result, deploy, lab, run, verify

SERVICES = [service.name for service in load(ROOT / "group_data" / "catalogue.yaml").services]


def test_fresh_host_gets_every_service_in_the_documented_order(fresh: Result) -> None:
    assert fresh.code == 0, fresh.text
    places = [fresh.text.index(f"Starting operation: Start {name} ") for name in SERVICES]
    assert places == sorted(places)


def test_fresh_host_verifies(host: Machine) -> None:
    result = verify()
    assert result.code == 0, result.text


def test_second_deploy_changes_nothing_with_at_most_two_remote_commands(host: Machine) -> None:
    before = host.pids()
    result = run(sys.executable, "run.py", "-vv", "deploy.py")
    assert result.code == 0, result.text
    assert "No changes" in result.text
    assert "Success" not in result.text.split("Results:")[0]
    assert 1 <= result.text.count(">>>") <= 2, result.text
    assert host.pids() == before


def test_killed_service_comes_back(host: Machine) -> None:
    for unit, pid in host.pids().items():
        if pid == "0":
            continue  # the firewall, and what starts with the host: no process stays
        host.sh(f"kill -9 {pid}")
        deadline = time.monotonic() + 30
        while host.sh(f"systemctl is-active {unit}", check=False) != "active":
            assert time.monotonic() < deadline, f"{unit} did not come back"
            time.sleep(0.3)
        assert host.pids()[unit] not in ("0", pid)
        if unit == "quantlab-labeld.service":
            break  # the first few stand for all: every unit is one template


def test_reboot_brings_all_up_in_order(host: Machine) -> None:
    lab("reboot", host.name)
    deadline = time.monotonic() + 90
    while host.sh("systemctl is-active quantlab-console-ui", check=False) != "active":
        assert time.monotonic() < deadline, host.sh("systemctl list-units 'quantlab*'", check=False)
        time.sleep(0.5)
    result = verify()
    assert result.code == 0, result.text


def test_only_the_service_whose_file_was_changed_by_hand_restarts(host: Machine) -> None:
    before = host.pids()
    host.sh("echo X=\\'1\\' >> /etc/quantlab/labeld.env")
    result = deploy()
    assert result.code == 0, result.text
    after = host.pids()
    assert {unit for unit in before if before[unit] != after[unit]} == {"quantlab-labeld.service"}
    assert host.sh("grep -c ^X= /etc/quantlab/labeld.env", check=False) == "0"


def test_logs_are_rotated_and_still_written_to(host: Machine) -> None:
    log = "/opt/quantlab/shared/core/observer-api/server.log"
    held = host.sh(f"stat -c '%i %U:%G %a' {log}")
    host.sh("logrotate --force /etc/logrotate.d/quantlab")
    assert host.sh(f"stat -c '%i %U:%G %a' {log}") == held
    assert host.sh(f"stat -c '%U:%G %a' {log}.1*") == "deploy:adm 640"
    # The line is written after the answer; /ping is left out of the log, since probes come often.
    host.sh("curl -s 127.0.0.1:3000/api/runs?seen=after")
    host.sh(
        f"for turn in 1 2 3 4 5 6 7 8 9 10; do grep -q seen=after {log} && exit 0; sleep .2; done; exit 1"
    )


def test_git_pull_by_hand_works_in_the_code_tree(host: Machine) -> None:
    assert host.sh("runuser -u deploy -- git -C /home/deploy/quantlab-backend pull") == "Already up to date."
    assert host.sh("runuser -u deploy -- git -C /home/deploy/quantlab-backend status --porcelain") == ""
