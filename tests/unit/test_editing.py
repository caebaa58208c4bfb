"""The editor's file: gone after every end, refused where it would touch a disk."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from operate import editing
from stack.errors import Refused
from stack.site import ROOT

EDIT = "from operate import editing; print(editing.edit('A: b', lambda text: ['no good'] * ('b' in text)))"


def editor(folder: Path, script: str) -> dict[str, str]:
    file = folder / "editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)
    return {**os.environ, "EDITOR": str(file), "VISUAL": "", "XDG_RUNTIME_DIR": ""}


def waited(file: Path) -> str:
    end = time.monotonic() + 20
    while not file.exists() or not file.read_text().endswith("\n"):
        assert time.monotonic() < end, f"{file} does not come"
        time.sleep(0.05)
    return file.read_text().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_stays_after_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """As a terminal sends it: to the editor and to us."""
    env = editor(tmp_path, f'echo "$1" >{tmp_path}/name; exec sleep 60')
    child = subprocess.Popen(
        [sys.executable, "-c", EDIT],
        cwd=ROOT,
        env=env,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    file = Path(waited(tmp_path / "name"))
    assert file.exists()
    os.killpg(child.pid, number)
    child.communicate(timeout=20)
    assert child.returncode != 0
    assert not file.parent.exists()


def test_on_a_terminal_a_wrong_edit_can_be_mended(tmp_path: Path) -> None:
    """The second edit finds what the first left."""
    script = 'if grep -q b "$1"; then sed -i s/b/bb/ "$1"; fi; if grep -q bbb "$1"; then echo A: c >"$1"; fi'
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", EDIT],
        cwd=ROOT,
        env=editor(tmp_path, script),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"y\n")
    out, err = child.communicate(timeout=20)
    os.close(ours)
    os.close(theirs)
    assert "no good" in err
    assert (child.returncode, out) == (0, "edit again? [Y/n] A: c\n\n")


def test_without_a_folder_in_memory_nothing_is_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing, "filesystem", lambda place: "ext2/ext3")
    monkeypatch.setenv("EDITOR", "true")
    with pytest.raises(Refused, match=r"no folder in memory to edit in: none of .*/dev/shm is a tmpfs"):
        editing.edit("A: b", lambda text: [])


def test_vi_that_nobody_asked_for_is_not_started_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    with pytest.raises(Refused, match="no terminal for vi"):
        editing.edit("A: b", lambda text: [])


def test_a_missing_editor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "nosuch --flag")
    with pytest.raises(Refused, match="nosuch: no such editor"):
        editing.edit("A: b", lambda text: [])


@pytest.mark.parametrize(("name", "told"), [("nvim", "-n"), ("nano", "--ignorercfiles"), ("code", "note: ")])
def test_known_editors_are_told_to_leave_no_copies(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    told: str,
) -> None:
    (tmp_path / name).touch(0o700)
    (tmp_path / "vi").symlink_to(tmp_path / name)
    monkeypatch.setenv("VISUAL", f"{tmp_path}/vi -w")
    words = editing.editor()
    assert words[:2] == [f"{tmp_path}/vi", "-w"]
    assert told in words or told in capsys.readouterr().err
