"""Keepers and their records, tried on real processes: no root is needed for that."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import keeper, process
from lab.errors import LabError
from lab.shell import each, last_words, locked, poll, run

COUNT = 'echo x >>"$0"; [ $(wc -l <"$0") -ge 3 ] || exit 133; exec sleep 60'


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "thing.pid"
    yield file
    process.stop(file, orderly=False)


def start(record: Path, *command: str, again: str = "-") -> Path:
    log = record.with_suffix(".log")
    process.start(record, command, log=log, again=again)
    return log


def until(true: object) -> None:
    assert callable(true)
    for _ in poll(5):
        if true():
            return
    raise AssertionError("it did not come about in 5 s")


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def test_a_kept_process_is_known_and_stops_with_its_keeper(record: Path) -> None:
    start(record, "sleep", "60")
    pid = process.running(record)
    assert pid is not None
    until(lambda: children(pid))
    (child,) = children(pid)
    process.stop(record, orderly=True)
    assert process.running(record) is None
    assert not record.exists()
    until(lambda: not Path(f"/proc/{child}").exists())


def test_a_killed_keeper_takes_its_process_with_it(record: Path) -> None:
    start(record, "sleep", "60")
    pid = process.running(record)
    assert pid is not None
    until(lambda: children(pid) and b"sleep" in Path(f"/proc/{children(pid)[0]}/comm").read_bytes())
    (child,) = children(pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{child}").exists())
    assert process.running(record) is None


def test_a_reboot_is_followed_and_an_end_is_an_end(record: Path, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    start(record, "sh", "-c", COUNT, str(starts), again="133")
    until(lambda: starts.exists() and len(starts.read_text().split()) == 3)
    assert process.running(record) is not None
    start_other = tmp_path / "other.pid"
    start(start_other, "sh", "-c", "exit 1", again="133")
    until(lambda: process.running(start_other) is None)


def test_a_program_that_ignores_the_wish_to_stop_is_stopped(record: Path) -> None:
    start(record, "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    process.stop(record, orderly=True, seconds=0.5)
    assert process.running(record) is None


def test_a_reused_process_id_is_nobody_of_ours(tmp_path: Path) -> None:
    record = tmp_path / "thing.pid"
    victim = subprocess.Popen(["sleep", "60"])
    try:
        record.write_text(f"{victim.pid} {keeper.start_time(os.getpid())}x\n")
        assert process.running(record) is None
        process.stop(record, orderly=False)
        assert victim.poll() is None
        record.write_text(f"{victim.pid} {keeper.start_time(victim.pid)}\n")
        assert process.running(record) == victim.pid
    finally:
        victim.kill()
        victim.wait()


def test_records_of_nobody_are_nobody(tmp_path: Path) -> None:
    assert process.running(tmp_path / "none.pid") is None
    (tmp_path / "gone.pid").write_text("4194399 12@boot\n")  # beyond the kernel's highest id
    assert process.running(tmp_path / "gone.pid") is None


def test_the_last_words_are_told_without_colours(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert process.tail(log) == "it left no log"
    log.write_text("one\n\n\x1b[31mtwo\x1b[0m\nthree \nfour\n")
    assert process.tail(log) == "two / three / four"


def test_a_failing_program_is_quoted() -> None:
    with pytest.raises(LabError, match=r"`sh -c echo no >&2; exit 7` failed \(7\): no"):
        run("sh", "-c", "echo no >&2; exit 7")


def test_the_cause_is_quoted_rather_than_what_came_of_it() -> None:
    output = b"Reading lists\nE: Unable to locate package x\nE: apt failed\nE: all failed\n"
    assert last_words(output) == "E: Unable to locate package x / E: apt failed"
    assert last_words(b"one\ntwo\n\nthree\nfour\n") == "two / three / four"
    assert last_words(b"") == "it said nothing"


def test_every_failure_is_told() -> None:
    def fail(name: str) -> None:
        if name != "good":
            raise LabError(f"{name} failed")

    with pytest.raises(LabError) as caught:
        each(["a", "good", "b"], fail)
    assert sorted(str(caught.value).split("\nlab: ")) == ["a failed", "b failed"]


def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    def stumble(_name: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        each(["a"], stumble)


HOLD = """
import sys, time
from pathlib import Path
from lab.shell import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_waited_for_and_goes_with_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    root = Path(__file__).parents[2]
    words = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        waiter = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert waiter.stderr is not None
        assert b"another lab command holds lock: waiting" in waiter.stderr.readline()
        holder.kill()
    assert waiter.stdout is not None
    assert waiter.stdout.readline() == b"held\n"
    waiter.kill()
    waiter.communicate()
    with locked(lock):
        assert lock.exists()
    assert not lock.exists()
