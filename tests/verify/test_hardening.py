"""Units are confined, programs limited and the firewall loaded as the release says, in the running host."""

from stack import firewall
from stack.desired import Desired
from tests.verify import confinement
from tests.verify.observed import Observed
from tests.verify.saying import redeploy, require

MOST = 2.0


def test_exposure(where: Desired, seen: Observed, confined: str) -> None:
    level = confinement.exposures(seen)[confined]
    then = f"on {where.host.name}: systemd-analyze security {confined}"
    require(level <= MOST, where, confined, f"exposure level {level}, more than {MOST}", then)


def test_limits(where: Desired, seen: Observed, confined: str) -> None:
    path = f"/etc/systemd/system/{confined}"
    wanted = confinement.wanted({**where.files, **where.programs}[path].content)
    held = confinement.held(seen)[confined]
    wrong = [
        f"{name} is {held.get(name)}, not {value}"
        for name, value in wanted.items()
        if held.get(name) != value
    ]
    require(not wrong, where, confined, "; ".join(wrong), f"sudo systemctl daemon-reload; {redeploy(where)}")


def test_firewall(where: Desired, seen: Observed) -> None:
    """The kernel's rules are the file's, whatever somebody did by hand; without a file there are none."""
    if firewall.RULES not in where.files:
        there = seen.connection.run("nft list table inet quantlab").rc == 0
        require(
            not there,
            where,
            "firewall",
            "is loaded, and should not be",
            "sudo nft delete table inet quantlab",
        )
        return
    loaded, wanted = confinement.rules(seen, firewall.RULES)
    what = "is not loaded" if not loaded else "is not what the file says"
    require(loaded == wanted, where, "firewall", what, f"sudo systemctl restart {firewall.UNIT}")
