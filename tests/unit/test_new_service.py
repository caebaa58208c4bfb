"""An eleventh service is an edit of data and an env template, and nothing else."""

import shutil
from pathlib import Path

import pyrage
import pytest
import yaml
from jinja2 import FileSystemLoader

from stack import site as sites
from stack import vault
from stack.desired import Desired, desired
from stack.errors import Refused
from stack.plan import plan
from stack.requests import request
from stack.site import ROOT
from stack.templates import TEMPLATES
from tests.unit.examples import CATALOGUE, REVISION, RUN, bare, root_with
from tests.unit.test_settings import GOOD, INVENTORY

ENTRY = yaml.safe_load("""
name: riskd
unit: quantlab-riskd
role: research
directory: services/riskd
runtime: python
start: python3 riskd.py --limit 5%
build: services/riskd
port: 3071
health: {http: {path: /ready, status: 204, auth: RISKD_TOKEN}}
env_file: riskd.env
needs: [strategyd]
paths: [services/riskd]
shared: [{path: services/riskd/limits, kind: directory}]
start_timeout: 12
""")


@pytest.fixture
def eleven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desired:
    """One host of a project whose data have one more service, after strategyd."""
    raw = yaml.safe_load(CATALOGUE.read_text())
    names = [service["name"] for service in raw["services"]]
    raw["services"].insert(names.index("strategyd") + 1, ENTRY)
    raw["secrets"].append("RISKD_TOKEN")
    root = root_with(tmp_path, yaml.safe_dump(raw, sort_keys=False), INVENTORY, GOOD)
    templates = root / "templates"
    shutil.copytree(ROOT / "templates", templates)
    template = (
        'PORT={{ service.port }}\nSTRATEGYD_URL={{ url("strategyd") }}\nTOKEN={{ secret.RISKD_TOKEN }}\n'
    )
    (templates / "env" / "riskd.env.j2").write_text(template)
    folders = [templates, templates / "env", templates / "units"]
    monkeypatch.setattr(TEMPLATES, "loader", FileSystemLoader(folders))
    site = sites.load("test", root)
    return desired(site, site.host("one"), {name: f"value-{name}" for name in site.catalogue.secrets})


def test_its_env_file_and_unit_are_rendered(eleven: Desired) -> None:
    env = eleven.files["/etc/quantlab/riskd.env"]
    assert env.mode == 0o600
    assert env.content == "PORT='3071'\nSTRATEGYD_URL='http://127.0.0.1:3031'\nTOKEN='value-RISKD_TOKEN'\n"
    unit = eleven.files["/etc/systemd/system/quantlab-riskd.service"].content.splitlines()
    code = eleven.site.catalogue.code
    assert f"ExecStart={code}/services/riskd/.venv/bin/python3 riskd.py --limit 5%%" in unit
    assert f"WorkingDirectory={code}/services/riskd" in unit
    assert "BindPaths=/opt/quantlab/shared/services/riskd/limits" in unit
    (probe,) = (line for line in unit if line.startswith("ExecStartPost="))
    assert probe.endswith("--wait 12 http --port 3071 --path /ready --status 204 --auth RISKD_TOKEN")


def test_it_takes_its_place_in_the_order(eleven: Desired) -> None:
    after = "After=network-online.target quantlab-early-boot.service"
    assert f"{after} quantlab-strategyd.service" in unit(eleven, "riskd")
    assert f"{after} quantlab-riskd.service" in unit(eleven, "backtestd")
    place = eleven.enabled.index("quantlab-riskd.service")
    assert eleven.enabled[place - 1 : place + 2] == [
        "quantlab-strategyd.service",
        "quantlab-riskd.service",
        "quantlab-backtestd.service",
    ]


def unit(desired: Desired, name: str) -> list[str]:
    return desired.files[f"/etc/systemd/system/quantlab-{name}.service"].content.splitlines()


def test_a_deploy_builds_and_starts_it(eleven: Desired) -> None:
    asked = request(eleven, REVISION, "new", "digest")
    assert {"path": "services/riskd", "runtime": "python", "scripts": False} in asked["builds"]
    assert "services/riskd/limits" in asked["shared"]
    assert "/opt/quantlab/shared/services/riskd/limits" in eleven.directories
    assert "/etc/quantlab/riskd.env" in asked["files"]
    assert "quantlab-riskd" in [one["unit"] for one in asked["services"]]
    assert "quantlab-riskd.service" in asked["enabled"]
    starts = plan(eleven, bare(), REVISION, "new", RUN).starts
    assert list(starts) == [service.name for service in eleven.site.catalogue.services]
    assert len(starts) == 11


def test_its_secret_is_asked_of_the_vault(eleven: Desired, tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(str(identity))
    (tmp_path / "sealed").write_bytes(vault.seal({}, [str(identity.to_public())]))
    with pytest.raises(Refused, match="RISKD_TOKEN is missing"):
        vault.open_vault(tmp_path / "sealed", tmp_path / "identity", eleven.site.catalogue.secrets)
