"""The look: what it says of this machine, and of one that has no python."""

import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import look
import pytest

from facts.look import Look
from stack.site import ROOT

REQUEST: dict[str, Any] = {
    "code": "/nonexistent/code",
    "user": "root",
    "packages": ["dpkg", "no-such-package"],
    "files": [],
    "links": [],
    "units": [],
    "ports": [],
}


def looked(path: str | None = None, **request: Any) -> dict[str, Any]:
    """Run the fact's own command in a shell, program and request over stdin."""
    lines = [(ROOT / "host" / "look.py").read_text(), REQUEST | request]
    done = subprocess.run(
        ["/bin/sh", "-c", Look().command()],
        input="".join(f"{json.dumps(line)}\n" for line in lines),
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path or os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    return Look().process(done.stdout.splitlines())


def test_a_host_without_python_says_what_decides(tmp_path: Path) -> None:
    for name in ("sed", "stat"):
        place = shutil.which(name)
        assert place
        (tmp_path / name).symlink_to(place)
    seen = looked(str(tmp_path))
    assert set(seen) == {"os", "disk_free_mb", "memory_free_mb", "inodes_free", "writable"}
    assert seen["os"] == look.os_release()
    disk = os.statvfs("/")
    assert abs(seen["disk_free_mb"] - disk.f_bavail * disk.f_frsize // 2**20) < 500
    assert seen["memory_free_mb"] > 0
    assert seen["writable"] is True


def test_one_look_answers_everything(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    file.chmod(0o640)
    me = pwd.getpwuid(os.getuid()).pw_name
    seen = looked(files=[str(file), str(tmp_path), str(tmp_path / "none")])
    assert seen["files"][str(file)][:3] == [hashlib.sha256(b"content").hexdigest(), "0640", me]
    assert seen["files"][str(tmp_path)][0] == "directory"
    assert seen["files"][str(tmp_path / "none")] is None
    assert seen["installed"] == ["dpkg"]
    assert seen["user"] is True
    assert (seen["code"], seen["release"], seen["pending"]) == (None, None, None)


def test_who_is_not_there_is_told(tmp_path: Path) -> None:
    seen = looked(user="nobody-of-this-name", code=str(tmp_path))
    assert seen["user"] is False
    assert seen["code"] == "tree"


def test_the_live_release_is_where_the_code_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "RELEASES", tmp_path / "releases")
    link = tmp_path / "live"
    assert look.live(link) is None
    (tmp_path / "releases" / "one" / "code").mkdir(parents=True)
    link.symlink_to(tmp_path / "releases" / "one" / "code")
    assert look.live(link) == "one"


@pytest.mark.parametrize("place", ["elsewhere/one/code", "releases/one", "releases/one/code/core"])
def test_a_link_to_something_else_is_no_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Not even when a folder on the way is called like the live one."""
    monkeypatch.setattr(look, "RELEASES", tmp_path / "releases")
    (tmp_path / "live").symlink_to(tmp_path / place)
    assert look.live(tmp_path / "live") == ""
    assert looked(code=str(tmp_path / "live"))["code"] == "link"


def test_a_link_is_not_what_it_leads_to(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("content")
    link.symlink_to(file)
    dangling = tmp_path / "dangling"
    dangling.symlink_to("nowhere")
    for path in (link, dangling):
        seen = look.described(str(path))
        assert seen is not None
        assert seen[0] == "other"


def test_what_is_neither_file_nor_folder_is_not_read(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        seen = look.described(str(tmp_path / "door"))
    assert seen is not None
    assert seen[0] == "other"


LOOPBACKS = {"127.0.0.1": socket.AF_INET}
if Path("/proc/net/if_inet6").exists() and Path("/proc/net/if_inet6").read_text():
    LOOPBACKS["::1"] = socket.AF_INET6


@pytest.mark.parametrize("address", LOOPBACKS)
def test_who_listens_is_found(address: str) -> None:
    with socket.create_server((address, 0), family=LOOPBACKS[address]) as server:
        port = server.getsockname()[1]
        name, pid, _ = looked(ports=[port])["listeners"][str(port)]
    assert (name, pid) == (Path("/proc/self/comm").read_text().strip(), str(os.getpid()))
    assert look.listeners([port]) == {}


def test_a_client_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
        assert look.listeners([client.getsockname()[1]]) == {}


def test_a_process_that_ended_has_nothing_open(tmp_path: Path) -> None:
    assert look.open_files(tmp_path / "4711") == set()


@pytest.mark.parametrize("text", [None, "", "{", "[1]"])
def test_a_record_that_is_missing_or_torn_is_none(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "state.json"
    if text is not None:
        file.write_text(text)
    assert look.saved(file) is None
    file.write_text('{"state": "good"}')
    assert look.saved(file) == {"state": "good"}
