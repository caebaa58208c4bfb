"""What a host tells of itself for drift and plans, tried on a made-up host in a folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import compare
import history
import look
import pytest
import store
import survey

from facts.look import request
from operate.compared import question
from tests.unit.examples import site, wanted

SECRET = "s3cr3t-value"


def test_the_piped_programs_are_complete() -> None:
    """As on a host: isolated, with nothing but the standard library and what is sent."""
    for run in ("compare.compare", "survey.survey"):
        lines = question(wanted(site()), run).stdin
        source, asked = lines.splitlines()
        told = json.loads(asked)
        told["request"] |= {"code": "/nonexistent", "user": "nobody", "packages": ["dpkg"]}
        boot = "import json,sys;exec(compile(json.loads(sys.stdin.readline()),'quantlab','exec'))"
        done = subprocess.run(
            [sys.executable, "-I", "-c", boot],
            input=f"{source}\n{json.dumps(told)}\n",
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["manifest"] == {}


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live release with one env file and one unit, as it lies on the host."""
    for module in (store, look):
        monkeypatch.setattr(module, "RELEASES", tmp_path / "releases")
    monkeypatch.setattr(history, "HISTORY", tmp_path / "history.jsonl")
    home = tmp_path / "releases" / "one"
    files = {}
    for name, text in (("x.env", f"A='{SECRET}'\nB='2'\n"), ("x.service", "[Service]\nRestart=no\n")):
        path = tmp_path / name
        path.write_text(text)
        staged = home / "files" / str(path).lstrip("/")
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_text(text)
        files[str(path)] = look.described(str(path))
    (home / "manifest.json").write_text(json.dumps({"id": "one", "number": 1, "files": files, "code": "/c"}))
    (tmp_path / "history.jsonl").write_text(json.dumps({"outcome": "good", "live": "one"}) + "\n")
    return tmp_path


def told(release: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen = {"release": "one", "code": "link", "installed": []}
    monkeypatch.setattr(look, "look", lambda _: dict(seen))
    asked = request(wanted(site())) | {"key": "k", "wanted": {}, "runtimes": []}
    return compare.compare(asked)


def test_a_release_as_it_was_put_differs_in_nothing(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(release, monkeypatch)
    assert (found["differing"], found["manifest"]["id"]) == ({}, "one")
    assert store.changed("one") == []


def test_an_edited_env_file_leaves_the_host_as_hashes(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = release / "x.env"
    path.write_text(f"A='{SECRET}-edited'\nB='2'\n")
    found = told(release, monkeypatch)
    assert store.changed("one") == [str(path)]
    sides = found["differing"][str(path)]
    assert sides["host"]["variables"]["B"] == sides["release"]["variables"]["B"]
    assert sides["host"]["variables"]["A"] != sides["release"]["variables"]["A"]
    assert SECRET not in json.dumps(found)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("units/x.service", b"[Service]\n", "text"),
        ("etc/quantlab/x.env.bak", b"TOKEN=s3cr3t-value\n", "variables"),
        ("core/.env", b"TOKEN=s3cr3t-value\n", "variables"),
        ("etc/quantlab/credentials/x.TOKEN", b"first\ns3cr3t-value\nlast=\n", "size"),
        ("etc/quantlab/firewall.nft", b"table inet quantlab {}\n", "text"),
        ("units/large.service", b"x" * (compare.LARGEST + 1), "size"),
        ("units/binary.service", b"\xff\xfe\x00", "size"),
    ],
)
def test_what_is_told_of_a_file(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    place = tmp_path / name
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    found = compare.held(place, "k")
    assert found is not None
    assert list(found) == [kind]
    assert SECRET not in str(found)


def test_a_missing_file_and_a_link_are_told(tmp_path: Path) -> None:
    assert compare.held(tmp_path / "none", "k") is None
    (tmp_path / "link").symlink_to("/dev/null")
    assert compare.held(tmp_path / "link", "k") == {"link": "/dev/null"}
    assert compare.changed(tmp_path / "gone" / "deeper") == tmp_path.stat().st_mtime


def test_a_damaged_copy_in_the_release_is_found(release: Path) -> None:
    manifest = store.manifest("one")
    assert survey.damaged("one", manifest) == []
    staged = store.staged("one", str(release / "x.env"))
    staged.write_text("A='other'\n")
    assert survey.damaged("one", manifest) == [str(staged)]


def test_drop_ins_strange_units_and_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    units, env = tmp_path / "units", tmp_path / "env"
    for path in ("quantlab-a.service.d/x.conf", "quantlab.target.wants/quantlab-a.service"):
        (units / path).parent.mkdir(parents=True)
        (units / path).touch()
    for name in ("quantlab-a.service", "quantlab-b.service", "other.service"):
        (units / name).touch()
    (env / "credentials").mkdir(parents=True)
    for name in ("a.env", "b.env", "credentials/a.TOKEN", "credentials/b.TOKEN"):
        (env / name).touch()
    monkeypatch.setattr(survey, "PLACES", [str(units)])
    monkeypatch.setattr(survey, "UNITS", units)
    monkeypatch.setattr(survey, "ENV", env)
    monkeypatch.setattr(survey, "PROGRAMS", tmp_path / "none")
    found = survey.strange_units({"quantlab-a.service"}, "k")
    names = [Path(one["path"]).relative_to(units).as_posix() for one in found]
    assert names == ["quantlab-a.service.d/x.conf", "quantlab-b.service"]
    ours: dict[str, Any] = {"files": {str(env / name): [] for name in ("a.env", "credentials/a.TOKEN")}}
    strays = survey.strange_files(ours, {"programs": []})
    assert [one["path"] for one in strays] == [str(env / "b.env"), str(env / "credentials/b.TOKEN")]
    assert set(strays[0]) == {"path", "changed"}  # nothing of what it holds


def test_an_env_file_that_is_no_text_is_compared_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "x.env"
    file.write_bytes(b"\xff\nQUITE_OTHER='1'\n")
    assert survey.unlike("self", {"files": [str(file)]}) == ["QUITE_OTHER"]
