"""The catalogue: the real one keeps the contract, and a wrong one is refused with every reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import catalogue as catalogues
from stack.errors import Refused
from tests.unit.examples import CATALOGUE, catalogue

# The contract with the operators: start order, unit, port, health, env file.
CONTRACT = [
    ("replayd", "quantlab-replayd", 3030, "/health", "replayd.env"),
    ("collector", "quantlab-collector", 9100, "/health", "collector.env"),
    ("featurexd", "quantlab-featurexd", 3051, "/health", "featurexd.env"),
    ("labeld", "quantlab-labeld", 3061, "/health", "labeld.env"),
    ("strategyd", "quantlab-strategyd", 3031, "/health", "strategyd.env"),
    ("backtestd", "quantlab-backtestd", 3041, "/health", "backtestd.env"),
    ("job-worker", "quantlab-worker", None, "stable", "worker.env"),
    ("observer", "quantlab-run-observer", None, "stable", "observer.env"),
    ("observer-api", "quantlab-observer", 3000, "/ping", "observer-api.env"),
    ("console-ui", "quantlab-console-ui", 8080, "/", "console.env"),
]
PLACES = {
    "replayd": ("core/replay", "node"),
    "collector": ("collector", "python3 collector.py"),
    "featurexd": ("services/featurexd", "npm start"),
    "labeld": ("services/labeld", "npm start"),
    "strategyd": ("services/strategyd", "npm start"),
    "backtestd": ("services/backtestd", "npm start"),
    "job-worker": ("core/job-worker", "node"),
    "observer": ("core/observer", "node"),
    "observer-api": ("core/observer-api", "node"),
    "console-ui": ("core/console-ui", "node"),
}


def test_the_ten_services_are_those_of_the_contract_in_its_order() -> None:
    assert [
        (s.name, s.unit, s.port, s.health.http.path if s.health.http else "stable", s.env_file)
        for s in catalogue().services
    ] == CONTRACT


def test_they_run_from_the_documented_places() -> None:
    for service in catalogue().services:
        directory, start = PLACES[service.name]
        assert service.directory == directory
        assert service.start.startswith(start)


def test_needs_tokens_user_and_timer_are_those_of_the_contract() -> None:
    known = catalogue()
    needs = {s.name: s.needs for s in known.services if s.name != "console-ui" and s.needs}
    assert needs == {
        "featurexd": ("replayd",),
        "labeld": ("featurexd",),
        "strategyd": ("replayd",),
        "backtestd": ("strategyd",),
    }
    tokens = {s.name: s.health.http.auth for s in known.services if s.health.http and s.health.http.auth}
    assert tokens == {"strategyd": "STRATEGYD_TOKEN"}
    assert (known.user, known.code) == ("deploy", "/home/deploy/quantlab-backend")
    assert known.dotenv.path == "core/.env"
    assert [timer.unit for timer in known.timers] == ["quantlab-ml"]


Change = Callable[[dict[str, dict[str, Any]], dict[str, Any]], object]


def reasons(folder: Path, change: Change) -> tuple[str, ...]:
    """Why the catalogue is refused after `change`, which gets its services by name and the whole."""
    raw = yaml.safe_load(CATALOGUE.read_text())
    change({service["name"]: service for service in raw["services"]}, raw)
    file = folder / "catalogue.yaml"
    file.write_text(yaml.safe_dump(raw, sort_keys=False))
    with pytest.raises(Refused) as caught:
        catalogues.load(file)
    prefix = f"{file}: "
    assert all(reason.startswith(prefix) for reason in caught.value.reasons)
    return tuple(reason.removeprefix(prefix) for reason in caught.value.reasons)


GONE = object()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"prot": 1}, "prot: unknown key"),
        ({"port": "web"}, "port: Input should be a valid integer"),
        ({"port": 65536}, "port: "),
        ({"unit": GONE}, "unit: Field required"),
        ({"runtime": "ruby"}, "runtime: "),
        ({"unit": "labeld"}, "unit: "),
        ({"paths": []}, "paths: "),
        ({"health": {}}, "health: give exactly one of"),
        ({"health": {"tcp": True, "stable": 1}}, "health: give exactly one of"),
        ({"health": {"http": {"path": "/", "code": 1}}}, "health: http: code: unknown key"),
        ({"health": {"http": {"path": "/", "auth": "NO_TOKEN"}}}, "health: NO_TOKEN is not under `secrets`"),
        ({"port": GONE}, "health asks a port"),
        ({"directory": "../labeld"}, "directory: must not lead upwards"),
        ({"paths": ["a/../../b"]}, "paths: 0: must not lead upwards"),
        ({"writes": ["/opt/../etc"]}, "writes: 0: must not lead upwards"),
        ({"directory": "/etc"}, "directory: "),
        ({"unit": "quantlab-replayd"}, "unit: quantlab-replayd is replayd's"),
        ({"port": 3030}, "port: 3030 is replayd's"),
        ({"env_file": "replayd.env"}, "env_file: replayd.env is replayd's"),
        ({"directory": "services/labeld/"}, "directory: must not end with a slash"),
        ({"start": "node a.js\nUser=root"}, "start: "),
        ({"health": {"http": {"path": "/%h"}}}, "health: http: path: "),
        ({"health": {"http": {"path": "/'"}}}, "health: http: path: "),
        ({"health": {"http": {"path": "/", "status": 9999}}}, "health: http: status: "),
        ({"build": "collector"}, "build: collector is python for collector"),
        ({"shared": [{"path": "services/labeld", "kind": "directory"}]}, "shared: services/labeld lies in"),
        ({"shared": [{"path": "core/.env", "kind": "file"}]}, "shared: core/.env lies in core/.env"),
        ({"limits": {"memory": "lots"}}, "limits: memory: "),
        ({"limits": {"memory": "0M"}}, "limits: memory: "),
        ({"limits": {"cpu": "half"}}, "limits: cpu: "),
        ({"limits": {"tasks": 0}}, "limits: tasks: "),
        ({"limits": {"swap": "1G"}}, "limits: swap: unknown key"),
        ({"needs": ["nobody"]}, "needs: no service is named nobody"),
        ({"needs": ["console-ui"]}, "needs: console-ui starts later in the list"),
    ],
)
def test_each_mistake_in_a_service_is_refused_by_key(
    tmp_path: Path, keys: dict[str, Any], reason: str
) -> None:
    def change(services: dict[str, dict[str, Any]], _: dict[str, Any]) -> None:
        for key, value in keys.items():
            services["labeld"][key] = value
            if value is GONE:
                del services["labeld"][key]

    assert any(found.startswith(f"service labeld: {reason}") for found in reasons(tmp_path, change))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s, _: s["labeld"].update(name="Labeld"), "service Labeld: name: "),
        (lambda s, _: s["labeld"].update(name="featurexd"), "service featurexd: name: featurexd is"),
        (lambda _, raw: raw.update(servics=[]), "servics: unknown key"),
        (lambda _, raw: raw.update(version=2), "version: "),
        (lambda _, raw: raw["packages"].append("jq; reboot"), "packages: 11: "),
        (lambda _, raw: raw["packages"].append("-o=x"), "packages: 11: "),
        (lambda _, raw: raw["timers"][0].update(schedule="daily\nX=1"), "timer ml-scheduler: schedule: "),
        (
            lambda s, _: s["strategyd"].update(shared=[{"path": "services/strategyd/runs", "kind": "file"}]),
            "service strategyd: shared: services/strategyd/runs is both file and directory",
        ),
        (lambda _, raw: raw.pop("user"), "user: Field required"),
        (lambda _, raw: raw["timers"][0].update(every="day"), "timer ml-scheduler: every: unknown key"),
    ],
)
def test_each_mistake_elsewhere_is_refused_by_place(tmp_path: Path, change: Change, reason: str) -> None:
    assert any(found.startswith(reason) for found in reasons(tmp_path, change))


def test_a_shared_path_in_another_is_refused(tmp_path: Path) -> None:
    inner = {"path": "services/strategyd/runs/x", "kind": "file"}
    found = reasons(tmp_path, lambda s, _: s["labeld"].update(shared=[inner]))
    runs = "services/strategyd/runs"
    assert f"service strategyd: shared: {runs}/x lies in {runs}" in found


def test_cyclic_needs_are_shown_as_a_circle(tmp_path: Path) -> None:
    found = reasons(tmp_path, lambda s, _: s["replayd"].update(needs=["labeld"]))
    (cycle,) = (line for line in found if "cycle" in line)
    assert {"replayd", "featurexd", "labeld"} <= set(cycle.replace("->", " ").split())


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    def change(services: dict[str, dict[str, Any]], raw: dict[str, Any]) -> None:
        services["replayd"]["prot"] = 1
        del services["observer"]["role"]
        raw["code"] = "relative"

    found = reasons(tmp_path, change)
    places = [line.rsplit(": ", 1)[0] for line in found]
    assert places == ["code", "service replayd: prot", "service observer: role"]


def test_incoherences_are_told_at_once(tmp_path: Path) -> None:
    def change(services: dict[str, dict[str, Any]], _: dict[str, Any]) -> None:
        services["labeld"]["port"] = 3030
        services["observer"]["needs"] = ["nobody"]

    assert len(reasons(tmp_path, change)) == 2


@pytest.mark.parametrize("text", ["services: [", "a: b: c", "\tx: 1", "? [a]\n: 1"])
def test_what_is_not_yaml_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(text)
    with pytest.raises(Refused, match="cannot be read as YAML"):
        catalogues.load(file)


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(CATALOGUE.read_text().replace("port: 3061", "port: 3061\n    port: 3062"))
    with pytest.raises(Refused, match=r"(?s)catalogue\.yaml: .*given twice: port.*line "):
        catalogues.load(file)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_bytes("user: é".encode("latin-1"))
    with pytest.raises(Refused, match="cannot be read as YAML"):
        catalogues.load(file)


@pytest.mark.parametrize("text", ["", "[]", "word", "1"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(text)
    with pytest.raises(Refused, match=r"catalogue\.yaml: file: "):
        catalogues.load(file)
