"""Every command of docs/runbook.md does its work on a deployed host: by hand, and from here."""

import re
import shlex
import signal
import time

import pytest

from stack.site import ROOT
from tests.lab.machines import Machine, cut_off, run

COMMANDS = ("make", "sudo", "curl", "cd", "cat", "ls", "tail", "git", "node")


def commands(column: int) -> list[str]:
    """The commands in one column of the page's tables, each once."""
    page = (ROOT / "docs" / "runbook.md").read_text()
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in page.splitlines() if line.startswith("| ")]
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row[column])]
    found = [span.replace("\\|", "|") for span in spans if span.split()[0] in COMMANDS]
    assert found
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("command", commands(1))
def test_by_hand(host: Machine, command: str) -> None:
    if command.endswith(" -f"):
        command = f"ended=0; timeout 2 {command} || ended=$?; test $ended -eq 124"  # it went on
    if not command.startswith(("sudo", "ended")):
        command = f"runuser -u deploy -- sh -c {shlex.quote(today(command))}"
    said = host.sh(f"set -ae; cd /home/deploy/quantlab-backend; . /etc/quantlab/strategyd.env\n{command}")
    if re.search(r"/(health|ping)\b", command):
        assert re.search(r'"status": *"ok"', said)


@pytest.mark.parametrize("command", commands(2))
def test_here(host: Machine, command: str) -> None:
    words = shlex.split(today(command))
    if "FOLLOW=1" in words:
        ended = cut_off("replayd", signal.SIGINT, *words)
        assert ended.code in (2, -signal.SIGINT), ended.text  # make's own, or it ends as it was told to
        assert "Traceback" not in ended.text
    else:
        ended = run(words[0], "--silent", *words[1:])
        assert ended.code == 0, ended.text


def today(command: str) -> str:
    """The day for which the lab has data."""
    return command.replace("20260115", time.strftime("%Y%m%d", time.gmtime()))
