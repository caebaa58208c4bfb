"""The lab's git remote holds exactly what the working tree's backend holds."""

import os
import subprocess
from pathlib import Path

import pytest

from lab import settings
from lab.errors import LabError
from lab.owner import Owner
from lab.publish import publish

ME = Owner(os.getuid(), os.getgid())


def git(*words: str | Path) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def lab(tmp_path: Path) -> settings.Settings:
    git("init", "--quiet", tmp_path)
    backend = tmp_path / settings.BACKEND
    (backend / "core" / "node_modules").mkdir(parents=True)
    (backend / "core" / "node_modules" / "installed.js").write_text("")
    (backend / "core" / "package.json").write_text('{"version": "1.2.3"}')
    (backend / "run.sh").write_text("#!/bin/sh\n")
    (backend / "run.sh").chmod(0o755)
    (backend / "ü name.txt").symlink_to("run.sh")
    (tmp_path / ".gitignore").write_text("node_modules/\n/.lab/\n")
    git("-C", tmp_path, "add", settings.BACKEND + "/run.sh")
    return settings.named("x", tmp_path)


def content(lab: settings.Settings) -> str:
    """Mode and path of everything on `main`, each ended by a zero byte."""
    entries = git("-C", lab.repository, "ls-tree", "-r", "-z", "main").split("\0")
    split = [entry.partition("\t") for entry in entries]
    return "\0".join(f"{head[:6]} {path}".strip() for head, _, path in split)


def test_tracked_and_new_files_are_published_and_ignored_ones_are_not(
    lab: settings.Settings,
) -> None:
    publish(lab, ME)
    assert content(lab).split("\0") == [
        "100644 core/package.json",
        "100755 run.sh",
        "120000 ü name.txt",
        "",
    ]
    assert git("-C", lab.repository, "log", "--format=%an: %s", "main") == (
        "QuantLab lab: quantlab-backend 1.2.3\n"
    )


def test_the_same_content_makes_no_commit(lab: settings.Settings) -> None:
    assert publish(lab, ME) == publish(lab, ME)


def test_a_change_and_a_deletion_make_one_commit_on_top(lab: settings.Settings) -> None:
    first = publish(lab, ME)
    (lab.root / settings.BACKEND / "run.sh").unlink()  # still in git's index
    (lab.root / settings.BACKEND / "VERSION").write_text("2.0\n")
    second = publish(lab, ME)
    assert git("-C", lab.repository, "log", "--format=%H %s", "main").splitlines() == [
        f"{second} quantlab-backend 2.0",
        f"{first} quantlab-backend 1.2.3",
    ]
    assert "run.sh" not in content(lab).replace("ü name.txt", "")


def test_branches_that_tests_push_are_left_alone(lab: settings.Settings) -> None:
    first = publish(lab, ME)
    git("-C", lab.repository, "branch", "breaking", "main")
    (lab.root / settings.BACKEND / "new").write_text("")
    publish(lab, ME)
    assert git("-C", lab.repository, "rev-parse", "breaking").strip() == first


def test_the_checkouts_own_index_is_untouched(lab: settings.Settings) -> None:
    before = git("-C", lab.root, "status", "--porcelain", "--untracked-files=all")
    publish(lab, ME)
    assert git("-C", lab.root, "status", "--porcelain", "--untracked-files=all") == before


def test_an_empty_backend_is_refused(tmp_path: Path) -> None:
    git("init", "--quiet", tmp_path)
    (tmp_path / settings.BACKEND).mkdir(parents=True)
    with pytest.raises(LabError, match="holds no file"):
        publish(settings.named("x", tmp_path), ME)
