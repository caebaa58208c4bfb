"""What an operator asks of a running host."""

import json

from stack.catalogue import load
from stack.site import ROOT
from tests.lab.machines import Machine, run

SERVICES = [service.name for service in load(ROOT / "group_data" / "catalogue.yaml").services]


def told(*command: str, **env: str) -> object:
    """What a command says to a machine; it has to succeed."""
    result = run("make", "--silent", *command, JSON="1", **env)
    assert result.code == 0, result.text
    return json.loads(result.text)


def test_status_shows_every_service_in_the_documented_order(host: Machine) -> None:
    result = run("make", "--silent", "status")
    assert result.code == 0, result.text
    rows = [line.split() for line in result.text.splitlines()]
    assert [row[0] for row in rows if len(row) > 5 and row[1] == "active" and row[2] == "ok"] == SERVICES
    assert "drift: none" in result.text
    assert "\033" not in result.text  # no colour off a terminal


def test_a_stopped_service_fails_the_status_and_starts_again(host: Machine) -> None:
    stopped = run("make", "--silent", "stop", SERVICE="featurexd")
    assert stopped.code == 0, stopped.text
    assert "note: labeld needs featurexd: unhealthy without" in stopped.text
    status = run("make", "--silent", "status")
    assert status.code != 0
    (row,) = (line.split() for line in status.text.splitlines() if line.startswith("  featurexd"))
    assert row[1:3] == ["inactive", "down"]
    started = run("make", "--silent", "start")
    assert started.code == 0, started.text
    assert run("make", "--silent", "status").code == 0


def test_restart_takes_the_documented_order_and_stop_its_reverse(host: Machine) -> None:
    before = host.pids()
    for action, order in (("restart", SERVICES), ("stop", SERVICES[::-1]), ("start", SERVICES)):
        result = run("make", "--silent", action)
        assert result.code == 0, result.text
        names = [line.split()[1] for line in result.text.splitlines() if line.startswith(host.name)]
        assert names == order
    after = host.pids()
    assert not [u for u, pid in before.items() if after[u] == pid != "0"]


def test_a_service_that_cannot_start_says_why(host: Machine) -> None:
    host.sh("chmod 0 /etc/quantlab/labeld.env; mv /etc/quantlab/labeld.env /root/")
    try:
        result = run("make", "--silent", "restart", SERVICE="labeld")
    finally:
        host.sh("mv /root/labeld.env /etc/quantlab/; chmod 0600 /etc/quantlab/labeld.env")
    assert result.code != 0
    assert "labeld (quantlab-labeld.service) did not restart" in result.text
    assert "Failed to load environment files" in result.text
    assert run("make", "--silent", "start", SERVICE="labeld").code == 0


def test_an_unknown_service_is_refused(host: Machine) -> None:
    result = run("make", "--silent", "restart", SERVICE="nosuch")
    assert "SERVICE=nosuch: no service nosuch; there are: replayd, collector," in result.text
    assert result.code == 2


def test_collector_and_runs_answer_through_ssh(host: Machine) -> None:
    collector = told("collector")
    assert isinstance(collector, dict)
    assert collector[host.name]["/status"]["status"] == "ok"
    assert collector[host.name]["/metrics"]["queue_size"] >= 0
    runs = told("runs")
    assert isinstance(runs, dict)
    assert runs[host.name]["files"] == []  # none is active


def test_runs_says_when_the_api_is_silent(host: Machine) -> None:
    host.sh("systemctl stop quantlab-observer")
    try:
        result = run("make", "--silent", "runs")
    finally:
        host.sh("systemctl start quantlab-observer")
    assert result.code != 0
    assert "observer-api does not answer GET :3000/api/runs" in result.text


def test_ml_runs_as_the_timer_would_and_its_exit_code_counts(host: Machine) -> None:
    refused = run("make", "--silent", "ml", SYMBOL="btcusdt")
    assert refused.code == 2
    assert "refused: DATE is missing; as in: make ml SYMBOL=btcusdt DATE=20260115" in refused.text
    result = run("make", "--silent", "ml", SYMBOL="nosuch", DATE="20200101", DRY_RUN="1")
    assert result.code != 0
    assert "training failed" in result.text
