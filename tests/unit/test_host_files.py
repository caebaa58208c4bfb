"""The host programs that write: whole files, right owner and mode from the first moment."""

import grp
import json
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import common
import pytest

from stack.site import ROOT
from stack.transport import piped

ME = pwd.getpwuid(os.getuid()).pw_name
MINE = grp.getgrgid(os.getgid()).gr_name


def put(**request: Any) -> subprocess.CompletedProcess[str]:
    """Send put.py and its request over stdin, as the deploy does."""
    whole = {"directories": {}, "files": {}, "logs": {}, "then": []} | request
    source = (ROOT / "host" / "put.py").read_text()
    return subprocess.run(
        ["sh", "-c", piped()],
        input=f"{json.dumps(source)}\n{json.dumps(whole)}\n",
        capture_output=True,
        text=True,
    )


def entry(content: str = "", mode: int = 0o600) -> dict[str, Any]:
    return {"content": content, "mode": mode, "owner": ME, "group": MINE}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_put_writes_what_the_request_holds(tmp_path: Path) -> None:
    folder, file, log = tmp_path / "folder", tmp_path / "new" / "file", tmp_path / "log"
    text = 'two\nlines, é, "quotes" and $(nothing run)'
    done = put(
        directories={str(folder): entry(mode=0o750)},
        files={str(file): entry(text, 0o640)},
        logs={str(log): entry("ignored", 0o600)},
        then=[["touch", str(folder / "ran")]],
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (file.read_text(), mode(file)) == (text, 0o640)
    assert (log.read_text(), mode(log)) == ("", 0o600)
    assert mode(folder) == 0o750
    assert (folder / "ran").exists()
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_put_replaces_files_and_keeps_logs(tmp_path: Path) -> None:
    file, log = tmp_path / "file", tmp_path / "log"
    for path in (file, log):
        path.write_text("old")
        path.chmod(0o644)
    number = file.stat().st_ino
    assert put(files={str(file): entry("new")}, logs={str(log): entry()}).returncode == 0
    assert (file.read_text(), mode(file)) == ("new", 0o600)
    assert file.stat().st_ino != number  # a rename: who has the old one open keeps it whole
    assert log.read_text() == "old"


def test_put_mends_the_mode_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(0o777)
    assert put(directories={str(folder): entry(mode=0o700)}).returncode == 0
    assert mode(folder) == 0o700


def test_put_says_which_command_failed_and_how(tmp_path: Path) -> None:
    done = put(then=[["sh", "-c", "echo why; exit 3"], ["touch", str(tmp_path / "later")]])
    assert done.returncode == 1
    assert done.stderr == "sh -c echo why; exit 3 ended with 3:\nwhy\n\n"
    assert not (tmp_path / "later").exists()


def test_put_never_shows_content(tmp_path: Path) -> None:
    stranger = {**entry("hunter2"), "owner": "nobody-of-this-name"}
    done = put(files={str(tmp_path / "file"): stranger})
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("part", ["directories", "logs"])
def test_put_refuses_what_is_of_another_kind(tmp_path: Path, part: str) -> None:
    place, kept = tmp_path / "place", tmp_path / "kept"
    for stranger in ("other kind", "link"):
        if stranger == "link":
            kept.mkdir() if part == "directories" else kept.write_text("kept")
            place.symlink_to(kept)
        else:
            place.write_text("kept") if part == "directories" else place.mkdir()
        before = (place.is_dir(), place.is_symlink())
        done = put(**{part: {str(place): entry(mode=0o750)}})
        word = "folder" if part == "directories" else "file"
        said = f"{place} is not a {word} of its own: move it away, then deploy again\n"
        assert (done.returncode, done.stderr) == (1, said)
        assert (place.is_dir(), place.is_symlink()) == before
        place.rmdir() if before == (True, False) else place.unlink()


def test_put_replaces_a_link_and_refuses_a_folder_for_a_file(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    other.write_text("other")
    file.symlink_to(other)
    assert put(files={str(file): entry("new")}).returncode == 0
    assert (file.is_symlink(), file.read_text(), other.read_text()) == (False, "new", "other")
    done = put(files={str(tmp_path): entry("new")})
    assert (done.returncode, done.stderr) == (
        1,
        f"{tmp_path} is not a file of its own: move it away, then deploy again\n",
    )


def test_put_names_what_cannot_be_written() -> None:
    done = put(files={"/proc/nosuch/file": entry("hunter2")})
    assert done.returncode == 1
    assert "/proc/nosuch" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "\x00"])
def test_a_record_that_is_missing_or_damaged_is_the_default(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "started.json"
    if text is not None:
        file.write_text(text)
    assert common.read_json(file, {"no": "record"}) == {"no": "record"}
    file.write_text('{"a": 1}')
    assert common.read_json(file, {}) == {"a": 1}


def test_a_link_in_the_code_does_not_lead_out_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The links are made as root, in a tree that whoever commits has made."""
    monkeypatch.setattr(common, "SHARED", tmp_path / "shared")
    code, outside = tmp_path / "code", tmp_path / "outside"
    code.mkdir()
    (outside / "runs").mkdir(parents=True)
    (outside / "runs" / "precious").touch()
    (code / "out").symlink_to(outside)
    with pytest.raises(common.Failed, match=f"shared path out/runs: .* leads out of the tree, to {outside}"):
        common.link_shared(["out/runs"], code)
    assert (outside / "runs" / "precious").exists()
    (code / "in").mkdir()
    (code / "also").symlink_to("in")
    common.link_shared(["also/runs"], code)
    assert (code / "in" / "runs").readlink() == tmp_path / "shared" / "also" / "runs"


def test_a_folder_that_becomes_a_link_after_the_look_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree's owner swaps a folder for a link between root's check and root's write."""
    monkeypatch.setattr(common, "SHARED", tmp_path / "shared")
    code, outside, link = tmp_path / "code", tmp_path / "outside", common.link
    (code / "jobs").mkdir(parents=True)
    outside.mkdir()

    def late(path: Path, target: Path) -> None:
        (code / "jobs").rename(code / "was")
        (code / "jobs").symlink_to(outside)
        link(path, target)

    monkeypatch.setattr(common, "link", late)
    common.link_shared(["jobs/queue"], code)
    assert list(outside.iterdir()) == []
    assert (code / "was" / "queue").is_symlink()


def test_write_replaces_in_one_rename(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    for text, wanted in (("one", 0o600), ("two", 0o644)):
        common.write(file, text, wanted, ME, MINE)
        assert (file.read_text(), mode(file)) == (text, wanted)
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(KeyError):
        common.write(file, "new", owner="nobody-of-this-name")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "old"}


def test_link_leads_elsewhere_in_one_rename(tmp_path: Path) -> None:
    place = tmp_path / "live"
    (tmp_path / ".live.new").symlink_to("left by a run that was killed")
    for target in ("first", "second"):
        common.link(place, tmp_path / target)
        assert place.readlink() == tmp_path / target
    assert [path.name for path in tmp_path.iterdir()] == ["live"]


def test_run_gives_the_output_in_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKED", "1")
    out = common.run(["sh", "-c", 'echo "$LEAKED$GIVEN $PWD"; umask'], what="x", env={"GIVEN": "2"})
    assert out.split() == ["2", "/", "0022"]


def test_run_fails_with_the_last_lines() -> None:
    script = "for n in $(seq 100); do echo line $n; done; exit 7"
    with pytest.raises(common.Failed) as caught:
        common.run(["sh", "-c", script], what="the build")
    said = str(caught.value)
    assert said.startswith("the build: sh -c ")
    assert "ended with 7" in said
    assert said.endswith("line 100")
    assert len(said.splitlines()) < 40


def test_run_does_not_wait_for_ever() -> None:
    with pytest.raises(common.Failed, match=r"the build: no end after 0\.1 s: sleep 60"):
        common.run(["sleep", "60"], what="the build", timeout=0.1)
