"""A changed token reaches all who use it in one deploy, which restarts those and nobody else."""

from stack.vault import open_vault
from tests.lab.machines import NAME, ROOT, Machine, deploy, run, verify

USERS = ["strategyd", "backtestd", "job-worker", "console-ui"]
UNITS = {f"quantlab-{name}.service" for name in ("strategyd", "backtestd", "worker", "console-ui")}
NAMES = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "REPLAYD_TOKEN", "STRATEGYD_TOKEN"]


def token() -> str:
    files = ROOT / ".lab" / NAME
    return open_vault(files / "secrets.age", files / "age-identity", NAMES)["STRATEGYD_TOKEN"]


def status(host: Machine, token: str) -> str:
    """What strategyd answers to a token, which goes to curl over stdin."""
    ask = f"""url = "http://127.0.0.1:3031/health"\nheader = "Authorization: Bearer {token}"\n"""
    return host.sh(f"curl -q -s -o /dev/null -w '%{{http_code}}' --config - <<'END'\n{ask}END")


def test_a_new_token_reaches_all_who_use_it_and_restarts_only_those(host: Machine) -> None:
    before, old = host.pids(), token()
    assert status(host, old) == "200"
    made = run("make", "--silent", "secrets", GENERATE="STRATEGYD_TOKEN")
    assert made.code == 0, made.text
    result = deploy()
    assert result.code == 0, result.text
    places = {name: result.text.find(f"] {name} is up and unchanged") for name in USERS}
    assert set(places.values()) == {-1}, result.text
    after = host.pids()
    assert {unit for unit in before if before[unit] != after[unit]} == UNITS
    # In the documented order, by systemd's own clock.
    shown = "systemctl show -p ExecMainStartTimestampMonotonic --value quantlab-{}"
    units = ("strategyd", "backtestd", "worker", "console-ui")
    times = [int(host.sh(shown.format(unit))) for unit in units]
    assert times == sorted(times)
    assert (status(host, old), status(host, token())) == ("401", "200")
    proved = verify()
    assert proved.code == 0, proved.text
    assert "No changes" in deploy().text
