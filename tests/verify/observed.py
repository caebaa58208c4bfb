"""What a host is like: a few commands, each of a standard tool, parsed. Nothing here judges."""

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from testinfra.host import Host as Machine

from stack.catalogue import Program
from stack.desired import Desired
from tests.verify.connection import Connection
from tests.verify.journal import Line, errors, starts
from tests.verify.probes import Answer, answers

PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,Result,MainPID,NRestarts,InvocationID,After,NeedDaemonReload,DropInPaths,"
    "ActiveEnterTimestampMonotonic,InactiveExitTimestampMonotonic,InactiveEnterTimestampMonotonic,"
    "ExecMainStartTimestampMonotonic"
)
Properties = dict[str, str]


@dataclass(frozen=True)
class Path:
    kind: str
    mode: str
    owner: str
    group: str
    changed: float  # seconds since the epoch


@dataclass(frozen=True)
class Listener:
    port: int
    pid: str
    user: str
    unit: str


@dataclass(frozen=True)
class Process:
    user: str
    folder: str


class Observed:
    """One host, looked at once."""

    def __init__(self, wanted: Desired) -> None:
        self.wanted = wanted
        self.connection = Connection(wanted.host)
        self.machine = Machine(self.connection)  # testinfra's modules, for what is cheap to ask singly
        catalogue = wanted.site.catalogue
        self.shared = {f"/opt/quantlab/shared/{item.path}": item for item in catalogue.shared}
        placed = [*wanted.files, *wanted.programs]
        jobs = [path.rsplit("/", 1)[1] for path in placed if path.startswith("/etc/systemd/system/")]
        self.unit_names = sorted({*wanted.enabled, *jobs})
        self.units = self.show()
        self.unit_files = self._unit_files()
        self.packages = self._packages()
        hashed = [*wanted.files, *wanted.programs, *wanted.trusted]
        self.paths = self._paths([*hashed, *wanted.directories, *wanted.logs, *self.shared, catalogue.code])
        self.hashes = self._hashes(hashed)
        self.listeners = self._listeners()
        self.processes = self._processes()
        self.answers: dict[str, Answer] = answers(wanted, self.connection)
        self.errors: dict[str, list[Line]] = errors(self.connection, self.units)
        self.starts: dict[str, list[int]] = starts(self.connection)
        self.monotonic, self.realtime = self._clocks()

    def show(self) -> dict[str, Properties]:
        """All units of ours as systemd has them now."""
        text = self.connection.output(f"systemctl show --property={PROPERTIES}", *self.unit_names)
        blocks = [
            dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")
        ]
        return {block["Id"]: block for block in blocks}

    def _unit_files(self) -> set[str]:
        """Every unit called quantlab-anything that the host has, on disk or in memory."""
        command = "systemctl {} --plain --no-legend --full --all 'quantlab*'"
        listed = self.connection.output(command.format("list-unit-files"), good=(0, 1))
        loaded = self.connection.output(command.format("list-units"))
        return {line.split()[0] for line in (listed + loaded).splitlines() if line.strip()}

    def _packages(self) -> set[str]:
        names = self.wanted.site.catalogue.packages
        text = self.connection.output(
            "dpkg-query -W -f '${Package} ${db:Status-Status}\\n'", *names, good=(0, 1)
        )
        return {line.split()[0] for line in text.splitlines() if line.endswith(" installed")}

    def _paths(self, paths: list[str]) -> dict[str, Path]:
        text = self.connection.output("stat --format '%n|%F|%a|%U|%G|%.Z' --", *paths, good=(0, 1))
        rows = [line.split("|") for line in text.splitlines()]
        return {
            name: Path(
                "regular file" if kind == "regular empty file" else kind,
                f"{mode:0>4}",
                owner,
                group,
                float(at),
            )
            for name, kind, mode, owner, group, at in rows
        }

    def _hashes(self, paths: list[str]) -> dict[str, str]:
        text = self.connection.output("sha256sum --", *paths, good=(0, 1))
        return {name: digest for digest, name in (line.split("  ", 1) for line in text.splitlines())}

    def _listeners(self) -> list[Listener]:
        groups = self.connection.output("grep -s '^0::' /proc/[0-9]*/cgroup", good=(0, 2))
        units = {line.split("/")[2]: line.rsplit("/", 1)[1] for line in groups.splitlines()}
        found: set[Listener] = set()
        pid = user = ""
        for line in self.connection.output("lsof -nP -iTCP -sTCP:LISTEN -FpLn", good=(0, 1)).splitlines():
            match line[0], line[1:]:
                case "p", value:
                    pid = value
                case "L", value:
                    user = value
                case "n", value:
                    found.add(Listener(int(value.rsplit(":", 1)[1]), pid, user, units.get(pid, "?")))
        return sorted(found, key=lambda listener: (listener.port, listener.pid))

    def _processes(self) -> dict[str, Process]:
        """Who the services' main processes run as, and where."""
        pids = [p["MainPID"] for p in self.units.values() if p.get("MainPID", "0") != "0"]
        script = 'for p; do echo "$p|$(stat -c %U /proc/$p)|$(readlink /proc/$p/cwd)"; done'
        text = self.connection.output("sh -c", script, "sh", *pids)
        return {pid: Process(user, folder) for pid, user, folder in (r.split("|") for r in text.splitlines())}

    def _clocks(self) -> tuple[float, float]:
        program = "import time; print(time.monotonic(), time.time())"
        monotonic, realtime = self.connection.output("python3 -c", program).split()
        return float(monotonic), float(realtime)

    def allowed(self, user: str, right: str, paths: list[str]) -> set[str]:
        """The paths that `user` may read (r) or write (w), as the kernel answers."""
        script = f'for p; do if test -{right} "$p"; then echo "$p"; fi; done'
        return set(self.connection.output(f"sudo -u {user} sh -c", script, "sh", *paths).splitlines())

    @cached_property
    def writable(self) -> dict[str, set[str]]:
        """Who of deploy and nobody may write to which of the data paths."""
        users = (self.wanted.site.catalogue.user, "nobody")
        return {user: self.allowed(user, "w", self.data) for user in users}

    @property
    def data(self) -> list[str]:
        """What the services write: data folders, shared paths, logs."""
        program_writes = [path for program in self.wanted.services for path in program.writes]
        catalogue = self.wanted.site.catalogue
        return list(dict.fromkeys([*catalogue.data, *program_writes, *self.shared, *self.wanted.logs]))

    @cached_property
    def release(self) -> dict[str, str]:
        """Where the code link leads, and what is recorded about that release."""
        leads = self.connection.output("readlink --", self.wanted.site.catalogue.code, good=(0, 1)).strip()
        home = leads.rsplit("/", 1)[0] if leads else "/nonexistent"
        state, manifest = (
            json.loads(self.connection.output("cat --", f"{home}/{name}.json", good=(0, 1)) or "{}")
            for name in ("state", "manifest")
        )
        commit = str(manifest.get("commit", "not recorded"))
        return {"leads": leads, "state": str(state.get("state", "not recorded")), "commit": commit}

    def git(self, *arguments: str) -> str:
        """What git says in the live code, to the user whose it is."""
        catalogue = self.wanted.site.catalogue
        return self.connection.output(f"sudo -u {catalogue.user} git -C {catalogue.code}", *arguments).strip()

    def missing(self, program: Program) -> list[str]:
        """The dependencies of a tree that its lock file names and that are not there."""
        folder = f"{self.wanted.site.catalogue.code}/{program.build}"
        if program.runtime == "python":
            done = self.connection.run(f"{folder}/.venv/bin/python3 -m pip check")
            return [] if done.rc == 0 else [done.stdout.strip() or f"{folder}/.venv"]
        listing = (
            ".packages | to_entries[]"
            ' | select(.key != "" and (.value | .dev or .optional or .devOptional | not)) | .key'
        )
        script = (
            'cd "$1" && jq -r "$2" package-lock.json | while read -r p; do test -e "$p" || echo "$p"; done'
        )
        return self.connection.output("sh -c", script, "sh", folder, listing).splitlines()

    @cached_property
    def links(self) -> dict[str, str]:
        """Where the shared paths inside the live code lead."""
        code = self.wanted.site.catalogue.code
        found: dict[str, str] = defaultdict(str)
        paths = [f"{code}/{item.path}" for item in self.shared.values()]
        script = 'for p; do echo "$p|$(readlink "$p")"; done'
        for line in self.connection.output("sh -c", script, "sh", *paths).splitlines():
            path, found[path] = line.split("|")
        return found
