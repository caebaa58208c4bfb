"""Faults that are more than a disturbed step: broken services, full disks, lost releases, two controllers."""

import threading
import time
from collections.abc import Callable

from tests.faults.rig import Ended, Rig
from tests.faults.verdict import judged
from tests.lab.machines import ROOT

MAIN = {
    "replayd": "core__replay__server.js",
    "collector": "collector__collector.py",
    "featurexd": "services__featurexd__server.js",
    "labeld": "services__labeld__server.js",
    "strategyd": "services__strategyd__server.js",
    "backtestd": "services__backtestd__server.js",
    "job-worker": "core__job-worker__worker.js",
    "observer": "core__observer__observer.js",
    "observer-api": "core__observer-api__server.js",
    "console-ui": "core__console-ui__server.js",
}
NEVER = (
    "require('node:http').createServer((_, answer) => { answer.statusCode = 503; answer.end() })"
    ".listen(Number(process.env.PORT), process.env.LISTEN)\n"
)
Cause = Callable[[Rig], str]


def broken_by(**files: str) -> Cause:
    """A deploy of a revision in which these files are bad."""

    def cause(rig: Rig) -> str:
        old = rig.end().live
        ended = rig.run("deploy.py", REV=rig.revision(**files))
        assert "live now: release" in ended.text, ended.text
        return judged(rig.end(), old, rig.commit, ended)

    return cause


def ends(name: str) -> Cause:
    text = "raise SystemExit(3)\n" if name == "collector" else "process.exit(3)\n"
    return broken_by(**{MAIN[name]: text})


def never_healthy(name: str) -> Cause:
    return broken_by(**{MAIN[name]: NEVER})


def edited(path: str, old: str, new: str) -> Cause:
    """A deploy after a template was edited: what is rendered breaks a service."""

    def cause(rig: Rig) -> str:
        live, revision = rig.end().live, rig.revision()
        rig.edition.edit(path, old, new)
        ended = rig.run("deploy.py", REV=revision)
        assert "live now: release" in ended.text, ended.text
        return judged(rig.end(), live, rig.commit, ended)

    return cause


def full_disk(folder: str) -> Cause:
    """A small file system, full but for a few kB, lies over a folder that the deploy writes to."""

    def cause(rig: Rig) -> str:
        old, revision = rig.end().live, rig.revision()
        rig.host.sh(
            f"mkdir -p /root/kept; cp -a {folder}/. /root/kept/;"
            f" mount -t tmpfs -o size=256k,mode=0755 none {folder}; cp -a /root/kept/. {folder}/;"
            f" head -c 1M /dev/zero > {folder}/fill",
            check=False,
        )
        try:
            ended = rig.run("deploy.py", REV=revision)
        finally:
            rig.host.sh(f"umount {folder}; rm -rf /root/kept")
        assert "No space left" in ended.text, ended.text
        return judged(rig.end(), old, rig.commit, ended)

    return cause


def full_disk_under_way(rig: Rig) -> str:
    """Everything that the host keeps lies on one small file system, and it fills up between two services."""
    old, revision = rig.end().live, rig.revision()
    folders = "/etc/quantlab /var/lib/quantlab"
    rig.host.sh(
        f"for f in {folders}; do mkdir -p /root/kept$f /run/small$f; cp -a $f/. /root/kept$f/; done;"
        " mount -t tmpfs -o size=3m,mode=0755 none /run/small;"
        f" for f in {folders}; do mkdir -p /run/small$f; cp -a $f/. /run/small$f/;"
        " chmod --reference=$f /run/small$f; mount --bind /run/small$f $f; done"
    )

    def fill(_: object) -> None:
        rig.host.sh("head -c 8M /dev/zero > /run/small/fill", check=False)

    try:
        ended = rig.run("deploy.py", "Start labeld", fill, REV=revision)
        found = judged(rig.end(), old, rig.commit, ended)
    finally:
        rig.host.sh(
            "rm -f /run/small/fill; systemctl stop quantlab-deadman.timer;"
            f" for f in {folders}; do cp -a $f/. /root/kept$f/; umount $f; cp -a /root/kept$f/. $f/; done;"
            " umount /run/small; rm -rf /root/kept"
        )
    return found


def full_store(rig: Rig) -> str:
    """The mirror cannot take the new commit."""
    old, revision = rig.end().live, rig.revision()
    mirror = "/opt/quantlab/mirror.git/objects"
    rig.host.sh(f"mount -t tmpfs -o size=64k,mode=0777 none {mirror}; head -c 64k /dev/zero > {mirror}/fill")
    try:
        ended = rig.run("deploy.py", REV=revision)
    finally:
        rig.host.sh(f"umount {mirror}")
    assert ended.code != 0, ended.text
    return judged(rig.end(), old, rig.commit, ended)


def npm_killed(rig: Rig) -> str:
    old = rig.end().live
    lock = (ROOT / "reference/quantlab-backend/core/package-lock.json").read_text()
    revision = rig.revision(**{"core__package-lock.json": lock + "\n"})
    killer = "for i in $(seq 600); do pkill -9 -f 'npm ci' && exit; sleep 0.05; done; exit 1"
    ended: list[Ended] = []
    run = threading.Thread(target=lambda: ended.append(rig.run("deploy.py", REV=revision)))
    run.start()
    rig.host.sh(killer)
    run.join()
    assert "build of core: npm ci" in ended[0].text, ended[0].text
    return judged(rig.end(), old, rig.commit, ended[0])


def two_controllers(rig: Rig) -> str:
    old, revision = rig.end().live, rig.revision()
    ended: list[Ended] = []
    runs = [
        threading.Thread(target=lambda: ended.append(rig.run("deploy.py", REV=revision))) for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    codes = sorted(one.code for one in ended)
    if codes == [0, 1]:
        (lost,) = (one for one in ended if one.code)
        assert "locked by" in lost.text or "another run changed this host" in lost.text, lost.text
    else:
        assert codes == [0, 0], ended  # one came when the other had done all
    return judged(rig.end(), old, rig.commit, next(one for one in ended if one.code == 0))


def lost_release(which: str) -> Cause:
    def cause(rig: Rig) -> str:
        rig.deploy(rig.revision())
        end = rig.end()
        name = end.live if which == "live" else next(n for n in reversed(end.good) if n != end.live)
        rig.host.sh(f"rm -rf /opt/quantlab/releases/{name}")
        if which == "live":
            ended = rig.run("deploy.py", REV=rig.revision())
        else:
            ended = rig.run("rollback.py", TO=name)
            assert f"TO={name}: is not on this host; good releases: " in ended.text, ended.text
        return judged(rig.end(), end.live, rig.commit, ended)

    return cause


def target_lost_under_way(rig: Rig) -> str:
    """Somebody removes the new release between its preparation and its activation."""
    old = rig.end().live

    def remove(_: object) -> None:
        rig.host.sh("rm -rf $(ls -dt /opt/quantlab/releases/*/ | head -1)code")

    ended = rig.run("deploy.py", "Activate", remove, REV=rig.revision())
    return judged(rig.end(), old, rig.commit, ended)


def last_good_is_broken_too(rig: Rig) -> str:
    """The way back fails as well; when what it missed is there again, the host heals by itself."""
    old = rig.end().live
    file = f"/opt/quantlab/releases/{old}/code/services/labeld/server.js"
    rig.host.sh(f"mv {file} {file}.away")
    ended = rig.run("deploy.py", REV=rig.revision(**{MAIN["labeld"]: "process.exit(3)\n"}))
    assert "BROKEN: going back to release" in ended.text, ended.text
    first = rig.end(5)
    assert first.last["outcome"] == "broken", first
    rig.host.sh(f"mv {file}.away {file}")
    return f"broken, and says so; then {judged(rig.end(), old, rig.commit, ended)}"


def no_new_login(rig: Rig) -> str:
    """The deploy is through, but nobody can log in any more: SSH takes no new connections."""
    old = rig.end().live

    def close(_: object) -> None:
        rig.host.sh(
            "units=$(systemctl list-units --plain --no-legend ssh.socket ssh.service | cut -d' ' -f1);"
            " systemd-run --on-active=20s --timer-property=AccuracySec=100ms systemctl start $units;"
            " systemctl stop $units"
        )

    ended = rig.run("deploy.py", "Start labeld", close, REV=rig.revision())
    assert "no new SSH login" in ended.text, ended.text
    time.sleep(20)
    return judged(rig.end(), old, rig.commit, ended)


ROWS: list[tuple[str, str, Cause]] = [
    (
        "env breaks a service",
        "labeld",
        edited("templates/env/labeld.env.j2", "FEATUREXD_URL", "FEATUREXD_ADDRESS"),
    ),
    (
        "unit breaks",
        "all",
        edited("templates/units/service.j2", "ExecStart={{ command", "ExecStart=/nonexistent{{ command"),
    ),
    ("disk full while preparing", "Prepare", full_store),
    ("disk full while activating", "Activate", full_disk("/etc/quantlab")),
    ("disk full after the activation", "Start labeld", full_disk_under_way),
    ("npm ci killed", "Prepare", npm_killed),
    ("live release deleted by hand", "before a deploy", lost_release("live")),
    ("older release deleted by hand", "before a rollback to it", lost_release("older")),
    ("new release deleted by hand", "Activate", target_lost_under_way),
    ("two deploys at once", "all", two_controllers),
    ("last good release broken, too", "labeld", last_good_is_broken_too),
    ("no new SSH login after the deploy", "Confirm", no_new_login),
]
