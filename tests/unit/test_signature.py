"""Signed by a key in the list of signers, or refused: with real keys, against a real git repository."""

import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from facts.git import git
from facts.revision import resolve
from stack.errors import Refused
from stack.settings import Settings
from tests.unit.examples import settings
from tests.unit.test_revision import Repository, repository

__all__ = ["repository"]  # pytest's own way to share a fixture between two files


@pytest.fixture
def signed(repository: Repository, tmp_path: Path) -> "Signed":
    return Signed(repository, tmp_path)


class Signed:
    """A repository and the keys of one who may release and one who may not."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        for name in ("ours", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "signers").write_text(f"release@example.com {(folder / 'ours.pub').read_text()}")

    @property
    def settings(self) -> Settings:
        return settings(repository=str(self.repository.folder), signers=str(self.folder / "signers"))

    def git(self, key: str, *arguments: str) -> None:
        how = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={self.folder / key}.pub"]
        self.repository.git(*how, *arguments)

    def commit(self, key: str | None) -> str:
        sign = ["-S"] if key else []
        self.git(key or "ours", "commit", "-q", "--allow-empty", "-m", "change", *sign)
        return self.repository.git("rev-parse", "HEAD")


def test_a_commit_signed_by_one_of_the_signers_passes(signed: Signed) -> None:
    commit = signed.commit("ours")
    assert resolve(signed.settings).commit == commit
    assert resolve(signed.settings, commit[:10]).commit == commit


@pytest.mark.parametrize("key", [None, "other"])
def test_any_other_commit_is_refused(signed: Signed, key: str | None) -> None:
    signed.commit("ours")  # what came before does not count
    commit = signed.commit(key)
    with pytest.raises(Refused) as caught:
        resolve(signed.settings)
    (reason,) = caught.value.reasons
    assert reason.startswith(
        f"revision main ({commit[:12]}): neither the commit nor a tag of this name has a good"
    )
    assert resolve(settings(repository=str(signed.repository.folder))).commit == commit  # nobody asked


def test_a_signed_tag_vouches_for_its_commit(signed: Signed) -> None:
    commit = signed.commit(None)
    signed.git("ours", "tag", "-s", "-m", "release", "v1.0")
    signed.git("other", "tag", "-s", "-m", "release", "v1.1")
    signed.repository.git("tag", "v1.2")
    assert resolve(signed.settings, "v1.0").commit == commit
    for name in ("main", "v1.1", "v1.2", commit):
        with pytest.raises(Refused, match="neither the commit nor a tag"):
            resolve(signed.settings, name)


def test_a_tag_does_not_vouch_under_another_name(signed: Signed) -> None:
    signed.commit(None)
    signed.git("ours", "tag", "-s", "-m", "release", "v1.0")
    signed.repository.git(
        "update-ref", "refs/tags/v2.0", signed.repository.git("rev-parse", "refs/tags/v1.0")
    )
    with pytest.raises(Refused, match=r"revision v2\.0"):
        resolve(signed.settings, "v2.0")


def test_a_list_of_signers_that_is_not_there_is_named(signed: Signed) -> None:
    (signed.folder / "signers").unlink()
    with pytest.raises(Refused, match=r"settings: signers: .*/signers is not there"):
        resolve(signed.settings)


GPG = """#!/bin/sh
cat >/dev/null
case "$*" in
    *--verify*) printf '\\n[GNUPG:] GOODSIG 0 Somebody\\n[GNUPG:] TRUST_ULTIMATE 0 pgp\\n' ;;
    *)
        printf '\\n[GNUPG:] SIG_CREATED \\n' >&2
        printf '%s\\n' '-----BEGIN PGP SIGNATURE-----' '' '-----END PGP SIGNATURE-----' ;;
esac
"""


def test_what_the_operators_own_keyring_trusts_is_not_asked(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, config = tmp_path / "gpg", tmp_path / "gitconfig"
    program.write_text(GPG)
    program.chmod(0o755)
    config.write_text(f"[gpg]\n\tprogram = {program}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    signed.repository.git("commit", "-q", "--allow-empty", "-m", "change", "-S")
    assert signed.repository.git("verify-commit", "HEAD") == ""  # good, as far as that keyring goes
    with pytest.raises(Refused, match="neither the commit nor a tag"):
        resolve(signed.settings)


@pytest.mark.parametrize("verb", ["clone", "ls-remote", "rev-parse", "verify-commit", "verify-tag"])
def test_on_a_host_that_pulls_root_reads_no_clone_of_the_user_s(
    monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Its settings, which the user can write, name programs: gpg.ssh.program, core.sshCommand."""
    how: dict[str, Any] = {}

    def run(command: list[str], **given: Any) -> subprocess.CompletedProcess[str]:
        how.update(given)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("QUANTLAB_GIT_AS", "nobody")
    git(verb, cwd="/tmp")  # noqa: S108 (not written to)
    assert (how["user"], how["extra_groups"]) == (pwd.getpwnam("nobody").pw_uid, [])
