"""What a service printed as it died loses its secrets before anybody is shown it."""

import json
from pathlib import Path

import mask
import pytest
import store

ODD = 'two\nlines, a "quote" and a \\ in it'  # what an env file cannot carry


@pytest.fixture(autouse=True)
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = tmp_path / "releases" / "one"
    release.mkdir(parents=True)
    told = {"number": 1, "catalogue": {"secrets": ["A_TOKEN", "B_TOKEN", "C_TOKEN", "SHORT"]}}
    (release / "manifest.json").write_text(json.dumps(told))
    (tmp_path / "a.env").write_text("PORT='3030'\nA_TOKEN='hunter2'\nB_TOKEN='hunter2-longer'\nSHORT='a'\n")
    (tmp_path / "b.env").mkdir()  # as a hand may leave it
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "quantlab-a.C_TOKEN").write_text(ODD)
    monkeypatch.setattr(store, "RELEASES", tmp_path / "releases")
    monkeypatch.setattr(mask, "ENV_FILES", tmp_path)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("token hunter2!", "token [A_TOKEN]!"),
        ("token hunter2-longer", "token [B_TOKEN]"),
        ("port 3030 is a port", "port 3030 is a port"),
        ('{"A_TOKEN":"hunter2"}', '{"A_TOKEN":"[A_TOKEN]"}'),
        (f"{ODD}!", "[C_TOKEN]!"),
        (json.dumps({"C_TOKEN": ODD}), '{"C_TOKEN": "[C_TOKEN]"}'),
    ],
)
def test_values_of_secrets_become_their_names(said: str, shown: str) -> None:
    assert mask.masked(said) == shown
