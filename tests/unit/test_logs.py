"""Logs: which files and units are whose, since when, in what order, and how a line is shown."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from logs import Once, entries
from tail import Tail, stamp

from stack.errors import Refused
from stack.logs import Line, line, since, sources
from tests.unit.examples import SPREAD, catalogue, site, wanted

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


def test_sources_come_from_the_catalogue() -> None:
    here = wanted(site())
    assert sources(here, ["observer-api", "ml-scheduler", "replayd"]) == [
        {"name": "replayd", "units": ["quantlab-replayd.service"], "files": []},
        {
            "name": "observer-api",
            "units": ["quantlab-observer.service"],
            "files": ["/opt/quantlab/shared/core/observer-api/server.log"],
        },
        {
            "name": "ml-scheduler",
            "units": ["quantlab-ml.service", "quantlab-ml-by-hand.service"],
            "files": ["/var/log/quantlab-ml.log"],
        },
    ]


def test_a_host_tells_of_its_own_alone() -> None:
    names = [program.name for program in catalogue().programs]
    told = [source["name"] for source in sources(wanted(site(SPREAD), "feed"), names)]
    assert told == ["replayd", "collector"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10 min ago", "2026-11-25T12:20"),
        ("1h", "2026-11-25T11:30"),
        ("-90s", "2026-11-25T12:28:30"),
        ("1 day 2 hours ago", "2026-11-24T10:30"),
        ("2weeks", "2026-11-11T12:30"),
        ("now", "2026-11-25T12:30"),
        ("today", "2026-11-25"),
        ("Yesterday", "2026-11-24"),
        ("9:05", "2026-11-25T09:05"),
        ("10:00:30", "2026-11-25T10:00:30"),
        ("2026-11-25 10:00", "2026-11-25T10:00"),
        ("2026-11-25 10:00:00 UTC", "2026-11-25T10:00"),
        ("2026-11-25T10:00:00.500Z", "2026-11-25T10:00:00.500"),
        ("2026-11-25T12:00+02:00", "2026-11-25T10:00"),
        ("@1764000000", "2025-11-24T16:00"),
    ],
)
def test_since(text: str, meant: str) -> None:
    assert since(text, NOW) == datetime.fromisoformat(meant).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("text", ["soon", "10", "10 apples ago", "ago", "2026-13-01", "25:00", "1h later"])
def test_since_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="no time"):
        since(text, NOW)


def test_a_line_is_taken_apart_for_eyes_and_for_machines() -> None:
    text = json.dumps({"time": "x", "level": "warn", "message": "slow", "ms": 7, "of": "a" * 90, "s": [1]})
    found = line("one", json.dumps([0.5, "labeld", text]))
    assert found.short == f"warn   slow  ms=7  of={'a' * 79}…  s=[1]"
    told = found.record
    assert (told["time"], told["host"], told["service"]) == ("1970-01-01T00:00:00.500Z", "one", "labeld")
    assert (told["level"], told["message"], told["fields"]["s"]) == ("warn", "slow", [1])


@pytest.mark.parametrize(
    "text", ["plain", '{"no": "message"}', '{"message": 7}', "[1]", "{broken", "", "[" * 100_000]
)
def test_what_is_no_log_entry_is_shown_as_it_is(text: str) -> None:
    found = line("one", json.dumps([0, "labeld", text]))
    assert (found.short, found.record["level"]) == (text, None)


def test_numbers_and_letters_that_are_none_can_be_printed() -> None:
    text = '{"message": "\\ud800", "x": NaN, "y": 1e400, "z": 1.5}'
    found = line("one", json.dumps([0, "labeld", text]))
    assert found.short.encode() == "\ufffd  x=NaN  y=1e400  z=1.5".encode()
    assert json.dumps(found.record, allow_nan=False)


def test_a_log_does_not_command_the_terminal() -> None:
    assert Line(0, "one", "labeld", "", "\x1b]0;title\x07\ttab\x9b", {}).short == "�]0;title�\ttab�"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ('{"time":"1970-01-01T00:01:00.250Z","level":"info"}', 60.25),
        ("1970-01-01 00:01:00,5 started", 60.5),
        ("[1970-01-01T02:01:00+02:00] started", 60),
        ("1970-99-01T00:00:00 is no time", None),
        ("started", None),
        ("9999-12-31T23:59:59-05:00 cannot be shown as UTC", None),
        ("0001-01-01T00:00:00+05:00 neither", None),
    ],
)
def test_stamp(text: str, at: float | None) -> None:
    assert stamp(text) == at


def test_what_stands_in_two_places_is_told_once() -> None:
    once, text = Once(), "1970-01-01T00:01:00Z a"
    told = [(text, "journal"), (text, "journal"), (text, "file"), ("b", "journal"), ("b", "file")]
    assert [once.new((0, "labeld", text, place)) for text, place in told] == [True, True, False, True, True]


def test_entries_of_the_journal() -> None:
    programs = {"a.service": "a", "b.service": "b"}
    common = {"__REALTIME_TIMESTAMP": "1500000"}
    own = {"MESSAGE": "1970-01-01T00:00:01Z x", "_SYSTEMD_UNIT": "a.service"}
    systemd = {"MESSAGE": "Started", "_SYSTEMD_UNIT": "init.scope", "UNIT": "b.service"}
    binary = {"MESSAGE": [255, 65, 10, 66], "_SYSTEMD_UNIT": "a.service"}
    found = [e for record in (own, systemd, binary) for e in entries(json.dumps(common | record), programs)]
    assert [entry[:3] for entry in found] == [
        (1.5, "a", "1970-01-01T00:00:01Z x"),
        (1.5, "b", "Started"),
        (1.5, "a", "�A"),
        (1.5, "a", "B"),
    ]


def at(second: int, text: str = "") -> str:
    return f"1970-01-01T00:00:{second:02}Z{text}\n"


def seconds(tail: Tail, since: float, most: int) -> list[float]:
    return [entry[0] for entry in tail.backlog(since, most)]


def test_a_log_goes_on_in_its_rotated_copies(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(at(5) + at(6))
    (tmp_path / "x.log.1").write_text(at(3) + "  without a time\n" + at(4))
    (tmp_path / "x.log.2.gz").write_bytes(gzip.compress((at(1) + at(2)).encode()))
    (tmp_path / "x.log.old").write_text(at(0))
    assert seconds(Tail(log, "x"), 0, 100) == [1, 2, 3, 3, 4, 5, 6]
    assert seconds(Tail(log, "x"), 0, 4) == [3, 4, 5, 6]
    assert seconds(Tail(log, "x"), 4, 100) == [4, 5, 6]


def test_a_copy_may_be_there_plain_and_compressed(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(at(5))
    (tmp_path / "x.log.1").write_text(at(3) + at(4))
    whole = gzip.compress((at(1) + at(2)).encode())
    (tmp_path / "x.log.1.gz").write_bytes(whole)
    assert seconds(Tail(log, "x"), 0, 100) == [1, 2, 3, 4, 5]
    (tmp_path / "x.log.1.gz").write_bytes(whole[:-5])  # as while it is being compressed
    assert seconds(Tail(log, "x"), 0, 100) == [3, 4, 5]


def test_a_damaged_copy_is_told_and_hides_no_other(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(at(5))
    (tmp_path / "x.log.1.gz").write_bytes(b"no archive")
    (tmp_path / "x.log.2").mkdir()
    (tmp_path / "x.log.\N{SUPERSCRIPT TWO}").write_text(at(0))
    said = [entry[2] for entry in Tail(log, "x").backlog(0, 100)]
    assert [text.partition(": ")[0] for text in said] == [
        f"{log}.2 cannot be read",
        f"{log}.1.gz cannot be read",
        at(5).strip(),
    ]


def test_a_record_of_the_journal_may_say_two_things() -> None:
    record = {"MESSAGE": ["one", "two"], "UNIT": ["a", "b"], "_SYSTEMD_UNIT": "x.service"}
    told = json.dumps(record | {"__REALTIME_TIMESTAMP": "2000000"})
    assert list(entries(told, {"x.service": "x"})) == [
        (2.0, "x", "one", "journal"),
        (2.0, "x", "two", "journal"),
    ]


def test_a_log_is_followed_through_its_rotation(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    tail = Tail(log, "x")
    assert tail.backlog(0, 10) == tail.more() == []
    log.write_text(at(1))
    assert [entry[0] for entry in tail.more()] == [1]
    with log.open("a") as file:
        file.write(at(2) + "half a li")
    assert [entry[2] for entry in tail.more()] == [at(2).strip()]
    with log.open("a") as file:
        file.write("ne\n")
    assert [entry[2] for entry in tail.more()] == ["half a line"]
    log.write_text(at(9))  # copied away and emptied
    assert [entry[0] for entry in tail.more()] == [9]
