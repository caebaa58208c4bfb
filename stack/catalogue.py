"""The catalogue's schema: what a service is.

Unknown keys are refused everywhere: a misspelt key must never be a silently missing one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from stack.coherence import incoherences
from stack.errors import Refused
from stack.flow import Proof
from stack.reading import Model, StrictLoader, problems


def _downward(path: str) -> str:
    if ".." in path.split("/"):
        raise ValueError("must not lead upwards")
    if path.endswith("/"):
        raise ValueError("must not end with a slash")
    return path


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
UnitName = Annotated[str, Field(pattern=r"^quantlab-[a-z0-9-]+$")]
Package = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]  # a name alone: no version, no option
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
TreePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9._][A-Za-z0-9._/-]*$"), AfterValidator(_downward)]
HostPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$"), AfterValidator(_downward)]
# What stands in a unit's line as it is: a line break would begin another setting.
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Http(Model):
    """A GET on the service's own port; `auth` names the variable whose value is the bearer token."""

    # It is an argument in the unit, where systemd would read more into quotes, %, $ and backslashes.
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/?&=:,+-]*$")]
    status: Annotated[int, Field(ge=100, le=599)] = 200
    auth: Variable | None = None


class Health(Model):
    """Exactly one probe: http, tcp (the port accepts), or stable (seconds up without a restart)."""

    http: Http | None = None
    tcp: Literal[True] | None = None
    stable: Annotated[float, Field(gt=0, le=60)] | None = None

    @model_validator(mode="after")
    def one_probe(self) -> Health:
        if sum(probe is not None for probe in (self.http, self.tcp, self.stable)) != 1:
            raise ValueError("give exactly one of http, tcp, stable")
        return self


class Shared(Model):
    """A path of the code tree that outlives releases: kept outside, linked into each release."""

    path: TreePath
    kind: Literal["directory", "file"]
    write: bool = True  # false: this program only reads it


class Limits(Model):
    """What a program, with all that it starts, may take of its host."""

    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*[MG]$")] = "512M"
    cpu: Annotated[str, Field(pattern=r"^[1-9][0-9]*%$")] = "100%"  # of one processor
    tasks: Annotated[int, Field(ge=1, le=65536)] = 64
    files: Annotated[int, Field(ge=64, le=1048576)] = 4096
    # Out of memory: stop the unit (it starts again), or go on with what was not killed.
    oom: Literal["stop", "continue"] = "stop"

    @property
    def high(self) -> int:
        """Megabytes from which on it is slowed down and made to give memory back."""
        return int(self.memory[:-1]) * (1024 if self.memory.endswith("G") else 1) * 9 // 10


class Program(Model):
    """What services and timers have in common."""

    name: Name
    unit: UnitName
    role: Name
    directory: TreePath
    runtime: Literal["node", "python"]
    start: Line
    build: TreePath
    env_file: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.env$")]
    paths: Annotated[tuple[TreePath, ...], Field(min_length=1)]
    shared: tuple[Shared, ...] = ()
    writes: tuple[HostPath, ...] = ()
    outside: bool = False  # talks to more than services: S3, a feed
    scripts: bool = False  # its build may run the install scripts of packages
    limits: Limits = Limits()


class Service(Program):
    """A long-running program. `start_timeout`: seconds that it may take to become healthy."""

    health: Health
    port: Port | None = None
    needs: tuple[Name, ...] = ()
    start_timeout: Annotated[int, Field(ge=1, le=600)] = 45

    @model_validator(mode="after")
    def probe_has_port(self) -> Service:
        if self.port is None and self.health.stable is None:
            raise ValueError("health asks a port, so `port` must be given")
        return self


class Timer(Program):
    """A program run on a schedule (systemd's OnCalendar syntax), its output kept in `log`."""

    schedule: Line
    log: HostPath


class Dotenv(Model):
    path: TreePath
    template: str


class Catalogue(Model):
    """All of QuantLab. The order of `services` is the documented start order."""

    version: Literal[1]
    user: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    code: HostPath
    data: tuple[HostPath, ...] = ()
    packages: Annotated[tuple[Package, ...], Field(min_length=1)]
    secrets: tuple[Variable, ...] = ()
    dotenv: Dotenv
    services: Annotated[tuple[Service, ...], Field(min_length=1)]
    timers: tuple[Timer, ...] = ()
    flow: tuple[Proof, ...] = ()  # what verification proves of all services together

    @property
    def programs(self) -> tuple[Program, ...]:
        return (*self.services, *self.timers)

    @property
    def roles(self) -> list[str]:
        """Role names, in the order in which the services first use them."""
        return list(dict.fromkeys(program.role for program in self.programs))

    @property
    def shared(self) -> list[Shared]:
        """Every shared path once."""
        return list({item.path: item for p in self.programs for item in p.shared}.values())


def load(path: Path) -> Catalogue:
    """Read and check a catalogue. Raises Refused with every problem at once, each naming the file."""
    try:
        raw = yaml.load(path.read_text(), StrictLoader)  # noqa: S506 (a SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Refused(f"{path}: cannot be read as YAML: {error}") from error
    try:
        catalogue = Catalogue.model_validate(raw)
    except ValidationError as error:
        raise Refused(*(f"{path}: {line}" for line in problems(raw, error))) from error
    if found := incoherences(catalogue):
        raise Refused(*(f"{path}: {line}" for line in found))
    return catalogue
