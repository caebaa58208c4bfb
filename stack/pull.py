"""What a host is given so that it deploys by itself: this project, its environment, its timer."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

from stack.errors import Refused
from stack.site import ROOT, Host, Site
from stack.templates import TEMPLATES

HOME = "/opt/quantlab/pull"
IDENTITY = "/etc/ssh/ssh_host_ed25519_key"  # opens the host's own copy of the secrets
EVERY = "15min"
UNITS = ("quantlab-pull.service", "quantlab-pull.timer")
# The part of this project that a deploy consists of; the environment's files are written for the host.
PROJECT = (
    "deploy.py",
    "tick.py",
    "requirements.txt",
    "group_data/catalogue.yaml",
    "facts/*.py",
    "host/**/*.py",
    "operations/*.py",
    "stack/*.py",
    "templates/**/*.j2",
)
NEEDED = ("jinja2", "pydantic", "pyinfra", "pyrage", "pyyaml")  # by that part


def schedule(every: str) -> tuple[str, int]:
    """EVERY=15min as systemd's calendar has it, and in seconds. Raises Refused for what it cannot be."""
    found = re.fullmatch(r"([1-9][0-9]?)(min|h|d)", every)
    number, unit = (int(found[1]), found[2]) if found else (0, "")
    if unit == "min" and number < 60 and 60 % number == 0:
        return f"*:0/{number}", number * 60
    if unit == "h" and number < 24 and 24 % number == 0:
        return f"0/{number}:00", number * 3600
    if (number, unit) == (1, "d"):
        return "daily", 86400
    raise Refused(
        f"EVERY={every}: give minutes that divide an hour (15min), hours that divide a day (2h), or 1d"
    )


def project(site: Site, host: Host) -> dict[str, str]:
    """Every file of the project as `host` gets it, by its path in there."""
    paths = [path for pattern in PROJECT for path in sorted(ROOT.glob(pattern))]
    files = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    files["requirements.txt"] = requirements(files["requirements.txt"])
    return files | environment(site) | {"self.json": json.dumps({"env": site.environment, "host": host.name})}


def environment(site: Site) -> dict[str, str]:
    """The environment as it is now on this controller, in files that need nothing of the controller."""
    files: dict[str, str] = {}
    settings = site.settings.model_dump(exclude_unset=True, exclude={"secrets", "identity"})
    settings = enclosed(settings, files) | {"secrets": f"{HOME}/project/secrets.age", "identity": IDENTITY}
    placed = {
        role: [(h.name, without_passwords(h.data)) for h in site.hosts.values() if role in h.roles]
        for role in site.catalogue.roles
    }
    return files | {
        f"group_data/{site.environment}.py": assignments(settings),
        f"inventory/{site.environment}.py": assignments(placed),
    }


def enclosed(value: Any, files: dict[str, str]) -> Any:
    """A setting, with the files that it names taken along and named where the host will have them."""
    if isinstance(value, dict):
        return {key: enclosed(one, files) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(enclosed(one, files) for one in value)
    if isinstance(value, Path):
        place = f"files/{len(files)}/{value.name}"
        files[place] = value.expanduser().read_text()
        return f"{HOME}/project/{place}"
    return value


def without_passwords(data: dict[str, Any]) -> dict[str, Any]:
    """What one host may know of another."""
    return {key: value for key, value in data.items() if "password" not in key}


def assignments(values: dict[str, Any]) -> str:
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())


def requirements(lock: str) -> str:
    """The entries of the lock that a deploy needs, with all that those need in turn."""
    entries = {normal(entry.split("==")[0]): entry for entry in re.findall(r"(?m)^\w.*(?:\n\s.*)*\n?", lock)}
    wanted, found = list(NEEDED), dict[str, str]()
    while wanted:
        name = normal(wanted.pop())
        if name in entries and name not in found:
            found[name] = entries[name]
            wanted += needs(name)
    return "".join(found[name] for name in sorted(found))


def needs(name: str) -> list[str]:
    """The packages that one needs, optional ones aside."""
    try:
        lines = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:  # locked for another system
        return []
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def units(every: str) -> dict[str, str]:
    """The texts of the unit that pulls and of its timer."""
    calendar, seconds = schedule(every)
    return {
        name: TEMPLATES.get_template(f"pull/{name}.j2").render(home=HOME, schedule=calendar, seconds=seconds)
        for name in UNITS
    }
