"""Settings of an environment: what is refused, and that every real environment renders."""

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
import yaml

from stack import desired as desired_state
from stack import settings, vault
from stack import site as sites
from stack.errors import Refused
from stack.site import ROOT
from tests.unit.examples import CATALOGUE, catalogue, root_with, secrets

GOOD = """
from pathlib import Path
repository = "https://git.example.com/x.git"
s3 = {"endpoint": "https://s3.example.com", "compact_bucket": "c", "archive_bucket": "a"}
secrets = Path("secrets.age")
identity = Path("identity")
"""
INVENTORY = "market = research = console = [('one', {})]"
LAB_ONLY = {"bench", "lab", "split"}
REAL = sorted(path.stem for path in (ROOT / "inventory").glob("*.py") if path.stem not in LAB_ONLY)


def reasons(folder: Path, text: str) -> tuple[str, ...]:
    file = folder / "settings.py"
    file.write_text(text)
    with pytest.raises(Refused) as caught:
        settings.load(file)
    assert all(reason.startswith(f"{file}: ") for reason in caught.value.reasons)
    return tuple(reason.removeprefix(f"{file}: ") for reason in caught.value.reasons)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ('brunch = "main"', "brunch: unknown key"),
        ("branch = 3", "branch: Input should be a valid string"),
        ("del repository", "repository: Field required"),
        ("keep_releases = 1", "keep_releases: "),
        ("feed_symbols = ()", "feed_symbols: "),
        ('s3["endpoint"] = "s3.example.com"', "s3: endpoint: "),
        ('s3["bucket"] = "x"', "s3: bucket: unknown key"),
        ('network = {"http_proxy": "x"}', "network: http_proxy: unknown key"),
        ('firewall = {"open": [0]}', "firewall: open: 0: "),
        ('firewall = {"ports": [80]}', "firewall: ports: unknown key"),
        ("import nothing_of_this_name", "ModuleNotFoundError: "),
        ("def broken(", "SyntaxError: "),
        ("1 / 0", "ZeroDivisionError: "),
    ],
)
def test_each_mistake_is_refused_by_key(tmp_path: Path, change: str, reason: str) -> None:
    (found,) = reasons(tmp_path, f"{GOOD}\n{change}\n")
    assert found.startswith(reason)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert len(reasons(tmp_path, f"{GOOD}\nbrunch = 1\nbranch = 2\ndel secrets\n")) == 3


def test_modules_functions_and_private_names_are_no_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(f"import os\n{GOOD}\n_private = 1\ndef helper(): pass\n")
    assert settings.load(file).branch == "main"


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"none\.py: no such settings file"):
        settings.load(tmp_path / "none.py")


def test_an_unknown_environment_names_those_that_there_are(tmp_path: Path) -> None:
    root = root_with(tmp_path, CATALOGUE.read_text(), INVENTORY, GOOD)
    with pytest.raises(Refused, match=r"inventory/none\.py: no such environment; there are: test"):
        sites.load("none", root)


def test_mistakes_in_catalogue_and_settings_are_told_together(tmp_path: Path) -> None:
    raw = yaml.safe_load(CATALOGUE.read_text()) | {"servics": []}
    root = root_with(tmp_path, yaml.safe_dump(raw), INVENTORY, f"{GOOD}\nbrunch = 1\n")
    with pytest.raises(Refused) as caught:
        sites.load("test", root)
    assert [reason.rsplit("/", 1)[1] for reason in caught.value.reasons] == [
        "catalogue.yaml: servics: unknown key",
        "test.py: brunch: unknown key",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("market = [", "SyntaxError: "), ("market = nothing", "NameError: "), ("1 / 0", "ZeroDivisionError: ")],
)
def test_an_inventory_that_cannot_be_run_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    root = root_with(tmp_path, CATALOGUE.read_text(), text, GOOD)
    with pytest.raises(Refused) as caught:
        sites.load("test", root)
    (found,) = caught.value.reasons
    assert found.startswith(f"inventory/test.py: {reason}")


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put made-up secrets and an identity where an environment's settings look for them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def seal(environment: str) -> None:
        said = runpy.run_path(str(ROOT / "group_data" / f"{environment}.py"))
        identity = pyrage.x25519.Identity.generate()
        sealed = vault.seal(secrets(catalogue()), [str(identity.to_public())])
        for name, content in (("secrets", sealed), ("identity", str(identity).encode())):
            file = Path(said[name]).expanduser()
            assert file.resolve().is_relative_to(tmp_path), f"{file} must not be touched by a test"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    return seal


@pytest.mark.parametrize("environment", REAL)
def test_every_environment_loads_and_renders(environment: str, sealed: Callable[[str], None]) -> None:
    sealed(environment)
    hosts = desired_state.load(environment)
    site = next(iter(hosts.values())).site
    placed = [service.name for host in hosts.values() for service in host.services]
    assert sorted(placed) == sorted(service.name for service in site.catalogue.services)
    for name, host in hosts.items():
        text = "".join(file.content for file in host.files.values())
        assert not re.search(r"\{\{|\}\}|\x00", text), name
        assert host.looked_at


def test_no_lab_runs_and_pyinfra_works_all_the_same() -> None:
    """It runs every file of group_data, whichever environment is meant."""
    command = [sys.executable, "-m", "pyinfra", "-y", "@local", "exec", "--", "true"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "LAB": "nosuch"}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_production_shows_how_hosts_behind_a_proxy_are_set_up() -> None:
    site = sites.load("production")
    assert len(site.hosts) >= 2
    env = desired_state.download_env(site.settings.network)
    assert env["https_proxy"] == env["HTTPS_PROXY"] == site.settings.network.proxy
    assert "127.0.0.1" in env["no_proxy"]
    assert all(host.data["ssh_known_hosts_file"] for host in site.hosts.values())


def test_a_certificate_that_is_not_there_is_refused(tmp_path: Path) -> None:
    network = settings.Network(ca_certificates=(tmp_path / "ca.crt",))
    with pytest.raises(Refused, match=r"ca_certificates: .*ca\.crt is not there"):
        desired_state.trusted(network)
    (tmp_path / "ca.crt").write_text("certificate")
    (path,) = desired_state.trusted(network)
    assert path == "/usr/local/share/ca-certificates/quantlab-ca.crt"
