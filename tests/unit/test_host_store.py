"""What the host programs decide from records: where a rollback goes, who holds the lock, what is history."""

import json
import time
from pathlib import Path
from typing import Any

import common
import dependencies
import history
import lock
import look
import pending
import pytest
import store
from hypothesis import given
from hypothesis import strategies as st

STATES = st.sampled_from(["good", "bad", "prepared"])


def release(number: int, state: str, after: str | None = None) -> dict[str, Any]:
    return {"number": number, "state": state, "after": after}


@given(st.lists(STATES, min_size=1, max_size=8), st.data())
def test_a_rollback_goes_to_an_older_good_release_or_nowhere(states: list[str], data: st.DataObject) -> None:
    known = {f"r{n}": release(n, state) for n, state in enumerate(states)}
    live = data.draw(st.sampled_from(sorted(known)))
    older = [name for name in sorted(known) if name < live and known[name]["state"] == "good"]
    assert look.before(known, live) == (older[-1] if older else None)


def test_a_rollback_goes_where_the_live_release_came_from() -> None:
    known = {"a": release(1, "good"), "b": release(2, "good"), "c": release(3, "good", after="a")}
    assert look.before(known, "c") == "a"  # b was rolled back before c was deployed
    known["a"]["state"] = "bad"
    assert look.before(known, "c") == "b"
    assert look.before(known, None) == "c"


ME = {"id": "run-1", "by": "me@here", "reason": "a deploy"}
YOU = {"id": "run-2", "by": "you@there", "reason": "another"}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "LOCK", tmp_path / "lock.json")
    monkeypatch.setattr(
        pending, "BOOT", Path("/proc/sys/kernel/random/boot_id")
    )  # the other is root's to see
    monkeypatch.setattr(history, "HISTORY", tmp_path / "history.jsonl")
    monkeypatch.setattr(store, "RELEASES", tmp_path / "releases")
    return tmp_path


@pytest.mark.parametrize("damaged", ["{}", "[]", '{"run": "run-2", "boot": ', '{"boot": "a boot"}'])
def test_a_damaged_lock_is_nobodys(state: Path, damaged: str) -> None:
    (state / "lock.json").write_text(damaged)
    assert lock.holder() is None
    lock.release(None)
    lock.release("run-2")
    lock.hold(ME)
    assert (lock.holder() or {})["run"] == ME["id"]


def test_a_lock_is_one_runs_until_it_gives_it_back(state: Path) -> None:
    lock.hold(ME)
    lock.hold(ME)  # each step renews it
    with pytest.raises(common.Failed, match=r"locked by me@here since .*: a deploy") as refused:
        lock.hold(YOU)
    assert "make unlock" in str(refused.value)
    lock.release("run-2")  # not its own
    assert lock.holder() is not None
    lock.release("run-1")
    lock.hold(YOU)


def test_a_lock_ends_by_time_and_not_by_the_clock_on_the_wall(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = pending.uptime()
    lock.hold(ME, seconds=60)
    monkeypatch.setattr(time, "time", lambda: 4e9)  # somebody sets the clock
    with pytest.raises(common.Failed, match="locked by"):
        lock.hold(YOU)
    monkeypatch.setattr(lock, "uptime", lambda: now + 61)
    lock.hold(YOU)


def test_a_restart_ends_a_runs_lock_but_not_an_operators_word(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.hold(ME)
    monkeypatch.setattr(lock, "boot", lambda: "the next one")
    lock.hold(YOU, seconds=600, kept=True)
    monkeypatch.setattr(lock, "boot", lambda: "and the next")
    with pytest.raises(common.Failed, match="locked by you@there"):
        lock.hold(ME)
    lock.hold({**YOU, "id": "run-3"})  # whoever keeps others out may work
    lock.release("run-3")
    assert lock.holder() is not None
    lock.release(None)
    assert lock.holder() is None


def test_history_survives_a_line_that_was_cut_short(state: Path) -> None:
    history.add({"run": "1", "outcome": "good"})
    with history.HISTORY.open("a") as file:
        file.write('{"run": "2", "outc')
    assert [entry["run"] for entry in history.last(5)] == ["1"]
    history.add({"run": "3", "outcome": "good"})
    assert [entry["run"] for entry in history.last(5)] == ["1", "3"]


def test_the_end_of_a_run_is_recorded_once(state: Path) -> None:
    marker = {
        **{"id": "b", "was": "a", "kind": "deploy", "by": "me", "run": "1", "boot": pending.boot()},
        **{"began": pending.uptime(), "started": {"replayd": {"pid": "7", "seconds": 0.4}}},
    }
    history.ended(marker, "good", "b")
    history.ended(marker, "good", "b")
    (entry,) = history.last(5)
    assert (entry["from"], entry["to"], entry["healthy"]) == ("a", "b", {"replayd": 0.4})


def test_files_below_the_code_link_belong_to_the_releases_tree(state: Path) -> None:
    home = state / "releases" / "r1"
    home.mkdir(parents=True)
    (home / "manifest.json").write_text(json.dumps({"code": "/home/x/tree", "number": 1}))
    assert store.place("r1", "/home/x/tree/core/.env") == home / "code" / "core" / ".env"
    assert store.place("r1", "/home/x/tree.env") == Path("/home/x/tree.env")
    assert store.place("r1", "/etc/quantlab/a.env") == Path("/etc/quantlab/a.env")


def test_dependencies_are_taken_from_a_release_that_still_has_them(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "RELEASES", state / "releases")
    monkeypatch.setattr(look, "RELEASES", state / "releases")

    def release(number: int, *, folder: bool, there: bool, key: str = "key") -> Path:
        home = state / "releases" / f"r{number}"
        (home / "code" / "core").mkdir(parents=True)
        if there:
            (home / "code" / "core" / "node_modules").mkdir()
        built = {"number": number, "built": {"core": key}, "folders": ["core"] if folder else []}
        (home / "manifest.json").write_text(json.dumps(built))
        return home / "code" / "core" / "node_modules"

    assert dependencies.reusable("core", "node_modules", "key") is None
    whole = release(1, folder=True, there=True)
    release(2, folder=True, there=False)  # somebody removed it
    release(3, folder=True, there=True, key="of another lock file")
    assert dependencies.reusable("core", "node_modules", "key") == whole
    release(4, folder=False, there=False)  # nothing to install, and so no folder
    assert dependencies.reusable("core", "node_modules", "key") == Path()
