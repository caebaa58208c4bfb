"""The log lines of running services, whichever way they are kept, and the output of a job as it comes."""

import json
import signal
import sys
import time
from typing import Any

from tests.lab.machines import Machine, cut_off, run

OPERATE = (sys.executable, "-m", "operate")
LEFT = "pgrep -af '[q]uantlab (logs|job)|[j]ournalctl'; systemctl is-active quantlab-ml-by-hand"


def lines(*arguments: str) -> list[dict[str, Any]]:
    """What `make logs` tells a machine."""
    result = run("make", "--silent", "logs", "JSON=1", *arguments)
    assert result.code == 0, result.text
    return [json.loads(line) for line in result.text.splitlines() if line.startswith("{")]


def ended(host: Machine) -> bool:
    """Nothing of a command is left on the host, soon after it was interrupted."""
    for _ in range(30):
        if host.sh(LEFT, check=False) == "inactive":
            return True
        time.sleep(1)
    return False


def test_the_journal(host: Machine) -> None:
    found = lines("SERVICE=replayd", "LINES=200")
    (event,) = [line for line in found if line["message"] == "replayd listens"][-1:]
    assert (event["host"], event["service"], event["level"]) == (host.name, "replayd", "info")
    assert event["fields"]["port"] == 3030
    assert {line["service"] for line in found} == {"replayd"}
    assert lines("SERVICE=replayd", "SINCE=1h", "LINES=2") == found[-2:]  # the newest since then


def test_a_line_that_is_in_journal_and_file_is_told_once(host: Machine) -> None:
    # The line is written after the answer.
    there = "for turn in 1 2 3 4 5 6 7 8 9 10; do grep -q both $SERVER_LOG && exit 0; sleep .2; done; exit 1"
    host.sh(f"curl -s 'http://localhost:3000/api/runs?symbol=both'; {there}".replace(*LOG))
    found = lines("SERVICE=observer-api", "SINCE=5 min ago")
    requests = [json.dumps(line) for line in found if line["message"] == "request"]
    assert len(set(requests)) == len(requests) > 0


LOG = ("$SERVER_LOG", "/opt/quantlab/shared/core/observer-api/server.log")


def test_the_api_s_file(host: Machine) -> None:
    told = '{"time":"2026-01-15T10:00:00.500Z","level":"warn","message":"in the file alone","runs":[1]}'
    copy = "/opt/quantlab/shared/core/observer-api/server.log.1"
    host.sh(f"echo '{told}' > {copy}")
    try:
        found = lines("SERVICE=observer-api", "SINCE=2026-01-15 10:00", "LINES=1000000")
    finally:
        host.sh(f"rm {copy}")
    assert found[0] == {
        "time": "2026-01-15T10:00:00.500Z",
        "host": host.name,
        "service": "observer-api",
        "level": "warn",
        "message": "in the file alone",
        "fields": {"runs": [1]},
    }


def test_the_job_s_file(host: Machine) -> None:
    host.sh("cp /var/log/quantlab-ml.log /root/; echo 'no JSON, \033[31mno time' >> /var/log/quantlab-ml.log")
    try:
        result = run("make", "--silent", "logs", "SERVICE=ml-scheduler,labeld", "SINCE=1h")
    finally:
        host.sh("cat /root/quantlab-ml.log > /var/log/quantlab-ml.log; rm /root/quantlab-ml.log")
    assert result.code == 0, result.text
    (line,) = [line for line in result.text.splitlines() if "no JSON" in line]
    assert line.split("  ")[1:] == ["ml-scheduler", "no JSON, \N{REPLACEMENT CHARACTER}[31mno time"]


def test_following_hands_on_what_comes_and_ends_with_an_interrupt(host: Machine) -> None:
    host.sh("(sleep 4; curl -s 'http://localhost:3000/api/runs?symbol=now') >/dev/null 2>&1 &")
    only = {"SERVICE": "observer-api", "FOLLOW": "1", "LINES": "1"}
    result = cut_off("symbol=now", signal.SIGINT, *OPERATE, "logs", **only)
    assert result.code == 130
    assert "Traceback" not in result.text
    assert ended(host)


def test_what_cannot_be_meant_is_refused(host: Machine) -> None:
    for arguments, reason in (
        ("SERVICE=nosuch", "SERVICE=nosuch: no service nosuch; there are: replayd, collector,"),
        ("SINCE=soon", "SINCE=soon: no time; write '10 min ago'"),
        ("LINES=0", "LINES=0: must be a number, from 1 up to nine digits"),
        ("LIMIT=nosuch", "LIMIT=nosuch: nosuch is no host or role"),
    ):
        result = run("make", "--silent", "logs", arguments)
        assert result.code == 2
        assert reason in result.text


def test_a_job_s_output_comes_while_it_runs_and_an_interrupt_ends_it(host: Machine) -> None:
    host.sh("systemctl kill --signal=STOP quantlab-labeld")  # the job waits for it
    try:
        result = cut_off("--symbol btcusdt", signal.SIGINT, *OPERATE, "ml", SYMBOL="btcusdt", DATE="20260115")
        assert ended(host)
    finally:
        host.sh("systemctl kill --signal=CONT quantlab-labeld")
    assert result.code == 130
    assert "Traceback" not in result.text


def test_the_job_s_own_exit_code(host: Machine) -> None:
    result = run(*OPERATE, "ml", SYMBOL="btcusdt", DATE="20260199", DRY_RUN="1")
    assert result.code == 2
    assert "--date must be a day as YYYYMMDD" in result.text
    assert "ml-scheduler: it ended with exit code 2" in result.text
