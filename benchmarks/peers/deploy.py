"""Plain pyinfra: the same end state with its built-in operations, as its documentation teaches.

`git.repo` cannot deploy a commit, so a fact is compared and the shell checks out; the rest is built in.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from pyinfra import config, host
from pyinfra.facts.git import GitLocalCommit
from pyinfra.operations import apt, files, server, systemd
from pyinfra.operations.util import any_changed

config.SUDO = True
deck = json.loads(Path(os.environ["PEERS"]).read_text())
code, branch = deck["code"], deck["branch"]
as_user = {"_sudo_user": deck["user"], "_env": deck["downloads"]}


def git(*words: str) -> str:
    """Git in the operator's own clone."""
    done = subprocess.run(
        ["git", f"--git-dir={deck['clone']}", *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def owned(item: dict[str, str]) -> dict[str, Any]:
    return {"user": item["owner"], "group": item["group"], "mode": item["mode"]}


def put(item: dict[str, str]) -> Any:
    return files.put(name=f"File {item['path']}", src=item["src"], dest=item["path"], **owned(item))


apt.packages(name="Packages", packages=deck["packages"], no_recommends=True)
server.user(name="User", user=deck["user"], shell="/bin/bash", create_home=True)
for item in deck["directories"]:
    files.directory(name=f"Directory {item['path']}", path=item["path"], **owned(item))
for item in deck["logs"]:
    files.file(name=f"Log {item['path']}", path=item["path"], **owned(item))

commit = git("rev-parse", branch)
live = host.get_fact(GitLocalCommit, repo=code, _sudo_user=deck["user"])
touched: list[str] = []
if live is None:
    server.shell(name="Clone", commands=f"git clone -q -b {branch} {deck['repository']} {code}", **as_user)
elif live != commit:
    touched = git("diff", "--name-only", live, commit).splitlines()
    checkout = f"cd {code} && git fetch -q origin && git checkout -q -B {branch} {commit}"
    server.shell(name="Check out", commands=checkout, **as_user)
if live != commit:
    server.shell(name="Dependencies", commands=deck["builds"], **as_user)
for item in deck["links"]:
    files.link(name=f"Link {item['path']}", path=item["path"], target=item["to"], user=deck["user"])

units = [put(item) for item in deck["files"] + deck["code_files"]]
changed = {}
for service in deck["services"]:
    changed[service["name"]] = [put(service["env"]), put(service["unit_file"])]
    units += changed[service["name"]][1:]
systemd.daemon_reload(name="Reload systemd", _if=any_changed(*units))

for service in deck["services"]:  # the documented order; "started" means healthy, the unit sees to it
    own = any(path.startswith(f"{mine}/") or path == mine for path in touched for mine in service["paths"])
    systemd.service(
        name=f"Restart {service['name']}",
        service=service["unit"],
        restarted=True,
        _if=None if own else any_changed(*changed[service["name"]]),
    )
    systemd.service(name=f"Start {service['name']}", service=service["unit"], running=True, enabled=True)
for unit in deck["others"]:
    # For pyinfra a target never runs: it would be started anew in each deploy.
    systemd.service(
        name=f"Start {unit}", service=unit, enabled=True, running=None if unit.endswith(".target") else True
    )
targets = [unit for unit in deck["others"] if unit.endswith(".target")]
server.shell(
    name="Start targets", commands=[f"systemctl start {unit}" for unit in targets], _if=any_changed(*units)
)
