"""The searcher of the leak test finds what is planted, in every form and place that it looks at."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import leak_search

VALUES = {"A_TOKEN": "hunter2/is+the&value"}
SOUGHT = leak_search.needles(VALUES)
VALUE = VALUES["A_TOKEN"]


@pytest.mark.parametrize("before", ["", "x", "xx", "xxx", "Authorization: Bearer "])
@pytest.mark.parametrize("after", ["", "y", "yy"])
def test_base64_of_a_text_around_it(before: str, after: str) -> None:
    content = base64.b64encode(f"{before}{VALUE}{after}".encode())
    assert leak_search.within(content, SOUGHT) == {"A_TOKEN in base64"}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"A='{VALUE}'", {"A_TOKEN"}),
        (VALUE.encode().hex(), {"A_TOKEN in hex"}),
        ("https://x/?t=hunter2%2Fis%2Bthe%26value", {"A_TOKEN"}),
        (VALUE[:-1], set()),
        (base64.b64encode(VALUE[:-4].encode()).decode(), set()),
    ],
)
def test_other_forms(content: str, found: set[str]) -> None:
    assert leak_search.within(content.encode(), SOUGHT) == found


def asked(**request: object) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-I", leak_search.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin
    child.stdin.write(json.dumps({"values": VALUES, **request}) + "\n")
    child.stdin.flush()
    return child


def test_a_search_finds_files_and_command_lines(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "leak").write_text(f"x{VALUE}x")
    (tmp_path / "deep" / "leak").chmod(0o640)
    (tmp_path / "none").write_text("x")
    careless = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", VALUE])
    try:
        out, _ = asked(do="search", folders=[str(tmp_path)], since=0).communicate(timeout=60)
    finally:
        careless.kill()
        careless.wait()
    told = json.loads(out)
    assert told["cmdline"] == ["A_TOKEN"]
    (entry,) = told["files"].items()
    assert (entry[0], entry[1][0][:4], entry[1][1:]) == (f"{tmp_path}/deep/leak", "0640", ["A_TOKEN"])


def test_a_watcher_sees_processes_and_files(tmp_path: Path) -> None:
    (tmp_path / "leak").write_text(VALUE)
    wait = [sys.executable, "-c", "import time; time.sleep(60)"]
    careless = [subprocess.Popen(wait, env={"TOKEN": VALUE}), subprocess.Popen([*wait, VALUE])]
    try:
        child = asked(do="watch", folders=[str(tmp_path)], since=0, until=str(tmp_path / "until"))
        (tmp_path / "until").touch()
        out, _ = child.communicate(timeout=60)
    finally:
        for each in careless:
            each.kill()
            each.wait()
    told = json.loads(out)
    assert told["found"] == [
        f"A_TOKEN in {tmp_path}/leak",
        "A_TOKEN in a process's cmdline",
        "A_TOKEN in a process's environ",
    ]
    assert told["turns"] >= 1
