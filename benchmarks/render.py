"""Renders one host for the peers, so that they write what we write.

`python -m benchmarks.render FOLDER BRANCH CLONE`. Files may hold secrets: the folder is its owner's alone.
"""

import json
import sys
from pathlib import Path, PurePath
from typing import Any

from stack.desired import PROGRAMS, Desired, download_env, load
from stack.render import File

# What the peers need of our programs: units ask it whether their service is healthy.
PROBE = f"{PROGRAMS}/probe.py"
RELEASES = "/opt/quantlab/releases"  # empty for them, but the units' sandbox shows it to the services


def entry(path: str, file: File) -> dict[str, str]:
    return {"path": path, "mode": f"{file.mode:04o}", "owner": file.owner, "group": file.group}


def build(code: str, path: str, runtime: str) -> str:
    """A command that installs a tree's dependencies, unless they are those of its lock file already."""
    lock, install = {
        "node": ("package-lock.json", "npm ci --omit=dev --ignore-scripts --no-audit --no-fund"),
        "python": (
            "requirements.txt",
            "python3 -m venv .venv"
            " && .venv/bin/python3 -m pip install -q --require-hashes -r requirements.txt",
        ),
    }[runtime]
    stamp = f"{code}/.git/{path.replace('/', '_')}.sum"
    check = f"sha256sum --check --status {stamp} 2>/dev/null"
    return f"cd {code}/{path} && {{ {check} || {{ {install} && sha256sum {lock} >{stamp}; }}; }}"


def described(desired: Desired, folder: Path) -> dict[str, Any]:
    """What the peers' decks iterate over. Files of services stand with their service, others alone."""
    catalogue = desired.site.catalogue
    files = desired.files | {PROBE: desired.programs[PROBE]}

    def staged(path: str) -> dict[str, str]:
        return entry(path, files[path]) | {"src": str(folder / path.replace("/", "_"))}

    of_services = {f"/etc/quantlab/{s.env_file}" for s in desired.services}
    of_services |= {f"/etc/systemd/system/{s.unit}.service" for s in desired.services}
    programs = [*desired.services, *desired.site.timers_on(desired.host)]
    shared = sorted({str(PurePath(path).parent) for path in desired.logs if path.startswith("/opt/")})
    code_file = f"{catalogue.code}/{catalogue.dotenv.path}"
    return {
        "packages": catalogue.packages,
        "user": catalogue.user,
        "directories": [entry(path, file) for path, file in desired.directories.items()]
        + [entry(path, File("", 0o755)) for path in (PROGRAMS, RELEASES, *shared)],
        "logs": [entry(path, file) for path, file in desired.logs.items()],
        "links": [{"path": f"{catalogue.code}/{path}", "to": to} for path, to in desired.links.items()],
        "repository": desired.site.settings.repository,
        "code": catalogue.code,
        "downloads": download_env(desired.site.settings.network),
        "builds": [build(catalogue.code, p, r) for p, r in sorted({(p.build, p.runtime) for p in programs})],
        "files": [staged(path) for path in sorted(files) if path not in {*of_services, code_file}],
        "code_files": [staged(code_file)],
        "services": [
            {
                "name": s.name,
                "unit": f"{s.unit}.service",
                "paths": list(s.paths),
                "env": staged(f"/etc/quantlab/{s.env_file}"),
                "unit_file": staged(f"/etc/systemd/system/{s.unit}.service"),
                "port": s.port,
            }
            for s in desired.services
        ],
        "others": [unit for unit in desired.enabled if not unit.endswith(".service")],
    }


def main(folder: Path, branch: str, clone: str) -> None:
    """`branch` is deployed; `clone` is the operator's own of the code's repository."""
    folder.mkdir(mode=0o700, exist_ok=True)
    desired = next(iter(load().values()))
    for path, file in (desired.files | {PROBE: desired.programs[PROBE]}).items():
        (folder / path.replace("/", "_")).write_text(file.content)
    told = described(desired, folder) | {"branch": branch, "clone": clone}
    (folder / "vars.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
