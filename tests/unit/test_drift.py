"""Drift that no lab test makes by hand: each is named, with a way back; an untouched host has none."""

from typing import Any

import pytest

from stack.difference import owned
from stack.drift import drift, moved_on
from stack.finding import DEPLOY, Finding, source
from stack.requests import request
from stack.site import ROOT
from tests.unit.examples import REVISION, as_wanted, bare, site, wanted

HOST = wanted(site())
CODE = HOST.site.catalogue.code
LABELD = "quantlab-labeld.service"


def seen() -> dict[str, Any]:
    """What host/survey.py says of a host that nobody touched."""
    looked = as_wanted(HOST)
    digests = looked["running"][LABELD]
    services = request(HOST, REVISION, "live", "")["services"]
    on = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
    process = {"pid": "77", "started": 1000.0, "release": "live", "differs": []}
    return looked | {
        "manifest": {
            "id": "live",
            "commit": REVISION.commit,
            "files": {path: [file.sha256, *owned(file)] for path, file in HOST.files.items()},
            "services": [service | {"digest": digests[service["name"]]} for service in services],
            "enabled": HOST.enabled,
        },
        "differing": {},
        "states": {unit: dict(on) for unit in looked["units"]},
        "elsewhere": {},
        "strange_units": [],
        "strange_files": [],
        "copies": [],
        "checkout": {
            "head": REVISION.commit,
            "branch": "main",
            "changed": [],
            "ahead": [],
            "behind": 0,
            "did": "",
            "touched": {},
            "folders": [],
        },
        "processes": {service.name: dict(process) for service in HOST.services},
        "account": {
            "shell": "/bin/bash",
            "home": "/home/deploy",
            "uid": 1001,
            "group": "deploy",
            "groups": ["users"],
            "changed": 1000.0,
        },
        "sockets": [
            {
                "port": s.port,
                "local": True,
                "name": "n",
                "pid": "7",
                "unit": f"{s.unit}.service",
                "user": "deploy",
            }
            for s in HOST.services
            if s.port
        ],
        "removed": {},
    }


def test_a_host_that_nobody_touched_has_none() -> None:
    assert drift(HOST, seen(), "key") == []
    assert moved_on(HOST, seen()) == []


@pytest.mark.parametrize(
    ("there", "what", "undo"),
    [
        ({}, "has no python3: nothing else can be asked", DEPLOY),
        ({"manifest": {}, "code": None}, "no release is live", DEPLOY),
        ({"manifest": {}, "code": "tree"}, "was set up by hand, no release is live", "make plan shows"),
    ],
)
def test_a_host_that_was_never_deployed_says_so(there: dict[str, Any], what: str, undo: str) -> None:
    (found,) = drift(HOST, bare() | there, "key")
    assert (found.where, found.what) == ("one", what)
    assert found.undo.startswith(undo)


def put(*keys: str, value: Any) -> Any:
    def change(host: dict[str, Any]) -> None:
        place: Any = host
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def socket(port: int, unit: str, local: bool = True) -> dict[str, Any]:
    return {"port": port, "local": local, "name": "node", "pid": "4711", "unit": unit, "user": "deploy"}


CHANGES: list[tuple[Any, str, str, str]] = [
    (put("release", value="old"), CODE, "leads to release old; the last run left live live", DEPLOY),
    (put("release", value=""), CODE, "leads to no release of this host; the last run", DEPLOY),
    (put("links", value={}), f"{CODE}/core/job-worker/queue", "is no link to", "move what it holds to"),
    (
        put("states", LABELD, "UnitFileState", value="masked-runtime"),
        LABELD,
        "is masked",
        "sudo systemctl unm",
    ),
    (put("states", LABELD, value={}), LABELD, "has no unit file", DEPLOY),
    (
        put("states", "quantlab.target", "ActiveState", value="inactive"),
        "quantlab.target",
        "target is i",
        DEPLOY,
    ),
    (put("running", LABELD, "labeld", value="other"), LABELD, "runs what live holds, not live", DEPLOY),
    (
        put("checkout", "touched", value={"services/": 2000.0}),
        LABELD,
        "is older than its code",
        "put the code",
    ),
    (
        put("checkout", "head", value="f" * 40),
        CODE,
        "is at ffffffffffff, not the release's",
        "sudo -u deploy git",
    ),
    (put("checkout", "branch", value="HEAD"), CODE, "is on no branch", "sudo -u deploy git"),
    (
        put("checkout", "folders", value=["core"]),
        f"{CODE}/core",
        "its dependencies are gone",
        "no deploy of this",
    ),
    (put("copies", value=["/opt/x"]), "/opt/x", "the release's own copy was changed", "the next release"),
    (
        put("strange_units", value=[{"path": f"/run/systemd/system/{LABELD}", "changed": 1.0, "host": None}]),
        f"/run/systemd/system/{LABELD}",
        "another file for quantlab-labeld.service",
        f"sudo rm /run/systemd/system/{LABELD} && sudo systemctl daemon-reload",
    ),
    (put("account", value=None), "deploy", "user is missing", DEPLOY),
    (put("account", "home", value="/srv"), "user deploy", "home is /srv", "sudo usermod --home"),
    (put("account", "uid", value=0), "user deploy", "is root under another name", "sudo usermod --uid"),
    (
        put("sockets", value=[socket(8080, "nginx.service")]),
        "port 8080",
        "of console-ui is held by node",
        "sudo sys",
    ),
    (
        put("sockets", value=[socket(8080, "session-3.scope")]),
        "port 8080",
        "is held by node",
        "sudo kill 4711",
    ),
    (
        put("sockets", value=[socket(9229, LABELD)]),
        "port 9229",
        "no service has this port",
        "sudo systemctl stop",
    ),
    (
        put("sockets", value=[socket(3061, LABELD, False)]),
        "port 3061",
        "is open to other hosts",
        "put back what",
    ),
]


@pytest.mark.parametrize(("change", "where", "what", "undo"), CHANGES, ids=[c[2] for c in CHANGES])
def test_each_change_is_named(change: Any, where: str, what: str, undo: str) -> None:
    host = seen()
    change(host)
    found = [f for f in drift(HOST, host, "key") if f.where == where and what in f.what]
    assert len(found) == 1, drift(HOST, host, "key")
    assert found[0].undo.startswith(undo)


def test_a_unit_written_by_hand_may_run_from_anywhere() -> None:
    host = seen()
    for service in host["manifest"]["services"]:
        service["by_hand"] = True
    assert drift(HOST, host | {"running": {}}, "key") == []


def test_what_the_catalogue_says_since_is_no_drift() -> None:
    now = wanted(site(feed_url="sim://other"))
    assert drift(now, seen(), "key") == []
    assert moved_on(now, seen()) == ["/etc/quantlab/collector.env"]


def test_a_finding_says_whether_a_deploy_undoes_it() -> None:
    assert Finding("x", "y").json()["deploy_undoes"] is True
    assert Finding("x", "y", undo="sudo rm x").json()["deploy_undoes"] is False


@pytest.mark.parametrize("path", [*HOST.files, *HOST.programs])
def test_every_file_has_a_source_that_is_there(path: str) -> None:
    said = source(path)
    assert said.startswith("write it into ")
    names = said.removeprefix("write it into ").partition(" ")[0].rstrip(",")
    assert (ROOT / names).is_file()


def test_a_service_that_only_the_live_release_has_is_no_drift() -> None:
    host = seen()
    for told in host["manifest"]["services"]:
        if told["name"] == "labeld":
            told["port"] = 9229
    host["sockets"] = [socket(9229, LABELD)]
    assert list(drift(HOST, host, "key")) == []
