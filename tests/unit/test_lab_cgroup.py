"""Control groups by which a host's processes are found; folders stand in for the kernel's."""

import subprocess
from pathlib import Path

import pytest

from lab import cgroup


def group(path: Path, *pids: int) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    return path


def test_both_layouts_of_machines_are_known(tmp_path: Path) -> None:
    unified = group(tmp_path / "v2")
    assert cgroup.trees(unified) == [unified]
    hybrid = tmp_path / "v1"
    both = [group(hybrid / "systemd"), group(hybrid / "unified")]
    group(hybrid / "memory")
    assert cgroup.trees(hybrid) == both


def test_processes_of_the_groups_below_count(tmp_path: Path) -> None:
    group(tmp_path / "host", 1)
    group(tmp_path / "host" / "payload" / "system.slice", 2, 3)
    group(tmp_path / "other", 4)
    assert cgroup.members(tmp_path / "host") == {1, 2, 3}
    assert cgroup.members(tmp_path / "none") == set()


def test_only_what_is_in_the_groups_is_killed(tmp_path: Path) -> None:
    inside, outside = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    try:
        assert cgroup.kill([group(tmp_path / "host", inside.pid)]) == {inside.pid}
        assert inside.wait(timeout=5) == -9
        assert outside.poll() is None
    finally:
        outside.kill()
        outside.wait()


def test_groups_go_from_the_innermost_out(tmp_path: Path) -> None:
    (tmp_path / "host" / "payload" / "init.scope").mkdir(parents=True)
    cgroup.remove(tmp_path / "host")
    assert list(tmp_path.iterdir()) == []
    cgroup.remove(tmp_path / "host")  # again: nothing to do is no error


def test_a_group_that_cannot_go_is_an_error(tmp_path: Path) -> None:
    group(tmp_path / "host")  # a plain folder with a file in it, which no kernel will take away
    with pytest.raises(OSError, match="not empty"):
        cgroup.remove(tmp_path / "host")
