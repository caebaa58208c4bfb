"""`lab.json` is how inventories and tests find a lab: it must say truly whether one is up."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab import state
from lab.errors import LabError, LabNotRunning

LAB = state.Lab(
    name="quantlab",
    gateway="10.70.80.1",
    subnet="10.70.80.0/24",
    git="git://10.70.80.1/quantlab-backend.git",
    s3="http://10.70.80.1:9000",
    s3_buckets={"compact": "c", "archive": "a"},
    ssh_user="admin",
    ssh_key="/k",
    known_hosts="/h",
    ca_certificates=("/ca/a.crt",),
    secrets="/s",
    identity="/i",
    hosts=(state.Host("lab-1", "10.70.80.11"), state.Host("lab-2", "10.70.80.12")),
)


def written(root: Path, text: str, name: str = "quantlab") -> Path:
    file = state.path(root, name)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return root


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert state.read(written(tmp_path, state.render(LAB)), "quantlab") == LAB


def test_no_lab_is_said_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(LabNotRunning, match=r"^lab 'quantlab' is not running: type `make lab`$"):
        state.read(tmp_path, "quantlab")
    with pytest.raises(LabNotRunning, match="type `LAB=x make lab`"):
        state.read(tmp_path, "x")


def test_a_lab_of_before_the_restart_of_the_machine_is_not_running(tmp_path: Path) -> None:
    text = state.render(LAB).replace(state.boot_id(), "another-boot")
    with pytest.raises(LabNotRunning, match="ended when this machine was restarted"):
        state.read(written(tmp_path, text), "quantlab")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"boot": "x"', '{"hosts": []}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(LabError, match=r"lab\.json is not what this version"):
        state.read(written(tmp_path, text), "quantlab")


def test_an_unknown_key_is_no_lab_of_ours(tmp_path: Path) -> None:
    found = json.loads(state.render(replace(LAB, name="x"))) | {"surprise": 1}
    with pytest.raises(LabError, match="surprise"):
        state.read(written(tmp_path, json.dumps(found), "x"), "x")


def test_reading_needs_nothing_that_only_a_lab_needs() -> None:
    """Inventories import it wherever a deploy runs from, also where no lab can."""
    heavy = "{'pyrage', 'yaml', 'fcntl', 'lab.host', 'lab.network'}"
    code = f"import sys, lab.state; print({heavy} & set(sys.modules))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")
