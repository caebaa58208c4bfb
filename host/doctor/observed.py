"""What the probes look at: the release that should run, its programs, and how they are now."""

import functools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import look
import status
import store
from common import RELEASES, SHARED

ENV = Path("/etc/quantlab")
PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,Result,MainPID,NRestarts,Job,DropInPaths,"
    "ActiveEnterTimestampMonotonic,StateChangeTimestamp,ExecMainStartTimestamp"
)
POLL, PATIENCE = 0.5, 2.0
YOUNG, GRACE = 20.0, 15.0  # who depends on something that has just started gets more time


@dataclass(frozen=True, eq=False)
class Program:
    """A service or a timer's job, as the catalogue of the live release has it."""

    told: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.told["name"])

    @property
    def unit(self) -> str:
        return f"{self.told['unit']}.service"

    @property
    def env_file(self) -> Path:
        return ENV / str(self.told["env_file"])

    def credentials(self, env: dict[str, str]) -> dict[str, str]:
        """The files of the secrets that its env file cannot carry, by variable."""
        names = [
            n.removesuffix("_FILE") for n, v in env.items() if v.startswith(f"/run/credentials/{self.unit}/")
        ]
        return {name: f"{ENV}/credentials/{self.told['unit']}.{name}" for name in names}

    @property
    def writes(self) -> list[str]:
        """Folders and logs that it has to write to."""
        return [f"{SHARED}/{item['path']}" for item in self.told["shared"]] + list(self.told["writes"])


def variables(text: str) -> dict[str, str]:
    """The variables of an env file as systemd reads them, quotes taken off."""
    found = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"([A-Za-z_]\w*)=(.*?)\s*", line):
            value = match[2]
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[match[1]] = value[1:-1] if quoted else value
    return found


def read(path: Path) -> dict[str, str]:
    """The variables of a file, none of one that cannot be read: another cause tells that."""
    try:
        return variables(path.read_text())
    except (OSError, UnicodeDecodeError):
        return {}


def kept(places: dict[str, Path]) -> dict[str, str]:
    return {name: path.read_text() for name, path in places.items() if path.is_file()}


class Observed:
    """One host. What costs time is asked once, and only if some probe wants to know."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.live = store.live(request["code"])
        # Without the live one, the newest good release says what should be here.
        good = [name for name in store.names() if store.is_good(name)]
        self.release = self.live if store.manifest(self.live) else next(reversed(good), None)
        self.manifest = store.manifest(self.release)
        catalogue = self.manifest.get("catalogue", {"services": [], "timers": []})
        placed = [service["name"] for service in self.manifest.get("services", [])]
        enabled = self.manifest.get("enabled", [])
        self.catalogue = {one["name"]: one for one in catalogue["services"]}
        self.flow = catalogue.get("flow", [])
        self.services = [Program(one) for name, one in self.catalogue.items() if name in placed]
        self.jobs = [Program(one) for one in catalogue["timers"] if f"{one['unit']}.timer" in enabled]

    @property
    def code(self) -> Path:
        """The tree of the release, wherever the link leads."""
        return RELEASES / str(self.release) / "code"

    def here(self, name: str) -> Program | None:
        return next((one for one in self.services if one.name == name), None)

    def env(self, program: Program) -> dict[str, str]:
        """Its variables; those that systemd hands it as credentials among them."""
        found = read(program.env_file)
        return found | kept({name: Path(path) for name, path in program.credentials(found).items()})

    def wanted(self, program: Program) -> dict[str, str]:
        """What the release put into its env file, and into its credentials."""
        found = read(store.staged(str(self.release), str(program.env_file)))
        places = program.credentials(found).items()
        return found | kept({name: store.staged(str(self.release), path) for name, path in places})

    def edited(self, program: Program, *names: str) -> list[str]:
        """Those of its variables that are not as the release has them: somebody changed them by hand."""
        now, then = self.env(program), self.wanted(program)
        return [name for name in names or now.keys() | then.keys() if now.get(name) != then.get(name)]

    @functools.cached_property
    def units(self) -> dict[str, dict[str, str]]:
        named = [program.unit for program in [*self.services, *self.jobs]]
        return look.units([*named, *self.manifest.get("enabled", []), *self.request["guards"]], PROPERTIES)

    @functools.cached_property
    def ill(self) -> dict[str, str]:
        """Each service that is not healthy and stays so, and what it says. One that has just started, or
        that needs one that has, may first have to find its way."""
        began = time.monotonic()
        while True:
            self.units = look.units([*self.units], PROPERTIES)
            with ThreadPoolExecutor(16) as pool:
                said = dict(zip(self.services, pool.map(self._complaint, self.services), strict=True))
            found = {program: text for program, text in said.items() if text}
            patience = GRACE if any(self._settling(program) for program in found) else PATIENCE
            if not found or time.monotonic() - began > patience:
                return {program.name: text for program, text in found.items()}
            time.sleep(POLL)

    def _complaint(self, program: Program) -> str | None:
        unit = self.units[program.unit]
        if unit["ActiveState"] == "active":
            return status.unhealthy(program.told)
        return f"{unit['ActiveState']} ({unit['SubState']}), result {unit['Result']}"

    def _settling(self, program: Program) -> bool:
        unit = self.units[program.unit]
        if unit["ActiveState"] == "activating":
            return unit["SubState"] != "auto-restart" and unit["NRestarts"] == "0"
        return unit["ActiveState"] == "active" and self.age(program) < YOUNG

    def age(self, program: Program) -> float:
        """Seconds since it, or something that it needs here, has started."""
        entered = int(self.units[program.unit].get("ActiveEnterTimestampMonotonic") or 0) / 1e6
        needs = [one for one in self.services if one.name in program.told.get("needs", [])]
        return min([time.monotonic() - entered, *map(self.age, needs)])

    def journal(self, unit: str, lines: int = 6) -> str:
        return look.output("journalctl", "-u", unit, "-n", str(lines), "-o", "cat", "--no-pager").strip()
