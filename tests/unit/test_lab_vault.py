"""The lab's secrets: complete, random, and on disk only encrypted."""

import os
from pathlib import Path

import pyrage
import pytest

from lab import settings, vault
from lab.errors import LabError
from lab.owner import Owner

ME = Owner(os.getuid(), os.getgid())


def catalogue(root: Path, text: str) -> None:
    file = root / settings.CATALOGUE
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def values(lab: settings.Settings) -> dict[str, str]:
    identity = vault.parse_identity((lab.files / "age-identity").read_text())
    return vault.opened((lab.files / "secrets.age").read_bytes(), identity)


def test_names_come_from_the_catalogue(tmp_path: Path) -> None:
    lab = settings.named("x", tmp_path)
    catalogue(tmp_path, "secrets: [AWS_SECRET_ACCESS_KEY, SOME_TOKEN]\n")
    credentials = vault.ensure(lab, ME)
    found = values(lab)
    assert set(found) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SOME_TOKEN"}
    assert credentials == (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"])
    assert len(set(found.values())) == 3


def test_new_names_get_values_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    lab = settings.named("x", tmp_path)
    vault.ensure(lab, ME)
    before = values(lab)
    assert "STRATEGYD_TOKEN" in before
    encrypted = (lab.files / "secrets.age").read_bytes()
    vault.ensure(lab, ME)
    assert (lab.files / "secrets.age").read_bytes() == encrypted  # nothing new, nothing written
    catalogue(tmp_path, "secrets: [NEW_TOKEN]\n")
    vault.ensure(lab, ME)
    after = values(lab)
    assert {name: after[name] for name in before} == before
    assert len(bytes.fromhex(after["NEW_TOKEN"])) == 16


def test_no_value_is_readable_on_disk(tmp_path: Path) -> None:
    lab = settings.named("x", tmp_path)
    vault.ensure(lab, ME)
    secret = set(values(lab).values())
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert not any(value.encode() in content for value in secret), file
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_another_identity_opens_nothing(tmp_path: Path) -> None:
    lab = settings.named("x", tmp_path)
    vault.ensure(lab, ME)
    stranger = pyrage.x25519.Identity.generate()
    with pytest.raises(pyrage.DecryptError):
        vault.opened((lab.files / "secrets.age").read_bytes(), stranger)


@pytest.mark.parametrize("text", ["secrets: word\n", "secrets: [1]\n", "- a list\n", "word\n"])
def test_a_catalogue_that_lists_no_names_is_refused(tmp_path: Path, text: str) -> None:
    catalogue(tmp_path, text)
    with pytest.raises(LabError, match="'secrets' must be a list of names"):
        vault.names(tmp_path / settings.CATALOGUE)
