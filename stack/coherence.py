"""What makes a list of services coherent."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.catalogue import Catalogue, Program


def incoherences(catalogue: Catalogue) -> list[str]:
    """What no single entry can show: doubles, unknown or cyclic needs, needs that start later."""
    found: list[str] = []
    for key in ("name", "unit", "env_file", "port"):
        owners: dict[object, str] = {}
        for program in catalogue.programs:
            value = getattr(program, key, None)
            if value is not None and value in owners:
                found.append(f"service {program.name}: {key}: {value} is {owners[value]}'s already")
            owners.setdefault(value, program.name)
    names = [service.name for service in catalogue.services]
    for position, service in enumerate(catalogue.services):
        for need in service.needs:
            if need not in names:
                found.append(f"service {service.name}: needs: no service is named {need}")
            elif names.index(need) > position:
                found.append(f"service {service.name}: needs: {need} starts later in the list")
        auth = service.health.http.auth if service.health.http else None
        if auth and auth not in catalogue.secrets:
            found.append(f"service {service.name}: health: {auth} is not under `secrets`")
    runtimes: dict[str, Program] = {}
    for program in catalogue.programs:
        other = runtimes.setdefault(program.build, program)
        if other.runtime != program.runtime:
            found.append(
                f"service {program.name}: build: {program.build} is {other.runtime} for {other.name}"
            )
        found += [f"service {program.name}: shared: {reason}" for reason in overlaps(catalogue, program)]
    served = {service.name for service in catalogue.services if service.port is not None}
    for proof in catalogue.flow:
        found += [f"flow {proof.name}: {gap}" for gap in proof.gaps(served, catalogue.secrets)]
    try:
        TopologicalSorter({s.name: s.needs for s in catalogue.services}).prepare()
    except CycleError as error:
        found.append("services: needs: a cycle: " + " -> ".join(error.args[1]))
    return found


def overlaps(catalogue: Catalogue, program: Program) -> list[str]:
    """Why a shared path of `program` cannot be a link: it is two things, or something else lies in it."""
    needed = {path for p in catalogue.programs for path in (p.directory, p.build)} | {catalogue.dotenv.path}
    found = []
    kinds = {item.path: item.kind for item in catalogue.shared}
    for item in program.shared:
        if item.kind != kinds[item.path]:
            found.append(f"{item.path} is both file and directory")
        inside = needed | kinds.keys() - {item.path}
        found += [f"{path} lies in {item.path}" for path in sorted(inside) if within(path, item.path)]
    return found


def within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")
