"""Env files and units: complete, accepted by systemd itself, sandboxed, and never shown by accident."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from stack.desired import Desired, desired, unit_files
from stack.errors import Refused
from stack.site import ROOT
from stack.templates import TEMPLATES, Cache
from tests.unit.examples import ONE, SPREAD, secrets, site, wanted

HOSTS = [("one", ONE), ("feed", SPREAD), ("research", SPREAD)]
UNITS = "/etc/systemd/system/"


def hosts() -> list[Desired]:
    return [wanted(site(roles), name) for name, roles in HOSTS]


def units(host: Desired) -> dict[str, str]:
    """Of the release, and those that guard it."""
    files = {**host.files, **host.programs}
    return {path.removeprefix(UNITS): f.content for path, f in files.items() if path.startswith(UNITS)}


def values(host: Desired, name: str) -> dict[str, str]:
    lines = shlex.split(host.files[f"/etc/quantlab/{name}.env"].content, comments=True)
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(params=[name for name, _ in HOSTS])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[str]]:
    """A root folder that holds one host's units and the few programs that they may start."""
    host = wanted(site(dict(HOSTS)[request.param]), request.param)
    code = host.site.catalogue.code
    venvs = [f"{code}/{p.build}/.venv/bin/python3" for p in host.services if p.runtime == "python"]
    for program in ["/usr/bin/node", "/usr/bin/npm", "/usr/bin/python3", "/usr/sbin/nft", "/bin/sh", *venvs]:
        file = tmp_path / program.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(0o755)
    folder = tmp_path / UNITS.lstrip("/")
    folder.mkdir(parents=True)
    for name, text in units(host).items():
        (folder / name).write_text(text)
    return tmp_path, list(units(host))


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments, f"--root={root}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_systemd_accepts_every_unit(installed: tuple[Path, list[str]]) -> None:
    root, names = installed
    done = analyze(root, "verify", "--recursive-errors=no", *names)
    assert (done.returncode, done.stdout) == (0, "")


def test_systemd_would_refuse_a_wrong_unit(installed: tuple[Path, list[str]]) -> None:
    root, _ = installed
    (root / UNITS.lstrip("/") / "wrong.service").write_text("[Service]\nExecStart=/usr/bin/none\n")
    assert analyze(root, "verify", "--recursive-errors=no", "wrong.service").returncode != 0


def test_every_service_is_well_sandboxed(installed: tuple[Path, list[str]]) -> None:
    root, names = installed
    services = [name for name in names if name.endswith(".service")]
    done = analyze(root, "security", "--offline=true", "--threshold=20", "--no-pager", *services)
    assert done.returncode == 0, done.stdout


def test_limits_are_the_catalogues() -> None:
    text = units(wanted(site()))
    for line in ("MemoryHigh=921M", "MemoryMax=1G", "CPUQuota=200%", "TasksMax=128", "OOMPolicy=continue"):
        assert line in text["quantlab-worker.service"].splitlines()
    for line in ("MemoryHigh=460M", "MemoryMax=512M", "CPUQuota=100%", "TasksMax=64", "OOMPolicy=stop"):
        assert line in text["quantlab-labeld.service"].splitlines()


def test_a_service_writes_only_what_is_its_own() -> None:
    runs, text = "/opt/quantlab/shared/services/strategyd/runs", units(wanted(site()))
    written = {
        name: re.findall(r"^(?:BindPaths|ReadWritePaths)=(.*)", unit, re.M) for name, unit in text.items()
    }
    assert written["quantlab-collector.service"] == ["/opt/quantlab/spool"]
    assert written["quantlab-strategyd.service"] == written["quantlab-run-observer.service"] == [runs]
    assert written["quantlab-observer.service"] == ["/opt/quantlab/shared/core/observer-api/server.log"]
    assert f"BindReadOnlyPaths={runs}" in text["quantlab-observer.service"].splitlines()
    assert written["quantlab-labeld.service"] == []


def test_units_start_in_the_documented_order() -> None:
    for host in hosts():
        previous = ""
        for service in host.services:
            name = f"{service.unit}.service"
            (after,) = (line for line in units(host)[name].splitlines() if line.startswith("After="))
            assert after.split()[1:] == ["quantlab-early-boot.service", *([previous] if previous else [])]
            previous = name


def test_units_hold_no_secret() -> None:
    host = wanted(site())
    for name, text in units(host).items():
        assert not any(value in text for value in secrets(host.site.catalogue).values()), name


def test_only_root_reads_what_holds_secrets() -> None:
    for host in hosts():
        found = {f.content: (f.owner, f.group, f.mode) for f in host.files.values() if "made-up" in f.content}
        allowed = {("root", "root", 0o600), ("root", host.site.catalogue.user, 0o640)}
        assert set(found.values()) == allowed
        dotenv = host.files[f"{host.site.catalogue.code}/core/.env"]
        assert (dotenv.owner, dotenv.group, dotenv.mode) == ("root", "deploy", 0o640)


def test_addresses_come_from_the_inventory() -> None:
    _, feed, research = hosts()
    assert values(research, "featurexd")["REPLAYD_URL"] == "http://192.0.2.11:3030"
    assert values(research, "labeld")["FEATUREXD_URL"] == "http://127.0.0.1:3051"
    assert values(feed, "replayd")["LISTEN"] == "0.0.0.0"  # noqa: S104 (compared)


def test_the_variables_of_the_contract_are_there() -> None:
    (host, *_) = hosts()
    assert {"S3_COMPACT_BUCKET", "S3_COMPACT_ENDPOINT", "AWS_SECRET_ACCESS_KEY"} <= set(
        values(host, "replayd")
    )
    assert {"RUN_ARCHIVE_S3_BUCKET", "RUN_ARCHIVE_ENABLED"} <= set(values(host, "observer"))
    assert values(host, "strategyd")["STRATEGYD_TOKEN"] == values(host, "worker")["STRATEGYD_TOKEN"]
    assert values(host, "observer")["RUN_ARCHIVE_ENABLED"] == "true"


def test_a_secret_that_an_env_file_cannot_carry_becomes_a_credential() -> None:
    alone, token = site(), 'it\'s \\ "so" and so'
    host = desired(alone, alone.host("one"), {**secrets(alone.catalogue), "STRATEGYD_TOKEN": token})
    users = {f"/etc/quantlab/{name}.env": name for name in ("strategyd", "backtestd", "worker", "console")}
    for path, file in host.files.items():
        if not path.startswith("/etc/quantlab/credentials/"):
            assert "and so" not in file.content, path
        if path in users:
            assert re.search(
                r"^STRATEGYD_TOKEN_FILE='/run/credentials/quantlab-[a-z-]+\.service/", file.content, re.M
            )
    place = "/etc/quantlab/credentials/quantlab-strategyd.STRATEGYD_TOKEN"
    held = host.files[place]
    assert (held.content, held.mode, held.owner) == (token, 0o600, "root")
    assert f"LoadCredential=STRATEGYD_TOKEN:{place}\n" in units(host)["quantlab-strategyd.service"]
    (probe,) = re.findall(r"^ExecStartPost=(.*)", units(host)["quantlab-strategyd.service"], re.M)
    assert probe.startswith("+/usr/bin/python3 -I /usr/local/lib/quantlab/probe.py --wait ")
    assert probe.endswith(f" --path /health --status 200 --auth-file {place}")
    (strategyd,) = (s for s in host.services if s.name == "strategyd")
    assert place in unit_files(strategyd, host.files)  # a new value restarts it


@pytest.mark.parametrize("token", ["two\nlines", "a\ttab", "e\u0301"])
def test_a_token_that_no_header_carries_is_refused_by_name(token: str) -> None:
    alone = site()
    with pytest.raises(Refused) as refused:
        desired(alone, alone.host("one"), {**secrets(alone.catalogue), "STRATEGYD_TOKEN": token})
    assert refused.value.reasons == (
        "secrets: STRATEGYD_TOKEN: an HTTP header carries printable ASCII alone",
    )


def test_a_secret_for_the_core_s_dotenv_is_refused_by_name() -> None:
    alone = site()
    given = {**secrets(alone.catalogue), "AWS_SECRET_ACCESS_KEY": "hunter'2"}
    with pytest.raises(Refused) as caught:
        desired(alone, alone.host("one"), given)
    (reason,) = caught.value.reasons
    assert reason.startswith("templates/env/core.env.j2: AWS_SECRET_ACCESS_KEY: holds a quote")
    assert "hunter" not in reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("X={{ nothing }}", "'nothing' is undefined"),
        ("X={{ secret.NOTHING }}", "has no attribute 'NOTHING'"),
        ("X={{ settings.nothing }}", "has no attribute 'nothing'"),
        ("X={{ 'a' ~ nothing }}", "'nothing' is undefined"),
        ("X={{ 1 + 'a' }}", "TypeError"),
        ("X={{ 1 / 0 }}", "ZeroDivisionError"),
        ("X={{ broken", "TemplateSyntaxError"),
        ("{% include 'nothing.j2' %}", "there is no nothing.j2: write it"),
        ("X={{ secret.REPLAYD_TOKEN.encode('nothing') }}", "LookupError"),
        ("X={{ {}[secret.REPLAYD_TOKEN].y }}", "has no attribute '[REPLAYD_TOKEN]'"),
        ("{% include secret.REPLAYD_TOKEN %}", "there is no [REPLAYD_TOKEN]: write it"),
    ],
)
def test_a_wrong_template_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "labeld.env.j2").write_text(text)
    folders = [tmp_path, ROOT / "templates", ROOT / "templates/env", ROOT / "templates/units"]
    monkeypatch.setattr(TEMPLATES, "loader", FileSystemLoader(folders))
    with pytest.raises(Refused) as caught:
        wanted(site())
    (found,) = caught.value.reasons
    assert found.startswith("templates/env/labeld.env.j2: ")
    assert reason in found
    assert "made-up" not in found


def test_what_tracebacks_print_shows_no_content() -> None:
    for host in hosts():
        shown = repr(host)
        assert not any(value in shown for value in secrets(host.site.catalogue).values())
        assert "0600, " in shown


@pytest.mark.parametrize("kept", [0, 12, 24, 60])
def test_a_damaged_cache_of_templates_is_none(tmp_path: Path, kept: int) -> None:
    (tmp_path / "t.j2").write_text("{{ 1 + 1 }}")
    (tmp_path / "cache").mkdir()

    def rendered() -> str:
        loader, cache = FileSystemLoader(tmp_path), Cache(str(tmp_path / "cache"))
        return Environment(loader=loader, bytecode_cache=cache).get_template("t.j2").render()  # noqa: S701

    assert rendered() == "2"
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    assert rendered() == "2"
    shutil.rmtree(tmp_path / "cache")  # it can be written to no more
    assert rendered() == "2"
