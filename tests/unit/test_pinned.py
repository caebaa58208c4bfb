"""PLAN=file: what is no plan is refused by name, without a stack trace."""

from pathlib import Path

import pytest

from operations import pinned as module
from stack.errors import Refused
from tests.unit.examples import secrets, site, wanted

HOST = wanted(site())


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REV", raising=False)
    monkeypatch.delenv("LIMIT", raising=False)
    monkeypatch.setattr(module, "load", lambda: {"one": HOST})
    monkeypatch.setattr(type(HOST.site), "secrets", lambda site: secrets(site.catalogue))
    module.pinned.cache_clear()


def test_without_a_plan_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAN", raising=False)
    assert module.pinned() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"', "\xff", '{"version": 1}'])
def test_what_is_no_plan_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.json").write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("PLAN", str(tmp_path / "plan.json"))
    with pytest.raises(Refused, match=r"plan\.json: (is no plan file|it was written by another version)"):
        module.pinned()


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAN", str(tmp_path / "none.json"))
    with pytest.raises(Refused, match="cannot be read: No such file"):
        module.pinned()
