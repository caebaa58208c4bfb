"""Names in known_hosts files, as ssh-keygen writes and finds them."""

import subprocess
from pathlib import Path

import pytest

from stack import known_hosts


@pytest.fixture
def key(tmp_path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    return " ".join((tmp_path / "key.pub").read_text().split()[:2])


def test_the_fingerprint_is_that_of_ssh_keygen(tmp_path: Path, key: str) -> None:
    told = subprocess.check_output(["ssh-keygen", "-lf", tmp_path / "key.pub"], text=True)
    assert known_hosts.fingerprint(key.split()[1]) == told.split()[1]


@pytest.mark.parametrize("name", ["db.example.com", "[db.example.com]:22", "192.0.2.7", "[2001:db8::1]:2022"])
def test_a_hashed_name_is_found(tmp_path: Path, key: str, name: str) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"{name} {key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    text = file.read_text()
    assert text.startswith("|1|")
    assert known_hosts.held(text, name) == {"ssh-ed25519": key.split()[1]}
    assert known_hosts.held(text, "other.example.com") == {}
    assert known_hosts.without(text, name) == ""


def test_names_patterns_and_what_is_not_ours(key: str) -> None:
    kind, body = key.split()
    names = ("a,192.0.2.1", "[a]:2222", "*.example.com", "@revoked a", "|1|x")
    text = "# a comment\n" + "".join(f"{name} {key} note\n" for name in names)
    assert known_hosts.held(text, "a") == {kind: body}
    assert known_hosts.held(text, known_hosts.named("a", 2222)) == {kind: body}
    assert known_hosts.held(text, known_hosts.named("b.example.com", 22)) == {kind: body}
    assert known_hosts.held(text, "b") == {}
    kept = known_hosts.without(text, "a").splitlines()
    assert [line.split()[0] for line in kept] == ["#", "[a]:2222", "*.example.com", "@revoked", "|1|x"]
