"""The sudo password: handed on in memory, given over stdin, never asked for by pyinfra."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import StringCommand
from pyinfra.connectors.util import CommandOutput, OutputLine

from operations import sudo
from stack.site import ROOT
from stack.sudo import PROBE, WITH

PASSWORD = "hunter2 $x'\"\\"


def output(line: str, name: str = "stdout") -> CommandOutput:
    return CommandOutput([OutputLine(name, line)])


def host(answer: str) -> tuple[Any, list[tuple[str, dict[str, Any]]]]:
    """A host whose sudo answers the probe so, and all that is sent to it."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def plain(command: StringCommand, *_: bool, **arguments: Any) -> tuple[bool, CommandOutput]:
        sent.append((command.get_raw_value(), arguments))
        return True, output(answer)

    connector = SimpleNamespace(client=object(), run_shell_command=plain)
    return SimpleNamespace(
        name="a", connector=connector, data=SimpleNamespace(get=lambda name: "admin")
    ), sent


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sudo, "password", lambda: PASSWORD)
    monkeypatch.setattr(sudo, "_answers", {})


def test_a_password_is_the_first_line_of_every_command_that_becomes_root(given: None) -> None:
    found, sent = host("good")
    sudo.ready(found)
    for _ in range(2):
        found.connector.run_shell_command(
            StringCommand("echo x"), _sudo=True, _stdin=["one", "two"], _env={"A": "b"}, _timeout=5
        )
    found.connector.run_shell_command(StringCommand("echo y"), _sudo=False)
    assert sent == [
        (PROBE, {"_stdin": [PASSWORD]}),
        *[(f"{WITH} sh -c 'export A=b && echo x'", {"_stdin": [PASSWORD, "one", "two"], "_timeout": 5})] * 2,
        ("echo y", {"_sudo": False}),
    ]


def test_a_host_that_wants_no_password_gets_none(given: None) -> None:
    found, sent = host("free")
    sudo.ready(found)
    found.connector.run_shell_command(StringCommand("echo x"), _sudo=True, _stdin="in")
    assert sent[1:] == [("echo x", {"_sudo": True, "_stdin": "in"})]


def test_a_wrong_password_is_an_answer_once_and_for_all(given: None) -> None:
    found, sent = host("bad")
    sudo.ready(found)
    for _ in range(2):
        with pytest.raises(EOFError, match="sudo does not accept the password"):
            found.connector.run_shell_command(StringCommand("echo x"), _sudo=True)
    assert len(sent) == 1  # nobody is locked out by our trying again


def test_pyinfra_asks_for_none() -> None:
    found, _ = host("")
    wants = output("sudo: a password is required", "stderr")
    with pytest.raises(EOFError, match=r"type it once with SUDO=ask .* allow admin sudo without"):
        sudo.never_ask(found, {}, lambda: (1, wants))
    assert sudo.never_ask(found, {}, lambda: (1, output("other", "stderr")))[0] == 1
    assert sudo.never_ask(found, {}, lambda: (0, wants))[0] == 0


def seen(*command: str) -> list[Any]:
    """What a program that runs under `python -m stack.sudo` says of itself."""
    done = subprocess.run(
        [sys.executable, "-m", "stack.sudo", *command],
        cwd=ROOT,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=True,
        env={key: value for key, value in os.environ.items() if key != "QUANTLAB_SUDO_FD"},
    )
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("through", [lambda c: c, lambda c: ["sh", "-c", 'true; "$@"; true', "sh", *c]])
def test_a_command_gets_it_in_memory_alone(through: Callable[[list[str]], list[str]]) -> None:
    look = (
        "import json, os, pathlib, subprocess, sys; from stack.sudo import handed, password;"
        "child = 'from stack.sudo import password; print(password())';"
        "told = subprocess.check_output([sys.executable, '-c', child], text=True, **handed());"
        "own = [pathlib.Path('/proc/self', name).read_text() for name in ('environ', 'cmdline')];"
        "print(json.dumps([password(), password(), told, 'hunt' + 'er2' in ''.join(own)]))"
    )
    assert seen(*through([sys.executable, "-c", look])) == [PASSWORD, PASSWORD, f"{PASSWORD}\n", False]
