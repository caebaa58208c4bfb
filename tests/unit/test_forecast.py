"""A plan of one host: what it shows of files, and of hosts without a release of ours."""

import json
from pathlib import Path
from typing import Any

import pytest

from operate.plan import block, clear
from stack.errors import Refused
from stack.forecast import forecast
from stack.plan import plan
from tests.unit.examples import REVISION, RUN, as_wanted, bare, site, wanted

HOST = wanted(site())


def planned(seen: dict[str, Any], adopt: bool = False) -> dict[str, Any]:
    found = plan(HOST, seen, REVISION, "new", RUN, adopt=adopt)
    return forecast(HOST, seen, found, {}, [], "key")


def test_a_host_as_wanted_has_no_changes() -> None:
    told = planned(as_wanted(HOST))
    assert (told["changes"], told["files"], told["steps"]) == (False, [], [])
    assert "  No changes" in block("one", told)


def test_a_bare_host_gets_everything_and_shows_no_content() -> None:
    told = planned(bare())
    assert {file["path"] for file in told["files"]} == set(HOST.looked_at)
    assert {file["change"] for file in told["files"]} == {"new"}
    assert not [file for file in told["files"] if file["lines"]]
    assert "made-up-" not in json.dumps(told)  # no secret


def test_files_show_how_they_change() -> None:
    seen = as_wanted(HOST)
    env, unit, mode = (
        "/etc/quantlab/labeld.env",
        "/etc/systemd/system/quantlab-labeld.service",
        "/etc/logrotate.d/quantlab",
    )
    seen["files"][env] = ["edited", "0600", "root", "root"]
    seen["files"][unit] = ["edited", "0644", "root", "root"]
    seen["files"][mode] = [HOST.files[mode].sha256, "0600", "root", "root"]
    text = HOST.files[unit].content.replace("RestartSec=2", "RestartSec=9")
    seen["differing"] = {env: {"host": {"variables": {"MINE": "hash"}}}, unit: {"host": {"text": text}}}
    seen["manifest"] = {"commit": REVISION.commit, "files": {"/etc/quantlab/old.env": []}}
    lines = {file["path"]: file for file in planned(seen)["files"]}
    assert lines[env]["lines"][0] == "- MINE=…"
    assert {"-RestartSec=9", "+RestartSec=2"} <= set(lines[unit]["lines"])
    assert lines[mode]["lines"] == ["0600 root root becomes 0644 root root"]
    assert lines["/etc/quantlab/old.env"]["change"] == "goes"


def test_a_unit_that_was_disabled_is_why() -> None:
    seen = as_wanted(HOST)
    seen["units"]["quantlab-worker.service"]["UnitFileState"] = "disabled"
    told = planned(seen)
    assert (told["files"], told["enables"]) == ([], ["quantlab-worker.service"])
    assert "  enabled again: quantlab-worker.service" in block("one", told)


def test_a_host_set_up_by_hand_is_refused_or_adopted() -> None:
    tree = {"commit": "f" * 40, "branch": "main", "edited": [], "env": {}, "units": [], "key": "key"}
    seen = as_wanted(HOST) | {"code": "tree", "tree": tree, "manifest": {}, "releases": {}, "release": None}
    assert "ADOPT=1" in block("one", planned(seen))
    shown = block("one", planned(seen, adopt=True))
    assert "adopted, what was set up by hand" in shown
    assert "would become" in shown


@pytest.mark.parametrize("text", ["", "secrets", "[]", '{"catalogue": 1}', "\xff"])
def test_a_plan_never_replaces_what_is_none(text: str, tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_bytes(text.encode("latin-1"))
    with pytest.raises(Refused, match="is there and is no plan file"):
        clear(place)
    assert place.exists()
    place.write_text('{"seal": "x"}')
    clear(place)
    clear(place)  # there is none any more
    assert not place.exists()
