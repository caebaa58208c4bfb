"""What a service that was broken into can do on its host: tried, from inside of its own sandbox."""

import json
import re
import shlex

import pytest

from tests.lab.machines import ROOT, Machine

INTRUDER = (ROOT / "tests" / "lab" / "intruder.py").read_text()
CODE, SHARED, ENV = "/home/deploy/quantlab-backend", "/opt/quantlab/shared", "/etc/quantlab"
HOW = re.compile(r"(?!Type|Exec|Restart|Timeout|Standard|SuccessExit)[A-Z]\w+=")


def inside(host: Machine, unit: str, command: str, stdin: str = "") -> str:
    """Run a command as a service's unit would run it."""
    section = host.sh(f"cat /etc/systemd/system/{unit}.service").partition("[Service]")[2].partition("\n[")[0]
    how = shlex.join(f"--property={line}" for line in section.splitlines() if HOW.match(line))
    run = f"systemd-run --wait --pipe --quiet --collect {how} {command}"
    return host.sh(f"{run} <<'STDIN'\n{stdin}\nSTDIN")


@pytest.mark.parametrize(
    ("unit", "own"),
    [
        ("quantlab-labeld", []),
        ("quantlab-worker", [f"{SHARED}/core/job-worker/queue"]),
        ("quantlab-observer", []),
    ],
)
def test_a_service_gets_at_nothing_but_its_own(host: Machine, unit: str, own: list[str]) -> None:
    everywhere = [CODE, f"{CODE}/core/lib", "/opt/quantlab", "/opt/quantlab/spool", "/opt/quantlab/releases"]
    everywhere += [f"{SHARED}/services/strategyd/runs", f"{SHARED}/core/job-worker/queue"]
    everywhere += [
        ENV,
        "/etc",
        "/etc/systemd/system",
        "/usr/local/lib/quantlab",
        "/home/deploy",
        "/var/log",
        "/run",
        "/tmp",  # noqa: S108 (its own)
    ]
    secret = host.sh(f"ls {ENV}/*.env {ENV}/firewall.nft /opt/quantlab/releases/*/code/core/.env").split()
    host.sh("install -d -o deploy -m 700 /home/deploy/.ssh && touch /home/deploy/.ssh/id_ed25519")
    told = {
        "pid": int(host.pids()["quantlab-replayd.service"]),
        "read": [*secret, "/etc/shadow", "/home/deploy/.ssh/id_ed25519"],
        "list": [
            ENV,
            "/opt/quantlab/mirror.git",
            "/opt/quantlab/spool",
            "/var/lib/quantlab",
            "/home/deploy/.ssh",
        ],
        "write": [path for path in everywhere if path not in own],
    }
    try:
        got = json.loads(inside(host, unit, f"python3 - {shlex.quote(json.dumps(told))}", INTRUDER))
    finally:
        host.sh("rm -r /home/deploy/.ssh")
    assert got.pop("write /tmp") is None  # its own: a try that succeeds is seen as such
    assert [attempt for attempt, refused in got.items() if refused is None] == []
    assert len(got) > 40
    for path in own:
        inside(host, unit, f"touch {path}/of-the-test")
        host.sh(f"rm {path}/of-the-test")
