"""What operators are shown: many hosts on one screen, and who is touched by a start or stop."""

from typing import Any

import pytest

from operate.control import asked, dependants
from operate.overview import HEAD, overview, troubles
from operate.status import ran
from operate.table import number
from stack.errors import Refused
from tests.unit.examples import catalogue

SERVICES = catalogue().services


def service(name: str, **changes: Any) -> dict[str, Any]:
    told = {"name": name, "state": "active", "health": "ok", "reason": None, "result": "success"}
    return {**told, "seconds": 60, "restarts": 0, "memory": 2**20, **changes}


def host(**changes: Any) -> dict[str, Any]:
    return {
        "release": "20260115-100000-abcdef0",
        "prepared": "2026-01-15T10:00:00Z",
        "state": "good",
        "pending": None,
        "lock": None,
        "drift": [],
        "services": [service("replayd"), service("collector", seconds=7200, restarts=1)],
        "timers": [{"name": "quantlab-ml.timer", "state": "active", "result": "success"}],
        **changes,
    }


def test_a_host_that_is_well_takes_one_line() -> None:
    head, row, _, sum_ = overview({"one": host()}).splitlines()
    assert head.split() == [*HEAD]
    assert row.split()[0:2] == ["one", "20260115-100000-abcdef0"]
    assert row.split()[4:] == ["2", "ok", "1", "min", "1", "2", "MB", "-", "-"]
    assert sum_ == "1 hosts: 1 well, 0 not"


def test_what_is_not_well_stands_below_its_host() -> None:
    held = {"by": "me@there", "reason": "a look"}
    bad = host(lock=held, drift=["/etc/quantlab/labeld.env"], services=[service("replayd", health="down")])
    text = overview({"one": host(), "two": bad, "three": host(release="20260116-100000-1234567")})
    assert "two    20260115-100000-abcdef0" in text
    assert "me@there  1" in text
    assert "\n  drift: /etc/quantlab/labeld.env\n" in text
    assert "3 hosts: 2 well, 1 not; in full: make status LIMIT=two" in text
    assert text.endswith("releases: 20260115-100000-abcdef0 on 2, 20260116-100000-1234567 on 1")


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"release": None}, "nothing was ever deployed here"),
        ({"state": "bad"}, "release 20260115-100000-abcdef0 was never proved good: it is bad"),
        (
            {"pending": {"kind": "deploy", "id": "x", "by": "me@there"}, "state": "prepared"},
            "under way: deploy of x by me@there",
        ),
        (
            {"services": [service("labeld", state="failed", result="exit-code", health="down", restarts=5)]},
            "labeld: failed (exit-code), restarted 5 times",
        ),
        ({"services": [service("labeld", health="unhealthy", reason="GET: 503")]}, "labeld: GET: 503"),
        (
            {"timers": [{"name": "quantlab-ml.timer", "state": "active", "result": "exit-code"}]},
            "quantlab-ml.timer: active, last run: exit-code",
        ),
    ],
)
def test_each_trouble_is_named(changes: dict[str, Any], trouble: str) -> None:
    assert troubles(host(**changes)) == [trouble]


@pytest.mark.parametrize(
    ("names", "touched"),
    [
        ("replayd", ["featurexd", "labeld", "strategyd", "backtestd"]),
        ("replayd strategyd", ["featurexd", "labeld", "backtestd"]),
        ("labeld,collector", []),
        ("", []),
    ],
)
def test_dependants_are_all_that_need_one_directly_or_not(names: str, touched: list[str]) -> None:
    assert [one.name for one in dependants(SERVICES, asked(SERVICES, names))] == touched


@pytest.mark.parametrize(
    ("last", "result", "told"),
    [
        (None, "success", "last never"),
        (None, "exit-code", "last never (exit-code)"),
        ("Thu", "success", "last Thu (success)"),
    ],
)
def test_how_a_timer_last_ended_is_told(last: str | None, result: str, told: str) -> None:
    assert ran({"last": last, "result": result}) == told


@pytest.mark.parametrize("text", ["abc", "0", "-1", "1.5", "²"])
def test_what_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNT", text)
    with pytest.raises(Refused, match=f"COUNT={text}: must be a number, from 1 up to nine digits"):
        number("COUNT", 20)
    monkeypatch.setenv("COUNT", "7")
    assert number("COUNT", 20) == 7


def test_services_come_in_the_documented_order() -> None:
    assert [one.name for one in asked(SERVICES, "labeld, replayd")] == ["replayd", "labeld"]
    with pytest.raises(Refused, match="no service nosuch; there are: replayd, "):
        asked(SERVICES, "replayd,nosuch")
