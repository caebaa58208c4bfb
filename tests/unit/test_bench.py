"""The benchmark's own arithmetic, tables and plot; its decks say what the catalogue says."""

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from benchmarks import contenders, distance, endstate, plot, render, report, stats, table
from benchmarks.__main__ import wish
from benchmarks.contenders import PEERS, Contender
from benchmarks.downtime import longest
from benchmarks.measure import measured
from benchmarks.scene import STAND_IN
from benchmarks.stats import Cell, Run
from tests.unit.examples import site, wanted


def run(contender: str, seconds: float, **more: object) -> Run:
    return {"contender": contender, "seconds": seconds, "cpu": 0.5, "memory": 50, "commands": 1, **more}


NOTHING = Cell(
    "nothing",
    1,
    0,
    [run("exec", 1), run("ours", 1.2), run("exec", 2), run("ours", 2.2), run("exec", 1), run("ours", 5)],
)
ENV = Cell("env", 1, 0, [run("exec", 1), run("ours", 3, healthy={"collector": 1.5})])


def test_ratios_are_those_of_runs_in_the_same_turn() -> None:
    assert NOTHING.median("ours") == 2.2
    assert NOTHING.ratio("ours", "exec") == pytest.approx(1.2)
    assert NOTHING.ratio("ours", "ansible") is None


def test_marks_are_judged_only_where_they_were_measured() -> None:
    found = {mark.text: mark for mark in stats.marks([NOTHING, ENV])}
    assert len(found) == 4
    assert found["nothing to change, 1 host: x the floor"].good
    env = found["one env value, 1 host: x the floor, without the service's own start"]
    assert (env.value, env.good) == (1.5, True)
    assert found["… and without the 2 s for which it must then stay up"].value == -0.5


def test_a_mark_that_is_missed_is_told() -> None:
    slow = Cell("nothing", 20, 0, [run("exec", 1), run("ours", 4), run("pyinfra", 8)])
    assert [mark.good for mark in stats.marks([slow])] == [False, False]
    assert table.marks(stats.marks([slow])).count("**missed**") == 2


def test_every_row_of_a_table_has_a_cell_for_each_column() -> None:
    for text in (table.times([NOTHING, ENV]), table.costs([NOTHING]), table.healthy([ENV])):
        lines = text.splitlines()
        assert len(lines) > 2
        assert len({line.count("|") for line in lines}) == 1, text
    assert "1.20" not in table.times([ENV])
    assert "| 3.00 s | - | - | - |" in table.times([ENV])


def test_the_plot_is_well_formed_and_its_bars_grow_with_the_time() -> None:
    picture = plot.svg([NOTHING])
    bars = [float(e.get("width", "")) for e in ElementTree.fromstring(picture).iter() if "rect" in e.tag]  # noqa: S314
    assert len(bars) == 2
    assert bars[1] > bars[0]
    assert "prefers-color-scheme:dark" in picture


def test_the_plot_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        plot.svg([])


def test_the_page_has_a_place_for_the_figures() -> None:
    page = report.PAGE.read_text()
    assert "new figures" in report.current(page, "new figures")
    with pytest.raises(ValueError, match="no place"):
        report.current("another page", "new figures")


@pytest.mark.parametrize(
    ("name", "output", "changed"),
    [
        ("ours", "    Grand total      16      15        -       1", True),
        ("pyinfra", "    Grand total      64      -         -       64", False),
        ("ansible", "a : ok=11 changed=0 failed=0\nb : ok=11 changed=2 failed=0", True),
        ("mitogen", "a : ok=11 changed=0 failed=0", False),
    ],
)
def test_what_a_contender_says_of_itself(name: str, output: str, changed: bool) -> None:
    assert Contender.named(name).changed(output) is changed


def test_the_longest_silence_lies_between_two_answers() -> None:
    asked = [(0.0, True), (0.02, False), (0.04, True), (0.06, False), (0.5, False), (1.04, True)]
    assert longest(asked) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="does not answer"):
        longest([(0.0, True), (0.02, False)])


def test_end_states_differ_where_they_do() -> None:
    ours = {"paths": {"/a": ["x", "644"], "/b": None}, "tree": "t"}
    assert endstate.differences(ours, ours) == []
    (line,) = endstate.differences(ours, {**ours, "paths": {"/a": ["y", "644"], "/b": None}})
    assert line.startswith("paths: /a")


def test_what_is_broken_on_both_sides_is_a_fault() -> None:
    state = {
        "units": {"a.service": ["failed", "enabled"], "b.service": ["active", "enabled"]},
        "health": {"a.service": "not healthy", "b.service": ""},
        "ports": {"1": "", "2": "b.service"},
        "paths": {"/a": None},
    }
    assert len(endstate.faults(state)) == 4


@pytest.mark.parametrize("given", [{"CASES": "nohting"}, {"HOSTS": "7"}, {"ONLY": "us"}, {"RUNS": "0"}])
def test_an_unknown_wish_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match=next(iter(given))):
        wish(given)


def test_a_wish_narrows_down() -> None:
    asked = wish({"CASES": "nothing,code", "HOSTS": "1", "RUNS": "2"})
    assert asked.turns(1, 0) == [("nothing",), ("code", "rollback")]
    assert asked.whole
    assert not wish({"ONLY": "ours"}).whole


def test_the_peers_get_every_file_of_the_release_once(tmp_path: Path) -> None:
    desired = wanted(site())
    deck = render.described(desired, tmp_path)
    staged = [item["path"] for item in deck["files"] + deck["code_files"]]
    staged += [service[key]["path"] for service in deck["services"] for key in ("env", "unit_file")]
    assert sorted(staged) == sorted([*desired.files, render.PROBE])
    assert [service["name"] for service in deck["services"]] == [s.name for s in desired.services]


def test_both_decks_use_all_that_is_rendered(tmp_path: Path) -> None:
    keys = set(render.described(wanted(site()), tmp_path))
    plain, playbook = (PEERS / "deploy.py").read_text().replace("'", '"'), (PEERS / "site.yml").read_text()
    assert {key for key in keys if f'deck["{key}"]' not in plain} == set()
    assert {key for key in keys if key not in playbook} == set()
    assert yaml.safe_load(playbook)[0]["become"] is True


def test_a_run_is_measured_with_all_that_it_starts_and_nothing_outlives_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"sh -c 'echo $$ >{mark}; exec sleep 60' & {sys.executable} -c 'print(sum(range(10**7)))'"
    cost = measured(["sh", "-c", script], tmp_path, {"PATH": "/usr/bin:/bin"})
    assert (cost.code, cost.output) == (0, "49999995000000\n")
    assert cost.cpu > 0.05
    assert cost.seconds < 30
    assert not Path(f"/proc/{mark.read_text().strip()}").exists()


def test_a_far_host_answers_a_round_trip_later() -> None:
    near = socket.create_server(("127.0.0.1", 0))

    def echo() -> None:
        wire, _ = near.accept()
        with wire:
            while piece := wire.recv(100):
                wire.sendall(piece)

    threading.Thread(target=echo, daemon=True).start()
    with (
        distance.far(["127.0.0.1"], 0.1, near.getsockname()[1]) as (port,),
        socket.create_connection(("127.0.0.1", port), timeout=10) as wire,
    ):
        wire.sendall(b"connected")
        assert wire.recv(100) == b"connected"
        begin = time.monotonic()
        wire.sendall(b"there and back")
        assert wire.recv(100) == b"there and back"
        assert time.monotonic() - begin >= 0.1


def test_the_stand_in_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-I", str(STAND_IN), "start"]
    child = subprocess.Popen(command, env={"PORT": str(port)}, cwd=tmp_path)
    try:
        for _ in range(100):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
                    wire.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    assert wire.recv(100).startswith(b"HTTP/1.1 200")
                    return
            except ConnectionRefusedError:
                time.sleep(0.1)
        pytest.fail("it does not listen")
    finally:
        child.kill()
        child.wait()


def test_what_is_kept_counts_for_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FILE", tmp_path / "bench.json")
    monkeypatch.setattr(report, "machine", lambda: {"memory": "24 GB"})
    found = report.empty()
    report.add(found, NOTHING)
    report.add(found, NOTHING)
    assert report.cells(report.kept()) == [NOTHING]
    report.FILE.write_text(json.dumps({**found, "machine": {"memory": "8 GB"}}))
    assert report.cells(report.kept()) == []


def test_every_case_and_contender_has_a_title() -> None:
    assert list(table.CASES) == list(contenders.CASES)
    assert {c.name: c.title for c in contenders.contenders()} == table.TITLES
