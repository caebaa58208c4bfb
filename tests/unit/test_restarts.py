"""A plan foretells which services start: by the digest that the host itself makes, and with the reason."""

from dataclasses import replace
from typing import Any

import dependencies as installed
import prepare

from stack.desired import unit_files
from stack.requests import request
from stack.restarts import Code, dependencies, restarts, service_digest
from tests.unit.examples import REVISION, as_wanted, site, wanted

HOST = wanted(site())
NAMES = [service.name for service in HOST.services]
TREES = {s.name: "".join(f"040000 tree of-{p}\t{p}\n" for p in s.paths) for s in HOST.services}
BUILT = {service.build: f"key of {service.build}" for service in HOST.services}
CODE = Code(before=TREES, after=TREES, built=BUILT)


def live() -> dict[str, Any]:
    """A host that runs exactly what `HOST` and `CODE` say."""
    digests = {service.name: service_digest(HOST, service, CODE) for service in HOST.services}
    return as_wanted(HOST) | {
        "manifest": {
            "files": {path: [file.sha256] for path, file in HOST.files.items()},
            "services": [{"name": name} for name in NAMES],
            "built": BUILT,
        },
        "differing": {},
        "running": {f"{service.unit}.service": digests for service in HOST.services},
    }


def foretold(seen: dict[str, Any], code: Code = CODE, host: Any = HOST) -> dict[str, list[str]]:
    return restarts(host, seen, {s.name: service_digest(host, s, code) for s in host.services}, code)


def test_the_digest_is_the_hosts_own() -> None:
    told = request(HOST, REVISION, "new", "digest")
    for program, service in zip(told["services"], HOST.services, strict=True):
        theirs = prepare.service_digest(told, TREES[service.name], program, BUILT)
        assert service_digest(HOST, service, CODE) == theirs
    for scripts in (False, True):
        foretold = dependencies("core", "v18", "{}", scripts)
        assert foretold == installed.key("core", "v18", b"{}", scripts)


def test_nothing_changed_starts_nothing() -> None:
    assert foretold(live()) == {}


def test_code_that_one_service_reads_starts_that_one() -> None:
    after = TREES | {"featurexd": TREES["featurexd"].replace("of-services/featurexd", "other")}
    assert foretold(live(), replace(CODE, after=after)) == {"featurexd": ["code: services/featurexd"]}


def test_dependencies_start_all_that_are_built_with_them() -> None:
    found = foretold(live(), replace(CODE, built=BUILT | {"core": "other"}))
    assert list(found) == [service.name for service in HOST.services if service.build == "core"]
    assert found["replayd"] == ["dependencies of core"]


def test_a_setting_starts_the_services_whose_env_file_has_it() -> None:
    host = wanted(site(feed_url="sim://market?seed=2&rate=20"))
    assert foretold(live(), host=host) == {"collector": ["env"]}


def test_what_is_down_starts() -> None:
    seen = live()
    seen["units"]["quantlab-labeld.service"] = {"ActiveState": "failed"}
    assert foretold(seen) == {"labeld": ["it is down"]}


def test_what_was_edited_by_hand_starts() -> None:
    seen = live()
    (service,) = (s for s in HOST.services if s.name == "labeld")
    path = unit_files(service, HOST.files)[0]
    seen["differing"][path] = {"now": ["edited"]}
    assert foretold(seen) == {"labeld": [f"{path} was changed by hand"]}


def test_what_runs_from_something_else_starts() -> None:
    seen = live()
    seen["running"]["quantlab-labeld.service"] = {"labeld": "other"}
    assert foretold(seen) == {"labeld": ["it runs from another release"]}


def test_a_service_that_is_new_on_the_host_says_so() -> None:
    seen = live()
    seen["manifest"]["services"] = [{"name": name} for name in NAMES if name != "labeld"]
    seen["running"]["quantlab-labeld.service"] = {}
    assert foretold(seen) == {"labeld": ["it is new on this host"]}


def test_a_bare_host_starts_all_in_the_documented_order() -> None:
    found = restarts(HOST, {"os": "debian 12"}, dict.fromkeys(NAMES, ""), None)
    assert list(found) == NAMES
    assert set(map(tuple, found.values())) == {("nothing is live yet",)}
