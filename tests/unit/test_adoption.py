"""A host that was set up by hand: shown first, taken over only when that is meant."""

from typing import Any

import pytest
import tree as host_tree

from stack.adoption import differences
from stack.plan import Plan, plan
from tests.unit.examples import REVISION, RUN, as_wanted, site, wanted

HOST = wanted(site(firewall={"enabled": False}))
KEY = "key"


def by_hand(**env: str) -> dict[str, Any]:
    """A host that has what is wanted, but as somebody's hand would have it."""
    seen = as_wanted(HOST)
    held = {
        path: host_tree.variables(file.content + env.get(path.split("/")[-1][:-4], ""), KEY)
        for path, file in HOST.files.items()
        if path.startswith("/etc/quantlab/")
    }
    units = [path for path in HOST.files if path.startswith("/etc/systemd/")]
    tree = {"commit": REVISION.commit, "branch": "main", "edited": [], "env": held, "units": units}
    return seen | {
        "code": "tree",
        "release": None,
        "releases": {},
        "running": {},
        "tree": tree | {"key": KEY},
    }


def planned(seen: dict[str, Any], *, adopt: bool = False) -> Plan:
    return plan(HOST, seen, REVISION, "new", RUN, adopt=adopt)


def test_a_host_set_up_by_hand_is_refused_until_it_is_meant() -> None:
    refused = planned(by_hand()).refusals
    assert refused[0].startswith("/home/deploy/quantlab-backend is a plain checkout")
    assert refused[1] == "  nothing but who manages it"
    assert "ADOPT=1 make deploy" in refused[-1]
    found = planned(by_hand(), adopt=True)
    assert found.refusals == []
    assert found.adopt is not None
    assert found.prepare is not None


def test_what_an_adoption_would_change_is_told_without_values() -> None:
    seen = by_hand(replayd="OLD='gone'\nPORT='1'\n")
    tree = seen["tree"]
    tree["commit"] = "f" * 40
    tree["edited"] = [" M core/replay/server.js"]
    tree["env"]["/etc/quantlab/gone.env"] = {}
    tree["units"].append("/etc/systemd/system/quantlab-old.service")
    del tree["env"]["/etc/quantlab/labeld.env"]
    seen["files"]["/etc/systemd/system/quantlab-worker.service"][0] = "other"
    lines = differences(HOST, tree, REVISION.commit, seen)
    assert lines == [
        f"code: {'f' * 12} (main) would become {REVISION.commit[:12]}",
        "code: edited by hand:  M core/replay/server.js",
        "/etc/quantlab/replayd.env: OLD would go; PORT would get another value",
        "/etc/quantlab/gone.env: would go (no service of the catalogue reads it)",
        "/etc/systemd/system/quantlab-worker.service: would be replaced",
        "/etc/systemd/system/quantlab-old.service: would be stopped and removed (not of this host's roles)",
        "/etc/quantlab/labeld.env: would come",
    ]


def test_ports_held_by_units_that_an_adoption_stops_are_no_obstacle() -> None:
    seen = by_hand()
    seen["tree"]["units"].append("/etc/systemd/system/quantlab-labels.service")
    seen["listeners"]["3061"] = ["node", "1", "quantlab-labels.service"]
    assert planned(seen, adopt=True).refusals == []
    seen["listeners"]["3061"] = ["node", "1", "mine.service"]
    (reason,) = planned(seen, adopt=True).refusals
    assert "port 3061 of labeld is held by node" in reason


@pytest.mark.parametrize("line", ["A=v", "export A=v", "A='v'", 'A="v"', "  A=v  "])
def test_a_value_is_the_same_however_a_hand_wrote_it(line: str) -> None:
    assert host_tree.variables(line, KEY) == host_tree.variables("A=v", KEY)
    assert host_tree.variables(line, KEY) != host_tree.variables("A=w", KEY)
    assert host_tree.variables("# A=v\n\nnot a line", KEY) == {}


def test_an_adoption_says_that_it_closes_ports() -> None:
    host = wanted(site(firewall={"open": [443]}))
    lines = differences(host, by_hand()["tree"], REVISION.commit, as_wanted(host))
    assert lines[0].startswith(
        "network: connections from elsewhere to ports other than 22, 443 would be refused"
    )
    assert "/etc/quantlab/firewall.nft: would come" in lines
    assert "/etc/systemd/system/quantlab-firewall.service: would come" in lines
