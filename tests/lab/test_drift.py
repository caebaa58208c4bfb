"""What hands change on a host is found and named, and each way back that is printed leads back."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from lab import state
from tests.lab.machines import NAME, ROOT, Machine, deploy, run

CODE, UNITS = "/home/deploy/quantlab-backend", "/etc/systemd/system"
GIT = f"runuser -u deploy -- git -c user.name=hand -c user.email=hand@example.com -C {CODE}"
HIDDEN = "value-of-a-hand"  # in every env file and drop-in that is written here


class Change(NamedTuple):
    script: str
    where: str
    what: str


# What `make deploy` puts back.
BACK = [
    Change(
        f"echo X=\\'{HIDDEN}\\' >>/etc/quantlab/labeld.env", "/etc/quantlab/labeld.env", "content changed"
    ),
    Change(
        f"sed -i \"s/^AWS_REGION=.*/AWS_REGION='{HIDDEN}'/\" /etc/quantlab/replayd.env",
        "/etc/quantlab/replayd.env",
        "content changed",
    ),
    Change("chmod 0644 /etc/quantlab/featurexd.env", "/etc/quantlab/featurexd.env", "mode is 0644, not 0600"),
    Change(f"chown deploy {CODE}/core/.env", f"{CODE}/core/.env", "owner is deploy:deploy, not root:deploy"),
    Change(
        f"sed -i s/^RestartSec=.*/RestartSec=9/ {UNITS}/quantlab-observer.service",
        f"{UNITS}/quantlab-observer.service",
        "content changed",
    ),
    Change(f"rm {UNITS}/quantlab-ml.service", f"{UNITS}/quantlab-ml.service", "is missing"),
    Change(
        f"ln -sf /dev/null {UNITS}/quantlab-strategyd.service",
        f"{UNITS}/quantlab-strategyd.service",
        "is a link or a special file",
    ),
    Change("echo >>/etc/logrotate.d/quantlab", "/etc/logrotate.d/quantlab", "content changed"),
    Change("echo >>/usr/local/lib/quantlab/fetch.py", "/usr/local/lib/quantlab/fetch.py", "content changed"),
    Change(
        f"sed -i s/^OnActiveSec=.*/OnActiveSec=9999/ {UNITS}/quantlab-deadman.timer",
        f"{UNITS}/quantlab-deadman.timer",
        "content changed",
    ),
    Change(
        "systemctl disable quantlab-console-ui", "quantlab-console-ui.service", "is disabled, not enabled"
    ),
    Change("systemctl disable quantlab-late-boot", "quantlab-late-boot.service", "is disabled, not enabled"),
    Change("systemctl stop quantlab-ml.timer", "quantlab-ml.timer", "timer is inactive"),
    Change("systemctl stop quantlab-run-observer", "quantlab-run-observer.service", "service is inactive"),
    Change("chmod 0777 /opt/quantlab/spool", "/opt/quantlab/spool", "mode is 0777, not 0750"),
    Change(
        "chown root /var/log/quantlab-ml.log", "/var/log/quantlab-ml.log", "owner is root:adm, not deploy"
    ),
    Change(
        f"ln -sfn /tmp {CODE}/core/job-worker/queue", f"{CODE}/core/job-worker/queue", "leads to /tmp, not"
    ),
    Change("dpkg --force-depends --remove jq", "jq", "package is missing"),
    Change(
        "sed -i \"s/^LISTEN=.*/LISTEN='0.0.0.0'/\" /etc/quantlab/collector.env\n"
        "systemctl restart quantlab-collector",
        "/etc/quantlab/collector.env",
        "content changed",
    ),
]
# What a deploy undoes as well when it has something else to do, and so does not promise.
ALONG = [
    Change(
        "systemctl add-wants multi-user.target quantlab-labeld.service",
        "quantlab-labeld.service",
        "is started by multi-user.target, quantlab.target",
    ),
    Change(
        f"sleep 1; touch {UNITS}/quantlab-console-ui.service",
        "systemd",
        "quantlab-console-ui.service changed on disk",
    ),
]
# What no deploy touches.
BY_HAND = [
    Change(
        f"cd {UNITS}; mkdir -p quantlab-collector.service.d\n"
        f"printf '[Service]\\nEnvironment=TOKEN={HIDDEN}\\n' >quantlab-collector.service.d/override.conf",
        f"{UNITS}/quantlab-collector.service.d/override.conf",
        "drop-in changes quantlab-collector.service",
    ),
    Change(
        "mkdir -p /run/systemd/system/quantlab-replayd.service.d\n"
        "printf '[Service]\\nNice=5\\n' >/run/systemd/system/quantlab-replayd.service.d/override.conf",
        "/run/systemd/system/quantlab-replayd.service.d/override.conf",
        "drop-in changes quantlab-replayd.service",
    ),
    Change(
        "systemctl set-property --runtime quantlab-worker.service Description=mine",
        "/run/systemd/system.control/quantlab-worker.service.d/50-Description.conf",
        "drop-in changes quantlab-worker.service",
    ),
    Change(
        f"printf '[Service]\\nExecStart=/bin/sleep 9999\\n' >{UNITS}/quantlab-extra.service",
        f"{UNITS}/quantlab-extra.service",
        "unit that no release and no deploy put there",
    ),
    Change(
        f"echo '// edited' >>{CODE}/core/observer/observer.js; echo new >{CODE}/core/new.txt",
        CODE,
        "files edited by hand: 1 changed, 1 not known to git",
    ),
    Change(f"{GIT} commit -q --allow-empty -m 'a quick fix'", CODE, "(1 commits ahead)"),
    Change("usermod --shell /bin/sh deploy", "user deploy", "shell is /bin/sh, not /bin/bash"),
    Change("usermod --append --groups disk deploy", "user deploy", "is in group disk"),
    Change(
        "systemd-run --quiet --uid=deploy --unit=somebody-s-own /usr/bin/python3 -m http.server 9999",
        "port 9999",
        "is open by python3",
    ),
    Change(f"echo OLD={HIDDEN} >/etc/quantlab/old.env", "/etc/quantlab/old.env", "no service reads it"),
    Change(
        "touch /usr/local/lib/quantlab/mine.py",
        "/usr/local/lib/quantlab/mine.py",
        "no program of this checkout",
    ),
    Change(
        "cd /etc/quantlab; cp -p console.env /root/kept\n"
        f"sed -i \"s,^LABELD_URL=.*,LABELD_URL='http://{HIDDEN}',\" console.env\n"
        "systemctl restart quantlab-console-ui; cp -p /root/kept console.env; rm /root/kept",
        "quantlab-console-ui.service",
        "runs with other values than its env file says: LABELD_URL",
    ),
]


def drift(host: Machine, code: int) -> tuple[list[dict[str, Any]], str]:
    """What `make drift` finds, and all that it prints."""
    said = run(".venv/bin/python", "-m", "operate", "drift", JSON="1")
    assert said.code == code, said.text
    found: list[dict[str, Any]] = json.loads(said.text)[host.name]["drift"]
    return found, said.text


def named(change: Change, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [f for f in found if f["where"] == change.where and change.what in f["what"]]


def test_a_fresh_deploy_has_no_drift(host: Machine) -> None:
    assert drift(host, 0)[0] == []


def test_every_change_is_found_and_every_way_back_leads_back(host: Machine) -> None:
    for change in BY_HAND + BACK + ALONG:
        host.sh(change.script)
    found, text = drift(host, 2)
    assert not [change for change in BACK + BY_HAND + ALONG if not named(change, found)], text
    assert HIDDEN not in text
    assert "~ AWS_REGION: differs" in text
    assert "+RestartSec=9" in text

    assert deploy().code == 0
    left, text = drift(host, 2)
    undone = [(f["where"], f["what"]) for f in found if f["deploy_undoes"]]
    assert len(undone) >= len(BACK)
    assert not [f for change in BY_HAND + ALONG for f in named(change, found) if f["deploy_undoes"]], text
    assert not [f for f in left if (f["where"], f["what"]) in undone or f["deploy_undoes"]], text
    assert not [change for change in BACK if named(change, left)], text
    assert not [change for change in BY_HAND if not named(change, left)], text

    for finding in left:
        if finding["undo"].startswith("sudo "):
            host.sh(finding["undo"].partition(", then make restart")[0])
    restarted = run("make", "--silent", "restart")
    assert restarted.code == 0, restarted.text
    host.sh(f"{GIT} stash drop")
    assert drift(host, 0)[0] == []


def test_a_host_that_cannot_be_asked_is_no_host_without_drift(host: Machine) -> None:
    keys = Path(state.read(ROOT, NAME).known_hosts)
    keys.rename(keys.with_suffix(".away"))  # a host whose key nobody knows is not asked
    try:
        said = run(".venv/bin/python", "-m", "operate", "drift")
    finally:
        keys.with_suffix(".away").rename(keys)
    assert said.code == 1
    assert "cannot be reached" in said.text
    assert run(".venv/bin/python", "-m", "operate", "drift", LIMIT="nosuch").code == 1  # 2 would be drift
