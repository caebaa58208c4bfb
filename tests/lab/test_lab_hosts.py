"""The lab itself, tried: real hosts come up, are what a bare Debian is, and go without a trace.

A lab of its own name, so that it runs beside the one that somebody works with.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab import settings, ssh, state, vault
from lab.shell import locked
from tests.lab.machines import CHECKOUT

ROOT = Path(__file__).parents[2]
NAME, OTHER = f"qa-{CHECKOUT}", f"qb-{CHECKOUT}"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or (os.getuid() != 0 and not shutil.which("sudo")),
    reason="a lab needs Linux and root or sudo",
)


def command(*words: str, name: str = NAME) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", *words],
        cwd=ROOT,
        env=os.environ | {"LAB": name},
        capture_output=True,
        text=True,
    )


def make(*words: str, name: str = NAME) -> str:
    """A lab command that has to succeed; what it said."""
    done = command(*words, name=name)
    assert done.returncode == 0, f"lab {' '.join(words)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def on(lab: state.Lab, host: int, remote: str) -> str:
    """What a command prints on a host; it has to succeed."""
    done = ssh.ask(lab, lab.hosts[host - 1], remote)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def as_other(lab: state.Lab, user: str) -> subprocess.CompletedProcess[bytes]:
    words = ssh.command(lab, lab.hosts[0], "true")
    login = f"{lab.ssh_user}@{lab.hosts[0].address}"
    words[words.index(login)] = f"{user}@{lab.hosts[0].address}"
    return subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module", autouse=True)
def _one_run_at_a_time() -> Iterator[None]:
    """The names of these labs are fixed, so that a run that was killed is cleared up by the next."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with locked(ROOT / ".cache" / "test_lab_hosts.lock"):
        yield


@pytest.fixture(scope="module")
def lab() -> Iterator[state.Lab]:
    make("down")
    make("up", "--hosts", "2")
    yield state.read(ROOT, NAME)
    make("down")


def test_the_user_gets_in_and_may_become_root(lab: state.Lab) -> None:
    for number, host in enumerate(lab.hosts, start=1):
        said = on(lab, number, "id -un; sudo -n id -u; hostname; systemctl is-system-running")
        assert said.split() == ["admin", "0", host.name, "running"]


def test_root_and_passwords_do_not_get_in(lab: state.Lab) -> None:
    refused = as_other(lab, "root")
    assert refused.returncode == 255
    assert b"Permission denied (publickey)" in refused.stderr
    effective = on(lab, 1, "sudo sshd -T | grep -E '^(permitrootlogin|passwordauth|kbd)' | sort")
    assert effective.splitlines() == [
        "kbdinteractiveauthentication no",
        "passwordauthentication no",
        "permitrootlogin no",
    ]


def test_a_host_with_another_key_is_refused(lab: state.Lab, tmp_path: Path) -> None:
    one, two = Path(lab.known_hosts).read_text().splitlines()
    swapped = tmp_path / "known_hosts"
    swapped.write_text(f"{one.split()[0]} {' '.join(two.split()[1:])}\n")
    words = ssh.command(lab, lab.hosts[0], "true")
    words = [word.replace(lab.known_hosts, str(swapped)) for word in words]
    done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 255
    assert b"Host key verification failed" in done.stderr


def test_the_hosts_are_bare(lab: state.Lab) -> None:
    there = on(lab, 1, "for p in python3 git curl node npm; do command -v $p; done; echo end")
    assert there == "end"
    assert on(lab, 1, "sudo ls /etc/ssh/*_key") == "/etc/ssh/ssh_host_ed25519_key"
    for certificate in lab.ca_certificates:
        assert on(lab, 1, f"find / -xdev -name {Path(certificate).name} 2>/dev/null; echo") == ""


def test_each_host_is_its_own_and_reaches_the_others(lab: state.Lab) -> None:
    assert on(lab, 1, "cat /etc/machine-id") != on(lab, 2, "cat /etc/machine-id")
    reach = "timeout 5 bash -c 'exec 3<>/dev/tcp/{}/{}' && echo there"
    assert on(lab, 1, reach.format(lab.hosts[1].address, 22)) == "there"
    for port in (settings.GIT_PORT, settings.S3_PORT):
        assert on(lab, 2, reach.format(lab.gateway, port)) == "there"


def test_services_of_one_host_are_not_those_of_another(lab: state.Lab) -> None:
    """Hosts that share a control group see each other's processes as their own services'."""
    on(lab, 1, "sudo systemd-run --quiet --unit=shared sleep 300")
    on(lab, 2, "sudo systemd-run --quiet --unit=shared sleep 300")
    on(lab, 1, "sudo systemctl stop shared")
    assert on(lab, 2, "systemctl is-active shared") == "active"
    on(lab, 2, "sudo systemctl stop shared")


def test_packages_can_be_installed(lab: state.Lab) -> None:
    on(lab, 2, "sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends ed")
    assert on(lab, 2, "command -v ed") == "/usr/bin/ed"


def test_a_reboot_is_survived(lab: state.Lab) -> None:
    on(lab, 1, "echo kept >kept; sync")
    boot = on(lab, 1, "cat /proc/sys/kernel/random/boot_id")
    assert "rebooted in" in make("reboot", lab.hosts[0].name)
    assert on(lab, 1, "cat kept") == "kept"
    assert on(lab, 1, "cat /proc/sys/kernel/random/boot_id") != boot


def test_snapshot_and_reset_go_where_they_say(lab: state.Lab) -> None:
    name = lab.hosts[0].name
    look = "cat mark; systemctl is-active mark.service; cat /etc/machine-id"
    unit = "printf '[Service]\\nExecStart=sleep infinity\\n[Install]\\nWantedBy=multi-user.target'"
    on(lab, 1, f"echo one >mark; {unit} | sudo tee /etc/systemd/system/mark.service")
    on(lab, 1, "sudo systemctl enable --now mark.service")
    on(lab, 1, "sudo rm /etc/motd")  # a file of the image: it has to stay away, too
    make("snapshot", name, "marked")
    kept = on(lab, 1, look)
    assert kept.splitlines()[:2] == ["one", "active"]
    make("reset", name)
    assert on(lab, 1, "ls -A | grep mark; ls /etc/motd; systemctl is-active mark.service; true") == (
        "/etc/motd\ninactive"
    )
    make("reset", "--to", "marked", name)
    assert on(lab, 1, look) == kept
    assert on(lab, 1, "ls /etc/motd 2>/dev/null; echo end") == "end"
    assert json.loads(make("status", "--json"))["running"][name] is True


def test_a_host_may_do_with_kept_files_what_a_real_disk_allows(lab: state.Lab) -> None:
    """Folders of a lower layer cannot be renamed on every overlay; deploys rename folders."""
    name = lab.hosts[0].name
    rename = "sudo perl -e 'rename($ARGV[0], $ARGV[1]) or die $!' {} {}"
    on(lab, 1, "sudo mkdir -p /srv/one/deep && echo data | sudo tee /srv/one/deep/file")
    make("snapshot", name, "kept")
    on(lab, 1, rename.format("/srv/one", "/srv/two"))
    on(lab, 1, rename.format("/usr/share/doc", "/usr/share/gone"))
    make("snapshot", name, "renamed")  # upon the other
    make("reboot", name)
    assert on(lab, 1, "cat /srv/two/deep/file; ls /srv; test ! -e /usr/share/doc") == "data\ntwo"
    make("reset", "--to", "kept", name)
    assert on(lab, 1, "cat /srv/one/deep/file; ls /srv; test -d /usr/share/doc") == "data\none"
    make("reset", "--to", "renamed", name)
    assert on(lab, 1, "ls /srv") == "two"


def test_a_snapshot_that_is_not_there_stops_nothing(lab: state.Lab) -> None:
    up_since = on(lab, 2, "cat /proc/sys/kernel/random/boot_id")
    done = command("reset", "--to", "never", lab.hosts[1].name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"lab: host {lab.hosts[1].name} has no snapshot 'never'; it has: none\n"
    assert command("reset", "stranger").returncode == 1
    assert on(lab, 2, "cat /proc/sys/kernel/random/boot_id") == up_since


def test_the_git_remote_serves_the_working_tree(lab: state.Lab, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", lab.git, clone], check=True)
    source = ROOT / settings.BACKEND
    files = [path for path in clone.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert files
    for file in files:
        assert file.read_bytes() == (source / file.relative_to(clone)).read_bytes(), file
    push = ["git", "-C", str(clone), "push", "--quiet", "origin", "main:stolen"]
    refused = subprocess.run(push, capture_output=True)
    assert refused.returncode != 0
    # Tests that break things reach the same repository by path; hosts fetch what they are told.
    git = ["git", "-C", str(clone), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "broken"], check=True)
    bare = ROOT / ".lab" / NAME / "git" / "quantlab-backend.git"
    subprocess.run([*git, "push", "--quiet", str(bare), "HEAD:breaking"], check=True)
    commit = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    second = str(tmp_path / "second")
    subprocess.run(["git", "init", "--quiet", second], check=True)
    fetch = ["git", "-C", second, "fetch", "--quiet", "--filter=blob:none", lab.git, commit]
    subprocess.run(fetch, check=True)


def test_s3_keeps_data_for_those_with_the_key(lab: state.Lab, tmp_path: Path) -> None:
    bucket = lab.s3_buckets["compact"]
    with pytest.raises(urllib.error.HTTPError, match=r"40[03]"):
        urllib.request.urlopen(f"{lab.s3}/{bucket}", timeout=5)  # noqa: S310 - the lab's own S3
    identity = vault.parse_identity(Path(lab.identity).read_text())
    values = vault.opened(Path(lab.secrets).read_bytes(), identity)
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_S3_PROVIDER": "Rclone",
        "RCLONE_S3_ENDPOINT": lab.s3,
        "RCLONE_S3_ACCESS_KEY_ID": values["AWS_ACCESS_KEY_ID"],
        "RCLONE_S3_SECRET_ACCESS_KEY": values["AWS_SECRET_ACCESS_KEY"],
    }
    target = f":s3:{bucket}/exchange=binance/date=20260115/part"
    rclone = ["rclone", "--retries=1"]
    subprocess.run([*rclone, "rcat", target], input=b"some data", env=env, check=True)
    assert subprocess.check_output([*rclone, "cat", target], env=env) == b"some data"
    wrong = env | {"RCLONE_S3_SECRET_ACCESS_KEY": "0" * 32}
    refused = subprocess.run([*rclone, "cat", target], env=wrong, capture_output=True)
    assert refused.returncode != 0
    assert b"some data" not in refused.stdout


def test_no_secret_is_among_the_arguments_of_a_process(lab: state.Lab) -> None:
    identity = vault.parse_identity(Path(lab.identity).read_text())
    values = vault.opened(Path(lab.secrets).read_bytes(), identity)
    running = subprocess.check_output(["ps", "-ww", "-eo", "args"], text=True)
    assert lab.s3.removeprefix("http://") in running
    assert not [name for name, value in values.items() if value in running]


def test_secrets_of_the_catalogue_are_all_there(lab: state.Lab) -> None:
    identity = vault.parse_identity(Path(lab.identity).read_text())
    values = vault.opened(Path(lab.secrets).read_bytes(), identity)
    catalogue = yaml.safe_load((ROOT / settings.CATALOGUE).read_text())
    assert set(catalogue["secrets"]) <= set(values)
    for file in (lab.ssh_key, lab.identity, lab.secrets):
        assert Path(file).stat().st_mode & 0o777 == 0o600


def test_up_again_keeps_what_runs(lab: state.Lab) -> None:
    before = [on(lab, n, "cat /proc/sys/kernel/random/boot_id") for n in (1, 2)]
    said = make("up")
    assert "up at" not in said
    assert "up with 2 host(s)" in said
    assert [on(lab, n, "cat /proc/sys/kernel/random/boot_id") for n in (1, 2)] == before
    assert state.read(ROOT, NAME) == lab


def traces(name: str) -> dict[str, list[str]]:
    """Everything on this machine that bears a lab's name, asked of the system, not of the lab."""

    def lines(*words: str) -> list[str]:
        said = subprocess.check_output(words, text=True).splitlines()
        return [line for line in said if name in line]

    folders = [settings.VARIABLE_DATA, ROOT / ".lab", Path("/run"), Path("/run/systemd/nspawn")]
    trees = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*")]
    places = [*folders, Path("/run/systemd/nspawn/propagate"), *trees]
    return {
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if name in line],
        "interfaces": lines("ip", "-brief", "link"),
        "firewall": lines("nft", "list", "tables"),
        "processes": lines("ps", "-ww", "-eo", "pid,args"),
        "files": [str(path) for place in places for path in place.glob(f"*{name}*")],
    }


KINDS = ("mounts", "interfaces", "firewall", "processes", "files")
NONE: dict[str, list[str]] = {kind: [] for kind in KINDS}


def test_another_lab_comes_and_goes_beside_it_without_a_trace(lab: state.Lab) -> None:
    make("down", name=OTHER)
    assert traces(OTHER) == NONE
    before = on(lab, 1, "cat /proc/sys/kernel/random/boot_id")
    try:
        make("up", name=OTHER)
        other = state.read(ROOT, OTHER)
        assert other.subnet != lab.subnet
        assert on(other, 1, "hostname") == f"{OTHER}-1"
        found = traces(OTHER)
        assert [kind for kind in found if not found[kind]] == ["mounts"]  # only hosts see theirs
    finally:
        make("down", name=OTHER)
    assert traces(OTHER) == NONE
    assert make("down", name=OTHER) == ""  # again: nothing to do, nothing to say
    with pytest.raises(state.LabNotRunning):
        state.read(ROOT, OTHER)
    assert on(lab, 1, "cat /proc/sys/kernel/random/boot_id") == before


def kill_keepers(name: str) -> None:
    """End a lab's processes as a crash would, by the ids that it recorded."""
    for record in (settings.VARIABLE_DATA / name / "run").glob("*.pid"):
        os.kill(int(record.read_text().split()[0]), signal.SIGKILL)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can kill root's keepers")
def test_a_lab_that_was_killed_is_repaired_and_removed() -> None:
    make("down", name=OTHER)
    try:
        make("up", name=OTHER)
        other = state.read(ROOT, OTHER)
        on(other, 1, "echo kept >kept; sync")
        kill_keepers(OTHER)
        # A restart of the machine also takes what lives in the kernel, and shows in its boot id.
        bridge = settings.named(OTHER, ROOT).bridge
        subprocess.run(["ip", "link", "delete", bridge], check=True)
        subprocess.run(["nft", "delete", "table", "ip", f"quantlab-lab-{OTHER}"], check=True)
        file = state.path(ROOT, OTHER)
        file.write_text(file.read_text().replace(state.boot_id(), "before"))
        with pytest.raises(state.LabNotRunning, match="restarted"):
            state.read(ROOT, OTHER)
        make("up", name=OTHER)
        assert state.read(ROOT, OTHER) == other
        assert on(other, 1, "cat kept") == "kept"
        kill_keepers(OTHER)
        done = command("status", name=OTHER)
        assert done.returncode == 1
        assert f"not running: {OTHER}-1, git, s3" in done.stderr
    finally:
        make("down", name=OTHER)
    assert traces(OTHER) == NONE
