"""`make trust` against SSH servers of the test's own: what is shown, written and refused."""

import os
import pty
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import paramiko
import pytest

from operate import trust
from operate.exits import ended
from stack import known_hosts
from stack.errors import Refused
from stack.site import Host

Serve = Callable[[str], int]


def made(file: Path) -> paramiko.PKey:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return paramiko.Ed25519Key(filename=str(file))


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, paramiko.PKey]:
    return {name: made(tmp_path / name) for name in ("one", "two")}


class Server:
    """Shows a host key to whoever comes, and lets nobody in."""

    site: SimpleNamespace

    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(client)
            transport.add_server_key(self.key)
            transport.start_server(event=threading.Event(), server=paramiko.ServerInterface())

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server(
    keys: dict[str, paramiko.PKey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server, and an inventory of one host that it is."""
    running = Server(keys["one"])
    data = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": running.port,
        "ssh_known_hosts_file": str(tmp_path / "known"),
        "ssh_config_file": os.devnull,
    }
    host = Host("ql-1", "127.0.0.1", frozenset(), data)
    site = SimpleNamespace(hosts={"ql-1": host}, chosen=lambda limit: ["ql-1"])
    running.site = site
    monkeypatch.setattr(trust, "load", lambda: site)
    for name in ("CHANGED", "FINGERPRINTS", "LIMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    yield running
    running.close()


def print_of(key: paramiko.PKey) -> str:
    return known_hosts.fingerprint(key.get_base64())


def test_a_new_key_is_written_when_its_fingerprint_is_given(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(trust.trust) == 2
    assert "nobody is here to compare the fingerprints" in capsys.readouterr().err
    monkeypatch.setenv("FINGERPRINTS", "SHA256:another")
    assert ended(trust.trust) == 2
    assert f"ql-1: {print_of(server.key)} is not in FINGERPRINTS" in capsys.readouterr().err
    assert not (tmp_path / "known").exists()
    monkeypatch.setenv("FINGERPRINTS", f"SHA256:another {print_of(server.key)}")
    assert ended(trust.trust) == 0
    written = (tmp_path / "known").read_text()
    assert written == f"[127.0.0.1]:{server.port} ssh-ed25519 {server.key.get_base64()}\n"
    capsys.readouterr()
    assert ended(trust.trust) == 0
    said = capsys.readouterr().out
    assert "known" in said
    assert "nothing to write" in said


def test_a_changed_key_is_replaced_by_word_alone(
    server: Server,
    keys: dict[str, paramiko.PKey],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, old = tmp_path / "known", keys["two"].get_base64()
    before = f"# ours\n[127.0.0.1]:{server.port} ssh-ed25519 {old}\nother ssh-ed25519 {old}\n"
    file.write_text(before)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    before = file.read_text()
    monkeypatch.setenv("FINGERPRINTS", print_of(server.key))
    assert ended(trust.trust) == 2
    said = capsys.readouterr()
    assert "CHANGED" in said.out
    assert f"has another key for [127.0.0.1]:{server.port}: ssh-ed25519 {print_of(keys['two'])}" in said.err
    assert file.read_text() == before
    monkeypatch.setenv("CHANGED", "ql-1")
    assert ended(trust.trust) == 0
    assert known_hosts.held(file.read_text(), f"[127.0.0.1]:{server.port}") == {
        "ssh-ed25519": server.key.get_base64()
    }
    assert known_hosts.held(file.read_text(), "other") == {"ssh-ed25519": old}


def test_a_host_that_does_not_answer_is_told(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        gone = free.getsockname()[1]
    server.site.hosts["ql-1"].data["ssh_port"] = gone
    assert ended(trust.trust) == 1
    assert f"ql-1: no answer from 127.0.0.1 port {gone}: " in capsys.readouterr().err


def test_an_inventory_without_a_file_is_refused(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    del server.site.hosts["ql-1"].data["ssh_known_hosts_file"]
    assert ended(trust.trust) == 2
    assert "ql-1 has no ssh_known_hosts_file" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["y", "", "yes"])
def test_only_a_typed_yes_counts(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        os.write(ours, f"{typed}\n".encode())
        if typed == "yes":
            trust.confirm()
        else:
            with pytest.raises(Refused, match="nothing was written"):
                trust.confirm()
    os.close(ours)
