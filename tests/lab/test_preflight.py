"""A deploy that cannot succeed is refused before it touches anything; one that goes back never is."""

from collections.abc import Callable

from lab import state
from tests.lab.endstate import seen
from tests.lab.machines import NAME, ROOT, Machine, deploy

Branch = Callable[[str, dict[str, str]], str]
Change = Callable[[dict[str, object]], None]
MARKET = ROOT / "reference/quantlab-backend/core/lib/market.js"
OVERRIDE = "to deploy all the same: PREFLIGHT=0 make deploy"


def untouched(host: Machine, reason: str, **env: str) -> None:
    """A deploy is refused for a reason; the host is as it was but for a line in its history."""
    places = "/etc/quantlab /etc/systemd/system /opt/quantlab -maxdepth 2 -not -path '*/spool*'"
    look = f"find {places} -printf '%p %T@ %m\\n' | sort"
    before, processes = host.sh(look), host.pids()
    result = deploy(**env)
    assert result.code == 1, result.text
    assert reason in result.text
    assert OVERRIDE in result.text
    assert "Lock" not in result.text
    assert (host.sh(look), host.pids()) == (before, processes)
    end = seen(host)
    assert (end.last["outcome"], end.lock) == ("refused", None)
    assert reason in end.last["why"]


def test_s3_away_or_wrong_refuses(host: Machine, lab_json: Change) -> None:
    lab_json({"s3": "http://127.0.0.1:9"})
    untouched(host, "S3 cannot be reached: http://127.0.0.1:9 (S3_COMPACT_ENDPOINT)")
    lab_json({"s3_buckets": {"compact": "nosuch", "archive": "quantlab-runs"}})
    untouched(host, "there is no such bucket: ")
    lab_json({"s3": "http://nosuch.invalid:9000"})
    untouched(host, "a name does not resolve: nosuch.invalid")


def test_git_that_the_host_cannot_read_refuses(host: Machine, branch: Branch) -> None:
    """The controller reads it well; the host has the live commit, and so needs nothing without a new one."""
    remote = state.read(ROOT, NAME).git.rpartition("/")[0]
    revision = branch("out-of-reach", {"core/lib/market.js": MARKET.read_text() + "\n"})
    host.sh(f"git config --system url.git://127.0.0.1:9.insteadOf {remote}")
    try:
        untouched(host, "the code's remote cannot be read: git://", REV=revision)
        result = deploy()
    finally:
        host.sh("rm /etc/gitconfig")
    assert result.code == 0, result.text


def test_a_machine_that_is_short_refuses_unless_told_otherwise(host: Machine) -> None:
    host.sh("""
        echo "X='1'" >> /etc/quantlab/observer-api.env
        sed 's/^MemAvailable.*/MemAvailable: 99000 kB/' /proc/meminfo > /root/meminfo
        mount --bind /root/meminfo /proc/meminfo""")
    try:
        untouched(host, "only 96 MB of memory available; a deploy needs 200")
        result = deploy(PREFLIGHT="0")
        assert result.code == 0, result.text
        result = deploy()  # nothing to change, nothing to be short of
    finally:
        host.sh("umount /proc/meminfo; rm /root/meminfo")
    assert result.code == 0, result.text


def test_missing_packages_ask_for_their_source_first_and_for_the_rest_later(
    host: Machine, lab_json: Change
) -> None:
    sources = "/etc/apt/sources.list.d/debian.sources"
    host.sh(
        f"dpkg --remove jq; cp {sources} /root/sources; sed -i s,http://[^/]*,http://127.0.0.1:9, {sources}"
    )
    try:
        untouched(host, "packages are missing (jq), and their source is away: http://127.0.0.1:9/")
    finally:
        host.sh(f"mv /root/sources {sources}")
    lab_json({"s3": "http://127.0.0.1:9"})
    result = deploy()
    assert result.code == 1
    assert "Starting operation: Preflight" in result.text
    assert "S3 cannot be reached: http://127.0.0.1:9" in result.text
    assert "Prepare" not in result.text
    end = seen(host)
    assert (end.last["outcome"], end.lock, end.whole) == ("refused", None, True)
    lab_json({})
    result = deploy()
    assert result.code == 0, result.text
